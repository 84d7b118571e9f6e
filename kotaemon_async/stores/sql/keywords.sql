-- name: keyword_search
SELECT c.id, -bm25(keywords) AS score
FROM keywords
JOIN chunks AS c ON c.row = keywords.rowid
JOIN documents AS d ON d.id = c.document_id AND d.searchable_version = c.version
WHERE keywords MATCH :match
  AND (:collection IS NULL OR d.collection = :collection)
  AND (:document_ids IS NULL OR d.id IN (SELECT value FROM json_each(:document_ids)))
ORDER BY score DESC, c.id LIMIT :limit

-- name: frequencies
SELECT v.term, v.doc FROM json_each(:terms) AS wanted JOIN temp.vocabulary AS v ON v.term = wanted.value

-- name: last_row
SELECT max(row) FROM chunks
