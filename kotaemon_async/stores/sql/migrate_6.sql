-- From schema 6 to 7: turns with versions, kept from their first letter; feedback; pinned conversations; preferences. What was
-- there are turns of one version.
ALTER TABLE answers ADD COLUMN turn_id TEXT NOT NULL DEFAULT '';
ALTER TABLE answers ADD COLUMN turn_at REAL NOT NULL DEFAULT 0;
ALTER TABLE answers ADD COLUMN status TEXT NOT NULL DEFAULT 'done'
    CHECK (status IN ('running', 'done', 'stopped', 'interrupted'));
ALTER TABLE answers ADD COLUMN is_current INTEGER NOT NULL DEFAULT 1;
ALTER TABLE answers ADD COLUMN ends_by REAL;
ALTER TABLE conversations ADD COLUMN pinned_at REAL;
UPDATE answers SET turn_id = id, turn_at = created_at,
    status = iif(coalesce(record ->> '$.complete', 1), 'done', 'interrupted');
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

INSERT INTO answer_words (answer_id, words)
SELECT id, folded((record ->> '$.question') || char(10) || (record ->> '$.answer'))
FROM answers WHERE conversation_id IS NOT NULL;

PRAGMA user_version = 7;
