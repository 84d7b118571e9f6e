"""The ledger's side of ingestion: leases with fencing tokens, page batches, ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import apsw
import numpy as np
from numpy.typing import NDArray

from kotaemon_async.domain.errors import LeaseLost, Unavailable
from kotaemon_async.domain.model import Chunk, Document, DocumentWarning, Failure, Page, chunk_id
from kotaemon_async.domain.text import is_mostly_cjk
from kotaemon_async.domain.warnings import merged
from kotaemon_async.stores import context
from kotaemon_async.stores.documents import document_of, kept_version, remove_contents
from kotaemon_async.stores.models import is_outdated
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("ingest.sql")

#: Why a try ended before its document: the parser died on it, a neighbour failed, the service stops, there is
#: no room, or another document has to be read first; only that last one forgets no losses.
Cause = Literal["crash", "error", "shutdown", "disk", "turn"]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a document until the lease ends; `token` fences off older owners.

    `waited_since_s` is when it could first have been taken, or its last owner was last heard of.
    """

    document: Document
    token: int
    recovered: bool
    waited_since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A run of pages with their chunks, one vector row and one string of index terms for each chunk.

    `model` names the embedding model, whose vectors mean nothing to another one. Where a page `lacks_ocr`,
    the document is read anew when there is text recognition.
    """

    pages: Sequence[Page]
    chunks: Sequence[Chunk]
    vectors: NDArray[np.float32]
    terms: Sequence[str]
    pages_total: int
    model: str
    warnings: tuple[DocumentWarning, ...] = ()
    lacks_ocr: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known of a document before its first page is read."""

    pages_total: int
    charset: str | None = None
    warnings: tuple[DocumentWarning, ...] = ()


