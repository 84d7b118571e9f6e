"""Read the figures that signals are made of: from metrics, the health report and a write to the ledger."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import anyio
import anyio.to_thread
from prometheus_client.metrics import MetricWrapperBase

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.incidents.signals import Figures, Reading
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health

#: A ledger that takes longer than this for an empty change is as good as away.
LEDGER_TIMEOUT_S: Final = 4.0

_READ: Final[tuple[MetricWrapperBase, ...]] = (
    metrics.DOCUMENTS, metrics.QUEUE_OLDEST_AGE, metrics.INGEST_STAGE_DURATION, metrics.INGEST_FAILURES,
    metrics.ADMISSION_REJECTIONS, metrics.ANSWERS, metrics.ANSWER_DURATION, metrics.LLM_TTFT,
    metrics.BREAKER_STATE, metrics.FALLBACKS, metrics.EVENT_LOOP_LAG, metrics.LOOP_STALLS,
    metrics.VECTOR_LOG_BEHIND, metrics.CHILD_RESTARTS, metrics.MEMORY, metrics.MEMORY_LIMIT,
    metrics.MEMORY_PRESSURE, metrics.DISK_FREE, metrics.DISK_FLOOR, metrics.IMPACTED,
)  # fmt: skip


class SignalReader:
    """Reads metrics, the health report, and how long an empty change of the ledger takes."""

    def __init__(
        self,
        health: Health,
        write_ledger: Callable[[], Awaitable[object]],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._health = health
        self._write_ledger = write_ledger
        self._clock = clock

    async def read(self) -> Reading:
        """Return all figures as they are now, within the time of the slowest health check (a few seconds)."""
        write_s = await self._timed_write()
        health = await self._codes()
        # In a thread: the page of metrics takes milliseconds, and the loop has better things to do.
        figures = await anyio.to_thread.run_sync(read_figures)
        return Reading(self._clock(), figures, health, write_s)

    async def _timed_write(self) -> float | None:
        """Return the seconds that an empty change took; None when it failed."""
        began_s = time.perf_counter()
        with anyio.move_on_after(LEDGER_TIMEOUT_S):
            try:
                await self._write_ledger()
            except Unavailable:
                return None
        return time.perf_counter() - began_s

    async def _codes(self) -> dict[str, str]:
        report: Any = await self._health.report()
        components = report["components"]
        return {
            name: str(one.get("code") or "") if one["status"] != "ok" else ""
            for name, one in components.items()
        }


def read_figures() -> Figures:
    """Return the metrics of signals; requests by route and the first digit of their status."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for metric in _READ:
        for name, labels, value in _samples(metric):
            found.setdefault(name, {})[labels] = value
    requests: dict[str, dict[tuple[str, ...], float]] = defaultdict(lambda: defaultdict(float))
    for name, (_, route, status), value in _samples(metrics.HTTP_REQUEST_DURATION):
        requests[name][route, status[0]] += value
    return found | {name: dict(values) for name, values in requests.items()}


def _samples(metric: MetricWrapperBase) -> Iterator[tuple[str, tuple[str, ...], float]]:
    for family in metric.collect():
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                yield sample.name, tuple(sample.labels.values()), sample.value
