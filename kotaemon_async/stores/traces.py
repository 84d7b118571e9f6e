"""Spans and log lines in the telemetry file, the oldest of which make room for the newest."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import apsw
import msgspec

from kotaemon_async.stores.sqlite import Store, queries, reads, writes
from kotaemon_async.stores.telemetry import TelemetryFile
from kotaemon_async.telemetry.settings import TraceSettings
from kotaemon_async.telemetry.trace_log import LineRecord
from kotaemon_async.telemetry.trace_tap import SpanRecord
from kotaemon_async.telemetry.trace_words import NAMES

SQL = queries("traces.sql")
R = TypeVar("R", SpanRecord, LineRecord)
Record = SpanRecord | LineRecord

#: Rows that are read of one trace; somebody may send all requests under one id.
MOST_ROWS: Final = 5_000
#: This part of the rows goes at once when there are too many, so that this is rarely done.
_FORGET_SHARE: Final = 16


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A span as it was kept, and the process that began it."""

    span: SpanRecord
    process: str


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """When a process was last heard of, and when it ended, if it did so orderly. Unix seconds."""

    seen_s: float
    ended_s: float | None


@dataclass(frozen=True, slots=True)
class TraceRows:
    """What is kept of one trace, in the order it was written."""

    spans: list[SpanRow]
    lines: list[LineRecord]
    processes: dict[str, ProcessRow]
    truncated: bool


class TraceStore(Store):
    """Keeps records in batches; every method raises Unavailable."""

    def __init__(self, file: TelemetryFile, settings: TraceSettings) -> None:
        super().__init__(file)
        self._settings = settings
        #: Names this process in what it writes.
        self.process = f"{os.getpid()}-{secrets.token_hex(4)}"

    @writes
    def append(
        self, conn: apsw.Connection, records: Sequence[Record], now_s: float, *, ended: bool = False
    ) -> None:
        """Keep the records, and note that this process was there; `ended` says that it stops."""
        ended_s = now_s if ended else None
        conn.execute(SQL["see"], {"process": self.process, "now": now_s, "ended_at": ended_s})
        names: dict[tuple[str, str], int] = {}
        for record in records:
            row = _keep(conn, record, self.process)
            names.update(((name, record.trace_id), row) for name in _names(record))
        for (name, trace_id), row in names.items():
            conn.execute(SQL["name"], {"name": name, "trace_id": trace_id, "row": row})
        _forget(conn, self._settings, now_s)

    @reads
    def trace(self, conn: apsw.Connection, trace_id: str) -> TraceRows | None:
        """Return what is kept of a trace; None when nothing is."""
        values: dict[str, str | int] = {"trace_id": trace_id, "limit": MOST_ROWS + 1}
        rows = list(conn.execute(SQL["rows"], values))
        if not rows:
            return None
        spans = [
            SpanRow(_decoded(body, SpanRecord), process) for kind, process, body in rows if kind == "span"
        ]
        lines = [_decoded(body, LineRecord) for kind, _, body in rows if kind == "line"]
        seen = conn.execute(SQL["processes"], {"trace_id": trace_id})
        processes = {process: ProcessRow(seen_s, ended_s) for process, seen_s, ended_s in seen}
        return TraceRows(spans, lines, processes, len(rows) > MOST_ROWS)

    @reads
    def named(self, conn: apsw.Connection, name: str, *, first: bool) -> str | None:
        """Return the first or the last trace that the id of a document, an answer or a request stands in."""
        found: str | None = conn.execute(SQL["first_named" if first else "last_named"], {"name": name}).get
        return found

    @reads
    def size(self, conn: apsw.Connection) -> tuple[int, int]:
        """Return rows and bytes."""
        return _size(conn)


def _keep(conn: apsw.Connection, record: Record, process: str) -> int:
    """Keep the record and return its row; what finishes a span that has begun takes its row."""
    is_span = isinstance(record, SpanRecord)
    values: dict[str, str | float | None] = {
        "trace_id": record.trace_id,
        "kind": "span" if is_span else "line",
        "span_id": record.span_id,
        "process": process,
        "started_at": record.started_s if isinstance(record, SpanRecord) else record.at_s,
        "ended_at": record.ended_s if isinstance(record, SpanRecord) else None,
        "body": msgspec.json.encode(record).decode(),
    }
    if isinstance(record, SpanRecord) and record.lasts and record.ended_s is not None:
        conn.execute(SQL["finish"], values)
        if conn.changes():
            return int(conn.execute(SQL["last_row"]).get)
    conn.execute(SQL["begin"], values)
    return conn.last_insert_rowid()


def _names(record: Record) -> set[str]:
    given = record.attributes if isinstance(record, SpanRecord) else record.fields
    return {str(given[key]) for key in NAMES if given.get(key)}


def _decoded(body: str, kind: type[R]) -> R:
    return msgspec.json.decode(body, type=kind)


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
