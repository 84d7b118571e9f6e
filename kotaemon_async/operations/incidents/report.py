"""An incident in words and figures, the same over HTTP, in the webhook and on the command line."""

import math
from typing import Final

import msgspec

from kotaemon_async.domain.times import iso_time
from kotaemon_async.operations.incidents.causes import Cause, Deviation, Suspect
from kotaemon_async.operations.incidents.forecasts import Forecast
from kotaemon_async.operations.incidents.incidents import Incident

_MESSAGES: Final[dict[Cause, str]] = {
    "llm_down": "The model link {} fails.",
    "llm_slow": "The model link {} is slow.",
    "vectors": "The vector index is away or incomplete.",
    "embedder": "The embedding model fails or is slow.",
    "broker": "The broker does not answer.",
    "disk": "The data disk is full or fills up.",
    "memory": "Memory is used up or leaks.",
    "event_loop": "The event loop is held up.",
    "documents": "Many documents cannot be read.",
    "parser": "Parser children die over documents.",
    "ledger": "The ledger is slow or away.",
    "overload": "More comes in than can be done.",
    "unknown": "Something is abnormal without a known cause.",
}
_HINTS: Final[dict[Cause, str]] = {
    "llm_down": "Check that its server runs and can be reached; see /healthz.",
    "llm_slow": "Look at the load of its server, or take a smaller model.",
    "vectors": "Nothing to do if it is rebuilt; else see the log.",
    "embedder": "Look at the log for its cause; search goes on by words.",
    "broker": "Check the Redis of broker.url; accepted documents wait.",
    "disk": "Free some space, or give the data folder a larger disk.",
    "memory": "Restart in a quiet hour; keep the log and this report for a bug.",
    "event_loop": "Search the log for loop_stalled; it names the code and the trace.",
    "documents": "List them with ?status=failed; find out who sends them.",
    "parser": "List what failed with parser_limit or corrupt; see the log.",
    "ledger": "Check the disk that holds the data folder and what else uses it.",
    "overload": "Spread the work, or give the service more cores or workers.",
    "unknown": "Look at the signals and at the traces below.",
}


class SuspectBody(msgspec.Struct, frozen=True):
    """A likely cause; `score` and `traces_share` are shares of signals and traces that it explains."""

    cause: str
    component: str
    score: float
    since: str
    signals: list[str]
    traces_share: float


class SignalBody(msgspec.Struct, frozen=True):
    """An abnormal series at its worst; `times` counts the thresholds by which it lay above normal."""

    signal: str
    unit: str
    since: str
    value: float
    normal: float
    times: float


class ForecastBody(msgspec.Struct, frozen=True):
    """When a resource is used up at the present slope; null when it is not."""

    resource: str
    left_s: float | None
    reached_at: str | None
    per_hour_bytes: float
    left_bytes: float


class IncidentBody(msgspec.Struct, frozen=True):
    """One incident; `causes` begin with the likeliest, `signals` with the first that moved."""

    id: str
    status: str
    cause: str
    message: str
    hint: str
    since: str
    opened_at: str
    closed_at: str | None
    causes: list[SuspectBody]
    signals: list[SignalBody]
    trace_ids: list[str]
    forecasts: list[ForecastBody]


class IncidentList(msgspec.Struct, frozen=True):
    """Incidents, the latest first, and what is to be expected of disk and memory now."""

    items: list[IncidentBody]
    next_cursor: str | None
    forecasts: list[ForecastBody]


def body_of(incident: Incident) -> IncidentBody:
    """Return the incident as people and programs read it."""
    component = incident.causes[0].component if incident.causes else ""
    return IncidentBody(
        id=incident.id,
        status="open" if incident.closed_at_s is None else "closed",
        cause=incident.cause,
        message=_MESSAGES[incident.cause].format(component),
        hint=_HINTS[incident.cause],
        since=iso_time(incident.since_s, "seconds"),
        opened_at=iso_time(incident.opened_at_s, "seconds"),
        closed_at=None if incident.closed_at_s is None else iso_time(incident.closed_at_s, "seconds"),
        causes=[_suspect(one) for one in incident.causes],
        signals=[_signal(one) for one in incident.signals],
        trace_ids=list(incident.trace_ids),
        forecasts=[forecast_body(one, incident.opened_at_s) for one in incident.forecasts],
    )


def forecast_body(forecast: Forecast, now_s: float) -> ForecastBody:
    """Return the forecast with its date; JSON knows no infinity."""
    is_known = math.isfinite(forecast.left_s)
    return ForecastBody(
        resource=forecast.resource,
        left_s=round(forecast.left_s, 1) if is_known else None,
        reached_at=iso_time(now_s + forecast.left_s, "seconds") if is_known else None,
        per_hour_bytes=round(forecast.per_hour_bytes),
        left_bytes=round(forecast.left_bytes) if math.isfinite(forecast.left_bytes) else 0,
    )


def _suspect(one: Suspect) -> SuspectBody:
    signals = list(one.signals)
    since = iso_time(one.since_s, "seconds")
    return SuspectBody(one.cause, one.component, one.score, since, signals, one.traces_share)


def _signal(one: Deviation) -> SignalBody:
    return SignalBody(one.name, one.unit, iso_time(one.since_s, "seconds"), one.value, one.normal, one.times)
