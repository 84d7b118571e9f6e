-- The ledger: documents, their pages and chunks with vectors, the vector log, answers. Times are Unix seconds.
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    collection TEXT NOT NULL,
    status TEXT NOT NULL,
    stage TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    searchable_version INTEGER NOT NULL DEFAULT 1,
    pages_done INTEGER NOT NULL DEFAULT 0,
    pages_total INTEGER,
    chunks_done INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    waiting_kind TEXT,
    waiting_until REAL,
    error_code TEXT,
    error_message TEXT,
    error_hint TEXT,
    trace_id TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    lease_owner TEXT,
    lease_until REAL,
    token INTEGER NOT NULL DEFAULT 0,
    last_log_seq INTEGER,
    event INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    ready_at REAL,
    crashes INTEGER NOT NULL DEFAULT 0,
    errors INTEGER NOT NULL DEFAULT 0,
    shutdowns INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0,
    recipe TEXT NOT NULL DEFAULT '',
    searchable_recipe TEXT NOT NULL DEFAULT '',
    charset TEXT,
    warnings TEXT NOT NULL DEFAULT '',
    searchable_warnings TEXT NOT NULL DEFAULT '',
    path TEXT NOT NULL DEFAULT '',
    parent_id TEXT,
    origin TEXT NOT NULL DEFAULT 'upload',
    lacks_ocr INTEGER NOT NULL DEFAULT 0,
    user_id TEXT NOT NULL DEFAULT '',
    UNIQUE (collection, sha256)
) STRICT;
CREATE INDEX documents_by_status ON documents (status, created_at);
CREATE INDEX documents_by_collection ON documents (collection, created_at, id);
CREATE INDEX documents_by_blob ON documents (sha256);
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

-- `blocks` are the parts of the text, in order, and `place` what a citation calls the page, both as JSON; empty
-- for pages of earlier releases. `words` stand with their boxes on a page that was read from its picture.
CREATE TABLE pages (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    number INTEGER NOT NULL,
    text TEXT NOT NULL,
    blocks TEXT NOT NULL DEFAULT '',
    place TEXT NOT NULL DEFAULT '',
    words TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (document_id, version, number)
) STRICT, WITHOUT ROWID;

-- `over_start` and `over_stop` are places on the next page, where the last sentence goes on; `context` holds
-- the document's title, headings and the places of the sentences, empty for chunks of earlier releases; `head`
-- are the names of the columns in front of rows of a table, `place` is what a citation calls the place.
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    page INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    vector BLOB NOT NULL,
    model TEXT NOT NULL DEFAULT '',
    over_start INTEGER,
    over_stop INTEGER,
    context TEXT NOT NULL DEFAULT '',
    is_cjk INTEGER NOT NULL DEFAULT 0,
    head TEXT NOT NULL DEFAULT '',
    place TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX chunks_by_document ON chunks (document_id, version, page, ordinal);
CREATE INDEX chunks_by_model ON chunks (model);

-- Embedding models by what they do: `active` answers, `target` is being changed to, `previous` answered before,
-- `declined` was taken back, so that nothing changes to it by itself.
CREATE TABLE models (
    role TEXT PRIMARY KEY CHECK (role IN ('active', 'target', 'previous', 'declined')),
    name TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    is_stopped INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Vectors of the target, and when it has become active, those that are not yet moved to `chunks`.
CREATE TABLE new_vectors (
    row INTEGER PRIMARY KEY REFERENCES chunks (row) ON DELETE CASCADE,
    vector BLOB NOT NULL
) STRICT;

-- Derived from pages and chunks; rowid is chunks.row.
CREATE VIRTUAL TABLE keywords USING fts5 (
    terms, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);

-- The form of the terms in `keywords`, of chunks up to `row`; of all where it is null, of none without an entry.
CREATE TABLE keyword_terms (
    version INTEGER NOT NULL,
    row INTEGER
) STRICT;
INSERT INTO keyword_terms (version, row) VALUES (2, NULL);

-- What followers replay, in order, to become a copy of chunks.
CREATE TABLE vector_log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    op TEXT NOT NULL CHECK (op IN ('upsert', 'delete')),
    chunk_id TEXT NOT NULL,
    document_id TEXT NOT NULL
) STRICT;
CREATE INDEX vector_log_by_chunk ON vector_log (chunk_id);

