-- Read from ledgers of every release: nothing here may name what an earlier schema lacks.

-- name: blobs
SELECT DISTINCT sha256, size_bytes FROM documents

-- name: counts
SELECT status, count(*) FROM documents GROUP BY status
