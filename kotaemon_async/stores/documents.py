"""The ledger's rows of documents: accept, read, list, start anew, cancel, delete."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import apsw

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Attempts, Document, Failure
from kotaemon_async.stores.idempotency import KeyUse, keep_reply
from kotaemon_async.stores.sqlite import Database, queries

SQL = queries("documents.sql")
_SAME_NAME = (
    *("id", "name", "media_type", "size_bytes", "sha256", "collection", "status", "version", "stage"),
    *("pages_done", "pages_total", "chunks_done", "attempt", "max_attempts", "trace_id", "traceparent"),
)


@dataclass(frozen=True, slots=True)
class NewDocument:
    """What is known of a file when it is accepted."""

    id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    collection: str
    max_attempts: int
    trace_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which documents to list, newest first; `cursor` is where the last page ended."""

    collection: str | None = None
    status: str | None = None
    q: str | None = None
    limit: int = 50
    cursor: str | None = None


class Documents:
    """Reads and changes whole documents; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(
        self, new: NewDocument, now_s: float, *, key: KeyUse | None = None
    ) -> tuple[Document, bool]:
        """The document for these bytes and whether work on it begins now, kept as the reply of `key`.

        The same bytes in the same collection are one document; one that failed or was cancelled starts anew.
        """
        return await self._database.write(lambda conn: _accept_once(conn, new, now_s, key))

    async def get(self, document_id: str) -> Document:
        """The document; raises Refused `not_found`."""
        return (await self.versioned(document_id))[1]

    async def versioned(self, document_id: str) -> tuple[int, Document]:
        """The number of the document's last event and the document."""
        return await self._database.read(lambda conn: _get(conn, document_id))

    async def page_of(self, query: ListQuery) -> tuple[list[Document], str | None]:
        """One page of documents, newest first, and the cursor of the next."""
        return await self._database.read(lambda conn: _page_of(conn, query))

    async def events_of(self, document_ids: Collection[str]) -> dict[str, int]:
        """The number of the last event of each document that is there."""
        values = {"ids": json.dumps(list(document_ids))}
        return await self._database.read(lambda conn: dict(conn.execute(SQL["events_of"], values)))

    async def queued(self, limit: int) -> int:
        """How many documents wait for a worker, counted up to `limit`."""
        return await self._database.read(lambda conn: conn.execute(SQL["queued"], {"limit": limit}).get)

    async def counts(self) -> tuple[dict[str, int], float | None]:
        """Documents by status, and when the oldest queued one was accepted."""
        return await self._database.read(_counts)

    async def start_anew(self, document_id: str, now_s: float, *, force: bool = False) -> Document:
        """The document, queued again from its first page; what is searchable stays so until it is ready.

        Raises: Refused when it is not failed or cancelled, unless it is forced.
        """
        return await self._database.write(lambda conn: _start_anew(conn, document_id, now_s, force=force))

    async def start_all_anew(self, collection: str | None, now_s: float) -> int:
        """How many failed documents are queued again, of one collection or of all."""
        return await self._database.write(lambda conn: _start_all_anew(conn, collection, now_s))

    async def start_stale_anew(self, recipe: str, model: str, now_s: float) -> int:
        """How many documents are queued again because another recipe made them; they stay searchable.

        What an earlier release left without a recipe counts as made by this one.
        """
        return await self._database.write(lambda conn: _start_stale_anew(conn, recipe, model, now_s))

    async def cancel(self, document_id: str, now_s: float) -> Document:
        """The document, cancelled, with nothing of the work left; one that was read anew is ready as before.

        Raises: Refused when it is final.
        """
        return await self._database.write(lambda conn: _cancel(conn, document_id, now_s))

    async def delete(self, document_id: str) -> str | None:
        """The hash of the blob that nothing uses any more, if so; raises Refused `not_found`."""
        return await self._database.write(lambda conn: _delete(conn, document_id))

    async def blobs(self) -> set[str]:
        """The hash of every blob that a document uses."""
        return await self._database.read(lambda conn: {row[0] for row in conn.execute(SQL["blobs"])})


def document_of(cursor: apsw.Cursor, row: tuple[Any, ...]) -> Document:
    """The document that a row with all columns holds."""
    return _versioned(cursor, row)[1]


def _versioned(cursor: apsw.Cursor, row: tuple[Any, ...]) -> tuple[int, Document]:
    named = dict(zip((column[0] for column in cursor.get_description()), row, strict=True))
    code = named["error_code"]
    error = Failure(code, named["error_message"], named["error_hint"]) if code else None
    return named["event"], Document(
        **{name: named[name] for name in _SAME_NAME},
        created_at_s=named["created_at"],
        updated_at_s=named["updated_at"],
        ready_at_s=named["ready_at"],
        attempts=Attempts(named["crashes"], named["errors"], named["shutdowns"], named["losses"]),
        waiting_for=_waiting_for(named),
        error=error,
    )


def _waiting_for(named: dict[str, Any]) -> dict[str, object] | None:
    """Why nothing happens to the document at the moment, or None while something does."""
    if named["waiting_kind"]:
        until_s = named["waiting_until"]
        return {"kind": named["waiting_kind"]} | ({} if until_s is None else {"at": until_s})
    if named["status"] == "queued":
        return {"kind": "worker"}
    if named["stage"] == "indexing":
        return {"kind": "vectors"}
    return None


