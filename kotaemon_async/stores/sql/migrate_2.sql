-- From schema 2 to 3: answers kept to be given again, conversations with a title.
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
    updated_at REAL NOT NULL
) STRICT;
CREATE INDEX conversations_by_age ON conversations (updated_at, id);
INSERT INTO conversations (id, title, created_at, updated_at)
SELECT conversation_id, substr(json_extract(record, '$.question'), 1, 80), min(created_at), max(created_at)
FROM answers WHERE conversation_id IS NOT NULL GROUP BY conversation_id;

PRAGMA user_version = 3;
