"""Which traces a component's trouble touched lately: degraded replies, and documents that failed or wait."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from kotaemon_async.telemetry import metrics, traces

KEPT: Final = 500


@dataclass(frozen=True, slots=True)
class Affected:
    """One trace that a component's trouble touched; `at_s` is Unix time."""

    at_s: float
    trace_id: str
    component: str
    code: str


#: The last ones of this process, oldest first.
RECENT: Final[deque[Affected]] = deque(maxlen=KEPT)


def note(component: str, code: str) -> None:
    """Counts that the present trace was touched by a component's trouble, and remembers it for a while."""
    metrics.AFFECTED.labels(component=component, code=code).inc()
    RECENT.append(Affected(time.time(), traces.current().trace_id, component, code))
