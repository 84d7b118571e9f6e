"""Files and folders: what was written is on the disk, is locked, and belongs to whom it should."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from kotaemon_async.domain.errors import Unavailable

#: What the operating system says when there is no space left.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def disk_errors(place: object, disk: str | None = None) -> Iterator[None]:
    """Turn what the operating system says of the place into Unavailable; `disk` names its disk."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in FULL:
            full = disk or f"The disk of {place}"
            message = f"{full} is full: {reason}; nothing was kept of what was begun."
            raise Unavailable(message, code="disk_full", retry_after_s=30) from error
        message = f"{place} cannot be used: {reason}."
        raise Unavailable(message, code="storage_unavailable", retry_after_s=5) from error


def is_disk_full(error: BaseException) -> bool:
    """Return whether a full disk is what is behind the error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, apsw.FullError) or (isinstance(cause, OSError) and cause.errno in FULL):
            return True
        cause = cause.__cause__
    return False


def give_to_owner_of(folder: Path, path: Path) -> None:
    """Give what root has written, with all that is in it, to the owner of the folder, the service."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    for one in (path, *path.rglob("*")):
        os.chown(one, owner.st_uid, owner.st_gid, follow_symlinks=False)


def sync(path: Path) -> None:
    """Wait until the bytes of the file, or the entries of the folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file or folder until it is closed; return False when the lock of another is in the way.

    Raises: OSError where nothing can be locked.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
