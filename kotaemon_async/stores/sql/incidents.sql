-- name: save_incident
INSERT INTO incidents (id, opened_at, closed_at, cause, record) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET closed_at = excluded.closed_at, cause = excluded.cause, record = excluded.record

-- name: forget_incidents
DELETE FROM incidents WHERE closed_at IS NOT NULL AND (
    closed_at < :before
    OR id NOT IN (SELECT id FROM incidents WHERE closed_at IS NOT NULL ORDER BY opened_at DESC, id DESC LIMIT :rows)
)

-- name: open_incidents
SELECT id, opened_at, closed_at, cause, record FROM incidents WHERE closed_at IS NULL ORDER BY opened_at, id

-- name: incident
SELECT id, opened_at, closed_at, cause, record FROM incidents WHERE id = :id

-- name: incidents
SELECT id, opened_at, closed_at, cause, record FROM incidents
WHERE (:status IS NULL OR (closed_at IS NULL) = (:status = 'open'))
  AND (:before_at IS NULL OR (opened_at, id) < (:before_at, :before_id))
ORDER BY opened_at DESC, id DESC LIMIT :limit
