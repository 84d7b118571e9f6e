-- name: folder
SELECT device, inode, held_since, takes FROM watched_folders WHERE folder = :folder

-- name: keep_folder
INSERT INTO watched_folders (folder, device, inode, held_since, takes)
VALUES (:folder, :device, :inode, :held_since, :takes)
ON CONFLICT (folder) DO UPDATE SET device = :device, inode = :inode, held_since = :held_since, takes = :takes

-- name: files
SELECT path, size_bytes, mtime_ns, inode, device, status, document_id, replaces, code
FROM watched_files WHERE folder = :folder

-- name: keep_file
INSERT INTO watched_files (folder, path, size_bytes, mtime_ns, inode, device, status, document_id, replaces, code)
VALUES (:folder, :path, :size_bytes, :mtime_ns, :inode, :device, :status, :document_id, :replaces, :code)
ON CONFLICT (folder, path) DO UPDATE
SET size_bytes = :size_bytes, mtime_ns = :mtime_ns, inode = :inode, device = :device, status = :status,
    document_id = :document_id, replaces = :replaces, code = :code

-- name: keep_taken
INSERT INTO watched_files (folder, path, size_bytes, mtime_ns, inode, device, status, document_id, code)
VALUES (:folder, :path, :size_bytes, :mtime_ns, :inode, :device, 'taken', :document_id, '')
ON CONFLICT (folder, path) DO UPDATE
SET size_bytes = :size_bytes, mtime_ns = :mtime_ns, inode = :inode, device = :device, status = 'taken', code = '',
    replaces = nullif(coalesce(replaces, document_id), :document_id), document_id = :document_id

-- name: forget
DELETE FROM watched_files WHERE folder = :folder AND path = :path

-- name: forget_refused
DELETE FROM watched_files WHERE folder = :folder AND status = 'refused' AND document_id IS NULL

-- name: call_document
UPDATE documents SET name = :name, path = :path, event = event + 1
WHERE id = :id AND origin = 'folder' AND (name <> :name OR path <> :path)

-- name: move_device
UPDATE watched_files SET device = :new WHERE folder = :folder AND device = :old

-- name: settle
UPDATE watched_files SET replaces = NULL
WHERE folder = :folder AND replaces IS NOT NULL
  AND EXISTS (SELECT 1 FROM documents AS d WHERE d.id = watched_files.document_id AND d.status = 'ready')

-- name: document_deleted
UPDATE watched_files
SET status = CASE WHEN document_id = :id AND replaces IS NULL THEN 'deleted' ELSE status END,
    document_id = CASE WHEN document_id = :id THEN replaces ELSE document_id END,
    replaces = NULL
WHERE document_id = :id OR replaces = :id

-- name: unused
SELECT d.id FROM documents AS d
WHERE d.origin = 'folder'
  AND NOT EXISTS (SELECT 1 FROM watched_files AS f WHERE f.document_id = d.id)
  AND NOT EXISTS (SELECT 1 FROM watched_files AS f WHERE f.replaces = d.id)
  AND NOT EXISTS (SELECT 1 FROM archive_members AS m WHERE m.document_id = d.id)
ORDER BY d.id LIMIT :limit

-- name: own_members
SELECT d.id FROM archive_members AS m
JOIN documents AS d ON d.id = m.document_id AND d.origin = 'archive'
WHERE m.archive_id = :id
  AND NOT EXISTS (SELECT 1 FROM watched_files AS f WHERE f.document_id = d.id OR f.replaces = d.id)
  AND NOT EXISTS (SELECT 1 FROM archive_members AS o WHERE o.document_id = d.id AND o.archive_id <> :id)
ORDER BY d.id
