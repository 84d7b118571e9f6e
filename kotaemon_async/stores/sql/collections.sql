-- name: rights
WITH granted (name, rights) AS (
    SELECT name, 3 FROM collections WHERE owner = :user AND owner <> ''
    UNION ALL
    SELECT name, iif(public = 'write', 2, 1) FROM collections WHERE public <> ''
    UNION ALL
    SELECT collection, 1 + may_write FROM collection_shares WHERE kind = 'user' AND grantee = :user
    UNION ALL
    SELECT collection, 1 + may_write FROM collection_shares
    WHERE kind = 'group' AND grantee IN (SELECT value FROM json_each(:groups))
)
SELECT name, max(rights) FROM granted WHERE :name IS NULL OR name = :name GROUP BY name ORDER BY name

-- name: is_there
SELECT 1 FROM collections WHERE name = :name

-- name: owned
SELECT count(*) FROM collections WHERE owner = :owner

-- name: make
INSERT INTO collections (name, owner, public, created_at) VALUES (:name, :owner, :public, :now)

-- name: list
SELECT name, owner, public, created_at,
    EXISTS (SELECT 1 FROM collection_shares AS s WHERE s.collection = name)
FROM collections
WHERE :names IS NULL OR name IN (SELECT value FROM json_each(:names))
ORDER BY name LIMIT :limit

-- name: counts
SELECT count(*), count(*) FILTER (WHERE status = 'ready'), count(*) FILTER (WHERE status = 'failed')
FROM documents WHERE collection = :name

-- name: shares
SELECT kind, grantee, may_write FROM collection_shares WHERE collection = :name ORDER BY kind DESC, grantee

-- name: change
UPDATE collections SET owner = :owner, public = :public WHERE name = :name

-- name: end_shares
DELETE FROM collection_shares WHERE collection = :name

-- name: share
INSERT INTO collection_shares (collection, kind, grantee, may_write) VALUES (:name, :kind, :grantee, :may_write)

-- name: holds
SELECT 1 FROM documents WHERE collection = :name LIMIT 1

-- name: delete
DELETE FROM collections WHERE name = :name

-- name: forget_unused
DELETE FROM collections
WHERE name = :name AND owner = '' AND public = 'write'
  AND NOT EXISTS (SELECT 1 FROM documents WHERE collection = :name)
  AND NOT EXISTS (SELECT 1 FROM collection_shares WHERE collection = :name)
