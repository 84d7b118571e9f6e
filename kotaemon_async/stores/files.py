"""Files and folders: what was written is on the disk, and belongs to whom it should."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from kotaemon_async.domain.errors import Unavailable

#: What the operating system says when there is no space left.
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns what the operating system says of the disk into Unavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            message = f"The disk of {folder} is full; nothing was kept of what was begun."
            raise Unavailable(message, code="disk_full", retry_after_s=30) from error
        message = f"{folder} cannot be used: {error.strerror}."
        raise Unavailable(message, code="storage_unavailable", retry_after_s=5) from error


def give_to_owner_of(folder: Path, path: Path) -> None:
    """What root has written, with all that is in it, belongs to the owner of the folder, the service."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    for one in (path, *path.rglob("*")):
        os.chown(one, owner.st_uid, owner.st_gid, follow_symlinks=False)


def sync_folder(folder: Path) -> None:
    """Its entries are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
