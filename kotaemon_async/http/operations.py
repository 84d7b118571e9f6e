"""For operators: is it alive, can it work, how is every part, the figures, and a first page."""

import msgspec
from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from kotaemon_async.errors import Unavailable
from kotaemon_async.http.bodies import HealthReport, State
from kotaemon_async.http.parts import GivenParts
from kotaemon_async.http.problems import responses
from kotaemon_async.telemetry import metrics

_PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>kotaemon-async</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:3em auto;padding:0 1em}</style>
<h1>kotaemon-async</h1>
<p>This service answers questions about your documents, with citations.</p>
<ul><li><a href="/schema">/schema</a>: every call, as OpenAPI</li>
<li><a href="/healthz">/healthz</a>: how every part is</li>
<li><a href="/metrics">/metrics</a>: figures for Prometheus</li></ul>
<p>On the command line:
<code>kotaemon-async ingest FOLDER</code>, then <code>kotaemon-async ask "…"</code>.</p>
</html>
"""
_DOWN = ResponseSpec(HealthReport, generate_examples=False, description="A core part is down.")


@get("/livez", responses=responses(), summary="The process turns")
async def livez() -> State:
    """Always the same, so that load never causes a restart."""
    return State("ok")


@get("/readyz", responses=responses("shutting_down", "ledger_unavailable"), summary="It can take work")
async def readyz(parts: GivenParts) -> State:
    """`ready`; raises Unavailable while it stops or a core part is down."""
    if parts.stopping.is_set():
        raise Unavailable("The service is stopping.", code="shutting_down", retry_after_s=5)
    if (await parts.health.report())["status"] == "down":
        raise Unavailable("A core part is down; see /healthz.", code="ledger_unavailable", retry_after_s=2)
    return State("ready")


@get("/healthz", responses={503: _DOWN, **responses()}, summary="How every part is")
async def healthz(parts: GivenParts) -> Response[HealthReport]:
    """200 when it is ok or degraded, 503 when a core part is down."""
    report = msgspec.convert(await parts.health.report(), HealthReport)
    return Response(report, status_code=503 if report.status == "down" else 200)


@get("/metrics", media_type="text/plain", responses=responses(), summary="Figures for Prometheus")
async def figures() -> Response[str]:
    """The text format of Prometheus."""
    return Response(metrics.render().decode(), headers={"Content-Type": metrics.CONTENT_TYPE})


@get("/", media_type=MediaType.HTML, include_in_schema=False)
async def root() -> str:
    """A first page that says what runs here."""
    return _PAGE


HANDLERS: list[HTTPRouteHandler] = [livez, readyz, healthz, figures, root]
