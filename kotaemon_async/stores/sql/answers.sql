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
