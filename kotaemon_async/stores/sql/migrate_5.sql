-- From schema 5 to 6: whose collections, conversations and answers are; keys, sessions and the audit. What was there
-- was everybody's, and stays so.
ALTER TABLE documents ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE answers ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE conversations ADD COLUMN owner TEXT NOT NULL DEFAULT '';
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

INSERT INTO collections (name, owner, public, created_at)
SELECT collection, '', 'write', min(created_at) FROM documents GROUP BY collection;

PRAGMA user_version = 6;
