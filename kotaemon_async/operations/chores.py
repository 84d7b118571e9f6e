"""What is cleared away in every round of maintenance; each says how many things went."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from anyio import to_thread

from kotaemon_async.operations.doctor.examination import Examination
from kotaemon_async.operations.doctor.files import FileArea
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger


async def remove_unused_files(ledger: Ledger, blobs: Blobs, folder: Path) -> int:
    """Uploaded files that no document uses, as a crash in the middle of a deletion leaves them."""
    area = FileArea(Examination(ledger.database), blobs, folder=folder, is_alone=False)
    removed = 0
    async for unused in area.unused():
        removed += await area.mend("file_unused", unused) if unused else 0
    return removed


async def remove_old(paths: Iterable[Path], before_s: float) -> int:
    """Files and folders that nothing has changed since then."""
    return await to_thread.run_sync(_remove_old, list(paths), before_s)


def _remove_old(paths: list[Path], before_s: float) -> int:
    old = [path for path in paths if path.exists() and path.lstat().st_mtime < before_s]
    for path in old:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return sum(not path.exists() for path in old)
