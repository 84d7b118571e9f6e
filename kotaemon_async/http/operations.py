"""Looking after the service over HTTP: health, metrics, the last half hour, the doctor, incidents."""

from importlib.metadata import version
from typing import Annotated, Final, Literal

import anyio.to_thread
import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.http.audit import audited, name_object
from kotaemon_async.http.auth import ADMIN, OPEN
from kotaemon_async.http.bodies import HealthReport, State
from kotaemon_async.http.dependencies import AnyRequest, Cursor, GivenServices, PossibleCaller
from kotaemon_async.http.problems import responses
from kotaemon_async.operations.doctor.report import ReportBody, body_of
from kotaemon_async.operations.incidents.report import IncidentBody, IncidentList
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.history import EVERY_S

INCIDENTS: Final = "/api/v1/incidents"
_VERSION: Final = version("kotaemon-async")
_NOT_READY = ("starting", "shutting_down", "ledger_unavailable", "memory_high")
_DOWN = ResponseSpec(HealthReport, generate_examples=False, description="A core part is down.")


@get("/livez", opt=OPEN, responses=responses(), summary="The process turns")
async def livez() -> State:
    """Return always the same, so that load never causes a restart."""
    return State("ok")


@get("/readyz", opt=OPEN, responses=responses(*_NOT_READY), summary="It can take work")
async def readyz(services: GivenServices) -> State:
    """Return `ready`; raises Unavailable while it starts or stops or a core part is down."""
    if services.stopping.is_set():
        raise Unavailable("The service is stopping.", code="shutting_down", retry_after_s=5)
    if not services.started.is_set():
        raise Unavailable("The service is starting.", code="starting", retry_after_s=1)
    report = msgspec.convert(await services.health.report(), HealthReport)
    lost = [one for one in report.components.values() if one["core"] and one["status"] == "down"]
    if lost:
        raise Unavailable("A core part is down; see /healthz.", code=str(lost[0]["code"]), retry_after_s=2)
    return State("ready")


@get("/healthz", opt=OPEN, responses={503: _DOWN, **responses()}, summary="How every part is")
async def healthz(services: GivenServices, caller: PossibleCaller) -> Response[HealthReport]:
    """Return 200 when it is ok or degraded, 503 when a core part is down; details to admins alone."""
    sees_details = caller is not None and caller.is_admin
    found = await services.health.report(details=sees_details)
    report = msgspec.convert({**found, "version": _VERSION if sees_details else None}, HealthReport)
    return Response(report, status_code=503 if report.status == "down" else 200)


@get("/metrics", opt=ADMIN, media_type="text/plain", responses=responses(), summary="Figures for Prometheus")
async def figures() -> Response[bytes]:
    """Return every metric in the text format of Prometheus."""
    page = await anyio.to_thread.run_sync(metrics.render)
    return Response(page, headers={"Content-Type": metrics.CONTENT_TYPE})


class Figures(msgspec.Struct, frozen=True):
    """Times in Unix seconds, and for each name as many values; null where there is nothing to tell."""

    every_s: float
    at: list[float]
    series: dict[str, list[float | None]]


@get("/api/v1/figures", opt=ADMIN, responses=responses("bad_request"), summary="The last half hour")
async def last_figures(services: GivenServices, after: FromQuery[float] = 0.0) -> Figures:
    """Return queue, throughput, times, memory; with `after` only what is later than that."""
    moments = services.history.after(after)
    names = moments[-1].values if moments else ()
    series = {name: [_rounded(moment.values.get(name)) for moment in moments] for name in names}
    return Figures(EVERY_S, [round(moment.at_s, 3) for moment in moments], series)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


class DoctorRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to mend what differs and to read every file and page; of which `folder`, if that matters."""

    repair: bool = False
    deep: bool = False
    folder: Annotated[str, Meta(max_length=64)] = ""


@post(
    "/api/v1/doctor",
    opt=ADMIN | audited("doctor"),
    status_code=200,
    responses=responses("bad_request", "not_found", "conflict", "ledger_unavailable"),
    summary="Compare ledger, files, keywords and vectors",
)
async def examine(request: AnyRequest, data: JSONBody[DoctorRequest], services: GivenServices) -> ReportBody:
    """Return what differs and what of it is left, after seconds to minutes; 409 while another one runs."""
    name_object(request, "repair" if data.repair else "look")
    return body_of(await services.doctor.run(repair=data.repair, deep=data.deep, name=data.folder))


@get(
    INCIDENTS,
    opt=ADMIN,
    responses=responses("bad_request", "telemetry_unavailable"),
    summary="List incidents",
)
async def list_incidents(
    services: GivenServices,
    status: FromQuery[Literal["open", "closed"] | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> IncidentList:
    """Return open and past ones, the latest first, and when disk and memory will be used up."""
    return await services.incidents.watch.page(status=status, limit=limit, cursor=cursor)


@get(
    INCIDENTS + "/{incident_id:str}",
    opt=ADMIN,
    responses=responses("bad_request", "not_found", "telemetry_unavailable"),
    summary="Get an incident",
)
async def get_incident(services: GivenServices, incident_id: FromPath[str]) -> IncidentBody:
    """Return the incident with its likely causes, its signals and traces that it touched."""
    return await services.incidents.watch.one(incident_id)


HANDLERS: list[HTTPRouteHandler] = [
    livez,
    readyz,
    healthz,
    figures,
    last_figures,
    examine,
    list_incidents,
    get_incident,
]
