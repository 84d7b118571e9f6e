-- name: collections
WITH RECURSIVE found (name, number) AS (
    SELECT min(collection), 1 FROM documents
    UNION ALL
    SELECT (SELECT min(d.collection) FROM documents AS d WHERE d.collection > found.name), number + 1
    FROM found WHERE found.name IS NOT NULL AND number < :limit
)
SELECT name, (SELECT min(d.created_at) FROM documents AS d WHERE d.collection = found.name)
FROM found WHERE name IS NOT NULL

-- name: collection
SELECT collection, created_at FROM documents WHERE collection = :name ORDER BY created_at LIMIT 1
