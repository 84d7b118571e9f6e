-- name: insert
INSERT INTO documents (id, name, media_type, size_bytes, sha256, collection, status, max_attempts,
                       trace_id, traceparent, path, parent_id, origin, user_id, created_at, updated_at)
VALUES (:id, :name, :media_type, :size_bytes, :sha256, :collection, 'queued', :max_attempts,
        :trace_id, :traceparent, :path, :parent_id, :origin, :user_id, :now, :now)

-- name: sent_by_people
UPDATE documents SET origin = 'upload' WHERE id = :id AND origin <> 'upload'

-- name: add_member
INSERT INTO archive_members (archive_id, document_id)
SELECT id, :id FROM documents WHERE id = :archive_id
ON CONFLICT DO NOTHING

-- name: archive_use
WITH RECURSIVE
above (id, depth) AS (
    SELECT :id, 0
    UNION
    SELECT d.parent_id, depth + 1 FROM above JOIN documents AS d ON d.id = above.id
    WHERE d.parent_id IS NOT NULL AND depth < 16
),
below (id, depth) AS (
    SELECT id, 0 FROM above WHERE depth = (SELECT max(depth) FROM above)
    UNION
    SELECT m.document_id, depth + 1 FROM below JOIN archive_members AS m ON m.archive_id = below.id
    WHERE depth < 16
)
SELECT (SELECT max(depth) FROM above), count(*), coalesce(sum(size_bytes), 0)
FROM documents WHERE id IN (SELECT id FROM below WHERE depth > 0)

-- name: by_id
SELECT * FROM documents WHERE id = :id

-- name: by_content
SELECT * FROM documents WHERE collection = :collection AND sha256 = :sha256

