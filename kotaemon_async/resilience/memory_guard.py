"""Watches the memory of all processes: over a first part of the limit nothing new is taken and what can be
given back is, over a second one the service counts as down; below again, it goes on by itself."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

import anyio
import anyio.to_thread
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.memory import ProcessUsage, Sampler, limit_bytes, trim_in_thread, usage
from kotaemon_async.resilience.settings import MemorySettings
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health

#: What a document waits for under pressure.
KIND: Final = "memory"
EVERY_S: Final = 2.0
#: Below this part of the limit pressure is far away, and less often is enough: to look every two seconds took
#: 4 % of all CPU while documents are read.
CALM_PART, CALM_EVERY_S = 0.5, 10.0
#: Under lasting pressure everything is given back again after so long.
RELIEF_EVERY_S: Final = 30.0
#: One part that does not come to an end must not keep the others from giving back.
_RELEASE_S: Final = 10.0

#: 0 well, 1 nothing new is taken, 2 the service counts as down.
Pressure = Literal[0, 1, 2]
#: Gives back memory that is only there for speed.
Release = Callable[[], Awaitable[object]]


class MemoryGuard:
    """How much memory all processes use, of how much, and what follows from it."""

    def __init__(
        self,
        *,
        read: Callable[[], dict[str, ProcessUsage]] = usage,
        settings: MemorySettings,
        limit: Callable[[], int] = limit_bytes,
        clock: Callable[[], float] = time.monotonic,
        trim: Release = trim_in_thread,
    ) -> None:
        self._sampler = Sampler(clock=clock)
        self._read = read
        self._limit = limit
        self._settings = settings
        self._clock = clock
        self._trim = trim
        self._releases: dict[str, Release] = {}
        self._relieved_s: float | None = None
        self._last: tuple[dict[str, ProcessUsage], int] = ({}, 1)
        self._read_at_s = 0.0
        self._is_calm = False
        self.pressure: Pressure = 0

    def register_in(self, health: Health) -> None:
        """Make its check part of the report."""
        health.register("memory", self.check, core=True)

    def on_pressure(self, name: str, release: Release) -> None:
        """Register `release` to be called under pressure, to release what is only kept for speed."""
        self._releases[name] = release

    def may_start(self) -> bool:
        """Return whether there is memory for new work; what has begun goes on."""
        return self.pressure == 0

    async def update(self) -> Pressure:
        """Measure, release memory if there is pressure, and return the pressure."""
        await self._look()
        if self.pressure and (self._relieved_s is None or self._clock() - self._relieved_s >= RELIEF_EVERY_S):
            await self._relieve()
        return self.pressure

    async def check(self) -> dict[str, object]:
        """Report `used_bytes`, `limit_bytes` and each kind of process; a `code` while nothing is taken.

        Raises: Unavailable `memory_high` above the critical part of the limit.
        """
        if not self._is_calm or self._clock() - self._read_at_s > CALM_EVERY_S:
            self._judge(*await self._measured())
        parts, most_bytes = self._last
        used_bytes = total_of(parts)
        if self.pressure == 2:
            message = f"{used_bytes} of {most_bytes} bytes of memory are in use."
            raise Unavailable(message, code="memory_high")
        processes = {name: part.memory_bytes for name, part in parts.items()}
        report = {"used_bytes": used_bytes, "limit_bytes": most_bytes, "processes": processes}
        return report | ({"code": "memory_high"} if self.pressure else {})

    async def run(
        self, *, every_s: float = EVERY_S, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    ) -> None:
        """Measure again and again until cancelled, less often while there is plenty."""
        while True:
            await self.update()
            await sleep(CALM_EVERY_S if self._is_calm else every_s)

    async def _look(self) -> int:
        """Measure and judge, for the metrics as well; return the bytes in use."""
        parts, most_bytes = await self._measured()
        self._sampler.take(parts)
        metrics.MEMORY_LIMIT.set(most_bytes)
        self._judge(parts, most_bytes)
        return self._sampler.total_bytes

    async def _measured(self) -> tuple[dict[str, ProcessUsage], int]:
        self._last = await anyio.to_thread.run_sync(lambda: (self._read(), self._limit()))
        self._read_at_s = self._clock()
        return self._last

    def _judge(self, parts: Mapping[str, ProcessUsage], most_bytes: int) -> None:
        used_bytes = total_of(parts)
        self._is_calm = used_bytes < CALM_PART * most_bytes
        before, self.pressure = self.pressure, self._pressure_of(used_bytes / most_bytes)
        metrics.MEMORY_PRESSURE.set(self.pressure)
        if self.pressure != before:
            log = logger.bind(pressure=self.pressure, used_bytes=used_bytes, limit_bytes=most_bytes)
            log.warning("memory_pressure") if self.pressure else log.info("memory_pressure_over")
        if not self.pressure:
            self._relieved_s = None

    def _pressure_of(self, ratio: float) -> Pressure:
        if ratio > self._settings.critical_ratio:
            return 2
        return (
            1 if ratio > (self._settings.again_ratio if self.pressure else self._settings.high_ratio) else 0
        )

    async def _relieve(self) -> None:
        self._relieved_s = self._clock()
        before_bytes = self._sampler.total_bytes
        for name, release in self._releases.items():
            await _released(name, release)
        await self._trim()
        used_bytes = await self._look()
        freed_bytes = max(0, before_bytes - used_bytes)
        logger.bind(freed_bytes=freed_bytes, used_bytes=used_bytes).info("memory_given_back")


def total_of(parts: Mapping[str, ProcessUsage]) -> int:
    """Return the PSS of all processes together."""
    return sum(part.memory_bytes for part in parts.values())


async def _released(name: str, release: Release) -> None:
    """Let one part release memory; its failure does not keep the others from doing so."""
    try:
        with anyio.fail_after(_RELEASE_S):
            await release()
    except Exception as error:  # whatever a part does here, the guard has to watch on
        logger.bind(component=name).opt(exception=error).warning("memory_not_given_back")
