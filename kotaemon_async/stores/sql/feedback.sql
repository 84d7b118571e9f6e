-- name: save_feedback
INSERT INTO feedback (answer_id, verdict, reason, comment, user, at)
VALUES (:id, :verdict, :reason, :comment, :user, :now)
ON CONFLICT (answer_id) DO UPDATE SET verdict = :verdict, reason = :reason, comment = :comment, at = :now

-- name: delete_feedback
DELETE FROM feedback WHERE answer_id = :id

-- name: feedback
SELECT f.answer_id, f.verdict, f.reason, f.comment, f.at, f.user, a.conversation_id, a.record
FROM feedback AS f JOIN answers AS a ON a.id = f.answer_id
WHERE (:verdict IS NULL OR f.verdict = :verdict)
  AND (:before_at IS NULL OR (f.at, f.answer_id) < (:before_at, :before_id))
ORDER BY f.at DESC, f.answer_id DESC LIMIT :limit
