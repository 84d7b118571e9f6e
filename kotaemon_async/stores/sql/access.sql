-- name: of_documents
SELECT id, collection FROM documents WHERE id IN (SELECT value FROM json_each(:ids))

-- name: filtered
SELECT id FROM documents
WHERE (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
  AND (:document_ids IS NULL OR id IN (SELECT value FROM json_each(:document_ids)))
  AND (:media_types IS NULL OR media_type IN (SELECT value FROM json_each(:media_types)))
  AND (:created_after IS NULL OR created_at >= :created_after)
  AND (:created_before IS NULL OR created_at < :created_before)
  AND (:names IS NULL OR EXISTS (SELECT 1 FROM json_each(:names) AS n WHERE instr(folded(name), n.value)))
ORDER BY created_at DESC, id DESC

-- name: counted
SELECT count(*) FROM documents
WHERE (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
  AND (:document_ids IS NULL OR id IN (SELECT value FROM json_each(:document_ids)))

-- name: all_events
SELECT id, event FROM documents

-- name: events_in
SELECT id, event FROM documents WHERE collection IN (SELECT value FROM json_each(:collections))

-- name: events_of
SELECT id, event FROM documents
WHERE id IN (SELECT value FROM json_each(:ids))
  AND (:collections IS NULL OR collection IN (SELECT value FROM json_each(:collections)))
