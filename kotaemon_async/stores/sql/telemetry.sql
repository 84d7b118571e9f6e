-- What the service notes about itself. Nothing rests on it: a damaged file is put aside and begun anew.
-- Times are Unix seconds.

-- Spans and log lines in the order they were written, so that the oldest are a run of ids.
CREATE TABLE trace_rows (
    id INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    span_id TEXT NOT NULL,
    process TEXT NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX trace_rows_by_trace ON trace_rows (trace_id, kind, span_id);

-- Under what else a trace can be found: ids of documents, answers and requests.
CREATE TABLE trace_names (
    name TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    first_row INTEGER NOT NULL,
    last_row INTEGER NOT NULL,
    PRIMARY KEY (name, trace_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_names_by_row ON trace_names (last_row);

-- Who wrote, until when at least; `ended_at` only after an orderly end.
CREATE TABLE trace_processes (
    process TEXT PRIMARY KEY,
    seen_at REAL NOT NULL,
    ended_at REAL
) STRICT, WITHOUT ROWID;

-- What went wrong and why, as JSON.
CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    opened_at REAL NOT NULL,
    closed_at REAL,
    cause TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incidents_by_time ON incidents (opened_at, id);

PRAGMA user_version = 1;
