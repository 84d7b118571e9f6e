-- name: tables
SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL TABLE%' ORDER BY name

-- name: refresh_keywords
SELECT count(*) FROM (SELECT rowid FROM keywords WHERE keywords MATCH 'a' LIMIT 1)

-- name: empty_keywords
INSERT INTO keywords (keywords) VALUES ('delete-all')

-- name: next_version
SELECT document_id, version FROM (
    SELECT * FROM (
        SELECT document_id, version FROM pages WHERE (document_id, version) > (:document_id, :version)
        ORDER BY document_id, version LIMIT 1
    )
    UNION ALL
    SELECT * FROM (
        SELECT document_id, version FROM chunks WHERE (document_id, version) > (:document_id, :version)
        ORDER BY document_id, version LIMIT 1
    )
)
ORDER BY document_id, version LIMIT 1

-- name: is_stray
SELECT NOT EXISTS (
    SELECT 1 FROM documents
    WHERE id = :document_id
      AND CASE
              WHEN status = 'ready' THEN :version = searchable_version
              WHEN status IN ('queued', 'processing') THEN :version IN (version, searchable_version)
              ELSE :version = searchable_version AND searchable_version <> version
          END
)

-- name: forget_upserts
DELETE FROM vector_log
WHERE op = 'upsert'
  AND chunk_id IN (SELECT id FROM chunks WHERE document_id = :document_id AND version = :version)

-- name: log_deletes
INSERT INTO vector_log (op, chunk_id, document_id)
SELECT 'delete', id, document_id FROM chunks WHERE document_id = :document_id AND version = :version

-- name: delete_keywords
DELETE FROM keywords
WHERE rowid IN (SELECT row FROM chunks WHERE document_id = :document_id AND version = :version)

-- name: delete_chunks
DELETE FROM chunks WHERE document_id = :document_id AND version = :version

-- name: delete_pages
DELETE FROM pages WHERE document_id = :document_id AND version = :version

-- name: documents_after
SELECT id, event, status, stage,
       CASE WHEN status = 'ready' THEN searchable_version ELSE version END AS version,
       CASE WHEN status = 'ready' THEN searchable_recipe ELSE recipe END AS recipe,
       pages_done, pages_total, chunks_done, sha256, size_bytes, error_code, lease_until, waiting_until,
       coalesce(last_log_seq, 0) > max(
           coalesce((SELECT max(seq) FROM vector_log), 0),
           coalesce((SELECT max(position) FROM followers), 0)
       ) AS waits_for_nothing
FROM documents WHERE id > :after ORDER BY id LIMIT :limit

-- name: contents
SELECT (SELECT count(*) FROM pages
        WHERE document_id = :id AND version = :version AND number BETWEEN 1 AND :pages),
       (SELECT count(*) FROM pages WHERE document_id = :id AND version = :version),
       (SELECT count(*) FROM chunks WHERE document_id = :id AND version = :version)

-- name: page_texts
SELECT number, text, blocks, place FROM pages
WHERE document_id = :id AND version = :version AND number > :after ORDER BY number LIMIT :limit

-- name: cuts
SELECT page, ordinal, start, stop, over_start, over_stop FROM chunks
WHERE document_id = :id AND version = :version AND page > :after AND page <= :until ORDER BY page, ordinal

-- name: set_counters
UPDATE documents
SET pages_done = :pages, chunks_done = :chunks, event = event + 1, updated_at = :now
WHERE id = :id AND event = :event
RETURNING id

-- name: release
UPDATE documents
SET stage = CASE status WHEN 'processing' THEN coalesce(stage, 'parsing') END,
    lease_until = CASE WHEN status = 'processing' AND coalesce(stage, '') <> 'indexing' THEN 0 END,
    waiting_kind = NULL, waiting_until = NULL,
    last_log_seq = min(last_log_seq, (SELECT coalesce(max(seq), 0) FROM vector_log)),
    event = event + 1, updated_at = :now
WHERE id = :id AND event = :event
RETURNING id

-- name: same_event
SELECT 1 FROM documents WHERE id = :id AND event = :event

-- name: fail
UPDATE documents
SET status = 'failed', stage = NULL, lease_owner = NULL, lease_until = NULL, waiting_kind = NULL,
    waiting_until = NULL, error_code = :code, error_message = :message, error_hint = :hint,
    last_log_seq = NULL, pages_done = 0, chunks_done = 0, token = token + 1, event = event + 1, updated_at = :now
WHERE id = :id

-- name: used_blobs
SELECT DISTINCT sha256 FROM documents WHERE sha256 IN (SELECT value FROM json_each(:names))

-- name: chunk_window
SELECT max(row) FROM (SELECT row FROM chunks WHERE row > :after ORDER BY row LIMIT :limit)

