"""What tests put into a ledger again and again: documents, claims, batches and what is ready."""

from collections.abc import Sequence
from pathlib import Path

import apsw
import numpy as np

from kotaemon_async.documents.chunking import chunks_of
from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.domain.index_terms import segment
from kotaemon_async.domain.model import Chunk, Document, Page
from kotaemon_async.stores.claims import Batch, Claim
from kotaemon_async.stores.documents import NewDocument
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.vector_log import Vector


def new_document(
    document_id: str = "doc_1",
    *,
    collection: str = "default",
    sha256: str | None = None,
    caller: Caller = EVERYBODY,
    parent_id: str | None = None,
) -> NewDocument:
    """A PDF named after its id, with bytes of its own unless told otherwise."""
    name, own = f"file {document_id}.pdf", sha256 or f"{document_id:0>64}"
    return NewDocument(
        caller,
        document_id,
        name,
        "application/pdf",
        10,
        own,
        collection,
        6,
        "a" * 32,
        "",
        parent_id=parent_id,
    )


async def claimed(
    ledger: Ledger, document_id: str = "doc_1", now_s: float = 2.0, recipe: str = "m/1"
) -> Claim:
    """A claim that nobody else has."""
    claim = await ledger.claims.claim(document_id, "me", now_s, 30.0, recipe=recipe)
    assert claim is not None
    return claim


def batch_of(pages: Sequence[Page], total: int | None = None, model: str = "m") -> Batch:
    """The pages with their chunks, as ingestion cuts them, and made-up vectors."""
    chunks = chunks_of(pages)
    vectors = np.full((len(chunks), 4), 0.5, np.float32)
    return Batch(pages, chunks, vectors, [segment(one.text) for one in chunks], total or len(pages), model)


def word_batch(count: int, model: str = "m", vectors: Vector | None = None) -> Batch:
    """One page of so many chunks, each of which is one word."""
    chunks = [Chunk(1, n, 5 * n, 5 * n + 4, "word") for n in range(count)]
    made = np.full((count, 4), 0.5, np.float32) if vectors is None else vectors
    return Batch([Page(1, "word " * count)], chunks, made, ["word"] * count, 1, model)


async def index(ledger: Ledger, document_id: str, batch: Batch) -> None:
    """The document has been read and waits for the index."""
    claim = await claimed(ledger, document_id, recipe=f"{batch.model}/1")
    await ledger.claims.commit_batch(claim, batch, 3.0)
    await ledger.claims.to_indexing(claim, 4.0)


async def make_ready(ledger: Ledger, document_id: str, batch: Batch) -> Document:
    """The document has been read, and an index holds it."""
    await index(ledger, document_id, batch)
    await ledger.vector_log.advance("g", "m", await ledger.vector_log.end(), 5.0)
    return await ledger.documents.get(document_id)


def run_sql(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Run what no part of the service would run; foreign keys are not checked."""
    connection = apsw.Connection(str(path))
    try:
        return list(connection.execute(statement, values))
    finally:
        connection.close()
