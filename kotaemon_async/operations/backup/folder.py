"""Backups in a folder: one is written under a name that passes for none; what a check said lies beside it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from kotaemon_async.domain.errors import KotaemonError, Misconfigured, Unavailable
from kotaemon_async.operations.backup.reading import open_backup
from kotaemon_async.stores.files import FULL, disk_errors, give_to_owner_of, sync, try_lock

#: What is still written; whoever holds the lock on it writes it, and a dead writer's is taken over.
PARTIAL: Final = ".kotaemon-backup.partial"
#: Copies of the ledger on their way into it.
WORK: Final = ".kotaemon-backup.work"
#: How folders begin that a verification unpacks into.
SCRATCH: Final = ".kotaemon-scratch-"
_VERIFIED: Final = ".verified"

Depth = Literal["bytes", "restored"]


class Verified(msgspec.Struct, frozen=True):
    """That the backup with this hash was found good, when, and how deep it was looked into."""

    sha256: str
    at: datetime
    depth: Depth


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A finished backup in the folder; times are Unix seconds."""

    path: Path
    created_at_s: float
    size_bytes: int
    unpacked_bytes: int
    sha256: str
    verified: Verified | None = None

    @property
    def verified_at_s(self) -> float | None:
        """Return when it was found good; None when it was not yet, or not any more."""
        return None if self.verified is None else self.verified.at.timestamp()


def name_at(created_at_s: float) -> str:
    """Return the file's name of a backup made then."""
    return f"kotaemon-{datetime.fromtimestamp(created_at_s, UTC):%Y%m%dT%H%M%SZ}.tar"


def kept_backups(folder: Path) -> list[KeptBackup]:
    """Return the backups in the folder whose ends can be read, newest first."""
    found = []
    for path in folder.glob("kotaemon-*.tar"):
        with suppress(KotaemonError, OSError), open_backup(path) as backup:
            manifest, verified = backup.manifest, _verified(path, backup.sha256)
            sizes = (backup.size_bytes, manifest.unpacked_bytes)
            found.append(KeptBackup(path, manifest.created_at.timestamp(), *sizes, backup.sha256, verified))
    return sorted(found, key=lambda one: (one.created_at_s, one.path.name), reverse=True)


def note_verified(path: Path, verified: Verified) -> None:
    """Write beside the backup what was found out about it, unless more is known already."""
    known = _verified(path, verified.sha256)
    if known is not None and (known.depth, verified.depth) == ("restored", "bytes"):
        return
    with disk_errors(path.parent):
        note = path.with_name(path.name + _VERIFIED)
        partial = note.with_name(f".{note.name}.partial")
        partial.write_bytes(msgspec.json.encode(verified))
        give_to_owner_of(path, partial)
        partial.replace(note)


def remove_backup(backup: KeptBackup) -> None:
    """Remove the backup and what was known of it."""
    with disk_errors(backup.path.parent):
        backup.path.unlink(missing_ok=True)
        backup.path.with_name(backup.path.name + _VERIFIED).unlink(missing_ok=True)


def _verified(path: Path, sha256: str) -> Verified | None:
    try:
        note = msgspec.json.decode(path.with_name(path.name + _VERIFIED).read_bytes(), type=Verified)
    except (OSError, msgspec.DecodeError):
        return None
    return note if note.sha256 == sha256 else None


@contextmanager
def partial_backup(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield a file that becomes `target` when the block ends well, and a folder for what is needed meanwhile.

    Raises: Misconfigured when the folder cannot be written; Unavailable `disk_full`, or `busy` while another
    process writes a backup there.
    """
    folder = target.parent
    with disk_errors(folder):
        with _folder_errors(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = _locked_file(folder / PARTIAL)
        try:
            # The lock on the file guards the folder as well, which is made later and gone earlier.
            with _work_folder(folder / WORK) as work:
                file.truncate(0)
                yield file, work
            file.flush()
            os.fsync(file.fileno())
            (folder / PARTIAL).replace(target)
            sync(folder)
        except BaseException:
            (folder / PARTIAL).unlink(missing_ok=True)
            raise
        finally:
            with suppress(OSError):  # what is still in the buffer of a file that nobody wants may not fit
                file.close()


@contextmanager
def _work_folder(work: Path) -> Iterator[Path]:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def clear_left_over(folder: Path) -> bool:
    """Remove what a process that died has left; return whether there was any."""
    found = _clear_scratch(folder)
    path = folder / PARTIAL
    if not path.exists():
        return found
    with suppress(OSError, Unavailable), _locked_file(path):
        shutil.rmtree(folder / WORK, ignore_errors=True)
        path.unlink(missing_ok=True)
        return True
    return found


def _locked_file(path: Path) -> BinaryIO:
    """Open the file, locked by us alone."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not try_lock(descriptor):
            os.close(descriptor)
            raise Unavailable("Another backup is being made there.", code="busy", retry_after_s=60)
        # Between the two calls its writer may have made a finished backup of it.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return os.fdopen(descriptor, "r+b")
        os.close(descriptor)


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise
        raise Misconfigured(
            f"backups.folder: {folder} cannot be written: {error.strerror}.",
            hint="Choose another folder, or another --output.",
        ) from error


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder, removed afterwards with those of processes that died."""
    with disk_errors(parent):
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _clear_scratch(parent)
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
        with _locked_folder(folder):
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def _clear_scratch(parent: Path) -> bool:
    """Remove folders of processes that died; return whether there were any."""
    cleared = False
    for left in parent.glob(f"{SCRATCH}*"):
        with suppress(OSError), _locked_folder(left) as is_ours:
            if is_ours:
                shutil.rmtree(left, ignore_errors=True)
                cleared = True
    return cleared


@contextmanager
def _locked_folder(folder: Path) -> Iterator[bool]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)
