-- name: create
INSERT INTO api_keys (id, name, user, groups, digest, scopes, created_at, expires_at)
VALUES (:id, :name, :user, :groups, :digest, :scopes, :created_at, :expires_at)

-- name: take_over
INSERT OR IGNORE INTO api_keys (id, name, user, groups, digest, scopes, created_at, expires_at, revoked_at)
VALUES (:id, :name, :user, :groups, :digest, :scopes, :created_at, :expires_at, :revoked_at)

-- name: keys
SELECT id, name, user, groups, scopes, created_at, expires_at, revoked_at, last_used_at
FROM api_keys ORDER BY created_at, id

-- name: key
SELECT id, name, user, groups, scopes, created_at, expires_at, revoked_at, last_used_at
FROM api_keys WHERE id = :id

-- name: digests
SELECT digest, id, name, user, groups, scopes, created_at, expires_at, revoked_at, last_used_at FROM api_keys

-- name: any
SELECT EXISTS (SELECT 1 FROM api_keys)

-- name: expire
UPDATE api_keys SET expires_at = min(coalesce(expires_at, :at), :at) WHERE id = :id

-- name: revoke
UPDATE api_keys SET revoked_at = coalesce(revoked_at, :at) WHERE id = :id

-- name: used
UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), :at) WHERE id = :id

-- name: end_sessions_of
DELETE FROM sessions WHERE key_id = :id

-- name: begin_session
INSERT INTO sessions (digest, key_id, created_at, expires_at) VALUES (:digest, :key_id, :created_at, :expires_at)

-- name: end_session
DELETE FROM sessions WHERE digest = :digest

-- name: forget_sessions
DELETE FROM sessions WHERE expires_at <= :now

-- name: oldest_sessions
DELETE FROM sessions WHERE digest IN (
    SELECT digest FROM sessions WHERE key_id = :key_id ORDER BY created_at DESC, digest LIMIT -1 OFFSET :most
)

-- name: sessions
SELECT digest, key_id, expires_at FROM sessions WHERE expires_at > :now

-- name: forget_all_sessions
DELETE FROM sessions

-- name: ended
SELECT min(coalesce(revoked_at, expires_at), coalesce(expires_at, revoked_at)), id FROM api_keys
WHERE revoked_at IS NOT NULL OR expires_at <= :now

-- name: end_as_before
UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?

-- name: count_valid
SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
