"""The path of one request or document over HTTP: in order, with times."""

from typing import Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kotaemon_async.domain.times import iso_time
from kotaemon_async.http.dependencies import GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.operations.traces.path import FALLBACKS, RETRIES, WAITS, State, Step, TracePath
from kotaemon_async.telemetry.trace_log import LineRecord
from kotaemon_async.telemetry.trace_tap import EventRecord


class TraceEvent(msgspec.Struct, frozen=True):
    """Something that happened within a span, so many seconds after the trace began."""

    at_s: float
    name: str
    span_id: str
    attributes: dict[str, object]


class SpanBody(msgspec.Struct, frozen=True):
    """One step; `depth` is how deep it stands in the tree, `starts_s` counts from the start of the trace.

    `duration_s` is null while it runs, and for one that the end of its process cut off at `process_ended_at`.
    """

    span_id: str
    parent_id: str | None
    name: str
    depth: int
    status: State
    starts_s: float
    duration_s: float | None
    process_ended_at: str | None
    attributes: dict[str, object]
    events: list[TraceEvent]


class LineBody(msgspec.Struct, frozen=True):
    """A log line that belongs to the trace; `exception` is the type's name."""

    timestamp: str
    at_s: float
    level: str
    event: str
    span_id: str | None
    exception: str | None
    fields: dict[str, object]


class TraceBody(msgspec.Struct, frozen=True):
    """The whole path: spans depth first, and of their events those that say why it took so long."""

    trace_id: str
    status: State
    started_at: str
    duration_s: float | None
    spans: list[SpanBody]
    logs: list[LineBody]
    waits: list[TraceEvent]
    retries: list[TraceEvent]
    fallbacks: list[TraceEvent]
    truncated: bool


@get(
    "/api/v1/traces/{trace_id:str}",
    responses=responses("bad_request", "not_found", "telemetry_unavailable"),
    summary="Get the path of a request, a document or an answer",
)
async def get_trace(services: GivenServices, trace_id: FromPath[str]) -> TraceBody:
    """All that is kept under it; the id of a document or an answer and an X-Request-ID lead to it, too."""
    return trace_body(await services.tracing.path(trace_id))


def trace_body(path: TracePath) -> TraceBody:
    """The path as it is sent."""

    def picked(names: frozenset[str]) -> list[TraceEvent]:
        return [_event(one, span_id, path.started_s) for span_id, one in path.events(names)]

    return TraceBody(
        trace_id=path.trace_id,
        status=path.status,
        started_at=iso_time(path.started_s),
        duration_s=None if path.duration_s is None else round(path.duration_s, 6),
        spans=[_span(step, path.started_s) for step in path.steps],
        logs=[_line(line, path.started_s) for line in path.lines],
        waits=picked(WAITS),
        retries=picked(RETRIES),
        fallbacks=picked(FALLBACKS),
        truncated=path.truncated,
    )


def _span(step: Step, began_s: float) -> SpanBody:
    span = step.span
    return SpanBody(
        span_id=span.span_id,
        parent_id=span.parent_id or None,
        name=span.name,
        depth=step.depth,
        status=step.state,
        starts_s=round(span.started_s - began_s, 6),
        duration_s=None if span.ended_s is None else round(span.ended_s - span.started_s, 6),
        process_ended_at=None if step.process_ended_s is None else iso_time(step.process_ended_s),
        attributes=span.attributes,
        events=[_event(one, span.span_id, began_s) for one in span.events],
    )


def _event(event: EventRecord, span_id: str, began_s: float) -> TraceEvent:
    return TraceEvent(round(event.at_s - began_s, 6), event.name, span_id, event.attributes)


def _line(line: LineRecord, began_s: float) -> LineBody:
    return LineBody(
        timestamp=iso_time(line.at_s),
        at_s=round(line.at_s - began_s, 6),
        level=line.level,
        event=line.event,
        span_id=line.span_id or None,
        exception=line.exception or None,
        fields=line.fields,
    )


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
