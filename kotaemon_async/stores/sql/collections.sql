-- name: collections
WITH RECURSIVE found (name, number) AS (
    SELECT min(collection), 1 FROM documents
    UNION ALL
    SELECT (SELECT min(d.collection) FROM documents AS d WHERE d.collection > found.name), number + 1
    FROM found WHERE found.name IS NOT NULL AND number < :limit
)
SELECT name, (SELECT min(d.created_at) FROM documents AS d WHERE d.collection = found.name)
FROM found WHERE name IS NOT NULL

-- name: counted
SELECT collection, min(created_at), count(*), sum(status = 'ready')
FROM documents GROUP BY collection ORDER BY collection LIMIT :limit

-- name: twin
SELECT id FROM documents
WHERE collection = :collection AND sha256 = (SELECT sha256 FROM documents WHERE id = :id)

-- name: move
UPDATE documents SET collection = :collection, event = event + 1, updated_at = :now WHERE id = :id

-- name: forget_upserts
DELETE FROM vector_log
WHERE op = 'upsert' AND chunk_id IN (SELECT id FROM chunks WHERE document_id = :id)

-- name: log_upserts
INSERT INTO vector_log (op, chunk_id, document_id)
SELECT 'upsert', id, document_id FROM chunks WHERE document_id = :id

-- name: follow
UPDATE documents SET last_log_seq = coalesce((SELECT max(seq) FROM vector_log WHERE document_id = :id), last_log_seq)
WHERE id = :id AND last_log_seq IS NOT NULL

-- name: collection
SELECT collection, created_at FROM documents WHERE collection = :name ORDER BY created_at LIMIT 1
