"""Documents and their collections in the ledger: accept, read, list, start anew, move, cancel, delete."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

import apsw

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Attempts, Document, Failure, Page, Passage, PassageSentences, Scope
from kotaemon_async.domain.sentences import chunk_text
from kotaemon_async.stores import context
from kotaemon_async.stores.collections import forget_unused, open_for_writing
from kotaemon_async.stores.idempotency import KeyUse, keep_reply
from kotaemon_async.stores.paging import folded_part, page_of, page_values
from kotaemon_async.stores.scopes import collection_values, holds, scope_values
from kotaemon_async.stores.sqlite import Store, queries, reads, writes
from kotaemon_async.stores.watched import Taken, keep_taken, note_deleted

SQL = queries("documents.sql")
_SAME_NAME = (
    *("id", "name", "media_type", "size_bytes", "sha256", "collection", "status", "version", "stage"),
    *("pages_done", "pages_total", "chunks_done", "attempt", "max_attempts", "trace_id", "traceparent"),
    *("charset", "path", "parent_id", "user_id"),
)


_EVERYWHERE: Final = Scope()
#: How a document came: a person or program sent it, it lay in a followed folder, or in an archive.
Origin = Literal["upload", "folder", "archive"]


@dataclass(frozen=True, slots=True)
class NewDocument:
    """What is known of a file when it is accepted; `collection` is what the caller calls it."""

    caller: Caller
    id: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    collection: str
    max_attempts: int
    trace_id: str
    traceparent: str
    path: str = ""
    parent_id: str | None = None
    origin: Origin = "upload"
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which documents to list, newest first; `cursor` is where the last page ended.

    `collection` is what the caller calls it, `parent_id` the archive that they came out of, `warnings` says
    whether there are any.
    """

    collection: str | None = None
    status: str | None = None
    q: str | None = None
    limit: int = 50
    cursor: str | None = None
    parent_id: str | None = None
    warnings: bool | None = None


