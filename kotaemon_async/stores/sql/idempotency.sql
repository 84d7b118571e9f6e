-- name: by_key
SELECT fingerprint, record, created_at FROM idempotency WHERE key = :key

-- name: forget_old
DELETE FROM idempotency
WHERE key IN (SELECT key FROM idempotency WHERE created_at <= :before ORDER BY created_at LIMIT :limit)

-- name: reserve
INSERT INTO idempotency (key, created_at) VALUES (:key, :now)
ON CONFLICT (key) DO UPDATE SET fingerprint = NULL, record = NULL, created_at = :now

-- name: keep_reply
UPDATE idempotency SET fingerprint = :fingerprint, record = :record, created_at = :now
WHERE key = :key AND record IS NULL AND created_at = :reserved_at

-- name: release_key
DELETE FROM idempotency WHERE key = :key AND record IS NULL AND created_at = :reserved_at

-- name: release_keys
DELETE FROM idempotency WHERE record IS NULL
