"""Use case: what is abnormal becomes an incident with its likely causes, and ends when it is normal again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from loguru import logger

from kotaemon_async.domain.model import new_id
from kotaemon_async.operations.incidents.causes import CAUSES, Cause, Deviation, Suspect, explained, suspects
from kotaemon_async.operations.incidents.forecasts import Forecast, Forecasts
from kotaemon_async.operations.incidents.series import Rule, Series
from kotaemon_async.operations.incidents.signals import Past, Reading, Signal
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.impacted import Impacted

#: Traces from so long before the first signal belong to it: signals look back.
_TRACES_BEFORE_S: Final = 60.0
_TRACES_SHOWN: Final = 10
#: After a restart an incident goes on for so many samples before it is known to be over.
_RESUMED_SAMPLES: Final = 36
_NEAR: Final = Rule(least=0.5, normal=0.0, calm=120)

Change = Literal["opened", "changed", "closed"]


@dataclass(frozen=True, slots=True)
class Incident:
    """What went wrong from `since_s` on, in Unix seconds; the likeliest cause and the first signal lead.

    A closed one keeps what it was at its worst.
    """

    id: str
    since_s: float
    opened_at_s: float
    causes: tuple[Suspect, ...]
    signals: tuple[Deviation, ...]
    trace_ids: tuple[str, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    closed_at_s: float | None = None

    @property
    def cause(self) -> Cause:
        """Return the likeliest cause; `unknown` when no component shows anything of its own."""
        return self.causes[0].cause if self.causes else "unknown"


class Incidents:
    """Turns readings into incidents; `open` holds those that go on."""

    def __init__(
        self,
        signals: Sequence[Signal],
        links: Sequence[str],
        *,
        sensitivity: float = 6.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.open: list[Incident] = []
        self.forecasts: tuple[Forecast, ...] = ()
        self._past = Past()
        self._links = tuple(links)
        self._series = [(signal, Series(signal.rule, sensitivity=sensitivity)) for signal in signals]
        self._forecasts = Forecasts()
        self._near = {name: Series(_NEAR) for name in ("disk", "memory")}
        self._clock = clock
        self._resumed = 0
        self._impacted: Sequence[Impacted] = ()
        #: What moves and opens nothing, but may explain what does.
        self._context: list[Deviation] = []

    def resume(self, incidents: Sequence[Incident]) -> None:
        """Go on with incidents that were open when the process ended."""
        self.open, self._resumed = list(incidents), _RESUMED_SAMPLES
        self._show()

    def take(self, reading: Reading, impacted: Sequence[Impacted] = ()) -> list[tuple[Change, Incident]]:
        """Judge one more reading and return what it changes."""
        self._impacted = impacted
        self._past.readings.append(reading)
        for signal, series in self._series:
            series.take(reading.at_s, signal.read(self._past))
        self.forecasts = self._forecasts.take(self._past)
        for forecast in self.forecasts:
            self._near[forecast.resource].take(reading.at_s, float(forecast.is_near))
        changes = self._update(self._groups())
        for change, incident in changes:
            _log(change, incident)
        self._show()
        return changes

    def deviations(self) -> list[Deviation]:
        """Return all that is abnormal now, or begins to look like it, the first to move first."""
        found = [
            _deviation(one.component, one.kind, one.unit, series, opens=one.opens and series.is_abnormal)
            for one, series in self._series
            if series.is_suspect
        ]
        found += [
            replace(_deviation(one.resource, "forecast", "s", series), value=round(one.left_s, 6))
            for one in self.forecasts
            if (series := self._near[one.resource]).is_abnormal
        ]
        return sorted(found, key=lambda one: one.since_s)

    def _groups(self) -> list[list[Deviation]]:
        """Group what is abnormal by cause: the likeliest takes what it explains, and so on."""
        left, groups = self.deviations(), []
        self._context = [one for one in left if not one.opens]
        while any(one.opens for one in left):
            explanations = (explained(one, left) for one in self._suspects(left))
            taken = next((group for group in explanations if any(one.opens for one in group)), left)
            left = [one for one in left if one not in taken]
            groups.append(taken)
        return groups

    def _suspects(self, signals: Sequence[Deviation]) -> list[Suspect]:
        signals = [*signals, *(one for one in self._context if one not in signals)]
        return suspects(signals, self._impacted_since(min(one.since_s for one in signals)), self._links)

    def _impacted_since(self, since_s: float) -> list[Impacted]:
        return [one for one in self._impacted if one.at_s >= since_s - _TRACES_BEFORE_S]

    def _update(self, groups: list[list[Deviation]]) -> list[tuple[Change, Incident]]:
        """Match the groups to the open incidents; open, change and close them."""
        changes: list[tuple[Change, Incident]] = []
        before, self.open = self.open, []
        self._resumed = max(0, self._resumed - 1)
        for incident in before:
            if group := _group_of(incident, groups):
                groups.remove(group)
                self.open.append(self._extended(incident, group))
                if self.open[-1].cause != incident.cause:
                    changes.append(("changed", self.open[-1]))
            elif self._resumed:
                self.open.append(incident)
            else:
                changes.append(("closed", replace(incident, closed_at_s=self._clock())))
        for group in groups:
            now_s = self._clock()
            incident = Incident(new_id("inc", now_s), group[0].since_s, now_s, (), ())
            self.open.append(self._extended(incident, group))
            changes.append(("opened", self.open[-1]))
        return changes

    def _extended(self, incident: Incident, group: Sequence[Deviation]) -> Incident:
        """Return the incident with what is known now; a signal that is calm again still counts."""
        now = {one.name: one for one in group}
        kept = [_worse(one, now.pop(one.name, one)) for one in incident.signals]
        signals = tuple(sorted([*kept, *now.values()], key=lambda one: one.since_s))
        traces = [one.trace_id for one in self._impacted_since(signals[0].since_s) if one.trace_id]
        return replace(
            incident,
            since_s=signals[0].since_s,
            causes=tuple(self._suspects(signals)),
            signals=signals,
            trace_ids=tuple(dict.fromkeys([*incident.trace_ids, *traces]))[:_TRACES_SHOWN],
            forecasts=tuple(one for one in self.forecasts if one.is_near),
        )

    def _show(self) -> None:
        for cause in CAUSES:
            metrics.INCIDENTS_OPEN.labels(cause=cause).set(sum(one.cause == cause for one in self.open))
        for forecast in self.forecasts:
            metrics.FORECAST.labels(resource=forecast.resource).set(forecast.left_s)


def _group_of(incident: Incident, groups: Sequence[list[Deviation]]) -> list[Deviation] | None:
    """Return the group that shares most of the incident's signals; None when none does."""
    names = {one.name for one in incident.signals if one.opens}
    shared = [(sum(one.name in names for one in group), group) for group in groups]
    most, found = max(shared, key=lambda one: one[0], default=(0, None))
    return found if most else None


def _worse(before: Deviation, now: Deviation) -> Deviation:
    since_s, opens = min(before.since_s, now.since_s), before.opens or now.opens
    return replace(max(before, now, key=lambda one: one.times), since_s=since_s, opens=opens)


def _deviation(component: str, kind: str, unit: str, series: Series, *, opens: bool = True) -> Deviation:
    normal = series.normal or 0.0
    return Deviation(
        component=component,
        kind=kind,
        unit=unit,
        since_s=series.since_s or 0.0,
        value=round(normal + series.worst, 6),
        normal=round(normal, 6),
        times=round(series.worst / series.threshold, 2),
        opens=opens,
    )


def _log(change: Change, incident: Incident) -> None:
    log = logger.bind(
        incident_id=incident.id,
        cause=incident.cause,
        causes=[one.cause for one in incident.causes],
        signals=[one.name for one in incident.signals],
        for_s=round((incident.closed_at_s or incident.opened_at_s) - incident.since_s, 1),
    )
    if change == "closed":
        log.info("incident_closed")
    else:
        log.warning("incident_opened") if change == "opened" else log.warning("incident_changed")
