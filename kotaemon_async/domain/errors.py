"""Everything that can go wrong, grouped by whose fault it is.

KotaemonError
├─ Refused        the caller's fault      4xx, never retried
├─ BadDocument    the file's fault        the document is `failed`, never retried
├─ Unavailable    a neighbour's fault     job: retry · question: next link · HTTP: 503 + Retry-After
└─ Misconfigured  the operator's fault    stop at start-up, exit 78

Adapters translate foreign exceptions into these, once; anything else is our bug.
"""

from typing import Final

#: Every code a reply, a document or a log line may carry -> (HTTP status, hint).
CODES: Final[dict[str, tuple[int, str]]] = {
    # Refused
    "bad_request": (400, "Compare the request with /schema and send it again."),
    "unauthorized": (401, "Send a valid key as 'Authorization: Bearer KEY'."),
    "forbidden": (
        403,
        "Ask whoever looks after the service for this scope, or its owner for the right to write.",
    ),
    "wrong_origin": (
        403,
        "Open the page under the service's own address, or set http.allowed_origins.",
    ),
    "not_found": (404, "List what exists with GET /api/v1/documents."),
    "method_not_allowed": (405, "See /schema for the methods of this path."),
    "too_slow": (408, "Send it again, without pauses."),
    "conflict": (409, "Look at the document's status first; it may already have changed."),
    "too_large": (413, "Split the file, or raise the limit in the settings."),
    "unsupported_format": (
        415,
        "Send a document, a table, a mail or a picture of one; office files, PDF, text and ZIP are read.",
    ),
    "unsupported_media_type": (415, "Send JSON as application/json, and files as multipart/form-data."),
    "wrong_host": (
        421,
        "Use an address that the service listens on, or set http.allowed_hosts.",
    ),
    "rate_limited": (429, "Send it again after the seconds named in Retry-After."),
    "quota_exceeded": (429, "Delete documents, or ask whoever looks after the service for more room."),
    "head_too_large": (431, "Send fewer and shorter header fields, and a shorter address."),
    "client_gone": (499, "The client left before the reply; nothing to do."),
    "no_documents": (404, "Upload a document first."),
    "documents_unfinished": (404, "Ask again when the documents are ready."),
    "documents_failed": (404, "Look at why the documents failed, and upload them in another form."),
    "busy": (429, "Send it again after the seconds named in Retry-After."),
    "key_in_use": (409, "The first request with this Idempotency-Key still runs; send it again in a moment."),
    "key_reused": (422, "Take a new Idempotency-Key for another request."),
    # BadDocument (413 and 415 above are used for documents too)
    "encrypted": (422, "Remove the password and upload the file again."),
    "corrupt": (422, "Open and save the file with another program, then upload it again."),
    "no_text": (422, "The file holds no text; run OCR on it and upload the result."),
    "empty": (422, "The file is empty; check how it was saved or sent."),
    "parser_limit": (422, "The file needs too much time or memory; split or simplify it."),
    # Unavailable
    "ledger_unavailable": (503, "Check the disk that holds the data folder; the service goes on by itself."),
    "storage_unavailable": (503, "Check the disk that holds the data folder; the service goes on by itself."),
    "vectors_unavailable": (503, "Nothing to do: the index is restarted or rebuilt from the ledger."),
    "vectors_rebuilding": (503, "Nothing to do: searches use the index again when it is complete."),
    "embedder_unavailable": (503, "Look at the log for the cause; keyword search goes on meanwhile."),
    "parser_unavailable": (503, "Nothing to do: a fresh parser is started."),
    "ocr_unavailable": (503, "Look at the log for the cause; pages that are pictures are named in warnings."),
    "broker_unavailable": (503, "Check the broker's URL; accepted documents wait and nothing is lost."),
    "llm_unavailable": (503, "Check the model server; answers come from the next link meanwhile."),
    "telemetry_unavailable": (503, "Check the disk of the data folder; traces are kept again by themselves."),
    "memory_high": (503, "Give the service more memory, or lower ingest.concurrency and parser.children."),
    "answer_cut": (503, "The model stopped at its length limit; raise the limit or ask for less."),
    "prompt_too_long": (503, "Ask a shorter question, or give the model a larger context."),
    "thoughts": (503, "Nothing to do: the model's thoughts were taken for an answer and are taken back."),
    "unsupported": (503, "Nothing to do: the model's words are not in the documents; another tier answered."),
    "timeout": (503, "Try again, or allow more time."),
    "starting": (503, "The service is starting; try again in a moment."),
    "shutting_down": (503, "The service is stopping; try again in a moment."),
    "disk_full": (507, "Free some disk space; the service goes on by itself."),
    "folder_unavailable": (
        503,
        "Make or mount the folder; nothing of it is deleted meanwhile.",
    ),
    "files_vanished": (
        503,
        "Bring the files back, or wait until library.watch_hold_s is over.",
    ),
    "backup_overdue": (503, "Run: kotaemon-async backup create; the log's chore_failed says what is wrong."),
    "backup_damaged": (503, "Run: kotaemon-async backup create, then backup verify; look at the disk."),
    # Misconfigured
    "misconfigured": (500, "Correct the setting that the message names and start again."),
    # ours
    "internal": (500, "This is a bug; search the log for the trace id."),
}


class KotaemonError(Exception):
    """A failure with a code from CODES, a sentence for people and a hint."""

    code: str = "internal"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.message = message
        self.status, default_hint = CODES[self.code]
        self.hint = hint or default_hint
        self.retry_after_s = retry_after_s
        self.retryable = type(self).retryable or retry_after_s is not None


class Refused(KotaemonError):
    """The caller has to change something."""

    code = "bad_request"


class BadDocument(KotaemonError):
    """The file itself cannot be used, now or later."""

    code = "corrupt"


class Unavailable(KotaemonError):
    """A neighbour cannot serve at the moment; the same call may work later."""

    code = "internal"
    retryable = True


class Misconfigured(KotaemonError):
    """A setting is wrong; the service does not start (exit 78)."""

    code = "misconfigured"


class LeaseLost(KotaemonError):
    """Another worker owns the document now; stop and write nothing."""

    code = "conflict"
