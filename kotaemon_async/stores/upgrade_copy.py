"""The ledger of an earlier release, kept as it was before its form is changed."""

import errno
import os
import shutil
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Final

import apsw

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.stores.files import sync

#: Folder beside the ledger, and the names of the copies in it.
FOLDER: Final = "backups"
COPIES: Final = "ledger-schema-*.db"
#: What a start that was killed in the middle leaves.
PARTIALS: Final = ".upgrade-*.partial"


def keep_copy(connection: apsw.Connection, path: Path, version: int) -> Path:
    """Keep a copy, on the disk for good, and return where; raises Misconfigured when it cannot be made."""
    folder = path.parent / FOLDER
    partial = folder / f".upgrade-{os.getpid()}.partial"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        _check_room(folder, 2 * path.stat().st_size)
        target = _free_name(folder, version)
        with closing(apsw.Connection(str(partial))) as copy:
            copy.execute("PRAGMA synchronous = OFF")
            with copy.backup("main", connection, "main") as backup:
                backup.step()
        sync(partial)
        partial.replace(target)
        sync(folder)
    except (OSError, apsw.FullError, apsw.IOError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Misconfigured(
            f"data_dir: the ledger has to be upgraded, and no copy of it can be kept in {folder}: {reason}.",
            hint=f"Make room for {2 * path.stat().st_size} bytes there and start again; nothing was changed.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def _check_room(folder: Path, size_bytes: int) -> None:
    if shutil.disk_usage(folder).free < size_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _free_name(folder: Path, version: int) -> Path:
    """Return a name that is free: a copy that is there belongs to an earlier upgrade, and stays."""
    names = (f"ledger-schema-{version}{f'-{number}' if number else ''}.db" for number in count())
    return next(path for name in names if not (path := folder / name).exists())
