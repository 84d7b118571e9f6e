"""The folder that holds everything: made, closed to others, and freed of what earlier processes left."""

import os
import time
from pathlib import Path

from loguru import logger

from kotaemon_async.documents.ingest import RECIPE
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger


def writable_folder(data_dir: Path) -> Path:
    """Return the data folder, made when it is not there. Raises: Misconfigured when it cannot be written."""
    folder = data_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _close_to_others(folder)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Misconfigured(f"data_dir: {folder} cannot be written: {error.strerror}.") from error
    return folder


def _close_to_others(folder: Path) -> None:
    """Let nobody else enter the folder; one that is another user's stays as he has made it."""
    found = folder.stat()
    if not found.st_mode & 0o077:
        return
    if found.st_uid != os.geteuid():
        logger.bind(detail=f"{found.st_mode & 0o777:o}").warning("data_folder_open")
        return
    folder.chmod(found.st_mode & 0o700)
    logger.bind(detail=f"{found.st_mode & 0o777:o}").warning("data_folder_closed")


async def clear_up(ledger: Ledger, blobs: Blobs) -> None:
    """Free what earlier processes left half done; only while no other process uses the folder."""
    await ledger.claims.drop_leases()
    await ledger.idempotency.release_all()
    await ledger.turns.interrupt_left()
    await blobs.sweep(await ledger.documents.blobs())
    await ledger.documents.start_stale_anew(RECIPE, time.time())