@dataclass(frozen=True, slots=True)
class ArchiveUse:
    """How deep an archive lies in others, and what came out of the outermost one so far."""

    depth: int
    members: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Due:
    """A document that waits for a worker; its token changes with every claim."""

    document_id: str
    token: int
    traceparent: str
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Which documents a scope has: names, newest first, and how many are ready, are not yet, failed."""

    names: tuple[str, ...]
    ready: int
    unfinished: int
    failed: int = 0


class Unread(NamedTuple):
    """How many pages could not be read, and in how many documents."""

    pages: int
    documents: int


@dataclass(frozen=True, slots=True)
class Named:
    """A document that can be found, by id and name."""

    id: str
    name: str


class Documents(Store):
    """Reads and changes whole documents."""

    @writes
    def accept(
        self,
        conn: apsw.Connection,
        new: NewDocument,
        now_s: float,
        *,
        key: KeyUse | None = None,
        taken: Taken | None = None,
    ) -> tuple[Document, bool]:
        """Return the document for these bytes and whether work on it begins now, and keep both for `key`.

        The same bytes in the same collection are one document; one that failed or was cancelled starts anew.
        `taken` is the file of a followed folder that it is from now on. What comes out of an archive comes
        to where that stands. Raises: Refused when the caller may not write there.
        """
        document, is_new = _accept(conn, new, now_s)
        _note_origin(conn, new, document.id)
        if taken is not None:
            keep_taken(conn, taken, document.id)
        if key is not None:
            keep_reply(conn, key, document, is_new=is_new, now_s=now_s)
        return document, is_new

    @reads
    def get(self, conn: apsw.Connection, document_id: str) -> Document:
        """Return the document; raises Refused `not_found`."""
        return document_in(conn, document_id)[1]

    @reads
    def versioned(self, conn: apsw.Connection, document_id: str) -> tuple[int, Document]:
        """Return the number of the document's last event and the document; raises Refused `not_found`."""
        return document_in(conn, document_id)

    @reads
    def several(self, conn: apsw.Connection, document_ids: Sequence[str]) -> list[Document]:
        """Return those of the documents that are there, the one that changed last at the end."""
        return several_of(conn, document_ids)

    @reads
    def shelf(self, conn: apsw.Connection, scope: Scope, limit: int) -> Shelf:
        """Return up to `limit` names of the scope's documents that can be found, and all of them counted."""
        values = scope_values(scope)
        names = tuple(row[1] for row in conn.execute(SQL["shelf_names"], values | {"limit": limit}))
        return Shelf(names, *(conn.execute(SQL["shelf_counts"], values).fetchone() or (0, 0, 0)))

    @reads
    def named(self, conn: apsw.Connection, scope: Scope, limit: int) -> list[Named]:
        """Return up to `limit` of the scope's documents that can be found, newest first."""
        rows = conn.execute(SQL["shelf_names"], scope_values(scope) | {"limit": limit})
        return [Named(*row) for row in rows]

    @reads
    def unread(self, conn: apsw.Connection, scope: Scope) -> Unread:
        """Return how many pages of the scope's documents that can be found were not read."""
        return Unread(*(conn.execute(SQL["unread"], scope_values(scope)).fetchone() or (0, 0)))

    @reads
    def warned(self, conn: apsw.Connection) -> dict[str, int]:
        """Return the number of documents with a warning, by its code."""
        return dict(conn.execute(SQL["warned"]))

    @reads
    def due(self, conn: apsw.Connection, now_s: float, limit: int) -> list[Due]:
        """Return documents that a worker may claim now, oldest first."""
        return [Due(*row) for row in conn.execute(SQL["due"], {"now": now_s, "limit": limit})]

    @reads
    def queued(self, conn: apsw.Connection, limit: int) -> int:
        """Return how many documents wait for a worker, counted up to `limit`."""
        return int(conn.execute(SQL["queued"], {"limit": limit}).get)

    @reads
    def counts(self, conn: apsw.Connection) -> tuple[dict[str, int], float | None]:
        """Return the number of documents by status, and when the oldest queued one was accepted."""
        return dict(conn.execute(SQL["counts"])), conn.execute(SQL["oldest_queued"]).get

    @writes
    def start_anew(
        self, conn: apsw.Connection, document_id: str, now_s: float, *, force: bool = False
    ) -> Document:
        """Queue the document again from its first page; what is searchable stays so until it is ready.

        Raises: Refused when it is not failed or cancelled, unless it is forced.
        """
        return _start_anew(conn, document_id, now_s, force=force)

    @writes
    def start_all_anew(self, conn: apsw.Connection, collections: Sequence[str] | None, now_s: float) -> int:
        """Queue the failed documents of some collections, or of all, again and return how many."""
        return _requeue_all(conn, "failed", collection_values(collections), now_s)

    @writes
    def start_stale_anew(self, conn: apsw.Connection, recipe: str, now_s: float) -> int:
        """Queue the documents that another recipe made again and return how many; they stay searchable."""
        return _requeue_all(conn, "stale", {"recipe": recipe}, now_s)

    @writes
    def start_unrecognized_anew(self, conn: apsw.Connection, now_s: float) -> int:
        """Queue the documents with pages that text recognition was not there for, and return how many."""
        return _requeue_all(conn, "unrecognized", {}, now_s)

    @writes
    def cancel(self, conn: apsw.Connection, document_id: str, now_s: float) -> Document:
        """Cancel the document and return it; one that was read anew is ready as before.

        Raises: Refused when it is final.
        """
        document = document_in(conn, document_id)[1]
        if document.status not in ("queued", "processing"):
            raise Refused(f"The document is already {document.status}.", code="conflict")
        kept = kept_version(conn, document_id)
        remove_contents(conn, document_id, kept_version=kept)
        end = "cancel" if kept is None else "back_to_searchable"
        conn.execute(SQL[end], {"id": document_id, "now": now_s})
        return document_in(conn, document_id)[1]

    @writes
    def delete(self, conn: apsw.Connection, document_id: str) -> str | None:
        """Delete the document; return its blob's hash if nothing else uses it; raises Refused `not_found`."""
        document = document_in(conn, document_id)[1]
        remove_contents(conn, document_id)
        note_deleted(conn, document_id)
        conn.execute(SQL["delete"], {"id": document_id})
        forget_unused(conn, document.collection)
        uses = conn.execute(SQL["uses_of_blob"], {"sha256": document.sha256}).get
        return None if uses else document.sha256

    @reads
    def archive_use(self, conn: apsw.Connection, archive_id: str) -> ArchiveUse:
        """Return how deep the archive lies in others, and how much they have held so far, all together."""
        return ArchiveUse(*conn.execute(SQL["archive_use"], {"id": archive_id}).fetchone() or (0, 0, 0))

    @reads
    def blobs(self, conn: apsw.Connection) -> set[str]:
        """Return the hash of every blob that a document uses."""
        return {row[0] for row in conn.execute(SQL["blobs"])}

    @reads
    def searchable(
        self, conn: apsw.Connection, chunk_ids: Sequence[str], scope: Scope = _EVERYWHERE
    ) -> dict[str, bool]:
        """Return those of the chunks that can be found in the scope, and whether each is written in CJK."""
        rows, is_inside = conn.execute(SQL["searchable"], {"ids": json.dumps(list(chunk_ids))}), holds(scope)
        return {name: bool(is_cjk) for name, is_cjk, *place in rows if is_inside(*place)}

    @reads
    def passages(
        self, conn: apsw.Connection, chunk_ids: Sequence[str], scope: Scope = _EVERYWHERE
    ) -> dict[str, Passage]:
        """Return the passages of the chunks that can be found in the scope, by id, with score 0."""
        return passages_of(conn, chunk_ids, scope)

    @reads
    def passages_across(self, conn: apsw.Connection, document_id: str, limit: int) -> list[Passage]:
        """Return up to `limit` passages of a document in order: all, or its beginning and others evenly."""
        ids = [row[0] for row in conn.execute(SQL["passages_across"], {"id": document_id, "limit": limit})]
        found = passages_of(conn, ids)
        return [found[chunk_id] for chunk_id in ids if chunk_id in found]

    @reads
    def sentences(self, conn: apsw.Connection, chunk_ids: Sequence[str]) -> dict[str, PassageSentences]:
        """Return the sentences of the chunks that can be found at present, by id.

        Chunks of releases that did not keep sentences are left out.
        """
        rows = conn.execute(SQL["sentences"], {"ids": json.dumps(list(chunk_ids))})
        return {row[0]: context.decoded(context.ChunkRow(*row[1:])) for row in rows}

    @reads
    def carried_over(self, conn: apsw.Connection, chunk_ids: Sequence[str]) -> dict[str, PassageSentences]:
        """Return the sentences of those of the chunks whose last one goes on over the page, by id."""
        rows = conn.execute(SQL["carried_over"], {"ids": json.dumps(list(chunk_ids))})
        return {row[0]: context.decoded(context.ChunkRow(*row[1:])) for row in rows}

    @reads
    def whole_page(self, conn: apsw.Connection, document_id: str, number: int) -> Page | None:
        """Return one page, 1-based, as it can be found at present, or None when there is no such page."""
        values = {"document_id": document_id, "number": number}
        row = conn.execute(SQL["whole_page"], values).fetchone()
        return None if row is None else replace(context.page_of(*row[:-1]), words=row[-1])

    @reads
    def page_texts(
        self, conn: apsw.Connection, pages: Iterable[tuple[str, int]]
    ) -> dict[tuple[str, int], str]:
        """Return the texts of those pages, by document and 1-based number, that can be found at present."""
        rows = conn.execute(SQL["page_texts"], {"pages": json.dumps(list(pages))})
        return {(document_id, number): text for document_id, number, text in rows}

    @writes
    def move(
        self, conn: apsw.Connection, caller: Caller, document_id: str, collection: str, now_s: float
    ) -> None:
        """Put the document into what the caller calls so, and have the vector index written again.

        Raises: Refused when he may not write there, `conflict` when the same bytes stand there already.
        """
        document = document_in(conn, document_id)[1]
        kept = open_for_writing(conn, caller, collection, now_s)
        values = {"id": document_id, "collection": kept, "now": now_s, "kept_version": None}
        twin = conn.execute(SQL["twin"], values).get
        if twin == document_id:
            return
        if twin is not None:
            raise Refused(
                "The same file is in that collection already.",
                code="conflict",
                hint=f"Delete one of the two; the other one is {twin}.",
            )
        # The vectors carry their collection, so the log has them written again.
        for name in ("move", "forget_upserts", "log_upserts", "follow"):
            conn.execute(SQL[name], values)
        forget_unused(conn, document.collection)


