"""The whole path of one request or document: its spans as a tree, in order, and what happened on the way."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from typing import Final, Literal

import msgspec

from kotaemon_async.domain.times import iso_time
from kotaemon_async.stores.traces import LineRow, ProcessRow, SpanRow, TraceRows

#: `running` is still at it; `unfinished` was cut off by the end of its process.
State = Literal["ok", "error", "cancelled", "running", "unfinished"]

#: The attribute and the field that name the caller.
USER_ID: Final = "user_id"
#: A process that has written within this time may still be at work.
ALIVE_S: Final = 15.0
#: Events that say why something had to wait, that it was tried again, and that something else took over.
_WAITS: Final = frozenset({"waits"})
_RETRIES: Final = frozenset({"retry", "recovered"})
FALLBACKS: Final = frozenset({"fallback", "lane_lost", "cache_hit", "answer_shared"})


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


def path_of(trace_id: str, rows: TraceRows, now_s: float, process: str, *, alone: bool = False) -> TraceBody:
    """Return the path that the rows tell; `process` asks for it, and with `alone` no other one is at work."""
    others = {} if alone else rows.processes
    alive = {name for name, row in others.items() if _is_alive(row, now_s)} | {process}
    times = [row.started_s for row in rows.spans] + [line.at_s for line in rows.lines]
    ends = [row.ended_s or row.started_s for row in rows.spans] + [line.at_s for line in rows.lines]
    began_s = min(times)
    ordered = list(_depth_first(rows.spans))
    states = {row.span_id: _state(row, alive) for row, _ in ordered}
    status = _status([row for row, _ in ordered], states)
    spans = [_span(row, depth, states[row.span_id], rows.processes, began_s) for row, depth in ordered]
    return TraceBody(
        trace_id=trace_id,
        status=status,
        started_at=iso_time(began_s),
        duration_s=None if status == "running" else round(max(ends) - began_s, 6),
        spans=spans,
        logs=[_line(line, began_s) for line in sorted(rows.lines, key=lambda line: line.at_s)],
        waits=_picked(spans, _WAITS),
        retries=_picked(spans, _RETRIES),
        fallbacks=_picked(spans, FALLBACKS),
        truncated=rows.truncated,
    )


def is_caused_by(rows: TraceRows, ids: Set[str]) -> bool:
    """Return whether somebody is named in the rows, in each span, and nobody but who goes by these ids."""
    found = {row.attributes.get(USER_ID) for row in rows.spans}
    found |= {line.fields[USER_ID] for line in rows.lines if USER_ID in line.fields}
    return bool(found) and found <= ids


def without_others(rows: TraceRows) -> TraceRows:
    """Return the rows without the ids of traces that an answer was shared with."""
    return replace(rows, spans=[_alone(span) for span in rows.spans])


def _alone(span: SpanRow) -> SpanRow:
    kept = [
        {key: value for key, value in one.attributes.items() if key != "from_trace"} for one in span.events
    ]
    events = zip(span.events, kept, strict=True)
    return msgspec.structs.replace(
        span, events=tuple(msgspec.structs.replace(one, attributes=own) for one, own in events)
    )


def _is_alive(row: ProcessRow, now_s: float) -> bool:
    return row.ended_s is None and now_s - row.seen_s < ALIVE_S


def _depth_first(spans: Sequence[SpanRow]) -> Iterator[tuple[SpanRow, int]]:
    """Yield each span after its parent, with its depth; one whose parent is not kept begins a tree."""
    known = {span.span_id for span in spans}
    below: dict[str, list[SpanRow]] = {}
    for span in sorted(spans, key=lambda span: span.started_s, reverse=True):
        parent = span.parent_id if span.parent_id in known and span.parent_id != span.span_id else ""
        below.setdefault(parent, []).append(span)
    waiting = [(span, 0) for span in below.get("", [])]
    while waiting:
        span, depth = waiting.pop()
        yield span, depth
        waiting += [(child, depth + 1) for child in below.get(span.span_id, [])]


def _state(span: SpanRow, alive: set[str]) -> State:
    if span.ended_s is None:
        return "running" if span.process in alive else "unfinished"
    if span.failed:
        return "error"
    return "cancelled" if span.attributes.get("cancelled") else "ok"


def _status(spans: Sequence[SpanRow], states: dict[str, State]) -> State:
    """Return that of what began last at the top: what failed before may have been made good since."""
    if "running" in states.values():
        return "running"
    lasting = [span for span in spans if span.lasts] or spans
    return states[max(lasting, key=lambda span: span.started_s).span_id] if lasting else "ok"


def _span(
    span: SpanRow, depth: int, state: State, processes: dict[str, ProcessRow], began_s: float
) -> SpanBody:
    last = processes.get(span.process) if state == "unfinished" else None
    return SpanBody(
        span_id=span.span_id,
        parent_id=span.parent_id or None,
        name=span.name,
        depth=depth,
        status=state,
        starts_s=round(span.started_s - began_s, 6),
        duration_s=None if span.ended_s is None else round(span.ended_s - span.started_s, 6),
        process_ended_at=None if last is None else iso_time(last.ended_s or last.seen_s),
        attributes=span.attributes,
        events=[
            TraceEvent(round(one.at_s - began_s, 6), one.name, span.span_id, one.attributes)
            for one in span.events
        ],
    )


def _picked(spans: Sequence[SpanBody], names: frozenset[str]) -> list[TraceEvent]:
    found = [event for span in spans for event in span.events if event.name in names]
    return sorted(found, key=lambda event: event.at_s)


def _line(line: LineRow, began_s: float) -> LineBody:
    return LineBody(
        timestamp=iso_time(line.at_s),
        at_s=round(line.at_s - began_s, 6),
        level=line.level,
        event=line.event,
        span_id=line.span_id or None,
        exception=line.exception or None,
        fields=line.fields,
    )
