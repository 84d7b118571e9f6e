-- name: save_answer
INSERT INTO answers (id, conversation_id, created_at, record, owner, turn_id, turn_at, status)
VALUES (:id, :conversation_id, :now, :record, :owner, :id, :now, :status)
ON CONFLICT (id) DO UPDATE SET record = :record, status = :status, ends_by = NULL

-- name: save_words
INSERT INTO answer_words (answer_id, words) VALUES (:id, folded(:words))
ON CONFLICT (answer_id) DO UPDATE SET words = folded(:words)

-- name: answer
SELECT record FROM answers WHERE id = :id AND owner IN (SELECT value FROM json_each(:owners))

-- name: forget_old_answers
DELETE FROM answers WHERE id IN (
    SELECT id FROM answers WHERE conversation_id IS NULL AND created_at <= :oldest LIMIT :limit
)

-- name: stamp
SELECT count(*) || '.' || coalesce(sum(version), 0) || '.' || coalesce(max(last_log_seq), 0)
       || '.' || coalesce(sum(last_log_seq), 0)
FROM documents
WHERE (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
  AND (:document_ids IS NULL OR id IN (SELECT value FROM json_each(:document_ids)))

-- name: cached
SELECT record, created_at FROM cached_answers
WHERE key = :key AND stamp = :stamp AND created_at > :oldest AND (:link IS NULL OR link = :link)
ORDER BY created_at DESC LIMIT 1

-- name: cache
INSERT OR REPLACE INTO cached_answers (key, link, stamp, record, size_bytes, created_at)
VALUES (:key, :link, :stamp, :record, :size_bytes, :now)

-- name: forget_expired
DELETE FROM cached_answers WHERE created_at <= :oldest

-- name: cache_size
SELECT count(*), coalesce(sum(size_bytes), 0) FROM cached_answers

-- name: forget_oldest
DELETE FROM cached_answers
WHERE (key, link) IN (SELECT key, link FROM cached_answers ORDER BY created_at LIMIT :count)

-- name: begin_conversation
INSERT INTO conversations (id, title, created_at, updated_at, owner) VALUES (:id, :title, :now, :now, :owner)
ON CONFLICT (id) DO UPDATE SET updated_at = :now

-- name: conversation_owner
SELECT owner FROM conversations WHERE id = :id

-- name: conversation
SELECT c.id, c.title, c.created_at, c.updated_at,
       (SELECT count(*) FROM answers AS a WHERE a.conversation_id = c.id)
FROM conversations AS c WHERE c.id = :id AND c.owner IN (SELECT value FROM json_each(:owners))

-- name: conversations
SELECT c.id, c.title, c.created_at, c.updated_at,
       (SELECT count(*) FROM answers AS a WHERE a.conversation_id = c.id)
FROM conversations AS c
WHERE c.owner IN (SELECT value FROM json_each(:owners))
  AND (:title_part IS NULL OR instr(folded(c.title), :title_part))
  AND (:before_at IS NULL OR (c.updated_at, c.id) < (:before_at, :before_id))
ORDER BY c.updated_at DESC, c.id DESC LIMIT :limit

-- name: turns
SELECT record, created_at FROM (
    SELECT record, created_at, id FROM answers WHERE conversation_id = :id
    ORDER BY created_at DESC, id DESC LIMIT :limit
) ORDER BY created_at, id

-- name: rename_conversation
UPDATE conversations SET title = :title, updated_at = :now WHERE id = :id

-- name: delete_turns
DELETE FROM answers WHERE conversation_id = :id

-- name: delete_conversation
DELETE FROM conversations WHERE id = :id
