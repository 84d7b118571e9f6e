"""A disk of which a test says how much is free."""

from kotaemon_async.resilience.capacity import Disk, DiskCapacity

GB = 1000**3


class SmallDisk:
    """A disk of 100 GB whose free bytes a test sets; 1,000 bytes of it are kept free."""

    def __init__(self, free_bytes: int) -> None:
        self.free_bytes = free_bytes
        self.capacity = DiskCapacity(
            lambda: Disk(self.free_bytes, 100 * GB), floor_bytes=1000, floor_ratio=0.05
        )
