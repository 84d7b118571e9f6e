"""Use case: what is abnormal becomes an incident with its likely causes, and ends when it is normal again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from loguru import logger

from kotaemon_async.domain.model import new_id
from kotaemon_async.operations.incidents.causes import CAUSES, Cause, Deviation, Suspect, explained, suspects
from kotaemon_async.operations.incidents.forecasts import Forecast, Forecasts
from kotaemon_async.operations.incidents.series import Rule, Watch
from kotaemon_async.operations.incidents.signals import Past, Reading, Signal
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.impacted import Impacted

#: Traces from so long before the first signal belong to it: signals look back.
_TRACES_BEFORE_S: Final = 60.0
_TRACES_SHOWN: Final = 10
#: After a restart an incident goes on for so many samples before it is known to be over.
_RESUMED_SAMPLES: Final = 36

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
        """The likeliest one; `unknown` when no component shows anything of its own."""
        return self.causes[0].cause if self.causes else "unknown"


@dataclass(slots=True)
class _Group:
    """Abnormal signals that one cause explains."""

    signals: list[Deviation]
    #: What else moves, and may explain them.
    others: list[Deviation]


class Incidents:
    """Judges reading by reading; `changes` of each are handed out once, `open` holds what goes on."""

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
        self._signals = {signal.name: signal for signal in signals}
        self._watches = {
            name: Watch(one.rule, sensitivity=sensitivity) for name, one in self._signals.items()
        }
        self._forecasts = Forecasts()
        self._near = {name: Watch(Rule(least=0.5, normal=0.0, calm=120)) for name in ("disk", "memory")}
        self._clock = clock
        self._resumed = 0

    def resume(self, incidents: Sequence[Incident]) -> None:
        """Goes on with incidents that were open when the process ended."""
        self.open, self._resumed = list(incidents), _RESUMED_SAMPLES
        self._show()

    def take(self, reading: Reading, impacted: Sequence[Impacted] = ()) -> list[tuple[Change, Incident]]:
        """What one more reading changes."""
        self._past.readings.append(reading)
        for name, signal in self._signals.items():
            self._watches[name].take(reading.at_s, signal.read(self._past))
        self.forecasts = self._forecasts.take(self._past)
        for forecast in self.forecasts:
            self._near[forecast.resource].take(reading.at_s, float(forecast.is_near))
        changes = self._settle(self._groups(impacted), impacted)
        for change, incident in changes:
            _log(change, incident)
        self._show()
        return changes

    def deviations(self) -> list[Deviation]:
        """All that is abnormal now, or begins to look like it, the first to move first."""
        found = [
            _deviation(one.component, one.kind, one.unit, watch, opens=one.opens and watch.is_abnormal)
            for one, watch in zip(self._signals.values(), self._watches.values(), strict=True)
            if watch.is_suspect
        ]
        for one in self.forecasts:
            if self._near[one.resource].is_abnormal:
                watch = self._near[one.resource]
                found.append(_deviation(one.resource, "forecast", "s", watch, value=one.left_s))
        return sorted(found, key=lambda one: one.since_s)

    def _groups(self, impacted: Sequence[Impacted]) -> list[_Group]:
        """What is abnormal, by cause: the likeliest takes what it explains, the rest is asked about again."""
        left, groups = self.deviations(), []
        others = [one for one in left if not one.opens]
        while _opens(left):
            found = self._suspects([*left, *(one for one in others if one not in left)], impacted)
            taken = next(filter(_opens, (explained(one, left) for one in found)), left)
            left = [one for one in left if one not in taken]
            groups.append(_Group(taken, others))
        return groups

    def _suspects(self, signals: Sequence[Deviation], impacted: Sequence[Impacted]) -> list[Suspect]:
        begun_s = min(one.since_s for one in signals) - _TRACES_BEFORE_S
        return suspects(signals, [one for one in impacted if one.at_s >= begun_s], self._links)

    def _settle(self, groups: list[_Group], impacted: Sequence[Impacted]) -> list[tuple[Change, Incident]]:
        changes: list[tuple[Change, Incident]] = []
        standing: list[Incident] = []
        self._resumed = max(0, self._resumed - 1)
        for incident in self.open:
            group = _same(incident, groups)
            if group is not None:
                groups.remove(group)
                later = self._grown(incident, group, impacted)
                standing.append(later)
                if later.cause != incident.cause:
                    changes.append(("changed", later))
            elif self._resumed:
                standing.append(incident)
            else:
                changes.append(("closed", replace(incident, closed_at_s=self._clock())))
        for group in groups:
            standing.append(self._begun(group, impacted))
            changes.append(("opened", standing[-1]))
        self.open = standing
        return changes

    def _begun(self, group: _Group, impacted: Sequence[Impacted]) -> Incident:
        now_s = self._clock()
        since_s = min(one.since_s for one in group.signals)
        incident = Incident(new_id("inc", now_s), since_s, now_s, (), tuple(group.signals))
        return self._grown(incident, group, impacted)

    def _grown(self, incident: Incident, group: _Group, impacted: Sequence[Impacted]) -> Incident:
        """The incident with what is known now; a signal that is calm again still speaks for its cause."""
        now = {one.name: one for one in group.signals}
        kept = [_worse(one, now.pop(one.name, one)) for one in incident.signals]
        signals = tuple(sorted([*kept, *now.values()], key=lambda one: one.since_s))
        since_s = signals[0].since_s
        others = [one for one in group.others if one not in group.signals]
        traces = [one.trace_id for one in impacted if one.trace_id and one.at_s >= since_s - _TRACES_BEFORE_S]
        return replace(
            incident,
            since_s=since_s,
            causes=tuple(self._suspects([*signals, *others], impacted)),
            signals=signals,
            trace_ids=tuple(dict.fromkeys([*incident.trace_ids, *traces]))[:_TRACES_SHOWN],
            forecasts=tuple(one for one in self.forecasts if one.is_near),
        )

    def _show(self) -> None:
        for cause in CAUSES:
            metrics.INCIDENTS_OPEN.labels(cause=cause).set(sum(one.cause == cause for one in self.open))
        for forecast in self.forecasts:
            metrics.FORECAST.labels(resource=forecast.resource).set(forecast.left_s)


def _opens(deviations: Sequence[Deviation]) -> bool:
    return any(one.opens for one in deviations)


def _same(incident: Incident, groups: Sequence[_Group]) -> _Group | None:
    """The group that the incident goes on as: that with most of its signals."""
    names = {one.name for one in incident.signals if one.opens}
    shared = [(sum(one.name in names for one in group.signals), group) for group in groups]
    most, group = max(shared, key=lambda one: one[0], default=(0, None))
    return group if most else None


def _worse(before: Deviation, now: Deviation) -> Deviation:
    since_s, opens = min(before.since_s, now.since_s), before.opens or now.opens
    return replace(max(before, now, key=lambda one: one.times), since_s=since_s, opens=opens)


def _deviation(
    component: str, kind: str, unit: str, watch: Watch, *, opens: bool = True, value: float | None = None
) -> Deviation:
    normal = watch.normal.median if watch.normal else 0.0
    return Deviation(
        component=component,
        kind=kind,
        unit=unit,
        since_s=watch.since_s or 0.0,
        value=round(normal + watch.worst if value is None else value, 6),
        normal=round(normal, 6),
        times=round(watch.worst / watch.threshold, 2),
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
