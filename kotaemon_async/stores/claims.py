"""The ledger's side of ingestion: leases with fencing tokens, page batches, ends."""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import apsw
import numpy as np
from numpy.typing import NDArray

from kotaemon_async.domain.errors import LeaseLost
from kotaemon_async.domain.model import Chunk, Document, Failure, Page, chunk_id
from kotaemon_async.stores.documents import document_of, kept_version, remove_contents
from kotaemon_async.stores.sqlite import Database, queries

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

    `model` names the embedding model, whose vectors mean nothing to another one.
    """

    pages: Sequence[Page]
    chunks: Sequence[Chunk]
    vectors: NDArray[np.float32]
    terms: Sequence[str]
    pages_total: int
    model: str


@dataclass(frozen=True, slots=True)
class Due:
    """A document that waits for a worker; its token changes with every claim."""

    document_id: str
    token: int
    traceparent: str


class Claims:
    """Every method raises LeaseLost when somebody else owns the document by now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, document_id: str, owner: str, now_s: float, lease_s: float, *, recipe: str
    ) -> Claim | None:
        """The claim, or None when there is nothing to do or another worker does it.

        Pages that another `recipe` (embedding model and chunking) has made of this version are forgotten.
        """
        return await self._database.write(
            lambda conn: _claim(conn, document_id, owner, now_s, now_s + lease_s, recipe)
        )

    async def renew(self, claim: Claim, now_s: float, lease_s: float) -> None:
        """The lease lasts `lease_s` from now."""
        await self._change("renew", claim, lease_until=now_s + lease_s)

    async def confirm(self, claim: Claim) -> None:
        """Nothing, while the claim holds; a document that was cancelled or deleted is nobody's."""
        values = {"id": claim.document.id, "token": claim.token}
        if await self._database.read(lambda conn: conn.execute(SQL["holds"], values).get) is None:
            raise _lost(claim)

    async def show_waiting(self, claim: Claim, kind: str, now_s: float) -> None:
        """The document shows what its worker waits for, until its next step."""
        await self._change("show_waiting", claim, kind=kind, now=now_s)

    async def set_pages_total(self, claim: Claim, pages_total: int, now_s: float) -> None:
        """The document shows how many pages it has."""
        await self._change("set_pages_total", claim, pages_total=pages_total, now=now_s)

    async def commit_batch(self, claim: Claim, batch: Batch, now_s: float) -> int:
        """How many pages are done now; pages, chunks, vectors, keywords and log are written together."""
        return await self._database.write(lambda conn: _commit_batch(conn, claim, batch, now_s))

    async def to_indexing(self, claim: Claim, now_s: float) -> None:
        """All pages are committed; the document waits for the vector index to follow."""
        await self._change("to_indexing", claim, now=now_s)

    async def fail(self, claim: Claim, failure: Failure, now_s: float, *, cause: Cause | None = None) -> None:
        """The document is `failed` and nothing of it can be found; the last try counts under its cause."""
        await self._database.write(lambda conn: _fail(conn, claim, failure, now_s, cause))

    async def wait(
        self, claim: Claim, now_s: float, *, kind: str, until_s: float | None, cause: Cause
    ) -> None:
        """The document is queued for the reason `kind`; crashes and errors are attempts.

        Without `until_s` a worker may take it as soon as one wants to.
        """
        await self._change("wait", claim, kind=kind, until=until_s, cause=cause, now=now_s)

    async def due(self, now_s: float, limit: int) -> list[Due]:
        """Documents that a worker may claim now, oldest first."""
        values = {"now": now_s, "limit": limit}
        return await self._database.read(lambda conn: [Due(*row) for row in conn.execute(SQL["due"], values)])

    async def drop_leases(self) -> None:
        """Every lease is over; for the start of a process that is the only worker."""
        await self._database.write(lambda conn: conn.execute(SQL["drop_leases"]) and None)

    async def _change(self, query: str, claim: Claim, **values: object) -> None:
        bound = {"id": claim.document.id, "token": claim.token, **values}
        changed = await self._database.write(lambda conn: conn.execute(SQL[query], bound).get)
        if changed is None:
            raise _lost(claim)