class StaleModel(Unavailable):
    """The vectors of a batch are of a model that answered before."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="embedder_unavailable")


class Claims(Store):
    """Every method but `claim` raises LeaseLost when somebody else owns the document by now."""

    @writes
    def claim(
        self,
        conn: apsw.Connection,
        document_id: str,
        owner: str,
        now_s: float,
        lease_s: float,
        *,
        recipe: str,
    ) -> Claim | None:
        """Claim the document; return None when there is nothing to do or another worker does it.

        Pages that another `recipe` (the release's way of chunking) has made of this version are forgotten.
        """
        before = conn.execute(SQL["was_leased"], {"id": document_id}).fetchone()
        values = {"id": document_id, "owner": owner, "now": now_s, "lease_until": now_s + lease_s}
        claimed = _row(conn, "claim", **values)
        if claimed is None:
            return None
        document, named = claimed
        if named["recipe"] != recipe:
            remove_contents(conn, document_id, kept_version=kept_version(conn, document_id))
            begun = _row(conn, "begin_version", id=document_id, recipe=recipe)
            document = document if begun is None else begun[0]
        recovered, waited_since_s = before or (False, None)
        return Claim(document, named["token"], bool(recovered), waited_since_s)

    @writes
    def renew(self, conn: apsw.Connection, claim: Claim, now_s: float, lease_s: float) -> None:
        """Have the lease last `lease_s` from now."""
        _change(conn, "renew", claim, lease_until=now_s + lease_s)

    @reads
    def confirm(self, conn: apsw.Connection, claim: Claim) -> None:
        """Check that the claim holds; a document that was cancelled or deleted is nobody's."""
        _change(conn, "holds", claim)

    @writes
    def show_waiting(self, conn: apsw.Connection, claim: Claim, kind: str, now_s: float) -> None:
        """Show what the document's worker waits for, until its next step."""
        _change(conn, "show_waiting", claim, kind=kind, now=now_s)

    @writes
    def opened(self, conn: apsw.Connection, claim: Claim, opened: Opened, now_s: float) -> None:
        """Show what opening told: the number of pages, the charset, what is missing as a whole."""
        pages_done, _, warnings = _fence(conn, claim)
        known = context.warnings_of(warnings) if pages_done else ()
        shown = context.encoded_warnings(merged((*known, *opened.warnings)))
        values = {"pages_total": opened.pages_total, "charset": opened.charset, "warnings": shown}
        _change(conn, "opened", claim, **values, now=now_s)

    @writes
    def commit_batch(self, conn: apsw.Connection, claim: Claim, batch: Batch, now_s: float) -> int:
        """Write pages, chunks, vectors, keywords and log together; return how many pages are done now.

        Raises: StaleModel when another model answers by now.
        """
        pages_done, version, warnings = _fence(conn, claim)
        if is_outdated(conn, batch.model):
            raise StaleModel(f"{batch.model} is not the embedding model any more.")
        done = pages_done + len(batch.pages)
        if [page.number for page in batch.pages] != list(range(pages_done + 1, done + 1)):
            raise _lost(claim)
        _insert_pages(conn, claim.document.id, version, batch.pages)
        last_log_seq = _insert_chunks(conn, claim.document.id, version, batch)
        values: dict[str, object] = {"pages_done": done, "pages_total": batch.pages_total}
        values |= {"chunks": len(batch.chunks)}
        known = context.warnings_of(warnings)
        values |= {"warnings": context.encoded_warnings(merged((*known, *batch.warnings)))}
        values |= {"lacks_ocr": batch.lacks_ocr}
        _change(conn, "checkpoint", claim, **values, last_log_seq=last_log_seq, now=now_s)
        return done

    @reads
    def pages(self, conn: apsw.Connection, claim: Claim, after: int, limit: int) -> list[Page]:
        """Return committed pages of the version that is worked on, in order, from `after` + 1 on."""
        values = {"id": claim.document.id, "token": claim.token, "after": after, "limit": limit}
        return [context.page_of(*row) for row in conn.execute(SQL["pages_done"], values)]

    @writes
    def to_indexing(self, conn: apsw.Connection, claim: Claim, now_s: float) -> None:
        """Have the document wait for the vector index to follow, since all its pages are committed."""
        _change(conn, "to_indexing", claim, now=now_s)

    @writes
    def fail(
        self,
        conn: apsw.Connection,
        claim: Claim,
        failure: Failure,
        now_s: float,
        *,
        cause: Cause | None = None,
    ) -> None:
        """Fail the document, so that nothing of it can be found; count the last try under its cause."""
        _fence(conn, claim)
        remove_contents(conn, claim.document.id, kept_version=kept_version(conn, claim.document.id))
        error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        _change(conn, "fail", claim, **error, cause=cause, now=now_s)

    @writes
    def wait(
        self,
        conn: apsw.Connection,
        claim: Claim,
        now_s: float,
        *,
        kind: str,
        until_s: float | None,
        cause: Cause,
    ) -> None:
        """Queue the document for the reason `kind`; crashes and errors are attempts.

        Without `until_s` a worker may take it as soon as one wants to.
        """
        _change(conn, "wait", claim, kind=kind, until=until_s, cause=cause, now=now_s)

    @writes
    def drop_leases(self, conn: apsw.Connection) -> None:
        """End every lease; for the start of a process that is the only worker."""
        conn.execute(SQL["drop_leases"])


def _lost(claim: Claim) -> LeaseLost:
    return LeaseLost(f"Another worker owns {claim.document.id} or it is gone.")


def _change(conn: apsw.Connection, query: str, claim: Claim, **values: object) -> None:
    if conn.execute(SQL[query], {"id": claim.document.id, "token": claim.token, **values}).get is None:
        raise _lost(claim)


def _row(conn: apsw.Connection, query: str, **values: object) -> tuple[Document, dict[str, Any]] | None:
    cursor = conn.execute(SQL[query], values)
    for row in cursor:
        named = dict(zip((column[0] for column in cursor.get_description()), row, strict=True))
        return document_of(cursor, row), named
    return None


def _fence(conn: apsw.Connection, claim: Claim) -> tuple[int, int, str]:
    """Return how many pages are done, the version, and the warnings. Raises: LeaseLost."""
    row = conn.execute(SQL["fence"], {"id": claim.document.id, "token": claim.token}).fetchone()
    if row is None:
        raise _lost(claim)
    pages_done, version, warnings = row
    return pages_done, version, warnings


def _insert_pages(conn: apsw.Connection, document_id: str, version: int, pages: Sequence[Page]) -> None:
    for page in pages:
        values = {"document_id": document_id, "version": version, "number": page.number, "text": page.text}
        values |= {"blocks": context.encoded_blocks(page), "place": context.encoded_place(page.place)}
        values |= {"words": page.words}
        conn.execute(SQL["insert_page"], values)


def _insert_chunks(conn: apsw.Connection, document_id: str, version: int, batch: Batch) -> int | None:
    """Return the number of the last entry in the vector log, if there is one."""
    seq: int | None = None
    for chunk, vector, terms in zip(batch.chunks, batch.vectors.astype(np.float16), batch.terms, strict=True):
        name = chunk_id(document_id, version, chunk.page, chunk.ordinal)
        values = {
            "id": name,
            "document_id": document_id,
            "version": version,
            "page": chunk.page,
            "ordinal": chunk.ordinal,
            "start": chunk.start,
            "stop": chunk.end,
            "vector": vector.tobytes(),
            "model": batch.model,
            "over_start": chunk.over and chunk.over.start,
            "over_stop": chunk.over and chunk.over.stop,
            "context": context.encoded(chunk),
            "is_cjk": is_mostly_cjk(chunk.text),
            "head": chunk.head,
            "place": context.encoded_place(chunk.place),
        }
        row = conn.execute(SQL["insert_chunk"], values).get
        conn.execute(SQL["insert_keywords"], {"row": row, "terms": terms})
        seq = conn.execute(SQL["log_upsert"], {"chunk_id": name, "document_id": document_id}).get
    return seq
