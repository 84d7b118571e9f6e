-- From schema 4 to 5: what of a document was not read, its charset and its place inside a folder or an archive;
-- pages and chunks with the places that citations name, and rows of a table with the names of its columns; which
-- documents came out of archives and followed folders.
ALTER TABLE documents ADD COLUMN charset TEXT;
ALTER TABLE documents ADD COLUMN warnings TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN searchable_warnings TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN path TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN parent_id TEXT;
ALTER TABLE documents ADD COLUMN origin TEXT NOT NULL DEFAULT 'upload';
ALTER TABLE documents ADD COLUMN lacks_ocr INTEGER NOT NULL DEFAULT 0;
UPDATE documents SET lacks_ocr = 1 WHERE status = 'failed' AND error_code = 'no_text';
ALTER TABLE pages DROP COLUMN label;
ALTER TABLE pages ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE pages ADD COLUMN words TEXT NOT NULL DEFAULT '';
ALTER TABLE chunks ADD COLUMN head TEXT NOT NULL DEFAULT '';
ALTER TABLE chunks ADD COLUMN place TEXT NOT NULL DEFAULT '';

CREATE INDEX documents_of_folders ON documents (id) WHERE origin = 'folder';
CREATE INDEX documents_with_warnings ON documents (id) WHERE warnings <> '';

-- Which documents came out of which archives; the same bytes may lie in several.
CREATE TABLE archive_members (
    archive_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    PRIMARY KEY (archive_id, document_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX archives_by_member ON archive_members (document_id);

-- Followed folders with the disk they were found on, since when too many of their files are missing, and what could
-- be a document when the others were refused.
CREATE TABLE watched_folders (
    folder TEXT PRIMARY KEY,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    held_since REAL,
    takes TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- Their files as they were when they were taken; `path` is what the file system has below the folder. The document
-- `replaces` holds the former contents until `document_id` is ready.
CREATE TABLE watched_files (
    folder TEXT NOT NULL,
    path BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    device INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('taken', 'refused', 'deleted')),
    document_id TEXT,
    replaces TEXT,
    code TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (folder, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX watched_files_by_document ON watched_files (document_id);
CREATE INDEX watched_files_by_former ON watched_files (replaces) WHERE replaces IS NOT NULL;

PRAGMA user_version = 5;
