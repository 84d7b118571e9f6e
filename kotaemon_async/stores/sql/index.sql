-- name: log_after
SELECT l.seq, l.op, l.chunk_id, l.document_id, d.collection, CASE WHEN c.model = :model THEN c.vector END
FROM vector_log AS l
LEFT JOIN documents AS d ON d.id = l.document_id
LEFT JOIN chunks AS c ON c.id = l.chunk_id
WHERE l.seq > :position ORDER BY l.seq LIMIT :limit

-- name: log_end
SELECT coalesce(max(seq), 0) FROM vector_log

-- name: position
SELECT position FROM followers WHERE generation = :generation

-- name: advance
INSERT INTO followers (generation, position, updated_at) VALUES (:generation, :position, :now)
ON CONFLICT (generation) DO UPDATE SET position = :position, updated_at = :now

-- name: forget_other_followers
DELETE FROM followers WHERE generation <> :generation

-- name: forget_applied_deletes
DELETE FROM vector_log WHERE op = 'delete' AND seq <= :position

-- name: arrived
SELECT id, version FROM documents
WHERE status = 'processing' AND stage = 'indexing' AND coalesce(last_log_seq, 0) <= :position

-- name: make_ready
UPDATE documents
SET status = 'ready', stage = NULL, waiting_kind = NULL, waiting_until = NULL, searchable_version = version,
    searchable_recipe = recipe, ready_at = :now, event = event + 1, updated_at = :now
WHERE id = :id

-- name: passed
SELECT count(*) FROM documents
WHERE status = 'processing' AND stage = 'indexing' AND coalesce(last_log_seq, 0) <= :position

-- name: waits_for_follower
SELECT EXISTS (SELECT 1 FROM documents WHERE status = 'ready' AND last_log_seq > :position)
    OR (:position = 0 AND EXISTS (SELECT 1 FROM documents WHERE searchable_version <> version))

-- name: waits_for_model
SELECT EXISTS (
    SELECT 1 FROM documents AS d
    WHERE d.status IN ('queued', 'processing') AND d.searchable_version <> d.version
      AND (SELECT c.model FROM chunks AS c
           WHERE c.document_id = d.id AND c.version = d.searchable_version LIMIT 1) <> :model)

-- name: log_length
SELECT count(*) FROM vector_log WHERE seq > :position

-- name: last_row
SELECT coalesce(max(row), 0) FROM chunks

-- name: followed_sample
SELECT DISTINCT c.row, c.id, c.document_id, d.collection, c.vector
FROM json_each(:points) AS point
JOIN chunks AS c ON c.row = (SELECT row FROM chunks WHERE row >= point.value ORDER BY row LIMIT 1)
JOIN documents AS d ON d.id = c.document_id
WHERE c.model = :model
  AND NOT EXISTS (SELECT 1 FROM vector_log AS l WHERE l.chunk_id = c.id AND l.seq > :position)

-- name: window_end
SELECT max(row) FROM (SELECT row FROM chunks WHERE row > :after ORDER BY row LIMIT :limit)

-- name: followed_window
SELECT c.row, c.id, c.document_id, d.collection, c.vector
FROM chunks AS c
JOIN documents AS d ON d.id = c.document_id
WHERE c.row > :after AND c.row <= :until AND c.model = :model
  AND NOT EXISTS (SELECT 1 FROM vector_log AS l WHERE l.chunk_id = c.id AND l.seq > :position)
ORDER BY c.row

-- name: followed_count
SELECT coalesce(sum(v.chunks), 0)
FROM (SELECT min(row) AS row, count(*) AS chunks FROM chunks GROUP BY document_id, version) AS v
JOIN chunks AS c ON c.row = v.row
WHERE c.model = :model

-- name: unknown_ids
SELECT wanted.value
FROM json_each(:ids) AS wanted
WHERE NOT EXISTS (SELECT 1 FROM chunks AS c WHERE c.id = wanted.value AND c.model = :model)
  AND NOT EXISTS (SELECT 1 FROM vector_log AS l WHERE l.chunk_id = wanted.value AND l.seq > :position)
