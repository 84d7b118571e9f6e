"""Use case: a backup when it is time for one, its verification, and the end of old ones."""

import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from anyio import to_thread
from loguru import logger

from kotaemon_async.domain.errors import KotaemonError, Unavailable
from kotaemon_async.operations.backup.create import CreatedBackup
from kotaemon_async.operations.backup.folder import KeptBackup, kept_backups, name_at, remove_backup
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health

T = TypeVar("T")

#: Backups are overdue at so many times their schedule, their verification at one time more.
_OVERDUE_RATIO: Final = 2

Create = Callable[[Path], Awaitable[CreatedBackup]]
#: Raises Unavailable `backup_damaged` when the backup is no good; what it found is written beside it.
Verify = Callable[[KeptBackup], Awaitable[None]]


class BackupSchedule:
    """Looks at the folder to see what is there, so that it knows as much after a restart as before.

    `born_s` is when the data folder was: as long as there is no backup, its age stands for one.
    """

    def __init__(  # noqa: PLR0913
        self,
        folder: Path,
        *,
        every_s: float,
        keep: int,
        create: Create,
        verify: Verify | None,
        clock: Callable[[], float],
        born_s: float,
    ) -> None:
        self.folder = folder
        self._every_s = every_s
        self._keep = keep
        self._create = create
        self._verify = verify
        self._clock = clock
        self._born_s = born_s
        # At once, not in the first round: an alert on old backups must not fire after every restart.
        self._kept = kept_backups(folder)
        self._damaged: set[str] = set()
        self._failure: KotaemonError | None = None

    async def refresh(self) -> list[KeptBackup]:
        """Return the backups that are there, newest first."""
        self._kept = await to_thread.run_sync(kept_backups, self.folder)
        return self._kept

    @property
    def failure(self) -> KotaemonError | None:
        """Return what the last try failed with, None when it did not."""
        return self._failure

    def is_damaged(self, backup: KeptBackup) -> bool:
        """Return whether the last try found the backup no good, since this process began."""
        return backup.sha256 in self._damaged

    async def back_up(self, now_s: float) -> int:
        """Back up when it is due; return how many backups were made.

        Raises: KotaemonError.
        """
        newest = next(iter(await self.refresh()), None)
        is_good = newest is not None and newest.sha256 not in self._damaged
        if newest is not None and is_good and now_s - newest.created_at_s < self._every_s:
            return 0
        made = await self._noted(self._create(self.folder / name_at(now_s)))
        documents, lacking = sum(made.manifest.documents.values()), len(made.manifest.lacking)
        log = logger.bind(size_bytes=made.size_bytes, documents=documents, lacking=lacking)
        log.log("WARNING" if lacking else "INFO", "backup_made")
        await self.refresh()
        return 1

    async def verify(self, now_s: float) -> int:
        """Verify the newest backup if it was not yet; return how many are good.

        Raises: KotaemonError.
        """
        newest = next(iter(await self.refresh()), None)
        if self._verify is None or newest is None or newest.verified or newest.sha256 in self._damaged:
            return 0
        try:
            await self._noted(self._verify(newest))
        except Unavailable as error:
            if error.code == "backup_damaged":
                self._damaged.add(newest.sha256)
            raise
        logger.bind(duration_s=round(self._clock() - now_s, 3)).info("backup_verified")
        await self.refresh()
        return 1

    async def prune(self, _now_s: float) -> int:
        """Remove old backups, never the newest that was verified; return how many."""
        kept = await self.refresh()
        verified = next((one for one in kept if one.verified), None)
        old = [one for one in kept[self._keep :] if one is not verified]
        for one in old:
            await to_thread.run_sync(remove_backup, one)
        await self.refresh()
        return len(old)

    def age_s(self) -> float:
        """Return how old the newest backup is."""
        return max(0.0, self._clock() - max([self._born_s, *(one.created_at_s for one in self._kept)]))

    def verified_age_s(self) -> float:
        """Return how long ago a backup was found good."""
        times = [one.verified_at_s for one in self._kept if one.verified_at_s is not None]
        return max(0.0, self._clock() - max([self._born_s, *times]))

    def register_in(self, health: Health) -> None:
        """Show the ages in health and metrics, unless no backups are made."""
        if self._every_s:
            health.register("backups", self.check)
            metrics.BACKUP_AGE.set_function(self.age_s)
            metrics.BACKUP_VERIFIED_AGE.set_function(self.verified_age_s)

    async def check(self) -> dict[str, object]:
        """Return ages and number of the backups, with a `code` when one is overdue or the last try failed."""
        await self.refresh()
        found: dict[str, object] = {
            "age_s": round(self.age_s(), 1),
            "verified_age_s": round(self.verified_age_s(), 1),
            "kept": len(self._kept),
        }
        overdue_s = _OVERDUE_RATIO * self._every_s
        unverified_s = overdue_s + self._every_s if self._verify else math.inf
        if self._failure is not None:
            return found | {"code": self._failure.code, "message": self._failure.message}
        if self.age_s() > overdue_s:
            return found | {"code": "backup_overdue", "message": "There is no backup of late."}
        if self.verified_age_s() > unverified_s:
            return found | {"code": "backup_overdue", "message": "No backup was verified of late."}
        return found

    async def _noted(self, work: Awaitable[T]) -> T:
        """Await the work; a failure is remembered until the next success."""
        try:
            done = await work
        except KotaemonError as error:
            self._failure = error
            raise
        self._failure = None
        return done
