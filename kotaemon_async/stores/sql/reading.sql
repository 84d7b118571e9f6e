-- name: texts_after
SELECT p.number, p.text, p.place, d.media_type, max(c.stop), min(c.over_start)
FROM documents AS d JOIN pages AS p ON p.document_id = d.id AND p.version = d.searchable_version
LEFT JOIN chunks AS c ON c.document_id = p.document_id AND c.version = p.version AND c.page = p.number
    AND c.over_start IS NOT NULL
WHERE d.id = :id AND p.number > :after GROUP BY p.number ORDER BY p.number LIMIT :limit

-- name: places
SELECT p.number, p.place, d.media_type
FROM documents AS d JOIN pages AS p ON p.document_id = d.id AND p.version = d.searchable_version
WHERE d.id = :id ORDER BY p.number

-- name: headings
SELECT p.number, b.value ->> 3, substr(p.text, (b.value ->> 1) + 1, (b.value ->> 2) - (b.value ->> 1))
FROM documents AS d
JOIN pages AS p ON p.document_id = d.id AND p.version = d.searchable_version
JOIN json_each(iif(p.blocks <> '', p.blocks, '[]')) AS b
WHERE d.id = :id AND b.value ->> 0 = 'heading'
ORDER BY p.number, b.key LIMIT :limit

-- name: chunks_after
SELECT c.id, c.page, c.ordinal
FROM documents AS d JOIN chunks AS c ON c.document_id = d.id AND c.version = d.searchable_version
WHERE d.id = :id AND (c.page, c.ordinal) > (:page, :ordinal)
ORDER BY c.page, c.ordinal LIMIT :limit
