-- name: begin_turn
INSERT INTO answers (id, conversation_id, created_at, record, owner, turn_id, turn_at, status, ends_by)
VALUES (:id, :conversation_id, :now, :record, :owner, :turn_id, :turn_at, 'running', :ends_by)

-- name: keep_turn
UPDATE answers SET record = :record WHERE id = :id AND status = 'running'

-- name: end_turn
UPDATE answers SET record = :record, status = :status, ends_by = NULL WHERE id = :id

-- name: stop_elsewhere
UPDATE answers SET status = 'stopped', ends_by = NULL WHERE id = :id AND status = 'running'

-- name: interrupt_left
UPDATE answers SET status = 'interrupted', ends_by = NULL
WHERE status = 'running' AND (:now IS NULL OR ends_by < :now)

-- name: place_of_turn
SELECT conversation_id, turn_id, turn_at FROM answers
WHERE id = :id AND owner IN (SELECT value FROM json_each(:owners))

-- name: replace_versions
UPDATE answers SET is_current = (id = :id) WHERE conversation_id = :conversation_id AND turn_id = :turn_id

-- name: turn
SELECT a.record, a.created_at, a.status, a.conversation_id, a.turn_id, a.is_current, a.owner,
       f.verdict, f.reason, f.comment, f.at
FROM answers AS a LEFT JOIN feedback AS f ON f.answer_id = a.id
WHERE a.id = :id AND a.owner IN (SELECT value FROM json_each(:owners))

-- name: current_turns
SELECT a.record, a.created_at, a.status, a.conversation_id, a.turn_id, a.is_current, a.owner,
       f.verdict, f.reason, f.comment, f.at
FROM answers AS a LEFT JOIN feedback AS f ON f.answer_id = a.id
WHERE a.conversation_id = :id AND a.is_current
ORDER BY a.turn_at DESC, a.turn_id DESC LIMIT :limit

-- name: turns_from
SELECT a.record, a.created_at, a.status, a.conversation_id, a.turn_id, a.is_current, a.owner,
       f.verdict, f.reason, f.comment, f.at, a.turn_at
FROM answers AS a LEFT JOIN feedback AS f ON f.answer_id = a.id
WHERE a.conversation_id = :id AND a.is_current AND (a.turn_at, a.turn_id) > (:turn_at, :turn_id)
ORDER BY a.turn_at, a.turn_id LIMIT :limit

-- name: told_turns
SELECT record, created_at FROM answers
WHERE conversation_id = :id AND is_current AND status <> 'running'
  AND (:before IS NULL OR (turn_at, turn_id) < (SELECT turn_at, turn_id FROM answers WHERE id = :before))
ORDER BY turn_at DESC, turn_id DESC LIMIT :limit

-- name: versions
SELECT turn_id, id, record ->> '$.question', status, created_at FROM answers
WHERE conversation_id = :id AND turn_id IN (SELECT value FROM json_each(:turn_ids))
ORDER BY created_at, id

-- name: delete_answer
DELETE FROM answers WHERE id = :id

-- name: newest_version
SELECT id FROM answers WHERE conversation_id = :conversation_id AND turn_id = :turn_id
ORDER BY is_current DESC, created_at DESC, id DESC LIMIT 1
