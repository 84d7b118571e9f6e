"""Incidents over HTTP: what is wrong, since when, and what most likely causes it."""

from typing import Annotated, Final, Literal

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from kotaemon_async.http.dependencies import GivenParts
from kotaemon_async.http.problems import responses
from kotaemon_async.operations.incidents.report import (
    ForecastBody,
    IncidentBody,
    IncidentList,
    SignalBody,
    SuspectBody,
)

PATH: Final = "/api/v1/incidents"


@get(PATH, responses=responses("bad_request", "telemetry_unavailable"), summary="List incidents")
async def list_incidents(
    parts: GivenParts,
    status: FromQuery[Literal["open", "closed"] | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    cursor: FromQuery[str | None] = None,
) -> IncidentList:
    """Open and past ones, the latest first, and when disk and memory will be used up."""
    return await parts.incidents.watch.page(status=status, limit=limit, cursor=cursor)


@get(
    PATH + "/{incident_id:str}",
    responses=responses("bad_request", "not_found", "telemetry_unavailable"),
    summary="Get an incident",
)
async def get_incident(parts: GivenParts, incident_id: FromPath[str]) -> IncidentBody:
    """The incident with its likely causes, its signals and traces that it touched."""
    return await parts.incidents.watch.one(incident_id)


HANDLERS: list[HTTPRouteHandler] = [list_incidents, get_incident]

_FORECAST: Final = ForecastBody("disk", 86_400.0, "2026-03-02T09:30:00Z", 1_200_000_000, 28_800_000_000)
_EXAMPLE: Final = IncidentBody(
    id="inc_019aa5c1f2b07d1e3c5a9b42",
    status="open",
    cause="llm_down",
    message="The model link primary fails.",
    hint="Check that its server runs and can be reached; see /healthz.",
    since="2026-03-01T09:30:00Z",
    opened_at="2026-03-01T09:30:25Z",
    closed_at=None,
    causes=[
        SuspectBody("llm_down", "primary", 0.94, "2026-03-01T09:30:00Z", ["primary.failed_share"], 1.0),
        SuspectBody("llm_slow", "primary", 0.34, "2026-03-01T09:30:10Z", ["primary.breaker"], 0.0),
    ],
    signals=[SignalBody("primary.failed_share", "ratio", "2026-03-01T09:30:00Z", 0.92, 0.0, 2.3)],
    trace_ids=["4bf92f3577b34da6a3ce929d0e0e4736"],
    forecasts=[],
)
#: By the name of the schema component.
EXAMPLES: Final[dict[str, object]] = {
    type(body).__name__: msgspec.to_builtins(body)
    for body in (_EXAMPLE, IncidentList([_EXAMPLE], None, [_FORECAST]))
}
