-- name: claim
UPDATE documents
SET losses = losses + (status = 'processing'), status = 'processing', stage = 'parsing', lease_owner = :owner,
    lease_until = :lease_until, token = token + 1, attempt = crashes + errors + 1, waiting_kind = NULL,
    waiting_until = NULL, event = event + 1, updated_at = :now
WHERE id = :id
  AND ((status = 'queued' AND coalesce(waiting_until, 0) <= :now)
       OR (status = 'processing' AND stage <> 'indexing' AND lease_until <= :now))
RETURNING *

-- name: begin_version
UPDATE documents
SET recipe = :recipe, pages_done = 0, pages_total = NULL, chunks_done = 0, last_log_seq = NULL, warnings = '',
    charset = NULL, lacks_ocr = 0
WHERE id = :id
RETURNING *

-- name: was_leased
SELECT status = 'processing', coalesce(waiting_until, updated_at) FROM documents WHERE id = :id

-- name: renew
UPDATE documents SET lease_until = :lease_until
WHERE id = :id AND token = :token AND status = 'processing'
RETURNING id

-- name: fence
SELECT pages_done, version, warnings FROM documents WHERE id = :id AND token = :token AND status = 'processing'

-- name: insert_page
INSERT INTO pages (document_id, version, number, text, blocks, place, words)
VALUES (:document_id, :version, :number, :text, :blocks, :place, :words)

-- name: pages_done
SELECT p.number, p.text, p.blocks, p.place FROM documents AS d
JOIN pages AS p ON p.document_id = d.id AND p.version = d.version
WHERE d.id = :id AND d.token = :token AND p.number > :after ORDER BY p.number LIMIT :limit

-- name: insert_chunk
INSERT INTO chunks (
    id, document_id, version, page, ordinal, start, stop, vector, model, over_start, over_stop, context, is_cjk, head, place
) VALUES (
    :id, :document_id, :version, :page, :ordinal, :start, :stop, :vector, :model, :over_start, :over_stop, :context, :is_cjk,
    :head, :place
)
RETURNING row

-- name: insert_keywords
INSERT INTO keywords (rowid, terms) VALUES (:row, :terms)

-- name: log_upsert
INSERT INTO vector_log (op, chunk_id, document_id) VALUES ('upsert', :chunk_id, :document_id) RETURNING seq

-- name: checkpoint
UPDATE documents
SET pages_done = :pages_done, pages_total = :pages_total, chunks_done = chunks_done + :chunks, stage = 'embedding',
    last_log_seq = coalesce(:last_log_seq, last_log_seq), losses = 0, waiting_kind = NULL,
    waiting_until = NULL, warnings = :warnings, lacks_ocr = max(lacks_ocr, :lacks_ocr), event = event + 1,
    updated_at = :now
WHERE id = :id AND token = :token
RETURNING id

-- name: opened
UPDATE documents
SET pages_total = :pages_total, charset = :charset, warnings = :warnings, waiting_kind = NULL, waiting_until = NULL, event = event + 1, updated_at = :now
WHERE id = :id AND token = :token AND status = 'processing'
RETURNING id

-- name: to_indexing
UPDATE documents
SET stage = 'indexing', lease_owner = NULL, lease_until = NULL, waiting_kind = NULL, waiting_until = NULL,
    event = event + 1, updated_at = :now
WHERE id = :id AND token = :token AND status = 'processing'
RETURNING id

-- name: fail
UPDATE documents
SET status = 'failed', stage = NULL, lease_owner = NULL, lease_until = NULL, waiting_kind = NULL,
    waiting_until = NULL, error_code = :code, error_message = :message, error_hint = :hint,
    last_log_seq = NULL, pages_done = 0, chunks_done = 0, crashes = crashes + (:cause IS 'crash'),
    errors = errors + (:cause IS 'error'), event = event + 1, updated_at = :now
WHERE id = :id AND token = :token AND status = 'processing'
RETURNING id

-- name: holds
SELECT 1 FROM documents WHERE id = :id AND token = :token AND status = 'processing'

-- name: show_waiting
UPDATE documents SET waiting_kind = :kind, waiting_until = NULL, event = event + 1, updated_at = :now
WHERE id = :id AND token = :token AND status = 'processing'
RETURNING id

-- name: wait
UPDATE documents
SET status = 'queued', stage = NULL, lease_owner = NULL, lease_until = NULL, waiting_kind = :kind,
    waiting_until = :until, crashes = crashes + (:cause = 'crash'), errors = errors + (:cause = 'error'),
    shutdowns = shutdowns + (:cause = 'shutdown'),
    attempt = crashes + errors + (:cause IN ('crash', 'error')),
    losses = CASE WHEN :cause = 'turn' THEN losses ELSE 0 END, token = token + 1, event = event + 1,
    updated_at = :now
WHERE id = :id AND token = :token AND status = 'processing'
RETURNING id

-- name: drop_leases
UPDATE documents SET lease_until = 0
WHERE status = 'processing' AND stage <> 'indexing'
