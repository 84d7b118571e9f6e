"""Decide sample by sample whether a series is abnormal, by its median and MAD or against a fixed level."""

from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Final

#: The MAD of a normal distribution times this is its standard deviation.
_MAD_TO_DEVIATION: Final = 1.4826
#: Baseline: at most so many samples (half an hour of five-second ones), judged from so many on.
_BASELINE_SAMPLES: Final = 360
_ENOUGH_SAMPLES: Final = 24
#: A sample becomes part of the baseline this much later, when it is known whether it began an anomaly.
_GUARD_SAMPLES: Final = 24
#: An anomaly is over when the values are below this part of its threshold.
_CALM_RATIO: Final = 0.5
#: An anomaly without values ends after so many samples (ten minutes).
_SILENT_SAMPLES: Final = 120
#: A level that has lasted so many samples (six hours) is the new normal.
_ADOPTED_SAMPLES: Final = 4320
#: So many samples too high explain other signals, though they do not open an incident yet.
_SUSPECT_SAMPLES: Final = 2
#: The baseline is computed again after so many new samples.
_REFRESH_SAMPLES: Final = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """When values are too high: by at least `least`, and by `sensitivity` spreads, `confirm` samples long.

    Without `normal` the median is learned; with one the series is judged from its first sample. `calm`
    samples in a row end the anomaly.
    """

    least: float
    normal: float | None = None
    confirm: int = 4
    calm: int = 12


class Series:
    """One series and its baseline, of which abnormal samples never become a part."""

    def __init__(self, rule: Rule, *, sensitivity: float = 6.0) -> None:
        self.rule = rule
        self.since_s: float | None = None
        self.is_abnormal = False
        self.worst = 0.0
        self.normal = rule.normal
        self._spread = 0.0
        self._sensitivity = sensitivity
        self._baseline: deque[float] = deque(maxlen=_BASELINE_SAMPLES)
        self._recent: deque[float] = deque()
        self._unseen = 0
        self._over = self._calm = self._silent = self._lasted = 0

    @property
    def threshold(self) -> float:
        """Return how far above the median a value is too high; infinite while the median is unknown."""
        if self.normal is None:
            return float("inf")
        return max(self.rule.least, self._sensitivity * self._spread)

    @property
    def is_suspect(self) -> bool:
        """Return whether it is abnormal, or has begun to look like it."""
        return self.is_abnormal or self._over >= _SUSPECT_SAMPLES

    def take(self, at_s: float, value: float | None) -> None:
        """Judge one sample, in order of time; None when there was nothing to measure."""
        if value is None:
            self._silent += 1
            if self._silent >= _SILENT_SAMPLES:
                self._end()
            return
        self._silent = 0
        distance = 0.0 if self.normal is None else value - self.normal
        if self.is_abnormal:
            self._continue(distance)
        else:
            self._compare(at_s, distance)
        if self.rule.normal is None and not self.is_abnormal:
            self._learn(value)

    def _compare(self, at_s: float, distance: float) -> None:
        """Count values that are too high; one below is forgiven, as noise rides on an anomaly too."""
        if distance <= self.threshold:
            self._over = max(0, self._over - 1)
            if not self._over:
                self.since_s = None
            return
        self.since_s = at_s if not self._over else self.since_s
        self._over += 1
        self.worst = max(self.worst, distance) if self._over > 1 else distance
        if self._over >= self.rule.confirm:
            self.is_abnormal, self._calm, self._lasted = True, 0, 0
            self._recent.clear()

    def _continue(self, distance: float) -> None:
        self.worst = max(self.worst, distance)
        self._lasted += 1
        self._calm = self._calm + 1 if distance <= _CALM_RATIO * self.threshold else 0
        if self._calm >= self.rule.calm:
            self._end()
        elif self.rule.normal is None and self._lasted >= _ADOPTED_SAMPLES:
            self._baseline.clear()
            self.normal = None
            self._end()

    def _end(self) -> None:
        self.is_abnormal, self.since_s = False, None
        self._over = self._calm = self._lasted = 0

    def _learn(self, value: float) -> None:
        self._recent.append(value)
        if len(self._recent) <= _GUARD_SAMPLES and self.normal is not None:
            return
        self._baseline.append(self._recent.popleft())
        self._unseen += 1
        if self._unseen >= _REFRESH_SAMPLES and len(self._baseline) >= _ENOUGH_SAMPLES:
            self.normal, self._unseen = median(self._baseline), 0
            self._spread = _MAD_TO_DEVIATION * median(abs(one - self.normal) for one in self._baseline)
