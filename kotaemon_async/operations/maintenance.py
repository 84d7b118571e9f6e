"""Use case: what has to be done from time to time, one thing after another, each for itself."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import anyio
from loguru import logger

from kotaemon_async.domain.errors import KotaemonError
from kotaemon_async.telemetry import metrics

#: A service that has just started has better things to do.
FIRST_WAIT_S: Final = 600.0

#: Takes the time and says how many things it has done or removed.
Chore = Callable[[float], Awaitable[int]]


def when(may_start: Callable[[], bool], chore: Chore) -> Chore:
    """The chore, left out in rounds in which there is no room for it."""

    async def waiting(now_s: float) -> int:
        return await chore(now_s) if may_start() else 0

    return waiting


class Maintenance:
    """Runs chores in their order, round after round; one that fails is logged and tried in the next round."""

    def __init__(
        self,
        chores: Mapping[str, Chore],
        *,
        every_s: float,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._chores = chores
        self._every_s = every_s
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Rounds for ever."""
        await self._sleep(min(FIRST_WAIT_S, self._every_s))
        while True:
            await self.round()
            await self._sleep(self._every_s)

    async def round(self) -> dict[str, int | None]:
        """What each chore has done; None for one that failed."""
        return {name: await self._do(name, chore) for name, chore in self._chores.items()}

    async def _do(self, name: str, chore: Chore) -> int | None:
        began_s = self._clock()
        try:
            count = await chore(began_s)
        except KotaemonError as error:
            logger.bind(chore=name, code=error.code, message=error.message).warning("chore_failed")
            metrics.CHORES.labels(chore=name, outcome="failed").inc()
            return None
        metrics.CHORES.labels(chore=name, outcome="done").inc()
        if count:
            duration_s = round(self._clock() - began_s, 3)
            logger.bind(chore=name, count=count, duration_s=duration_s).info("chore_done")
        return count