def document_of(cursor: apsw.Cursor, row: tuple[Any, ...]) -> Document:
    """Return the document that a row with all columns holds."""
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
        warnings=context.warnings_of(named["warnings"]),
    )


def _waiting_for(named: dict[str, Any]) -> dict[str, object] | None:
    """Return why nothing happens to the document at the moment, or None while something does."""
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


def document_in(conn: apsw.Connection, document_id: str) -> tuple[int, Document]:
    """Return the number of the document's last event and the document; raises Refused `not_found`."""
    found = _one(conn, SQL["by_id"], id=document_id)
    if found is None:
        raise no_document(document_id)
    return found


def no_document(document_id: str) -> Refused:
    """Return what is said of a document that is not there, or not to be seen."""
    return Refused(f"There is no document {document_id!r}.", code="not_found")


def several_of(conn: apsw.Connection, document_ids: Sequence[str]) -> list[Document]:
    """Return those of the documents that are there, the one that changed last at the end."""
    cursor = conn.execute(SQL["by_ids"], {"ids": json.dumps(list(document_ids))})
    return [document_of(cursor, row) for row in cursor]


def page_in(
    conn: apsw.Connection, query: ListQuery, collections: Sequence[str] | None
) -> tuple[list[Document], str | None]:
    """Return one page of the documents in the collections, None for all, and the cursor of the next."""
    values = page_values(query.cursor, query.limit)
    values |= {"status": query.status, "name_part": folded_part(query.q), "parent_id": query.parent_id}
    values |= {"warnings": query.warnings, **collection_values(collections)}
    cursor = conn.execute(SQL["page"], values)
    found = [document_of(cursor, row) for row in cursor]
    return page_of(found, query.limit, lambda document: (document.created_at_s, document.id))


