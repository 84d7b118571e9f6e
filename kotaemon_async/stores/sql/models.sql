-- name: roles
SELECT role, name, dimension, is_stopped FROM models

-- name: assign
INSERT INTO models (role, name, dimension) VALUES (:role, :name, :dimension)
ON CONFLICT (role) DO UPDATE SET name = :name, dimension = :dimension, is_stopped = 0

-- name: hand_on
INSERT INTO models (role, name, dimension) SELECT :role, name, dimension FROM models WHERE role = :from_role
ON CONFLICT (role) DO UPDATE SET name = excluded.name, dimension = excluded.dimension, is_stopped = 0

-- name: dismiss
DELETE FROM models WHERE role = :role

-- name: set_stopped
UPDATE models SET is_stopped = :is_stopped WHERE role = 'target' AND is_stopped <> :is_stopped

-- name: forget_new_vectors
DELETE FROM new_vectors WHERE EXISTS (SELECT 1 FROM models WHERE role = 'target')

-- name: forget_followers
DELETE FROM followers WHERE model NOT IN (SELECT name FROM models WHERE role IN ('active', 'target'))

-- name: has_vectors
SELECT EXISTS (SELECT 1 FROM chunks WHERE model = :name)
    OR (EXISTS (SELECT 1 FROM new_vectors) AND NOT EXISTS (SELECT 1 FROM models WHERE role = 'target'))

-- name: is_role
SELECT EXISTS (SELECT 1 FROM models WHERE role = :role AND name = :name)

-- name: lacking
SELECT c.row, c.id, c.head, substr(p.text, c.start + 1, c.stop - c.start),
    (SELECT substr(o.text, c.over_start + 1, c.over_stop - c.over_start) FROM pages AS o
     WHERE o.document_id = c.document_id AND o.version = c.version AND o.number = c.page + 1
       AND c.over_start IS NOT NULL)
FROM chunks AS c
JOIN documents AS d ON d.id = c.document_id
JOIN pages AS p ON p.document_id = c.document_id AND p.version = c.version AND p.number = c.page
WHERE c.row > :after AND c.model <> :name
  AND NOT EXISTS (SELECT 1 FROM new_vectors AS n WHERE n.row = c.row AND length(n.vector) = :vector_bytes)
  AND NOT (d.status IN ('queued', 'processing') AND d.searchable_version <> d.version
           AND c.version = d.searchable_version)
ORDER BY c.row LIMIT :limit

-- name: has_all
SELECT NOT EXISTS (
    SELECT 1 FROM chunks AS c
    WHERE (c.model < :name OR c.model > :name)
      AND NOT EXISTS (SELECT 1 FROM new_vectors AS n WHERE n.row = c.row AND length(n.vector) = :vector_bytes))

-- name: made
SELECT (SELECT count(*) FROM chunks),
       (SELECT count(*) FROM chunks WHERE model = :name) + (SELECT count(*) FROM new_vectors)

-- name: add_new_vector
INSERT INTO new_vectors (row, vector)
SELECT row, :vector FROM chunks WHERE row = :row AND id = :id AND model <> :name
ON CONFLICT (row) DO UPDATE SET vector = excluded.vector

-- name: replace_vector
UPDATE chunks SET vector = :vector, model = :name WHERE row = :row AND id = :id AND model <> :name
RETURNING document_id

-- name: forget_upsert
DELETE FROM vector_log WHERE op = 'upsert' AND chunk_id = :id

-- name: log_upsert
INSERT INTO vector_log (op, chunk_id, document_id) VALUES ('upsert', :id, :document_id) RETURNING seq

-- name: wait_for
UPDATE documents SET last_log_seq = max(coalesce(last_log_seq, 0), :seq)
WHERE id = :document_id AND status = 'processing'

-- name: has_followed
SELECT EXISTS (SELECT 1 FROM followers WHERE generation = :generation AND model = :name
               AND position >= (SELECT coalesce(max(seq), 0) FROM vector_log))

-- name: move_vectors
UPDATE chunks SET vector = n.vector, model = (SELECT name FROM models WHERE role = 'active')
FROM (SELECT row, vector FROM new_vectors ORDER BY row LIMIT :limit) AS n WHERE n.row = chunks.row

-- name: forget_moved
DELETE FROM new_vectors WHERE row IN (SELECT row FROM new_vectors ORDER BY row LIMIT :limit)

-- name: is_moving
SELECT EXISTS (SELECT 1 FROM new_vectors) AND NOT EXISTS (SELECT 1 FROM models WHERE role = 'target')