def _lost(claim: Claim) -> LeaseLost:
    return LeaseLost(f"Another worker owns {claim.document.id} or it is gone.")


def _claim(
    conn: apsw.Connection, document_id: str, owner: str, now_s: float, until_s: float, recipe: str
) -> Claim | None:
    before = conn.execute(SQL["was_leased"], {"id": document_id}).fetchone()
    values = {"id": document_id, "owner": owner, "now": now_s, "lease_until": until_s}
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


def _row(conn: apsw.Connection, query: str, **values: object) -> tuple[Document, dict[str, Any]] | None:
    cursor = conn.execute(SQL[query], values)
    for row in cursor:
        named = dict(zip((column[0] for column in cursor.get_description()), row, strict=True))
        return document_of(cursor, row), named
    return None


def _fence(conn: apsw.Connection, claim: Claim) -> tuple[int, int]:
    row = conn.execute(SQL["fence"], {"id": claim.document.id, "token": claim.token}).fetchone()
    if row is None:
        raise _lost(claim)
    pages_done, version = row
    return pages_done, version


def _commit_batch(conn: apsw.Connection, claim: Claim, batch: Batch, now_s: float) -> int:
    pages_done, version = _fence(conn, claim)
    if [page.number for page in batch.pages] != list(
        range(pages_done + 1, pages_done + 1 + len(batch.pages))
    ):
        raise _lost(claim)
    document_id = claim.document.id
    for page in batch.pages:
        values = {"document_id": document_id, "version": version, "number": page.number, "text": page.text}
        conn.execute(SQL["insert_page"], values)
    last_log_seq = None
    for chunk, vector, terms in zip(batch.chunks, batch.vectors.astype(np.float16), batch.terms, strict=True):
        row = _ChunkRow(document_id, version, chunk, vector.tobytes(), terms, batch.model)
        last_log_seq = _insert_chunk(conn, row)
    done = pages_done + len(batch.pages)
    conn.execute(
        SQL["checkpoint"],
        {
            "id": document_id,
            "token": claim.token,
            "pages_done": done,
            "pages_total": batch.pages_total,
            "chunks": len(batch.chunks),
            "last_log_seq": last_log_seq,
            "now": now_s,
        },
    )
    return done


@dataclass(frozen=True, slots=True)
class _ChunkRow:
    document_id: str
    version: int
    chunk: Chunk
    vector: bytes
    terms: str
    model: str


def _insert_chunk(conn: apsw.Connection, new: _ChunkRow) -> int:
    chunk = new.chunk
    name = chunk_id(new.document_id, new.version, chunk.page, chunk.ordinal)
    row = conn.execute(
        SQL["insert_chunk"],
        {
            "id": name,
            "document_id": new.document_id,
            "version": new.version,
            "page": chunk.page,
            "ordinal": chunk.ordinal,
            "start": chunk.start,
            "stop": chunk.end,
            "vector": new.vector,
            "model": new.model,
        },
    ).get
    conn.execute(SQL["insert_keywords"], {"row": row, "terms": new.terms})
    seq: int = conn.execute(SQL["log_upsert"], {"chunk_id": name, "document_id": new.document_id}).get
    return seq


def ran_out_of_room(error: BaseException) -> bool:
    """Whether a disk without room is what is behind the error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, apsw.FullError):
            return True
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        cause = cause.__cause__
    return False


def _fail(conn: apsw.Connection, claim: Claim, failure: Failure, now_s: float, cause: Cause | None) -> None:
    _fence(conn, claim)
    remove_contents(conn, claim.document.id, kept_version=kept_version(conn, claim.document.id))
    conn.execute(
        SQL["fail"],
        {
            "id": claim.document.id,
            "token": claim.token,
            "code": failure.code,
            "message": failure.message,
            "hint": failure.hint,
            "cause": cause,
            "now": now_s,
        },
    ).fetchall()
