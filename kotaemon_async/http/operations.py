"""For operators: is it alive, can it work, how is every part, and the figures."""

from importlib.metadata import version
from typing import Final

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.http.auth import OPEN
from kotaemon_async.http.bodies import HealthReport, State
from kotaemon_async.http.dependencies import GivenParts, SeesDetails
from kotaemon_async.http.problems import responses
from kotaemon_async.telemetry import metrics

_VERSION: Final = version("kotaemon-async")
_NOT_READY = ("starting", "shutting_down", "ledger_unavailable", "memory_high")
_DOWN = ResponseSpec(HealthReport, generate_examples=False, description="A core part is down.")


@get("/livez", opt=OPEN, responses=responses(), summary="The process turns")
async def livez() -> State:
    """Always the same, so that load never causes a restart."""
    return State("ok")


@get("/readyz", opt=OPEN, responses=responses(*_NOT_READY), summary="It can take work")
async def readyz(parts: GivenParts) -> State:
    """`ready`; raises Unavailable while it starts or stops or a core part is down."""
    if parts.stopping.is_set():
        raise Unavailable("The service is stopping.", code="shutting_down", retry_after_s=5)
    if not parts.started.is_set():
        raise Unavailable("The service is starting.", code="starting", retry_after_s=1)
    report = msgspec.convert(await parts.health.report(), HealthReport)
    lost = [one for one in report.components.values() if one["core"] and one["status"] == "down"]
    if lost:
        raise Unavailable("A core part is down; see /healthz.", code=str(lost[0]["code"]), retry_after_s=2)
    return State("ready")


@get("/healthz", opt=OPEN, responses={503: _DOWN, **responses()}, summary="How every part is")
async def healthz(parts: GivenParts, sees_details: SeesDetails) -> Response[HealthReport]:
    """200 when it is ok or degraded, 503 when a core part is down."""
    found = await parts.health.report(details=sees_details)
    report = msgspec.convert({**found, "version": _VERSION if sees_details else None}, HealthReport)
    return Response(report, status_code=503 if report.status == "down" else 200)


@get("/metrics", media_type="text/plain", responses=responses(), summary="Figures for Prometheus")
async def figures() -> Response[str]:
    """The text format of Prometheus."""
    return Response(metrics.render().decode(), headers={"Content-Type": metrics.CONTENT_TYPE})


HANDLERS: list[HTTPRouteHandler] = [livez, readyz, healthz, figures]
