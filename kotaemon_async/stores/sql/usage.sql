-- name: owner
SELECT owner FROM collections WHERE name = :name

-- name: holds
SELECT 1 FROM documents WHERE collection = :name AND sha256 = :sha256

-- name: of_owner
SELECT count(*), coalesce(sum(size_bytes), 0) FROM documents
WHERE collection IN (SELECT name FROM collections WHERE owner = :owner)
