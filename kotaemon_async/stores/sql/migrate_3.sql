-- From schema 3 to 4: chunks with their sentences, which may go on over a page break.
ALTER TABLE chunks ADD COLUMN over_start INTEGER;
ALTER TABLE chunks ADD COLUMN over_stop INTEGER;
ALTER TABLE chunks ADD COLUMN context TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 4;
