"""The last half hour of the service in a dozen figures, for people who look at the page."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread
from prometheus_client.metrics import MetricWrapperBase

from kotaemon_async.telemetry import metrics

EVERY_S: Final = 5.0
SAMPLES: Final = 360

#: Values of one moment by name; what cannot be told, such as a mean of nothing, is None.
Values = dict[str, float | None]
_Totals = dict[str, float]

#: Rates: name -> (counter, its label value or any, per how many seconds).
_RATES: Final = {
    "pages_per_s": ("pages", 1.0),
    "answers_per_min": ("answers", 60.0),
    "fallbacks_per_min": ("fallbacks", 60.0),
    "requests_per_s": ("requests", 1.0),
}
#: Means: name -> (sum, count).
_MEANS: Final = {
    "search_s": ("search_sum", "search_count"),
    "answer_s": ("answer_sum", "answer_count"),
    "loop_lag_s": ("lag_sum", "lag_count"),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """The figures at one time, in Unix seconds."""

    at_s: float
    values: Values


class History:
    """Remembers a moment every few seconds; nothing is kept beyond the process."""

    def __init__(
        self,
        *,
        read: Callable[[], tuple[Values, _Totals]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._read = read or _read
        self._clock = clock
        self._moments: deque[Moment] = deque(maxlen=SAMPLES)
        self._before: tuple[float, _Totals] | None = None

    async def run(self, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """Take moments until cancelled."""
        while True:
            await anyio.to_thread.run_sync(self.take)
            await sleep(EVERY_S)

    def take(self) -> None:
        """Take one moment; rates and means are those since the one before."""
        now_s = self._clock()
        values, totals = self._read()
        before_s, before = self._before or (now_s, totals)
        self._before = (now_s, totals)
        grown = {name: max(0.0, value - before.get(name, 0.0)) for name, value in totals.items()}
        passed_s = now_s - before_s
        for name, (counter, per_s) in _RATES.items():
            values[name] = grown.get(counter, 0.0) * per_s / passed_s if passed_s > 0 else None
        for name, (top, bottom) in _MEANS.items():
            values[name] = grown[top] / grown[bottom] if grown.get(bottom) else None
        self._moments.append(Moment(now_s, values))

    def after(self, at_s: float) -> list[Moment]:
        """Return the moments later than that, oldest first."""
        return [moment for moment in self._moments if moment.at_s > at_s]


def _read() -> tuple[Values, _Totals]:
    now: Values = {
        "queue_depth": _sum(metrics.QUEUE_DEPTH),
        "queue_oldest_s": _sum(metrics.QUEUE_OLDEST_AGE),
        "memory_bytes": _sum(metrics.MEMORY),
        "memory_limit_bytes": _sum(metrics.MEMORY_LIMIT),
        "cpu_ratio": _sum(metrics.CPU_RATIO),
        "disk_free_bytes": _sum(metrics.DISK_FREE),
        "vector_log_behind": _sum(metrics.VECTOR_LOG_BEHIND),
    }
    search = {"route": "/api/v1/search"}
    totals = {
        "pages": _sum(metrics.INGEST_PAGES, "_total"),
        "answers": _sum(metrics.ANSWERS, "_total"),
        "fallbacks": _sum(metrics.FALLBACKS, "_total"),
        "requests": _sum(metrics.HTTP_REQUEST_DURATION, "_count"),
        "search_sum": _sum(metrics.HTTP_REQUEST_DURATION, "_sum", search),
        "search_count": _sum(metrics.HTTP_REQUEST_DURATION, "_count", search),
        "answer_sum": _sum(metrics.ANSWER_DURATION, "_sum"),
        "answer_count": _sum(metrics.ANSWER_DURATION, "_count"),
        "lag_sum": _sum(metrics.EVENT_LOOP_LAG, "_sum"),
        "lag_count": _sum(metrics.EVENT_LOOP_LAG, "_count"),
    }
    return now, totals


def _sum(metric: MetricWrapperBase, ending: str = "", labels: dict[str, str] | None = None) -> float:
    """Return the sum of a metric's series that have the labels."""
    wanted: Iterable[tuple[str, str]] = (labels or {}).items()
    return sum(
        sample.value
        for family in metric.collect()
        for sample in family.samples
        if sample.name.endswith(ending or family.name) and all(sample.labels.get(k) == v for k, v in wanted)
    )
