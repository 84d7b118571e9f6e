"""Use case: maintenance tasks, run in turn from time to time, and those that clear away what is left over."""

import shutil
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from loguru import logger

from kotaemon_async.domain.errors import KotaemonError
from kotaemon_async.operations.doctor.examination import Examination
from kotaemon_async.operations.doctor.files import FileArea
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry import metrics

#: A service that has just started has better things to do.
FIRST_WAIT_S: Final = 600.0

#: Takes the time and returns how many things it has done or removed.
MaintenanceTask = Callable[[float], Awaitable[int]]


def when(may_start: Callable[[], bool], task: MaintenanceTask) -> MaintenanceTask:
    """Return the task, left out in rounds in which it may not start."""

    async def waiting(now_s: float) -> int:
        return await task(now_s) if may_start() else 0

    return waiting


class Maintenance:
    """Runs tasks in order, round after round; one that fails is logged and tried in the next round."""

    def __init__(
        self,
        tasks: Mapping[str, MaintenanceTask],
        *,
        every_s: float,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._tasks = tasks
        self._every_s = every_s
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Run rounds until cancelled."""
        await self._sleep(min(FIRST_WAIT_S, self._every_s))
        while True:
            await self.round()
            await self._sleep(self._every_s)

    async def round(self) -> dict[str, int | None]:
        """Run every task once; return what each has done, None for one that failed."""
        return {name: await self._run(name, task) for name, task in self._tasks.items()}

    async def _run(self, name: str, task: MaintenanceTask) -> int | None:
        began_s = self._clock()
        try:
            count = await task(began_s)
        except KotaemonError as error:
            logger.bind(chore=name, code=error.code, message=error.message).warning("chore_failed")
            metrics.CHORES.labels(chore=name, outcome="failed").inc()
            return None
        metrics.CHORES.labels(chore=name, outcome="done").inc()
        if count:
            duration_s = round(self._clock() - began_s, 3)
            logger.bind(chore=name, count=count, duration_s=duration_s).info("chore_done")
        return count


async def remove_unused_files(ledger: Ledger, blobs: Blobs, folder: Path) -> int:
    """Remove uploaded files that no document uses, as a crash during a deletion leaves them; count them."""
    area = FileArea(Examination(ledger.database), blobs, folder=folder, is_alone=False)
    removed = 0
    async for unused in area.unused():
        removed += await area.mend("file_unused", unused) if unused else 0
    return removed


async def remove_old(paths: Iterable[Path], before_s: float) -> int:
    """Remove files and folders that nothing has changed since then; return how many."""
    return await to_thread.run_sync(_remove_old, list(paths), before_s)


def _remove_old(paths: list[Path], before_s: float) -> int:
    old = [path for path in paths if path.exists() and path.lstat().st_mtime < before_s]
    for path in old:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return sum(not path.exists() for path in old)
