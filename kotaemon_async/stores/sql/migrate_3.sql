-- From schema 3 to 4: chunks with their sentences, which may go on over a page break, pages with their blocks,
-- and a model that is known to have made the vectors: the first releases had but one, and did not say so. The keyword index has terms of
-- an earlier form, which the empty `keyword_terms` says.
ALTER TABLE chunks ADD COLUMN over_start INTEGER;
ALTER TABLE chunks ADD COLUMN over_stop INTEGER;
ALTER TABLE chunks ADD COLUMN context TEXT NOT NULL DEFAULT '';
ALTER TABLE chunks ADD COLUMN is_cjk INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pages ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE pages ADD COLUMN blocks TEXT NOT NULL DEFAULT '';
UPDATE chunks SET model = 'all-MiniLM-L6-v2' WHERE model = '';
CREATE INDEX chunks_by_model ON chunks (model);

CREATE TABLE models (
    role TEXT PRIMARY KEY CHECK (role IN ('active', 'target', 'previous', 'declined')),
    name TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    is_stopped INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO models (role, name, dimension)
SELECT 'active', model, length(vector) / 2 FROM chunks GROUP BY model, length(vector) ORDER BY count(*) DESC LIMIT 1;

CREATE TABLE new_vectors (
    row INTEGER PRIMARY KEY REFERENCES chunks (row) ON DELETE CASCADE,
    vector BLOB NOT NULL
) STRICT;

ALTER TABLE followers ADD COLUMN model TEXT NOT NULL DEFAULT '';
UPDATE followers SET model = coalesce((SELECT name FROM models WHERE role = 'active'), '');

CREATE TABLE keyword_terms (
    version INTEGER NOT NULL,
    row INTEGER
) STRICT;

PRAGMA user_version = 4;
