-- name: begin_conversation
INSERT INTO conversations (id, title, created_at, updated_at, owner) VALUES (:id, :title, :now, :now, :owner)
ON CONFLICT (id) DO UPDATE SET updated_at = :now, title = iif(title = '', :title, title)

-- name: conversation_owner
SELECT owner FROM conversations WHERE id = :id

-- name: conversation_title
SELECT title FROM conversations WHERE id = :id

-- name: title_is_taken
SELECT 1 FROM conversations WHERE owner = :owner AND title = :title LIMIT 1

-- name: conversation
SELECT c.id, c.title, c.created_at, c.updated_at,
       (SELECT count(*) FROM answers AS a WHERE a.conversation_id = c.id AND a.is_current),
       c.pinned_at,
       EXISTS (SELECT 1 FROM answers AS a WHERE a.conversation_id = c.id AND a.status = 'running'),
       NULL, c.owner
FROM conversations AS c WHERE c.id = :id AND c.owner IN (SELECT value FROM json_each(:owners))

-- name: conversations
SELECT c.id, c.title, c.created_at, c.updated_at,
       (SELECT count(*) FROM answers AS a WHERE a.conversation_id = c.id AND a.is_current),
       c.pinned_at,
       EXISTS (SELECT 1 FROM answers AS a WHERE a.conversation_id = c.id AND a.status = 'running'),
       CASE WHEN :parts IS NOT NULL THEN (
           SELECT a.record FROM answers AS a JOIN answer_words AS w ON w.answer_id = a.id
           WHERE a.conversation_id = c.id AND a.is_current
             AND NOT EXISTS (SELECT 1 FROM json_each(:parts) AS p WHERE NOT instr(w.words, p.value))
           ORDER BY a.turn_at DESC, a.turn_id DESC LIMIT 1
       ) END AS found,
       c.updated_at + :pinned_s * (c.pinned_at IS NOT NULL) AS place
FROM conversations AS c
WHERE c.owner IN (SELECT value FROM json_each(:owners))
  AND (:before_at IS NULL OR (place, c.id) < (:before_at, :before_id))
  AND (:parts IS NULL OR found IS NOT NULL
       OR NOT EXISTS (SELECT 1 FROM json_each(:parts) AS p WHERE NOT instr(folded(c.title), p.value)))
ORDER BY place DESC, c.id DESC LIMIT :limit

-- name: rename_conversation
UPDATE conversations SET title = :title, updated_at = :now WHERE id = :id

-- name: pin_conversation
UPDATE conversations SET pinned_at = :at WHERE id = :id

-- name: delete_turns
DELETE FROM answers WHERE conversation_id = :id

-- name: delete_conversation
DELETE FROM conversations WHERE id = :id
