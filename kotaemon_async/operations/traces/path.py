"""The whole path of one request or document: its spans as a tree, in order, and what happened on the way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kotaemon_async.stores.traces import ProcessRow, SpanRow, TraceRows
from kotaemon_async.telemetry.trace_log import LineRecord
from kotaemon_async.telemetry.trace_tap import EventRecord, SpanRecord

#: `running` is still at it; `unfinished` was cut off by the end of its process.
State = Literal["ok", "error", "cancelled", "running", "unfinished"]

#: A process that has written within this time may still be at work.
ALIVE_S: Final = 15.0
#: Events that say why something had to wait, that it was tried again, and that something else took over.
WAITS: Final = frozenset({"waits"})
RETRIES: Final = frozenset({"retry", "recovered"})
FALLBACKS: Final = frozenset({"fallback", "lane_lost", "cache_hit", "answer_shared"})


@dataclass(frozen=True, slots=True)
class Step:
    """A span with its place in the tree; `process_ended_s` is when an unfinished one was cut off, about."""

    span: SpanRecord
    depth: int
    state: State
    process_ended_s: float | None = None


@dataclass(frozen=True, slots=True)
class TracePath:
    """Steps depth first and lines by time; `duration_s` is None while something runs."""

    trace_id: str
    status: State
    started_s: float
    duration_s: float | None
    steps: list[Step]
    lines: list[LineRecord]
    truncated: bool

    def events(self, names: frozenset[str]) -> list[tuple[str, EventRecord]]:
        """Events of these names with the id of their span, by time."""
        found = [(step.span.span_id, one) for step in self.steps for one in step.span.events]
        return sorted((pair for pair in found if pair[1].name in names), key=lambda pair: pair[1].at_s)


def path_of(trace_id: str, rows: TraceRows, now_s: float, process: str, *, alone: bool = False) -> TracePath:
    """The path that the rows tell; `process` asks for it, and `alone` says that no other one is at work."""
    others = {} if alone else rows.processes
    alive = {name for name, row in others.items() if _is_alive(row, now_s)} | {process}
    rows_by_id = {row.span.span_id: row for row in rows.spans}
    steps = [
        _step(rows_by_id[span.span_id], depth, alive, rows.processes)
        for span, depth in _depth_first([row.span for row in rows.spans])
    ]
    times = [row.span.started_s for row in rows.spans] + [line.at_s for line in rows.lines]
    ends = [row.span.ended_s or row.span.started_s for row in rows.spans] + [line.at_s for line in rows.lines]
    status = _status(steps)
    return TracePath(
        trace_id=trace_id,
        status=status,
        started_s=min(times),
        duration_s=None if status == "running" else max(ends) - min(times),
        steps=steps,
        lines=sorted(rows.lines, key=lambda line: line.at_s),
        truncated=rows.truncated,
    )


def _is_alive(row: ProcessRow, now_s: float) -> bool:
    return row.ended_s is None and now_s - row.seen_s < ALIVE_S


def _depth_first(spans: Sequence[SpanRecord]) -> Iterator[tuple[SpanRecord, int]]:
    """Each span after its parent, with its depth; one whose parent is not kept begins a tree of its own."""
    known = {span.span_id for span in spans}
    below: dict[str, list[SpanRecord]] = {}
    for span in sorted(spans, key=lambda span: span.started_s, reverse=True):
        parent = span.parent_id if span.parent_id in known and span.parent_id != span.span_id else ""
        below.setdefault(parent, []).append(span)
    waiting = [(span, 0) for span in below.get("", [])]
    while waiting:
        span, depth = waiting.pop()
        yield span, depth
        waiting += [(child, depth + 1) for child in below.get(span.span_id, [])]


def _step(row: SpanRow, depth: int, alive: set[str], processes: dict[str, ProcessRow]) -> Step:
    span = row.span
    if span.ended_s is None and row.process in alive:
        return Step(span, depth, "running")
    if span.ended_s is None:
        last = processes.get(row.process)
        return Step(span, depth, "unfinished", None if last is None else last.ended_s or last.seen_s)
    if span.failed:
        return Step(span, depth, "error")
    return Step(span, depth, "cancelled" if span.attributes.get("cancelled") else "ok")


def _status(steps: Sequence[Step]) -> State:
    """That of what began last at the top: what was cut off or failed before may have been made good since."""
    if any(step.state == "running" for step in steps):
        return "running"
    lasting = [step for step in steps if step.span.lasts] or list(steps)
    return max(lasting, key=lambda step: step.span.started_s).state if lasting else "ok"
