"""When the disk and the memory will be used up if they go on as they do."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median
from typing import Final, NamedTuple

from kotaemon_async.operations.incidents.signals import MINUTE, Past, anything

#: One point a minute; a slope has to hold for two hours, one, or at least half of one.
_WINDOWS: Final = (120, 60, 30)
#: What a process loads in its first minutes is no slope.
_WARM_UP_POINTS: Final = 15
#: Points that do not agree on a direction are no slope either.
_AGREEMENT: Final = 0.75
#: What was used up meanwhile has to be more than this part of the whole.
_LEAST_RATIO: Final = 0.03
#: And each quarter of the time has at least this part in it: a step is no slope, nor what levels off.
_QUARTER_RATIO: Final = 0.2
#: A limit that is reached within so long is an incident.
HORIZON_S: Final = 12 * 3600.0
#: The service counts as down above this part of the memory's limit.
_MEMORY_RATIO: Final = 0.9


class Slope(NamedTuple):
    """The median of all slopes between two points, where the line ends, how far the pairs agree (-1 to 1)."""

    per_s: float
    level: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds until `resource` is used up (infinite: it is not), the slope, and what is left, in bytes."""

    resource: str
    left_s: float
    per_hour_bytes: float
    left_bytes: float

    @property
    def is_near(self) -> bool:
        """Return whether it is near enough to be reported."""
        return self.left_s < HORIZON_S


class Resource:
    """What is used of one resource, minute by minute."""

    def __init__(self, name: str, warm_up: int) -> None:
        self.name = name
        self._points: deque[tuple[float, float]] = deque(maxlen=_WINDOWS[0])
        self._minute: list[float] = []
        self._skip = warm_up
        self.forecast = Forecast(name, math.inf, 0.0, math.inf)

    def take(self, at_s: float, used_bytes: float, limit_bytes: float) -> None:
        """Add one sample; each minute of them makes a point and a new forecast."""
        self._minute.append(used_bytes)
        if len(self._minute) < MINUTE:
            return
        point, self._minute = (at_s, median(self._minute)), []
        if self._skip:
            self._skip -= 1
            return
        self._points.append(point)
        self.forecast = self._computed(limit_bytes)

    def _computed(self, limit_bytes: float) -> Forecast:
        points = list(self._points)
        for window in _WINDOWS:
            if len(points) < window:
                continue
            recent = points[-window:]
            slope = theil_sen(recent)
            used_up_bytes = slope.per_s * (recent[-1][0] - recent[0][0])
            if slope.agreement < _AGREEMENT or used_up_bytes < _LEAST_RATIO * abs(limit_bytes):
                continue
            if _rises_throughout([used for _, used in recent], [used for _, used in points[:-window]]):
                left_bytes = limit_bytes - slope.level
                return Forecast(self.name, max(0.0, left_bytes) / slope.per_s, slope.per_s * 3600, left_bytes)
        return Forecast(self.name, math.inf, 0.0, limit_bytes - points[-1][1])


class Forecasts:
    """The forecasts for the disk and for the memory, fed with readings."""

    def __init__(self) -> None:
        self._disk = Resource("disk", 0)
        self._memory = Resource("memory", _WARM_UP_POINTS)

    def take(self, past: Past) -> tuple[Forecast, ...]:
        """Return the forecasts after the newest reading."""
        at_s = past.last.at_s
        free, floor = (past.now(f"kotaemon_disk_{name}_bytes", anything) for name in ("free", "floor"))
        used, limit = (past.now(f"kotaemon_memory_{name}bytes", anything) for name in ("", "limit_"))
        if free is not None:
            self._disk.take(at_s, -free, -(floor or 0.0))
        if used and limit:
            self._memory.take(at_s, used, _MEMORY_RATIO * limit)
        return self._disk.forecast, self._memory.forecast


def theil_sen(points: Sequence[tuple[float, float]]) -> Slope:
    """Return the slope through (seconds, value) points in order of time; 29 % of them may be wild.

    Source: Sen (1968); the agreement is Kendall's tau, as in the test of Mann and Kendall.
    """
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 > x1]
    slopes = slopes or [0.0]  # a clock that stood still or was set back
    per_s = median(slopes)
    level = median(y + per_s * (points[-1][0] - x) for x, y in points)
    rising = sum(one > 0 for one in slopes) - sum(one < 0 for one in slopes)
    return Slope(per_s, level, rising / len(slopes))


def _rises_throughout(values: list[float], earlier: list[float]) -> bool:
    """Tell whether each quarter lies well above the one before, and the last above all that was earlier."""
    length = len(values) // 4
    levels = [median(values[start : start + length]) for start in range(0, 4 * length, length)]
    rise = levels[-1] - levels[0]
    is_new = not earlier or levels[-1] - max(earlier) >= rise / 2
    steps = [later - before for before, later in pairwise(levels)]
    return is_new and rise > 0 and min(steps) >= _QUARTER_RATIO * rise
