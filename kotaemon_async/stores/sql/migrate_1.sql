-- From schema 1 to 2: attempts by cause, what a version was made with, replies kept for Idempotency-Key.
ALTER TABLE documents ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN errors INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN shutdowns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN recipe TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN searchable_recipe TEXT NOT NULL DEFAULT '';
ALTER TABLE chunks ADD COLUMN model TEXT NOT NULL DEFAULT '';
CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT,
    record TEXT,
    created_at REAL NOT NULL
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
UPDATE documents SET errors = max(0, attempt - 1) WHERE status IN ('queued', 'processing');

PRAGMA user_version = 2;
