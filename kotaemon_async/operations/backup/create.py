"""Use case: one file with all that a data folder holds of its own, made while others go on writing.

The files come first, then the ledger that names no other ones: a file is never changed, only added or
removed, and it is there before the ledger names it. So nobody has to wait, and every file may be deleted.
"""

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.backup.folder import partial_backup
from kotaemon_async.operations.backup.format import LEDGER, BackupWriter, Manifest, Member, blob_member
from kotaemon_async.operations.backup.snapshot import LedgerSnapshot, compress, snapshot
from kotaemon_async.resilience import faults

#: How often a file that the ledger names may be gone before it counts as lost: deleted meanwhile it is once.
_LOOKS: Final = 3
#: After so many bytes the disk's capacity is checked again.
_CHECK_EVERY_BYTES: Final = 16 * 1024**2
#: The compressed ledger and its copy lie beside the backup for a while.
_LEDGER_COPIES: Final = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A data folder: its ledger, where a file of some hash lies, and small files beside them, by name."""

    ledger: Path
    blob: Callable[[str], Path]
    beside: dict[str, Path]
    release: str


@dataclass(frozen=True, slots=True)
class CreatedBackup:
    """A finished backup."""

    path: Path
    size_bytes: int
    sha256: str
    manifest: Manifest


@dataclass(slots=True)
class _Written:
    """What has gone into the tar so far."""

    blobs: set[str] = field(default_factory=set)
    blobs_bytes: int = 0
    lacking: list[str] = field(default_factory=list)
    gone: dict[str, int] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)


class Backups:
    """Creates backups of one data folder; every call blocks and may run in any thread or process."""

    def __init__(
        self,
        source: Source,
        *,
        clock: Callable[[], float],
        free_bytes: Callable[[Path], int],
        checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        """Make backups; `free_bytes` is what a folder's disk may take, `checkpoint` raises to end it all."""
        self._source = source
        self._clock = clock
        self._free_bytes = free_bytes
        self._checkpoint = checkpoint
        self._unchecked_bytes = 0

    def create(self, target: Path) -> CreatedBackup:
        """Write the backup at `target`, safe from a power cut, in place of what was there.

        Raises: Unavailable `disk_full`, `busy` or `ledger_unavailable`; nothing is left of it then.
        """
        created_at = datetime.fromtimestamp(int(self._clock()), UTC)
        with partial_backup(target) as (file, work):
            self._check_capacity(target.parent)

            def pace(size_bytes: int) -> None:
                self._pace(target.parent, size_bytes)

            writer = BackupWriter(file, created_at, pace=pace)
            written = _Written()
            with snapshot(self._source.ledger) as first:
                wanted = first.blobs()
            # Without a transaction, which would keep the write-ahead log growing all the while.
            self._add_blobs(writer, wanted, written)
            faults.hit("backup.after_files")
            manifest = self._add_ledger(writer, written, work, created_at)
            whole = writer.finish(manifest)
            faults.hit("backup.before_rename")
        return CreatedBackup(target, writer.size_bytes, whole, manifest)

    def _add_ledger(
        self, writer: BackupWriter, written: _Written, work: Path, created_at: datetime
    ) -> Manifest:
        """Return the manifest, once a state of the ledger is in the tar of which no file is missing there."""
        copy, packed = work / "ledger.db", work / LEDGER
        while True:
            with snapshot(self._source.ledger) as state:
                if self._add_blobs(writer, state.blobs(), written):
                    documents, version = state.documents(), state.schema_version
                    ledger_bytes = state.copy(copy, writer.pace)
                    written.lacking += sorted(self._gone(state, written))
                    break
        compress(copy, packed, writer.pace)
        copy.unlink()
        self._add_file(writer, LEDGER, packed, written)
        for name, path in self._source.beside.items():
            if path.is_file():
                self._add_file(writer, name, path, written)
        return Manifest(
            release=self._source.release,
            schema_version=version,
            created_at=created_at,
            documents=documents,
            blobs=len(written.blobs),
            blobs_bytes=written.blobs_bytes,
            ledger_bytes=ledger_bytes,
            members=written.members,
            lacking=written.lacking,
        )

    def _gone(self, state: LedgerSnapshot, written: _Written) -> set[str]:
        return state.blobs().keys() - written.blobs

    def _add_blobs(self, writer: BackupWriter, wanted: dict[str, int], written: _Written) -> bool:
        """Add blobs; return whether all are in the tar, or have been looked for often enough."""
        whole = True
        for sha256 in sorted(wanted.keys() - written.blobs):
            self._checkpoint()
            if not self._add_blob(writer, sha256, written):
                written.gone[sha256] = written.gone.get(sha256, 0) + 1
                whole = whole and written.gone[sha256] >= _LOOKS
        return whole

    def _add_blob(self, writer: BackupWriter, sha256: str, written: _Written) -> bool:
        try:
            file = self._source.blob(sha256).open("rb")
        except OSError:
            return False
        with file:
            member = writer.add(blob_member(sha256), file, os.fstat(file.fileno()).st_size)
        written.blobs.add(sha256)
        written.blobs_bytes += member.size_bytes
        if member.sha256 != sha256:
            written.lacking.append(sha256)
        return True

    def _add_file(self, writer: BackupWriter, name: str, path: Path, written: _Written) -> None:
        # Small ones at once: their size may change between two looks.
        with path.open("rb") as file:
            if name == LEDGER:
                written.members[name] = writer.add(name, file, path.stat().st_size)
            else:
                data = file.read()
                written.members[name] = writer.add(name, io.BytesIO(data), len(data))

    def _check_capacity(self, folder: Path) -> None:
        """Raise Unavailable `disk_full` when the backup would not fit."""
        ledger = self._source.ledger
        with snapshot(ledger) as state:
            blobs_bytes = sum(state.blobs().values())
        ledger_bytes = ledger.stat().st_size
        needed_bytes = blobs_bytes + _LEDGER_COPIES * ledger_bytes
        free_bytes = self._free_bytes(folder)
        if free_bytes < needed_bytes:
            raise Unavailable(
                f"A backup needs up to {needed_bytes} bytes in {folder}, {max(0, free_bytes)} may be used.",
                code="disk_full",
                hint="Free some space, or set backups.folder to another disk.",
            )

    def _pace(self, folder: Path, size_bytes: int) -> None:
        self._checkpoint()
        self._unchecked_bytes += size_bytes
        if self._unchecked_bytes < _CHECK_EVERY_BYTES:
            return
        self._unchecked_bytes = 0
        if self._free_bytes(folder) <= 0:
            raise Unavailable(f"The disk of {folder} fills up; the backup was given up.", code="disk_full")
