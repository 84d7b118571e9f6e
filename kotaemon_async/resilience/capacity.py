"""How much the data disk can still take: uploads stop first, running work later, questions never.

Memory is like it, but for one thing: what runs goes on, because its end is what gives memory back.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import FINAL_STATUSES, Document
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health

#: What a document waits for while there is too little of it.
Shortage = Literal["disk", "memory"]
KIND: Final[Shortage] = "disk"
#: Running work goes on below the floor of uploads, down to this part of it, and again a little above that.
_WORK_RATIO: Final = 0.5
_WORK_AGAIN_RATIO: Final = 0.6


class InsufficientStorage(Unavailable):
    """The disk is too full to go on with work; nothing is wrong with the document."""

    code = "disk_full"


class Disk(NamedTuple):
    """Free and total bytes of the file system that holds the data folder."""

    free_bytes: int
    total_bytes: int


def disk_of(folder: Path) -> Disk:
    """Return the disk that holds `folder`; raises InsufficientStorage when it cannot be asked."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        raise InsufficientStorage(f"The data disk does not say how full it is: {error.strerror}.") from error
    return Disk(usage.free, usage.total)


def floor_bytes_of(disk: Disk, floor_bytes: int, floor_ratio: float) -> int:
    """Return what uploads leave free: `floor_bytes`, or on a small disk `floor_ratio` of it."""
    return min(floor_bytes, int(disk.total_bytes * floor_ratio))


class DiskCapacity:
    """Whether uploads and work may go on; every question looks at the disk anew."""

    kind: Final = KIND

    def __init__(self, disk: Callable[[], Disk], *, floor_bytes: int, floor_ratio: float) -> None:
        self._disk = disk
        self._floor_bytes = floor_bytes
        self._floor_ratio = floor_ratio
        self._works = True

    def read(self) -> Disk:
        """Return the disk as it is now."""
        disk = self._disk()
        metrics.DISK_FREE.set(disk.free_bytes)
        metrics.DISK_FLOOR.set(self.floor_bytes(disk))
        return disk

    def floor_bytes(self, disk: Disk) -> int:
        """Return what uploads leave free on this disk."""
        return floor_bytes_of(disk, self._floor_bytes, self._floor_ratio)

    def may_accept(self, extra_bytes: int = 0) -> bool:
        """Say whether the floor of uploads stays free after so much more; may raise InsufficientStorage."""
        disk = self.read()
        return disk.free_bytes - extra_bytes >= self.floor_bytes(disk)

    def may_work(self) -> bool:
        """Say whether work that was accepted before may go on."""
        ratio = _WORK_RATIO if self._works else _WORK_AGAIN_RATIO
        try:
            disk = self.read()
        except InsufficientStorage:
            self._works = False
        else:
            self._works = disk.free_bytes >= ratio * self.floor_bytes(disk)
        return self._works

    def register_in(self, health: Health) -> None:
        """Make its check part of the report."""
        health.register("disk", self.check)

    async def check(self) -> dict[str, object]:
        """Report `free_bytes` and `floor_bytes`; raises InsufficientStorage when uploads are refused."""
        disk = self.read()
        floor_bytes = self.floor_bytes(disk)
        if disk.free_bytes < floor_bytes:
            raise InsufficientStorage(
                f"{disk.free_bytes} bytes are free on the data disk; {floor_bytes} are kept free."
            )
        return {"free_bytes": disk.free_bytes, "floor_bytes": floor_bytes}


def shortage_of(*, disk: bool, memory: bool) -> Shortage | None:
    """Return what is missing, given whether the disk lets work go on and memory lets it start."""
    return None if disk and memory else "memory" if disk else "disk"


def shown(document: Document, shortage: Shortage | None) -> Document:
    """Return the document as people should see it: what it waits for is shown, written down or not."""
    waits = document.status not in FINAL_STATUSES if shortage == "disk" else document.status == "queued"
    return replace(document, waiting_for={"kind": shortage}) if shortage and waits else document
