-- name: of_documents
SELECT id, collection FROM documents WHERE id IN (SELECT value FROM json_each(:ids))

-- name: all_events
SELECT id, event FROM documents

-- name: events_in
SELECT id, event FROM documents WHERE collection IN (SELECT value FROM json_each(:collections))

-- name: events_of
SELECT id, event FROM documents
WHERE id IN (SELECT value FROM json_each(:ids))
  AND (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
