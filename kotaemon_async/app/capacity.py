"""Puts together what knows whether there is room for work: on the disk, and of memory."""

from dataclasses import dataclass
from functools import partial

from kotaemon_async.app.settings import Settings
from kotaemon_async.resilience.capacity import DiskCapacity, Shortage, disk_of, shortage_of
from kotaemon_async.resilience.memory import limit_bytes
from kotaemon_async.resilience.memory_guard import MemoryGuard


@dataclass(frozen=True, slots=True)
class WorkCapacity:
    """Whether there is room for work: on the disk to go on, and of memory to begin."""

    disk: DiskCapacity
    memory: MemoryGuard

    def may_start(self) -> bool:
        """Return whether another document may begin."""
        return self.shortage() is None

    def shortage(self) -> Shortage | None:
        """Return what documents have to wait for."""
        return shortage_of(disk=self.disk.may_work(), memory=self.memory.may_start())


def disk_capacity(settings: Settings) -> DiskCapacity:
    """Return what watches the disk of the data folder."""
    return DiskCapacity(
        partial(disk_of, settings.data_dir),
        floor_bytes=settings.disk.floor_bytes,
        floor_ratio=settings.disk.floor_ratio,
    )


def memory_guard(settings: Settings) -> MemoryGuard:
    """Return what watches the memory of the process."""
    memory = settings.memory
    return MemoryGuard(limit=lambda: memory.limit_bytes or limit_bytes(), settings=memory)
