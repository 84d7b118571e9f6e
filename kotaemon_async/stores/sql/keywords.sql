-- name: best_of_all
SELECT rowid, -bm25(keywords) AS score FROM keywords
WHERE keywords MATCH :match ORDER BY score DESC, rowid LIMIT :limit

-- name: best_of_rows
SELECT rowid, -bm25(keywords) AS score FROM keywords
WHERE keywords MATCH :match AND rowid BETWEEN :first AND :last
    AND +rowid IN (SELECT value FROM json_each(:rows))
ORDER BY score DESC, rowid LIMIT :limit

-- name: sizes_of_documents
SELECT d.chunks_done FROM json_each(:document_ids) AS wanted CROSS JOIN documents AS d ON d.id = wanted.value

-- name: sizes_of_collections
SELECT d.chunks_done FROM json_each(:collections) AS wanted CROSS JOIN documents AS d ON d.collection = wanted.value

-- name: rows_of_documents
SELECT c.row
FROM json_each(:document_ids) AS wanted
CROSS JOIN documents AS d ON d.id = wanted.value
CROSS JOIN chunks AS c ON c.document_id = d.id AND c.version = d.searchable_version
WHERE :collections IS NULL OR d.collection IN (SELECT value FROM json_each(:collections))
LIMIT :limit

-- name: rows_of_collections
SELECT c.row
FROM json_each(:collections) AS wanted
CROSS JOIN documents AS d ON d.collection = wanted.value
CROSS JOIN chunks AS c ON c.document_id = d.id AND c.version = d.searchable_version
LIMIT :limit

-- name: found
SELECT c.row, c.id, d.id, d.collection
FROM json_each(:rows) AS found
CROSS JOIN chunks AS c ON c.row = found.value
CROSS JOIN documents AS d ON d.id = c.document_id AND d.searchable_version = c.version

-- name: frequencies
SELECT v.term, v.doc FROM json_each(:terms) AS wanted JOIN temp.vocabulary AS v ON v.term = wanted.value

-- name: begins_a_term
SELECT 1 FROM temp.vocabulary WHERE term >= :begun AND term < :begun || char(1114111) LIMIT 1

-- name: last_row
SELECT max(row) FROM chunks

-- name: terms_done
SELECT row FROM keyword_terms WHERE version = :version

-- name: terms_are_renewed
SELECT 1 FROM keyword_terms WHERE version = :version AND row IS NULL

-- name: chunks_after
SELECT c.row, c.id, c.head, c.start, c.stop, p.text, c.over_start, c.over_stop, o.text
FROM chunks AS c
JOIN pages AS p ON p.document_id = c.document_id AND p.version = c.version AND p.number = c.page
LEFT JOIN pages AS o ON o.document_id = c.document_id AND o.version = c.version AND o.number = c.page + 1
    AND c.over_start IS NOT NULL
WHERE c.row > :after ORDER BY c.row LIMIT :limit

-- name: forget_terms
DELETE FROM keywords WHERE rowid = :row AND EXISTS (SELECT 1 FROM chunks WHERE row = :row AND id = :id)

-- name: insert_terms
INSERT INTO keywords (rowid, terms) SELECT row, :terms FROM chunks WHERE row = :row AND id = :id

-- name: forget_terms_done
DELETE FROM keyword_terms

-- name: insert_terms_done
INSERT INTO keyword_terms (version, row) VALUES (:version, :row)
