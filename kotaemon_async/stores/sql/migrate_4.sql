-- From schema 4 to 5: what of a document was not read, its charset and its place inside a folder or an archive;
-- pages and chunks with the places that citations name, and rows of a table with the names of its columns.
ALTER TABLE documents ADD COLUMN charset TEXT;
ALTER TABLE documents ADD COLUMN warnings TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN searchable_warnings TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN path TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN parent_id TEXT;
ALTER TABLE pages DROP COLUMN label;
ALTER TABLE pages ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE chunks ADD COLUMN head TEXT NOT NULL DEFAULT '';
ALTER TABLE chunks ADD COLUMN place TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 5;
