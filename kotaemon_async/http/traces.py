"""The path of one request, document or answer over HTTP."""

from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kotaemon_async.http.auth import READ
from kotaemon_async.http.dependencies import GivenCaller, GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.operations.traces.path import LineBody, SpanBody, TraceBody, TraceEvent


@get(
    "/api/v1/traces/{trace_id:str}",
    opt=READ,
    responses=responses("bad_request", "not_found", "telemetry_unavailable"),
    summary="Get the path of a request, a document or an answer",
)
async def get_trace(services: GivenServices, caller: GivenCaller, trace_id: FromPath[str]) -> TraceBody:
    """Return what is kept of a trace; ids of a document or an answer and an X-Request-ID lead to it, too.

    Callers see the traces that hold their own requests alone, admins all of them.
    """
    return await services.tracing.path(trace_id, caller)


HANDLERS: list[HTTPRouteHandler] = [get_trace]

_WAITED: Final = TraceEvent(
    2.1, "waits", "00f067aa0ba902b7", {"kind": "retry", "code": "parser_unavailable", "wait_s": 10.0}
)
EXAMPLE: Final = TraceBody(
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    status="ok",
    started_at="2026-03-01T09:30:00.000Z",
    duration_s=14.2,
    spans=[
        SpanBody(
            span_id="00f067aa0ba902b7",
            parent_id=None,
            name="ingest",
            depth=0,
            status="error",
            starts_s=0.0,
            duration_s=2.1,
            process_ended_at=None,
            attributes={"doc_id": "doc_019aa5c1f2b07d1e3c5a9b42", "attempt": 1},
            events=[_WAITED],
        )
    ],
    logs=[
        LineBody(
            timestamp="2026-03-01T09:30:02.100Z",
            at_s=2.1,
            level="warning",
            event="document_waits",
            span_id="00f067aa0ba902b7",
            exception=None,
            fields={"code": "parser_unavailable", "wait_s": 10.0},
        )
    ],
    waits=[_WAITED],
    retries=[],
    fallbacks=[],
    truncated=False,
)
