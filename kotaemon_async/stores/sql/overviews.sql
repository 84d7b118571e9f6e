-- name: keep
INSERT INTO overviews (document_id, version, recipe, record, made_at)
SELECT id, searchable_version, :recipe, :record, :now FROM documents
WHERE id = :id AND searchable_version = :version
ON CONFLICT (document_id) DO UPDATE SET
    version = excluded.version, recipe = excluded.recipe, record = excluded.record, made_at = excluded.made_at

-- name: of_documents
SELECT d.id, d.name, o.record
FROM json_each(:ids) AS wanted
JOIN documents AS d ON d.id = wanted.value
JOIN overviews AS o ON o.document_id = d.id AND o.version = d.searchable_version AND o.recipe = :recipe

-- name: newest
SELECT d.id, d.name, o.record
FROM documents AS d
JOIN overviews AS o ON o.document_id = d.id AND o.version = d.searchable_version AND o.recipe = :recipe
WHERE (:collections IS NULL OR d.collection IN (SELECT value FROM json_each(:collections)))
  AND (:document_ids IS NULL OR d.id IN (SELECT value FROM json_each(:document_ids)))
ORDER BY d.created_at DESC, d.id DESC
LIMIT :limit

-- name: lacking
SELECT d.id, d.searchable_version
FROM documents AS d
WHERE (d.status = 'ready' OR d.stage = 'indexing' OR d.searchable_version <> d.version)
  AND d.media_type <> 'application/zip'
  AND NOT EXISTS (SELECT 1 FROM overviews AS o
                  WHERE o.document_id = d.id AND o.version = d.searchable_version AND o.recipe = :recipe)
  AND d.id NOT IN (SELECT value FROM json_each(:but))
ORDER BY d.created_at DESC, d.id DESC
LIMIT :limit

-- name: version
SELECT searchable_version FROM documents
WHERE id = :id AND (status = 'ready' OR stage = 'indexing' OR searchable_version <> version)
