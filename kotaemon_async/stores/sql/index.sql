-- New vectors are those of the target; without a target, of the active model, until they are moved: the greater
-- of the two roles by its name.

-- name: log_after
SELECT l.seq, l.op, l.chunk_id, l.document_id, d.collection, CASE WHEN c.model = :model THEN c.vector ELSE n.vector END,
       t.role = 'target' AND l.op = 'upsert' AND c.row IS NOT NULL AND c.model <> :model AND n.row IS NULL
FROM vector_log AS l
LEFT JOIN documents AS d ON d.id = l.document_id
LEFT JOIN chunks AS c ON c.id = l.chunk_id
LEFT JOIN models AS t ON t.name = :model AND t.role = (SELECT max(role) FROM models WHERE role IN ('active', 'target'))
LEFT JOIN new_vectors AS n ON t.name IS NOT NULL AND n.row = c.row
WHERE l.seq > :position ORDER BY l.seq LIMIT :limit

-- name: log_end
SELECT coalesce(max(seq), 0) FROM vector_log

-- name: position
SELECT position FROM followers WHERE generation = :generation

-- name: advance
INSERT INTO followers (generation, position, updated_at, model) VALUES (:generation, :position, :now, :model)
ON CONFLICT (generation) DO UPDATE SET position = :position, updated_at = :now, model = :model

-- name: forget_other_followers
DELETE FROM followers
WHERE generation <> :generation
  AND (model = :model OR model NOT IN (SELECT name FROM models WHERE role IN ('active', 'target')))

-- name: forget_applied_deletes
DELETE FROM vector_log WHERE op = 'delete' AND seq <= (SELECT min(position) FROM followers)

-- name: arrived
SELECT id, version FROM documents
WHERE status = 'processing' AND stage = 'indexing' AND coalesce(last_log_seq, 0) <= :position

-- name: make_ready
UPDATE documents
SET status = 'ready', stage = NULL, waiting_kind = NULL, waiting_until = NULL, searchable_version = version,
    searchable_recipe = recipe, searchable_warnings = warnings, ready_at = :now, event = event + 1, updated_at = :now
WHERE id = :id

-- name: passed
SELECT count(*) FROM documents
WHERE status = 'processing' AND stage = 'indexing' AND coalesce(last_log_seq, 0) <= :position

-- name: waits_for_follower
SELECT EXISTS (SELECT 1 FROM documents WHERE status = 'ready' AND last_log_seq > :position)
    OR (:position = 0 AND EXISTS (SELECT 1 FROM documents WHERE searchable_version <> version))

-- name: waits_for_model
SELECT EXISTS (
    SELECT 1 FROM chunks AS c
    JOIN documents AS d ON d.id = c.document_id AND d.searchable_version = c.version
    LEFT JOIN models AS t ON t.name = :model AND t.role = (SELECT max(role) FROM models WHERE role IN ('active', 'target'))
    WHERE (c.model < :model OR c.model > :model)
      AND NOT EXISTS (SELECT 1 FROM new_vectors AS n WHERE t.name IS NOT NULL AND n.row = c.row))

-- name: log_length
SELECT count(*) FROM vector_log WHERE seq > :position

-- name: last_row
SELECT coalesce(max(row), 0) FROM chunks

-- name: followed_sample
SELECT DISTINCT c.row, c.id, c.document_id, d.collection, CASE WHEN c.model = :model THEN c.vector ELSE n.vector END
FROM json_each(:points) AS point
JOIN chunks AS c ON c.row = (SELECT row FROM chunks WHERE row >= point.value ORDER BY row LIMIT 1)
JOIN documents AS d ON d.id = c.document_id
LEFT JOIN models AS t ON t.name = :model AND t.role = (SELECT max(role) FROM models WHERE role IN ('active', 'target'))
LEFT JOIN new_vectors AS n ON t.name IS NOT NULL AND n.row = c.row
WHERE (c.model = :model OR n.row IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM vector_log AS l WHERE l.chunk_id = c.id AND l.seq > :position)

-- name: some_documents_rows
SELECT (SELECT c.row FROM chunks AS c WHERE c.document_id = d.id AND c.version = d.searchable_version LIMIT 1)
FROM (SELECT id, searchable_version FROM documents WHERE searchable_version IS NOT NULL ORDER BY random() LIMIT :count) AS d

-- name: window_end
SELECT max(row) FROM (SELECT row FROM chunks WHERE row > :after ORDER BY row LIMIT :limit)

-- name: followed_window
SELECT c.row, c.id, c.document_id, d.collection, CASE WHEN c.model = :model THEN c.vector ELSE n.vector END
FROM chunks AS c
JOIN documents AS d ON d.id = c.document_id
LEFT JOIN models AS t ON t.name = :model AND t.role = (SELECT max(role) FROM models WHERE role IN ('active', 'target'))
LEFT JOIN new_vectors AS n ON t.name IS NOT NULL AND n.row = c.row
WHERE c.row > :after AND c.row <= :until AND (c.model = :model OR n.row IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM vector_log AS l WHERE l.chunk_id = c.id AND l.seq > :position)
ORDER BY c.row

-- name: followed_count
SELECT (SELECT count(*) FROM chunks WHERE model = :model)
    + (SELECT count(*) FROM new_vectors WHERE EXISTS (
        SELECT 1 FROM models AS t WHERE t.name = :model AND t.role = (SELECT max(role) FROM models WHERE role IN ('active', 'target'))))

-- name: unknown_ids
SELECT wanted.value
FROM json_each(:ids) AS wanted
WHERE NOT EXISTS (SELECT 1 FROM chunks AS c
                  WHERE c.id = wanted.value
                    AND (c.model = :model
                         OR (EXISTS (SELECT 1 FROM models AS t
                                     WHERE t.name = :model AND t.role = (SELECT max(role) FROM models WHERE role IN ('active', 'target')))
                             AND EXISTS (SELECT 1 FROM new_vectors AS n WHERE n.row = c.row))))
  AND NOT EXISTS (SELECT 1 FROM vector_log AS l WHERE l.chunk_id = wanted.value AND l.seq > :position)
