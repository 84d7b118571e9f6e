"""Keeps the long-running parts running, and watches how late the event loop is."""

import asyncio
import itertools
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.backoff import backoff_s
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health

Sleep = Callable[[float], Awaitable[None]]

FIRST_WAIT_S: Final = 0.1
MAX_WAIT_S: Final = 10.0
#: After a run this long the next failure counts as the first again.
STEADY_S: Final = 60.0
#: A run shorter than this failed quickly; a neighbour that is away for an hour makes thousands of them.
QUICK_S: Final = 5.0
#: Samples of the loop's lag from one count of its tasks to the next: a second of them.
_COUNT_TASKS_EVERY: Final = 10


async def supervise(
    name: str,
    start: Callable[[], Awaitable[None]],
    *,
    max_wait_s: float = MAX_WAIT_S,
    sleep: Sleep = anyio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run `start()` again whenever it ends or raises, until this task is cancelled.

    Of quick failures in a row the 1st, 2nd, 4th, 8th … is logged, with a traceback if it may be a bug.
    """
    failures = 0
    while True:
        began_s = clock()
        error = await _run(start)
        ran_s = clock() - began_s
        failures = 1 if ran_s >= STEADY_S else failures + 1
        wait_s = backoff_s(failures, base_s=FIRST_WAIT_S, cap_s=max_wait_s)
        if ran_s >= QUICK_S or failures & (failures - 1) == 0:
            _log_restart(name, failures, wait_s, error)
        metrics.CHILD_RESTARTS.labels(child=name).inc()
        await sleep(wait_s)


def _log_restart(name: str, failures: int, wait_s: float, error: BaseException | None) -> None:
    log = logger.bind(component=name, restarts_in_row=failures, wait_s=round(wait_s, 3))
    if isinstance(error, Unavailable):
        log.bind(code=error.code, message=error.message).warning("component_restarting")
    else:
        log.opt(exception=error).warning("component_restarting")


async def _run(start: Callable[[], Awaitable[None]]) -> BaseException | None:
    """Return the error that one run ended with, or None when it just returned."""
    try:
        await start()
    except asyncio.CancelledError as stray:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return stray  # a library cancelled itself; nobody asked us to stop
    except Exception as error:  # whatever it was, the part has to run again
        return error
    return None


class LoopLag:
    """How much later than asked the event loop woke a sleeper, over the last 600 samples (one minute)."""

    def __init__(self, *, interval_s: float = 0.1, samples: int = 600) -> None:
        self._interval_s = interval_s
        self._samples: deque[float] = deque(maxlen=samples)

    async def run(
        self, *, sleep: Sleep = anyio.sleep, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Measure until cancelled, and count the loop's tasks with every tenth sample."""
        for number in itertools.count():
            if number % _COUNT_TASKS_EVERY == 0:
                metrics.ASYNCIO_TASKS.set(len(asyncio.all_tasks()))
            began_s = clock()
            await sleep(self._interval_s)
            self.add(max(0.0, clock() - began_s - self._interval_s))

    def add(self, lag_s: float) -> None:
        """Add one sample."""
        self._samples.append(lag_s)
        metrics.EVENT_LOOP_LAG.observe(lag_s)

    def percentile_s(self, percent: float) -> float:
        """Return the smallest lag that `percent` of the samples do not exceed; 0 without samples."""
        if not self._samples:
            return 0.0
        ordered = sorted(self._samples)
        return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]

    def register_in(self, health: Health) -> None:
        """Make its check part of the report."""
        health.register("event_loop", self.check)

    async def check(self) -> dict[str, float]:
        """Return `p50_s`, `p99_s` and `max_s`."""
        return {
            name: round(self.percentile_s(p), 6) for name, p in (("p50_s", 50), ("p99_s", 99), ("max_s", 100))
        }
