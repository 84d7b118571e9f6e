-- name: preferences
SELECT name, value FROM preferences

-- name: keep
INSERT INTO preferences (name, value, changed_at) VALUES (:name, :value, :now)
ON CONFLICT (name) DO UPDATE SET value = :value, changed_at = :now

-- name: forget
DELETE FROM preferences WHERE name = :name
