"""The path of one request or document, in order, with times."""

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kotaemon_async.http.dependencies import GivenParts
from kotaemon_async.http.problems import responses
from kotaemon_async.http.trace_bodies import TraceBody, trace_body


@get(
    "/api/v1/traces/{trace_id:str}",
    responses=responses("bad_request", "not_found", "telemetry_unavailable"),
    summary="Get the path of a request, a document or an answer",
)
async def get_trace(parts: GivenParts, trace_id: FromPath[str]) -> TraceBody:
    """All that is kept under it; the id of a document or an answer and an X-Request-ID lead to it, too."""
    return trace_body(await parts.tracing.path(trace_id))


HANDLERS: list[HTTPRouteHandler] = [get_trace]