def _accept(conn: apsw.Connection, new: NewDocument, now_s: float) -> tuple[Document, bool]:
    if new.parent_id is None:
        collection = open_for_writing(conn, new.caller, new.collection, now_s)
    else:
        collection = document_in(conn, new.parent_id)[1].collection
    known = _one(conn, SQL["by_content"], collection=collection, sha256=new.sha256)
    if known is None:
        values = {name: getattr(new, name) for name in NewDocument.__slots__ if name != "caller"}
        conn.execute(SQL["insert"], {**values, "collection": collection, "now": now_s})
        return document_in(conn, new.id)[1], True
    document = known[1]
    if document.status in ("failed", "cancelled"):
        return _start_anew(conn, document.id, now_s), True
    return document, False


def _note_origin(conn: apsw.Connection, new: NewDocument, document_id: str) -> None:
    """Note where the bytes of a document came from this time: what people sent is theirs from now on."""
    if new.origin == "upload":
        conn.execute(SQL["sent_by_people"], {"id": document_id})
    if new.parent_id is not None and new.parent_id != document_id:
        conn.execute(SQL["add_member"], {"archive_id": new.parent_id, "id": document_id})


def _start_anew(conn: apsw.Connection, document_id: str, now_s: float, *, force: bool = False) -> Document:
    document = document_in(conn, document_id)[1]
    if document.status not in ("failed", "cancelled") and not force:
        raise Refused(
            f"The document is {document.status}; only a failed or cancelled one is retried.",
            code="conflict",
            hint="Send force=true to read it anew all the same.",
        )
    _requeue(conn, document_id, now_s)
    return document_in(conn, document_id)[1]


def _requeue(conn: apsw.Connection, document_id: str, now_s: float) -> None:
    kept = kept_version(conn, document_id)
    remove_contents(conn, document_id, kept_version=kept)
    conn.execute(SQL["requeue"], {"id": document_id, "kept_version": kept, "now": now_s})


def _requeue_all(conn: apsw.Connection, query: str, values: dict[str, str | None], now_s: float) -> int:
    ids = [row[0] for row in conn.execute(SQL[query], values)]
    for document_id in ids:
        _requeue(conn, document_id, now_s)
    return len(ids)


def kept_version(conn: apsw.Connection, document_id: str) -> int | None:
    """Return the version that is searchable while another one is worked on, if there is one."""
    found: int | None = conn.execute(SQL["kept_version"], {"id": document_id}).get
    return found


def remove_contents(conn: apsw.Connection, document_id: str, *, kept_version: int | None = None) -> None:
    """Remove pages, chunks and keywords, but of `kept_version`, and log that their vectors are gone."""
    values = {"id": document_id, "kept_version": kept_version}
    for name in ("forget_upserts", "log_deletes", "delete_keywords", "delete_chunks", "delete_pages"):
        conn.execute(SQL[name], values)


def passages_of(
    conn: apsw.Connection, chunk_ids: Sequence[str], scope: Scope = _EVERYWHERE
) -> dict[str, Passage]:
    """Return the passages of the chunks that can be found in the scope, by id, with score 0."""
    rows, is_inside = conn.execute(SQL["passages"], {"ids": json.dumps(list(chunk_ids))}), holds(scope)
    found: dict[str, Passage] = {}
    for chunk_id, of, name, media_type, collection, created_at_s, page, place, head, text, over in rows:
        if not is_inside(of, collection):
            continue
        where, words = context.place_of(place, page, media_type), chunk_text(head, text, over)
        found[chunk_id] = Passage(
            chunk_id, of, name, page, words, 0.0, where, collection, media_type, created_at_s
        )
    return found