def _one(conn: apsw.Connection, sql: str, **values: object) -> tuple[int, Document] | None:
    cursor = conn.execute(sql, values)
    for row in cursor:
        return _versioned(cursor, row)
    return None


def _get(conn: apsw.Connection, document_id: str) -> tuple[int, Document]:
    found = _one(conn, SQL["by_id"], id=document_id)
    if found is None:
        raise Refused(f"There is no document {document_id!r}.", code="not_found")
    return found


def _accept_once(
    conn: apsw.Connection, new: NewDocument, now_s: float, key: KeyUse | None
) -> tuple[Document, bool]:
    document, is_new = _accept(conn, new, now_s)
    if key is not None:
        keep_reply(conn, key, document, is_new=is_new, now_s=now_s)
    return document, is_new


def _accept(conn: apsw.Connection, new: NewDocument, now_s: float) -> tuple[Document, bool]:
    known = _one(conn, SQL["by_content"], collection=new.collection, sha256=new.sha256)
    if known is None:
        values = {name: getattr(new, name) for name in NewDocument.__slots__}
        conn.execute(SQL["insert"], {**values, "now": now_s})
        return _get(conn, new.id)[1], True
    document = known[1]
    if document.status in ("failed", "cancelled"):
        return _start_anew(conn, document.id, now_s), True
    return document, False


def _page_of(conn: apsw.Connection, query: ListQuery) -> tuple[list[Document], str | None]:
    before_at, before_id = parse_cursor(query.cursor)
    escaped = (query.q or "").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    cursor = conn.execute(
        SQL["page"],
        {
            "collection": query.collection,
            "status": query.status,
            "name_like": f"%{escaped}%" if query.q else None,
            "before_at": before_at,
            "before_id": before_id,
            "limit": query.limit + 1,
        },
    )
    found = [document_of(cursor, row) for row in cursor]
    if len(found) <= query.limit:
        return found, None
    last = found[query.limit - 1]
    return found[: query.limit], f"{last.created_at_s!r}:{last.id}"


def parse_cursor(cursor: str | None) -> tuple[float | None, str | None]:
    """Time and id of the last row of the page before; raises Refused for anything else."""
    if not cursor:
        return None, None
    at, _, document_id = cursor.partition(":")
    try:
        return float(at), document_id
    except ValueError:
        raise Refused("The cursor is not one that this service gave out.") from None


def _counts(conn: apsw.Connection) -> tuple[dict[str, int], float | None]:
    return dict(conn.execute(SQL["counts"])), conn.execute(SQL["oldest_queued"]).get


def _start_anew(conn: apsw.Connection, document_id: str, now_s: float, *, force: bool = False) -> Document:
    document = _get(conn, document_id)[1]
    if document.status not in ("failed", "cancelled") and not force:
        raise Refused(
            f"The document is {document.status}; only a failed or cancelled one is retried.",
            code="conflict",
            hint="Send force=true to read it anew all the same.",
        )
    _requeue(conn, document_id, now_s)
    return _get(conn, document_id)[1]


def _requeue(conn: apsw.Connection, document_id: str, now_s: float) -> None:
    kept = kept_version(conn, document_id)
    remove_contents(conn, document_id, kept_version=kept)
    conn.execute(SQL["requeue"], {"id": document_id, "kept_version": kept, "now": now_s})


def _start_all_anew(conn: apsw.Connection, collection: str | None, now_s: float) -> int:
    ids = [row[0] for row in conn.execute(SQL["failed"], {"collection": collection})]
    for document_id in ids:
        _requeue(conn, document_id, now_s)
    return len(ids)


def _start_stale_anew(conn: apsw.Connection, recipe: str, model: str, now_s: float) -> int:
    conn.execute(SQL["adopt_documents"], {"recipe": recipe})
    conn.execute(SQL["adopt_chunks"], {"model": model})
    ids = [row[0] for row in conn.execute(SQL["stale"], {"recipe": recipe})]
    for document_id in ids:
        _requeue(conn, document_id, now_s)
    return len(ids)


def _cancel(conn: apsw.Connection, document_id: str, now_s: float) -> Document:
    document = _get(conn, document_id)[1]
    if document.status not in ("queued", "processing"):
        raise Refused(f"The document is already {document.status}.", code="conflict")
    kept = kept_version(conn, document_id)
    remove_contents(conn, document_id, kept_version=kept)
    end = "cancel" if kept is None else "back_to_searchable"
    conn.execute(SQL[end], {"id": document_id, "now": now_s})
    return _get(conn, document_id)[1]


def _delete(conn: apsw.Connection, document_id: str) -> str | None:
    document = _get(conn, document_id)[1]
    remove_contents(conn, document_id)
    conn.execute(SQL["delete"], {"id": document_id})
    uses = conn.execute(SQL["uses_of_blob"], {"sha256": document.sha256}).get
    return None if uses else document.sha256


def kept_version(conn: apsw.Connection, document_id: str) -> int | None:
    """The version that is searchable while another one is worked on, if there is such a one."""
    found: int | None = conn.execute(SQL["kept_version"], {"id": document_id}).get
    return found


def remove_contents(conn: apsw.Connection, document_id: str, *, kept_version: int | None = None) -> None:
    """Pages, chunks and keywords are gone, but of `kept_version`; the log has vectors forgotten."""
    values = {"id": document_id, "kept_version": kept_version}
    for name in ("forget_upserts", "log_deletes", "delete_keywords", "delete_chunks", "delete_pages"):
        conn.execute(SQL[name], values)