-- name: keyword_window
SELECT max(id) FROM (SELECT id FROM keywords_docsize WHERE id > :after ORDER BY id LIMIT :limit)

-- name: log_window
SELECT max(seq) FROM (SELECT seq FROM vector_log WHERE seq > :after ORDER BY seq LIMIT :limit)

-- name: without_keywords
SELECT c.row, c.id FROM chunks AS c
WHERE c.row > :after AND c.row <= :until
  AND NOT EXISTS (SELECT 1 FROM keywords_docsize AS k WHERE k.id = c.row)
  AND EXISTS (SELECT 1 FROM pages AS p
              WHERE p.document_id = c.document_id AND p.version = c.version AND p.number = c.page)

-- name: keywords_without_chunk
SELECT k.id FROM keywords_docsize AS k
WHERE k.id > :after AND k.id <= :until AND NOT EXISTS (SELECT 1 FROM chunks AS c WHERE c.row = k.id)

-- name: texts
SELECT c.row, c.id, c.head, c.start, c.stop, p.text, c.over_start, c.over_stop, o.text
FROM json_each(:rows) AS wanted
JOIN chunks AS c ON c.row = wanted.value
JOIN pages AS p ON p.document_id = c.document_id AND p.version = c.version AND p.number = c.page
LEFT JOIN pages AS o ON c.over_start IS NOT NULL
    AND o.document_id = c.document_id AND o.version = c.version AND o.number = c.page + 1

-- name: row_range
SELECT min(row), max(row) FROM chunks

-- name: row_from
SELECT row FROM chunks WHERE row >= :row ORDER BY row LIMIT 1

-- name: is_there
SELECT 1 FROM chunks WHERE row = :row AND id = :id
  AND EXISTS (SELECT 1 FROM keywords_docsize WHERE id = :row)

-- name: is_found
SELECT 1 FROM keywords WHERE keywords MATCH :match AND rowid = :row

-- name: log_peak
SELECT seq FROM sqlite_sequence WHERE name = 'vector_log'

-- name: settled
SELECT c.id FROM json_each(:ids) AS wanted JOIN chunks AS c ON c.id = wanted.value
WHERE c.model = :model
  AND NOT EXISTS (SELECT 1 FROM vector_log AS l WHERE l.chunk_id = c.id AND l.seq > :position)

-- name: add_keywords
INSERT INTO keywords (rowid, terms)
SELECT c.row, :terms FROM chunks AS c
WHERE c.row = :row AND c.id = :id AND NOT EXISTS (SELECT 1 FROM keywords_docsize AS k WHERE k.id = c.row)

-- name: unlogged
SELECT c.id, c.document_id FROM chunks AS c
WHERE c.row > :after AND c.row <= :until AND c.model = :model AND length(c.vector) = :vector_bytes
  AND coalesce((SELECT l.op FROM vector_log AS l WHERE l.chunk_id = c.id ORDER BY l.seq DESC LIMIT 1), 'delete')
      <> 'upsert'

-- name: malformed
SELECT c.id, c.document_id FROM chunks AS c
WHERE c.row > :after AND c.row <= :until AND c.model = :model AND length(c.vector) <> :vector_bytes
  AND (EXISTS (SELECT 1 FROM documents AS d WHERE d.id = c.document_id AND d.status NOT IN ('queued', 'processing'))
       OR coalesce((SELECT l.op FROM vector_log AS l WHERE l.chunk_id = c.id ORDER BY l.seq DESC LIMIT 1), 'delete')
          = 'upsert')

-- name: orphaned_entries
SELECT l.chunk_id, l.document_id FROM vector_log AS l
WHERE l.seq > :after AND l.seq <= :until AND l.op = 'upsert'
  AND NOT EXISTS (SELECT 1 FROM chunks AS c WHERE c.id = l.chunk_id)

-- name: forget_entries
DELETE FROM vector_log WHERE chunk_id = :id

-- name: append_upsert
INSERT INTO vector_log (op, chunk_id, document_id) SELECT 'upsert', id, document_id FROM chunks WHERE id = :id
RETURNING seq

-- name: wait_for
UPDATE documents SET last_log_seq = max(coalesce(last_log_seq, 0), :seq)
WHERE status IN ('processing', 'ready') AND id = (SELECT document_id FROM chunks WHERE id = :id)

-- name: append_delete
INSERT INTO vector_log (op, chunk_id, document_id) VALUES ('delete', :id, :document_id)

-- name: usual_vector
SELECT length(vector) FROM (SELECT vector FROM chunks WHERE model = :model LIMIT 1000)
GROUP BY length(vector) ORDER BY count(*) DESC LIMIT 1
