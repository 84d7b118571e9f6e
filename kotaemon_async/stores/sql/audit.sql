-- name: add
INSERT INTO audit (at, caller, user, action, object, address, result, trace_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: page
SELECT at, caller, user, action, object, address, result, trace_id, seq FROM audit
WHERE (:user IS NULL OR user = :user OR caller = :user)
  AND (:action IS NULL OR action = :action OR substr(action, 1, length(:action) + 1) = :action || '.')
  AND (:since_s IS NULL OR at >= :since_s)
  AND (:after IS NULL OR seq > :after)
  AND (:before IS NULL OR seq < :before)
ORDER BY seq DESC LIMIT :limit

-- name: forget_old
DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < :before_s ORDER BY at LIMIT 1000)