-- name: page
SELECT * FROM documents
WHERE (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
  AND (:status IS NULL OR status = :status)
  AND (:parent_id IS NULL OR id IN (SELECT document_id FROM archive_members WHERE archive_id = :parent_id))
  AND (:warnings IS NULL OR (warnings <> '') = :warnings)
  AND (:name_part IS NULL OR instr(folded(name), :name_part) OR instr(folded(path), :name_part))
  AND (:before_at IS NULL OR (created_at, id) < (:before_at, :before_id))
ORDER BY created_at DESC, id DESC
LIMIT :limit

-- name: shelf_names
SELECT id, name FROM documents
WHERE (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
  AND (:document_ids IS NULL OR id IN (SELECT value FROM json_each(:document_ids)))
  AND (status = 'ready' OR stage = 'indexing' OR searchable_version <> version)
ORDER BY created_at DESC, id DESC
LIMIT :limit

-- name: shelf_counts
SELECT count(*) FILTER (WHERE status = 'ready' OR stage = 'indexing' OR searchable_version <> version),
       count(*) FILTER (WHERE status IN ('queued', 'processing') AND stage IS NOT 'indexing'
                          AND searchable_version = version),
       count(*) FILTER (WHERE status = 'failed' AND searchable_version = version)
FROM documents
WHERE (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
  AND (:document_ids IS NULL OR id IN (SELECT value FROM json_each(:document_ids)))

-- name: warned
SELECT w.value ->> 'code', count(DISTINCT d.id)
FROM documents AS d JOIN json_each(iif(d.warnings <> '', d.warnings, '[]')) AS w
WHERE d.warnings <> ''
GROUP BY 1

-- name: unread
SELECT coalesce(sum(json_array_length(w.value, '$.places') + (w.value ->> 'more')), 0), count(DISTINCT d.id)
FROM documents AS d JOIN json_each(iif(d.searchable_warnings <> '', d.searchable_warnings, '[]')) AS w
WHERE d.searchable_warnings <> '' AND w.value ->> 'code' IN ('page_without_text', 'page_unreadable')
  AND (:collections IS NULL OR d.collection IN (SELECT value FROM json_each(:collections)))
  AND (:document_ids IS NULL OR d.id IN (SELECT value FROM json_each(:document_ids)))

-- name: by_ids
SELECT * FROM documents WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY updated_at, id

-- name: queued
SELECT count(*) FROM (SELECT 1 FROM documents WHERE status = 'queued' LIMIT :limit)

-- name: counts
SELECT status, count(*) FROM documents GROUP BY status

-- name: oldest_queued
SELECT min(created_at) FROM documents WHERE status = 'queued'

-- name: requeue
UPDATE documents
SET status = 'queued', stage = NULL, version = max(version, searchable_version) + 1,
    searchable_version = coalesce(:kept_version, max(version, searchable_version) + 1),
    pages_done = 0, pages_total = NULL, chunks_done = 0, attempt = 0, crashes = 0, errors = 0, shutdowns = 0,
    losses = 0, waiting_kind = NULL, waiting_until = NULL, error_code = NULL, error_message = NULL,
    error_hint = NULL, lease_owner = NULL, lease_until = NULL, last_log_seq = NULL, warnings = '', charset = NULL,
    lacks_ocr = 0,
    ready_at = CASE WHEN :kept_version IS NULL THEN NULL ELSE ready_at END,
    token = token + 1, event = event + 1, updated_at = :now
WHERE id = :id

-- name: cancel
UPDATE documents
SET status = 'cancelled', stage = NULL, waiting_kind = NULL, waiting_until = NULL, lease_owner = NULL,
    lease_until = NULL, last_log_seq = NULL, pages_done = 0, chunks_done = 0,
    token = token + 1, event = event + 1, updated_at = :now
WHERE id = :id

-- name: back_to_searchable
UPDATE documents
SET status = 'ready', stage = NULL, version = searchable_version, recipe = searchable_recipe,
    warnings = searchable_warnings,
    pages_done = (SELECT count(*) FROM pages AS p
                  WHERE p.document_id = documents.id AND p.version = searchable_version),
    pages_total = (SELECT count(*) FROM pages AS p
                   WHERE p.document_id = documents.id AND p.version = searchable_version),
    chunks_done = (SELECT count(*) FROM chunks AS c
                   WHERE c.document_id = documents.id AND c.version = searchable_version),
    waiting_kind = NULL, waiting_until = NULL, lease_owner = NULL, lease_until = NULL, last_log_seq = NULL,
    token = token + 1, event = event + 1, updated_at = :now
WHERE id = :id

-- name: kept_version
SELECT searchable_version FROM documents
WHERE id = :id AND (status = 'ready' OR searchable_version <> version)

-- name: failed
SELECT id FROM documents
WHERE status = 'failed'
  AND (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
ORDER BY created_at

-- name: stale
SELECT id FROM documents
WHERE (status = 'ready' OR stage = 'indexing') AND recipe <> :recipe AND media_type <> 'application/zip'
ORDER BY created_at

-- name: unrecognized
SELECT id FROM documents
WHERE lacks_ocr AND (status = 'ready' OR stage = 'indexing' OR (status = 'failed' AND error_code = 'no_text'))
ORDER BY created_at

-- name: delete
DELETE FROM documents WHERE id = :id

-- name: uses_of_blob
SELECT count(*) FROM documents WHERE sha256 = :sha256

-- name: blobs
SELECT DISTINCT sha256 FROM documents

-- name: forget_upserts
DELETE FROM vector_log
WHERE op = 'upsert'
  AND chunk_id IN (SELECT id FROM chunks WHERE document_id = :id AND version IS NOT :kept_version)

-- name: log_deletes
INSERT INTO vector_log (op, chunk_id, document_id)
SELECT 'delete', id, document_id FROM chunks WHERE document_id = :id AND version IS NOT :kept_version

-- name: delete_keywords
DELETE FROM keywords
WHERE rowid IN (SELECT row FROM chunks WHERE document_id = :id AND version IS NOT :kept_version)

-- name: delete_chunks
DELETE FROM chunks WHERE document_id = :id AND version IS NOT :kept_version

-- name: delete_pages
DELETE FROM pages WHERE document_id = :id AND version IS NOT :kept_version

-- name: due
SELECT id, token, traceparent, user_id FROM documents
WHERE (status = 'queued' AND coalesce(waiting_until, 0) <= :now)
   OR (status = 'processing' AND stage <> 'indexing' AND lease_until <= :now)
ORDER BY created_at LIMIT :limit

-- name: passages
SELECT c.id, c.document_id, d.name, d.media_type, d.collection, d.created_at, c.page, c.place, c.head,
    substr(p.text, c.start + 1, c.stop - c.start),
    (SELECT substr(o.text, c.over_start + 1, c.over_stop - c.over_start) FROM pages AS o
     WHERE o.document_id = c.document_id AND o.version = c.version AND o.number = c.page + 1
       AND c.over_start IS NOT NULL)
FROM json_each(:ids) AS wanted
JOIN chunks AS c ON c.id = wanted.value
JOIN documents AS d ON d.id = c.document_id AND d.searchable_version = c.version
JOIN pages AS p ON p.document_id = c.document_id AND p.version = c.version AND p.number = c.page

-- name: passages_across
WITH numbered AS (
    SELECT c.id, row_number() OVER (ORDER BY c.page, c.ordinal) - 1 AS at, count(*) OVER () AS whole
    FROM chunks AS c
    JOIN documents AS d ON d.id = c.document_id AND d.searchable_version = c.version
    WHERE c.document_id = :id
)
SELECT id FROM numbered
WHERE whole <= :limit OR at < :limit / 4 OR at % ((whole * 4 - 1) / (:limit * 3) + 1) = 0
ORDER BY at
LIMIT :limit

-- name: sentences
SELECT c.id, c.page, c.over_start, c.over_stop, c.context, c.head, p.text,
    (SELECT o.text FROM pages AS o
     WHERE o.document_id = c.document_id AND o.version = c.version AND o.number = c.page + 1
       AND c.over_start IS NOT NULL)
FROM json_each(:ids) AS wanted
JOIN chunks AS c ON c.id = wanted.value AND c.context <> ''
JOIN documents AS d ON d.id = c.document_id AND d.searchable_version = c.version
JOIN pages AS p ON p.document_id = c.document_id AND p.version = c.version AND p.number = c.page

-- name: carried_over
SELECT c.id, c.page, c.over_start, c.over_stop, c.context, c.head, p.text, o.text
FROM json_each(:ids) AS wanted
JOIN chunks AS c ON c.id = wanted.value AND c.over_start IS NOT NULL
JOIN documents AS d ON d.id = c.document_id AND d.searchable_version = c.version
JOIN pages AS p ON p.document_id = c.document_id AND p.version = c.version AND p.number = c.page
JOIN pages AS o ON o.document_id = c.document_id AND o.version = c.version AND o.number = c.page + 1

-- name: searchable
SELECT c.id, c.is_cjk, d.id, d.collection
FROM json_each(:ids) AS wanted
JOIN chunks AS c ON c.id = wanted.value
JOIN documents AS d ON d.id = c.document_id AND d.searchable_version = c.version

-- name: whole_page
SELECT p.number, p.text, p.blocks, p.place, d.media_type, p.words FROM pages AS p
JOIN documents AS d ON d.id = p.document_id AND d.searchable_version = p.version
WHERE p.document_id = :document_id AND p.number = :number

-- name: page_texts
SELECT p.document_id, p.number, p.text FROM json_each(:pages) AS wanted
JOIN documents AS d ON d.id = wanted.value ->> 0
JOIN pages AS p ON p.document_id = d.id AND p.version = d.searchable_version AND p.number = wanted.value ->> 1

-- name: twin
SELECT id FROM documents
WHERE collection = :collection AND sha256 = (SELECT sha256 FROM documents WHERE id = :id)

-- name: move
UPDATE documents SET collection = :collection, event = event + 1, updated_at = :now WHERE id = :id

-- name: log_upserts
INSERT INTO vector_log (op, chunk_id, document_id)
SELECT 'upsert', id, document_id FROM chunks WHERE document_id = :id

-- name: follow
UPDATE documents SET last_log_seq = coalesce((SELECT max(seq) FROM vector_log WHERE document_id = :id), last_log_seq)
WHERE id = :id AND last_log_seq IS NOT NULL