CREATE TABLE followers (
    generation TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    updated_at REAL NOT NULL,
    model TEXT NOT NULL DEFAULT ''
) STRICT;

-- Each answer is a version of its turn, of which one is current; `turn_at` is when the first one was asked for. One
-- that is `running` is given up after `ends_by`, unless it has been given by then.
CREATE TABLE answers (
    id TEXT PRIMARY KEY,
    conversation_id TEXT,
    created_at REAL NOT NULL,
    record TEXT NOT NULL,
    owner TEXT NOT NULL DEFAULT '',
    turn_id TEXT NOT NULL DEFAULT '',
    turn_at REAL NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'done' CHECK (status IN ('running', 'done', 'stopped', 'interrupted')),
    is_current INTEGER NOT NULL DEFAULT 1,
    ends_by REAL
) STRICT;
CREATE INDEX answers_by_conversation ON answers (conversation_id, created_at);
CREATE INDEX answers_running ON answers (ends_by) WHERE status = 'running';

-- Questions and answers of conversations as they are searched: folded.
CREATE TABLE answer_words (
    answer_id TEXT PRIMARY KEY REFERENCES answers (id) ON DELETE CASCADE,
    words TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What those who asked think of their answers.
CREATE TABLE feedback (
    answer_id TEXT PRIMARY KEY REFERENCES answers (id) ON DELETE CASCADE,
    verdict TEXT NOT NULL CHECK (verdict IN ('up', 'down')),
    reason TEXT NOT NULL DEFAULT '',
    comment TEXT NOT NULL DEFAULT '',
    user TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX feedback_by_age ON feedback (at, answer_id);

-- What was replied to an upload with an Idempotency-Key; without a record the upload still runs.
CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT,
    record TEXT,
    created_at REAL NOT NULL
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Whole answers of models, to be given again while `stamp`, the state of the documents asked, is the same.
CREATE TABLE cached_answers (
    key TEXT NOT NULL,
    link TEXT NOT NULL,
    stamp TEXT NOT NULL,
    record TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (key, link)
) STRICT, WITHOUT ROWID;
CREATE INDEX cached_answers_by_age ON cached_answers (created_at);

CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    owner TEXT NOT NULL DEFAULT '',
    pinned_at REAL
) STRICT;
CREATE INDEX conversations_by_age ON conversations (updated_at, id);
CREATE INDEX conversations_by_owner ON conversations (owner, updated_at, id);

-- Whose collections are: `owner` is a user, '' nobody, and `public` is what everybody may do in it.
CREATE TABLE collections (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    public TEXT NOT NULL DEFAULT '' CHECK (public IN ('', 'read', 'write')),
    created_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX collections_by_owner ON collections (owner);
CREATE INDEX collections_in_public ON collections (name, public) WHERE public <> '';

CREATE TABLE collection_shares (
    collection TEXT NOT NULL REFERENCES collections (name) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'group')),
    grantee TEXT NOT NULL,
    may_write INTEGER NOT NULL,
    PRIMARY KEY (collection, kind, grantee)
) STRICT, WITHOUT ROWID;
CREATE INDEX shares_by_grantee ON collection_shares (kind, grantee);

-- Keys of callers by the SHA-256 of their secrets; `groups` and `scopes` are JSON lists. Ended ones stay, so that
-- a service that asked for keys goes on to ask.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    user TEXT NOT NULL,
    groups TEXT NOT NULL DEFAULT '[]',
    digest TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    revoked_at REAL,
    last_used_at REAL
) STRICT;

-- Browsers that signed in with a key, by the SHA-256 of their cookies.
CREATE TABLE sessions (
    digest TEXT PRIMARY KEY,
    key_id TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_age ON sessions (expires_at);

-- Who did what; rows are only added, and go when they are old.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    caller TEXT NOT NULL,
    user TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL DEFAULT '',
    address TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL,
    trace_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX audit_by_age ON audit (at);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are never changed');
END;
-- Maintenance removes rows of an age that is set in days; none goes on the day it was written.
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit WHEN OLD.at > unixepoch('subsec') - 86400
BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are kept');
END;

-- What an admin chose in the page, where neither the environment nor the settings file says it.
CREATE TABLE preferences (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    changed_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- What documents are about and questions that they answer, as JSON; derived from the sentences of `version` by the
-- rules of `recipe`.
CREATE TABLE overviews (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    recipe INTEGER NOT NULL,
    record TEXT NOT NULL,
    made_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 7;
