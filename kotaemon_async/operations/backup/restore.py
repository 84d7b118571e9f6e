"""Use case: a data folder made from a backup; what was in the folder before is put aside, never deleted."""

import gzip
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from kotaemon_async.domain.errors import Misconfigured, Refused, Unavailable
from kotaemon_async.operations.backup.format import BLOBS, LEDGER, PIECE_BYTES, BadBackup
from kotaemon_async.operations.backup.reading import BackupReader
from kotaemon_async.operations.backup.snapshot import snapshot
from kotaemon_async.stores.files import disk_errors, give_to_owner_of, sync
from kotaemon_async.stores.folder_lock import FILE, RESTORING, FolderLock

#: What is being unpacked, and how a folder begins that holds what was there before.
SCRATCH: Final = ".restore"
ASIDE: Final = "replaced-"
_LEDGER_FILE: Final = "ledger.db"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it; `aside` is where the earlier contents lie, `lacking` are hashes of lost files."""

    folder: Path
    aside: Path | None
    documents: dict[str, int]
    blobs: int
    created_at: datetime
    lacking: list[str] = field(default_factory=list)


class Restoring:
    """Restores into one data folder; `kept` are entries of it that stay where they are."""

    def __init__(
        self, folder: Path, *, schema_version: int, kept: frozenset[str], clock: Callable[[], float]
    ):
        self._folder = folder
        self._schema_version = schema_version
        self._kept = kept | {FILE, RESTORING, SCRATCH}
        self._clock = clock

    def restore(self, backup: BackupReader, *, replace: bool) -> Restored:
        """Make the folder as it was backed up, ready for a service of this release.

        Raises: BadBackup, and Misconfigured when a newer release made it, with the folder as it was; Refused
        `conflict` while a service uses the folder, or when it holds something and is not to be replaced.
        """
        check_schema(backup, self._schema_version)
        with disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _alone(self._folder):
                old = self._contents()
                if old and not replace:
                    raise Refused(
                        f"The data folder {self._folder} is not empty.",
                        code="conflict",
                        hint="With --replace its contents are put aside; --data-dir names another one.",
                    )
                return self._restore(backup, old)

    def _restore(self, backup: BackupReader, old: list[Path]) -> Restored:
        scratch = self._folder / SCRATCH
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            lacking = unpack(backup, scratch)
            give_to_owner_of(self._folder, scratch)
            # One call for all files: one for each would take minutes with many.
            os.sync()
            aside = self._swap(scratch, old)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        manifest = backup.manifest
        return Restored(self._folder, aside, manifest.documents, manifest.blobs, manifest.created_at, lacking)

    def _swap(self, scratch: Path, old: list[Path]) -> Path | None:
        """Return where the old contents went; meanwhile a mark keeps services from starting."""
        (self._folder / RESTORING).touch()
        sync(self._folder)
        aside = None
        if old:
            now = datetime.fromtimestamp(self._clock(), UTC)
            aside = self._folder / f"{ASIDE}{now:%Y%m%dT%H%M%S.%fZ}"
            aside.mkdir(mode=0o700)
            give_to_owner_of(self._folder, aside)
            for path in old:
                path.rename(aside / path.name)
        for path in scratch.iterdir():
            path.rename(self._folder / path.name)
        sync(self._folder)
        (self._folder / RESTORING).unlink()
        sync(self._folder)
        return aside

    def _contents(self) -> list[Path]:
        return sorted(
            path
            for path in self._folder.iterdir()
            if path.name not in self._kept and not path.name.startswith(ASIDE)
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = FolderLock.take(folder, shared=False)
    if lock is None:
        raise Refused(
            f"A service uses the data folder {folder}.",
            code="conflict",
            hint="Stop it first, or restore into another folder with --data-dir.",
        )
    try:
        yield
    finally:
        lock.release()


def check_schema(backup: BackupReader, known: int) -> None:
    """Check that this release can use the ledger in the backup.

    Raises: Misconfigured.
    """
    manifest = backup.manifest
    if manifest.schema_version > known:
        raise Misconfigured(
            f"{backup.path} has a ledger with schema {manifest.schema_version}, this release knows {known}.",
            hint=f"Restore it with release {manifest.release}, which made it, or a newer one.",
        )


def unpack(backup: BackupReader, folder: Path) -> list[str]:
    """Unpack into a new folder; return the hashes of files that were not whole when they were backed up.

    Raises: BadBackup naming what is damaged or missing; Unavailable `disk_full`.
    """
    with disk_errors(folder.parent):
        manifest, free_bytes = backup.manifest, shutil.disk_usage(folder.parent).free
        needed_bytes = manifest.unpacked_bytes + sum(one.size_bytes for one in manifest.members.values())
        if free_bytes < needed_bytes:
            raise Unavailable(
                f"{needed_bytes} bytes are needed in {folder.parent}, {free_bytes} free.", code="disk_full"
            )
        folder.mkdir(mode=0o700)
        (folder / BLOBS).mkdir()
        backup.check(partial(_created, folder))
        _decompress(folder)
    return _checked(backup, folder)


def _created(folder: Path, member: str) -> BinaryIO:
    path = folder / member
    path.parent.mkdir(exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _decompress(folder: Path) -> None:
    """Replace the compressed ledger by the ledger."""
    packed = folder / LEDGER
    try:
        with gzip.open(packed) as source, _created(folder, _LEDGER_FILE) as ledger:
            shutil.copyfileobj(source, ledger, PIECE_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadBackup(f"{LEDGER} cannot be unpacked: {error}.") from error
    packed.unlink()


def _checked(backup: BackupReader, folder: Path) -> list[str]:
    """Return the files that the ledger names and that the manifest says are missing or not whole."""
    lacking = set(backup.manifest.lacking)
    try:
        with snapshot(folder / _LEDGER_FILE) as state:
            damage, wanted = state.damage(), state.blobs()
    except Unavailable as error:
        raise BadBackup(f"{backup.path}: its ledger cannot be opened: {error.message}") from error
    if damage:
        raise BadBackup(f"{backup.path}: its ledger is damaged: {damage[0]}.")
    missing = [sha256 for sha256 in wanted if not (folder / BLOBS / sha256[:2] / sha256).is_file()]
    if unsaid := sorted(set(missing) - lacking):
        raise BadBackup(f"{backup.path}: the ledger names files that are not in it: {unsaid[0]}.")
    return sorted(lacking & wanted.keys())
