"""Spans and log lines in the telemetry file, the oldest of which make room for the newest."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import apsw
import msgspec
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import INVALID_SPAN_CONTEXT, StatusCode, format_span_id, format_trace_id

from kotaemon_async.stores.sqlite import Store, queries, reads, writes
from kotaemon_async.stores.telemetry import TelemetryFile
from kotaemon_async.telemetry.settings import TraceSettings
from kotaemon_async.telemetry.trace_words import NAMES

SQL = queries("traces.sql")
#: Rows that are read of one trace; somebody may send all requests under one id.
MOST_ROWS: Final = 5_000
#: Traces that are looked at for one name; several callers may give the same X-Request-ID.
MOST_NAMED: Final = 20
#: This part of the rows goes at once when there are too many, so that this is rarely done.
_FORGET_SHARE: Final = 16


class EventRow(msgspec.Struct, frozen=True):
    """Something that happened within a span."""

    at_s: float
    name: str
    attributes: dict[str, object]


class SpanRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A span; times are Unix seconds, ids hex, `parent_id` may be empty.

    `ended_s` is None while it runs; `lasts` says that it is or was written when it began, too; `process` is
    the one that began it.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    started_s: float
    ended_s: float | None = None
    failed: bool = False
    attributes: dict[str, object] = {}
    events: tuple[EventRow, ...] = ()
    lasts: bool = False
    process: str = ""


class LineRow(msgspec.Struct, frozen=True):
    """A log line; `exception` is the type's name, empty without one. The time is in Unix seconds."""

    trace_id: str
    span_id: str
    at_s: float
    level: str
    event: str
    exception: str
    fields: dict[str, object]


Row = SpanRow | LineRow


def span_row(span: ReadableSpan, *, lasts: bool) -> SpanRow:
    """Return the span as it is now."""
    ids = span.get_span_context() or INVALID_SPAN_CONTEXT
    return SpanRow(
        trace_id=format_trace_id(ids.trace_id),
        span_id=format_span_id(ids.span_id),
        parent_id=format_span_id(span.parent.span_id) if span.parent else "",
        name=span.name,
        started_s=(span.start_time or 0) / 1e9,
        ended_s=span.end_time / 1e9 if span.end_time else None,
        failed=span.status.status_code is StatusCode.ERROR,
        attributes=dict(span.attributes or {}),
        events=tuple(
            EventRow(one.timestamp / 1e9, one.name, dict(one.attributes or {})) for one in span.events
        ),
        lasts=lasts,
    )


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """When a process was last heard of, and when it ended, if it did so orderly. Unix seconds."""

    seen_s: float
    ended_s: float | None


@dataclass(frozen=True, slots=True)
class TraceRows:
    """What is kept of one trace, in the order it was written."""

    spans: list[SpanRow]
    lines: list[LineRow]
    processes: dict[str, ProcessRow]
    truncated: bool


class TraceStore(Store):
    """Keeps rows in batches; every method raises Unavailable."""

    def __init__(self, file: TelemetryFile, settings: TraceSettings) -> None:
        super().__init__(file)
        self._settings = settings
        #: Names this process in what it writes.
        self.process = f"{os.getpid()}-{secrets.token_hex(4)}"

    @writes
    def append(
        self, conn: apsw.Connection, rows: Sequence[Row], now_s: float, *, ended: bool = False
    ) -> None:
        """Keep the rows, and note that this process was there; `ended` says that it stops."""
        ended_s = now_s if ended else None
        conn.execute(SQL["see"], {"process": self.process, "now": now_s, "ended_at": ended_s})
        names: dict[tuple[str, str], int] = {}
        for row in rows:
            number = _keep(conn, row, self.process)
            names.update(((name, row.trace_id), number) for name in _names(row))
        for (name, trace_id), number in names.items():
            conn.execute(SQL["name"], {"name": name, "trace_id": trace_id, "row": number})
        _forget(conn, self._settings, now_s)

    @reads
    def trace(self, conn: apsw.Connection, trace_id: str) -> TraceRows | None:
        """Return what is kept of a trace; None when nothing is."""
        values: dict[str, str | int] = {"trace_id": trace_id, "limit": MOST_ROWS + 1}
        rows = list(conn.execute(SQL["rows"], values))
        if not rows:
            return None
        spans = [_span(body, process) for kind, process, body in rows if kind == "span"]
        lines = [msgspec.json.decode(body, type=LineRow) for kind, _, body in rows if kind == "line"]
        seen = conn.execute(SQL["processes"], {"trace_id": trace_id})
        processes = {process: ProcessRow(seen_s, ended_s) for process, seen_s, ended_s in seen}
        return TraceRows(spans, lines, processes, len(rows) > MOST_ROWS)

    @reads
    def named(self, conn: apsw.Connection, name: str, *, first: bool) -> list[str]:
        """Return traces that the id of a document, an answer or a request stands in, in that order."""
        values: dict[str, str | int] = {"name": name, "limit": MOST_NAMED}
        rows = conn.execute(SQL["first_named" if first else "last_named"], values)
        return [trace_id for (trace_id,) in rows]

    @reads
    def size(self, conn: apsw.Connection) -> tuple[int, int]:
        """Return rows and bytes."""
        return _size(conn)


def _keep(conn: apsw.Connection, row: Row, process: str) -> int:
    """Keep the row and return the number of the last one; what ends a span takes the row of its begin."""
    is_span = isinstance(row, SpanRow)
    values: dict[str, str | float | None] = {
        "trace_id": row.trace_id,
        "kind": "span" if is_span else "line",
        "span_id": row.span_id,
        "process": process,
        "started_at": row.started_s if isinstance(row, SpanRow) else row.at_s,
        "ended_at": row.ended_s if isinstance(row, SpanRow) else None,
        "body": msgspec.json.encode(row).decode(),
    }
    if isinstance(row, SpanRow) and row.lasts and row.ended_s is not None:
        conn.execute(SQL["finish"], values)
        if conn.changes():
            return int(conn.execute(SQL["last_row"]).get)
    conn.execute(SQL["begin"], values)
    return conn.last_insert_rowid()


def _names(row: Row) -> set[str]:
    given = row.attributes if isinstance(row, SpanRow) else row.fields
    return {str(given[key]) for key in NAMES if given.get(key)}


def _span(body: str, process: str) -> SpanRow:
    return msgspec.structs.replace(msgspec.json.decode(body, type=SpanRow), process=process)


def _size(conn: apsw.Connection) -> tuple[int, int]:
    rows, size_bytes = conn.execute(SQL["size"]).get
    return rows, size_bytes


def _forget(conn: apsw.Connection, settings: TraceSettings, now_s: float) -> None:
    oldest_s = now_s - settings.keep_s
    _forget_before(conn, conn.execute(SQL["oldest_kept"], {"oldest": oldest_s}).get)
    conn.execute(SQL["forget_processes"], {"oldest": oldest_s})
    while True:
        rows, size_bytes = _size(conn)
        if rows == 0 or (rows <= settings.max_rows and size_bytes <= settings.max_bytes):
            return
        too_many = max(rows - settings.max_rows, 0) + max(1, rows // _FORGET_SHARE)
        _forget_before(conn, conn.execute(SQL["first_row"]).get + too_many)


def _forget_before(conn: apsw.Connection, row: int) -> None:
    conn.execute(SQL["forget_rows"], {"row": row})
    if conn.changes():
        conn.execute(SQL["forget_names"], {"row": row})
