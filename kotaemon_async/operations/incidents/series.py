"""Robust figures over a few hundred samples: what is normal, how far from it, and where a slope leads."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NamedTuple

#: The MAD of a normal distribution times this is its standard deviation.
_MAD_TO_DEVIATION: Final = 1.4826
#: Baseline: at most so many samples (half an hour of five-second ones), judged from so many on.
BASELINE_SAMPLES: Final = 360
_ENOUGH_SAMPLES: Final = 24
#: A sample becomes part of the baseline this much later, when it is known whether it began an anomaly.
_GUARD_SAMPLES: Final = 24
#: An anomaly is over when the values are below this part of what began it.
_CALM_RATIO: Final = 0.5
#: Without a value for so many samples (ten minutes of them) nothing is wrong that anybody notices.
_SILENT_SAMPLES: Final = 120
#: A level that has stood for so many samples (six hours of them) is the new normal one.
_ADOPTED_SAMPLES: Final = 4320
#: So many samples too high explain others, though they do not open anything yet.
_SUSPECT_SAMPLES: Final = 2
#: The baseline is looked through again after so many new samples; it hardly moves meanwhile.
_REFRESH_SAMPLES: Final = 6


class Normal(NamedTuple):
    """The middle of the samples and their robust standard deviation."""

    median: float
    spread: float


class Slope(NamedTuple):
    """The median of all slopes between two points, where the line ends, how far the pairs agree (-1 to 1)."""

    per_s: float
    level: float
    agreement: float


def median(values: Sequence[float]) -> float:
    """The middle value; the mean of the two middle ones of an even number."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def normal_of(values: Sequence[float]) -> Normal:
    """Median and MAD, the latter scaled to a standard deviation; half of the values may be wild."""
    middle = median(values)
    return Normal(middle, _MAD_TO_DEVIATION * median([abs(value - middle) for value in values]))


def theil_sen(points: Sequence[tuple[float, float]]) -> Slope:
    """The slope through (seconds, value) points in order of time; 29 % of them may be wild.

    Source: Sen (1968); the agreement is Kendall's tau, as in the test of Mann and Kendall.
    """
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 > x1]
    if not slopes:
        return Slope(0.0, points[-1][1] if points else 0.0, 0.0)
    per_s = median(slopes)
    end_s = points[-1][0]
    level = median([y + per_s * (end_s - x) for x, y in points])
    rising = sum(one > 0 for one in slopes) - sum(one < 0 for one in slopes)
    return Slope(per_s, level, rising / len(slopes))


@dataclass(frozen=True, slots=True)
class Rule:
    """When values are too high: by at least `least`, and by `sensitivity` spreads, `confirm` samples long.

    Without `normal` that is learned; a signal with one is judged from its first sample. `calm` samples in a
    row end it.
    """

    least: float
    normal: float | None = None
    confirm: int = 4
    calm: int = 12


class Watch:
    """Decides sample by sample whether a series is abnormal; what is abnormal never becomes the baseline."""

    def __init__(self, rule: Rule, *, sensitivity: float = 6.0) -> None:
        self.rule = rule
        self.value: float | None = None
        self.since_s: float | None = None
        self.is_abnormal = False
        self.worst = 0.0
        self._sensitivity = sensitivity
        self._baseline: deque[float] = deque(maxlen=BASELINE_SAMPLES)
        self._young: deque[float] = deque()
        self._normal = None if rule.normal is None else Normal(rule.normal, 0.0)
        self._unseen = 0
        self._over = self._calm = self._silent = self._stood = 0

    @property
    def normal(self) -> Normal | None:
        """What is normal; None as long as it is not known."""
        return self._normal

    @property
    def threshold(self) -> float:
        """How far above the median a value is too high; infinite as long as nobody knows what is normal."""
        if self._normal is None:
            return float("inf")
        return max(self.rule.least, self._sensitivity * self._normal.spread)

    @property
    def is_suspect(self) -> bool:
        """Whether it is abnormal, or has begun to look like it."""
        return self.is_abnormal or self._over >= _SUSPECT_SAMPLES

    def take(self, at_s: float, value: float | None) -> None:
        """One sample, in order of time; None when there was nothing to measure."""
        if value is None:
            self._hear_nothing()
            return
        self.value, self._silent = value, 0
        distance = value - self._normal.median if self._normal else 0.0
        if self.is_abnormal:
            self._stay(distance)
        else:
            self._look(at_s, distance)
        self._learn(value)

    def _look(self, at_s: float, distance: float) -> None:
        """One value below is forgiven: noise rides on an anomaly too."""
        if distance <= self.threshold:
            self._over = max(0, self._over - 1)
            if not self._over:
                self.since_s = None
            return
        self.since_s = at_s if not self._over else self.since_s
        self._over += 1
        self.worst = max(self.worst, distance) if self._over > 1 else distance
        if self._over >= self.rule.confirm:
            self.is_abnormal, self._calm, self._stood = True, 0, 0
            self._young.clear()

    def _stay(self, distance: float) -> None:
        self.worst = max(self.worst, distance)
        self._stood += 1
        self._calm = self._calm + 1 if distance <= _CALM_RATIO * self.threshold else 0
        if self._calm >= self.rule.calm:
            self._end()
        elif self.rule.normal is None and self._stood >= _ADOPTED_SAMPLES:
            self._baseline.clear()
            self._normal = None
            self._end()

    def _hear_nothing(self) -> None:
        self._silent += 1
        if self._silent >= _SILENT_SAMPLES:
            self.value = None
            self._end()

    def _end(self) -> None:
        self.is_abnormal, self.since_s = False, None
        self._over = self._calm = self._stood = 0

    def _learn(self, value: float) -> None:
        if self.rule.normal is not None or self.is_abnormal:
            return
        self._young.append(value)
        if len(self._young) <= _GUARD_SAMPLES and self._normal is not None:
            return
        self._baseline.append(self._young.popleft())
        self._unseen += 1
        if self._unseen >= _REFRESH_SAMPLES and len(self._baseline) >= _ENOUGH_SAMPLES:
            self._normal, self._unseen = normal_of(self._baseline), 0
