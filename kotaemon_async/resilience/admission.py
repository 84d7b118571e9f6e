"""Says no to an upload before its body is read, rather than failing in the middle of it."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import anyio

from kotaemon_async.errors import Refused
from kotaemon_async.telemetry import metrics


class Disk(NamedTuple):
    """Free and total bytes of the file system that holds the data folder."""

    free_bytes: int
    total_bytes: int


def disk_of(folder: Path) -> Disk:
    """The disk that holds `folder`."""
    usage = shutil.disk_usage(folder)
    return Disk(usage.free, usage.total)


def require_free_disk(disk: Disk, *, floor_bytes: int, floor_ratio: float) -> None:
    """Nothing while enough is free: `floor_bytes`, or on a small disk `floor_ratio` of it.

    Raises: Refused `disk_full`.
    """
    floor = min(floor_bytes, int(disk.total_bytes * floor_ratio))
    if disk.free_bytes < floor:
        raise Refused(
            f"Only {disk.free_bytes} bytes are free on the data disk; {floor} are kept free.",
            code="disk_full",
            retry_after_s=30,
        )


class Admission:
    """At most `max_uploads` at once, and only while the disk (and memory) have room.

    `check_room` raises Refused when there is none.
    """

    def __init__(self, max_uploads: int, check_room: Callable[[], None] = lambda: None) -> None:
        self._slots = anyio.CapacityLimiter(max_uploads)
        self._check_room = check_room

    @property
    def uploads(self) -> int:
        """Uploads running now."""
        return self._slots.borrowed_tokens

    @asynccontextmanager
    async def upload(self) -> AsyncIterator[None]:
        """A place for one upload, held for the block, without waiting for it.

        Raises: Refused `busy` or `disk_full`.
        """
        holder = object()
        self._take(holder)
        try:
            yield
        finally:
            self._slots.release_on_behalf_of(holder)

    def _take(self, holder: object) -> None:
        try:
            self._check_room()
            self._slots.acquire_on_behalf_of_nowait(holder)
        except Refused as refused:
            metrics.ADMISSION_REJECTIONS.labels(reason=refused.code).inc()
            raise
        except anyio.WouldBlock:
            metrics.ADMISSION_REJECTIONS.labels(reason="busy").inc()
            raise Refused("Too many uploads are running.", code="busy", retry_after_s=1) from None
