"""Traces that a component's trouble impacted lately: degraded replies, and documents that failed or wait."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from kotaemon_async.telemetry import metrics, traces

KEPT: Final = 500


@dataclass(frozen=True, slots=True)
class Impacted:
    """One trace that the trouble of a component impacted; `at_s` is Unix time."""

    at_s: float
    trace_id: str
    component: str
    code: str


#: The last ones of this process, oldest first.
RECENT: Final[deque[Impacted]] = deque(maxlen=KEPT)


def note(component: str, code: str) -> None:
    """Count the current trace as impacted by a component's trouble, and remember it."""
    metrics.IMPACTED.labels(component=component, code=code).inc()
    RECENT.append(Impacted(time.time(), traces.current().trace_id, component, code))
