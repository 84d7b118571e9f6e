-- name: begin
INSERT INTO trace_rows (trace_id, kind, span_id, process, started_at, ended_at, body)
VALUES (:trace_id, :kind, :span_id, :process, :started_at, :ended_at, :body)

-- name: finish
UPDATE trace_rows SET ended_at = :ended_at, body = :body
WHERE trace_id = :trace_id AND kind = :kind AND span_id = :span_id

-- name: last_row
SELECT max(id) FROM trace_rows

-- name: name
INSERT INTO trace_names (name, trace_id, first_row, last_row) VALUES (:name, :trace_id, :row, :row)
ON CONFLICT (name, trace_id) DO UPDATE SET last_row = excluded.last_row

-- name: see
INSERT INTO trace_processes (process, seen_at, ended_at) VALUES (:process, :now, :ended_at)
ON CONFLICT (process) DO UPDATE SET seen_at = excluded.seen_at, ended_at = excluded.ended_at

-- name: rows
SELECT kind, process, body FROM trace_rows
WHERE trace_id = :trace_id ORDER BY id LIMIT :limit

-- name: processes
SELECT process, seen_at, ended_at FROM trace_processes
WHERE process IN (SELECT process FROM trace_rows WHERE trace_id = :trace_id)

-- name: first_named
SELECT trace_id FROM trace_names WHERE name = :name ORDER BY first_row LIMIT :limit

-- name: last_named
SELECT trace_id FROM trace_names WHERE name = :name ORDER BY last_row DESC LIMIT :limit

-- name: size
SELECT coalesce((SELECT max(id) FROM trace_rows) - (SELECT min(id) FROM trace_rows) + 1, 0),
       ((SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count))
       * (SELECT page_size FROM pragma_page_size)

-- name: oldest_kept
SELECT coalesce((SELECT id FROM trace_rows WHERE started_at >= :oldest ORDER BY id LIMIT 1), 9223372036854775807)

-- name: first_row
SELECT coalesce(min(id), 0) FROM trace_rows

-- name: forget_rows
DELETE FROM trace_rows WHERE id < :row

-- name: forget_names
DELETE FROM trace_names WHERE last_row < :row

-- name: forget_processes
DELETE FROM trace_processes WHERE seen_at < :oldest
