"""Ledger, follower, audit and Chroma together: an index that is not what the ledger says is put right."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import numpy as np
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.search.vectors.audit import IndexAudit
from kotaemon_async.search.vectors.follower import Follower
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.vector_log import LogEntry
from tests.support.ledger import index, new_document, word_batch
from tests.support.vectors import DIMENSION, opened, vector_of

CHUNKS = 150
WORN_AT_LEAST = 500


class Scene:
    """A ledger with one document, an index, and a follower that compares the two on every round."""

    def __init__(self, ledger: Ledger, store: VectorStore) -> None:
        self.ledger, self.store = ledger, store
        audit = IndexAudit(ledger.vector_log, store, every_s=0.01, worn_at_least=WORN_AT_LEAST)
        self.follower = Follower(ledger.vector_log, store, clock=time.time, on_ready=self.note, audit=audit)

    async def note(self, document_ids: list[str]) -> None:
        """Nobody needs to know."""

    async def held(self) -> list[LogEntry]:
        position = await self.ledger.vector_log.end()
        return (await self.ledger.vector_log.window(0, 1000, position, "m"))[0]

    async def until(self, is_so: Callable[[], bool]) -> None:
        with anyio.fail_after(60):
            while not is_so() or self.follower.outage or await self.differs():
                self.follower.wake()
                await anyio.lowlevel.checkpoint()

    async def differs(self) -> bool:
        held = await self.held()
        try:
            missing, differing = await self.store.compare(held)
            return bool(missing or differing) or await self.store.count() != len(held)
        except Unavailable:
            return True


@pytest.fixture
async def still(tmp_path: Path, ledger: Ledger) -> AsyncIterator[Scene]:
    """Nobody follows yet."""
    await ledger.documents.accept(new_document("doc"), 1.0)
    vectors = np.random.default_rng(3).normal(size=(CHUNKS, DIMENSION)).astype(np.float32)
    await index(ledger, "doc", word_batch(CHUNKS, vectors=vectors))
    async with opened(tmp_path / "vectors") as store:
        yield Scene(ledger, store)


@asynccontextmanager
async def following(scene: Scene) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(scene.follower.run)
        yield
        group.cancel_scope.cancel()


@pytest.fixture
async def scene(still: Scene) -> AsyncIterator[Scene]:
    async with following(still):
        await still.until(lambda: True)
        yield still


async def test_chunks_that_the_index_lost_come_back(scene: Scene) -> None:
    generation = scene.store.generation
    await scene.store.apply([], [f"doc.1.1.{n}" for n in range(20)])
    await scene.until(lambda: True)
    assert (await scene.store.count(), scene.store.generation) == (CHUNKS, generation)


async def test_vectors_of_nothing_are_taken_out(scene: Scene) -> None:
    [one, *_] = await scene.held()
    strays = [LogEntry(n, "upsert", f"stray.{n}", "gone", "default", one.vector) for n in range(20)]
    await scene.store.apply(strays, [])
    await scene.until(lambda: True)
    assert await scene.store.present([stray.chunk_id for stray in strays]) == set()


async def test_a_vector_that_is_another_one_ends_the_generation(scene: Scene) -> None:
    generation = scene.store.generation
    chunks = await scene.held()
    turned = [LogEntry(one.seq, "upsert", one.chunk_id, "doc", "default", -vector_of(one)) for one in chunks]
    await scene.store.apply(turned, [])
    await scene.until(lambda: scene.store.generation != generation)
    assert await scene.store.count() == CHUNKS


async def test_an_index_that_lost_most_is_built_anew(scene: Scene) -> None:
    generation = scene.store.generation
    await scene.store.apply([], [f"doc.1.1.{n}" for n in range(100)])
    await scene.until(lambda: scene.store.generation != generation)
    assert await scene.store.count() == CHUNKS


async def test_following_goes_on_beside_the_audit(scene: Scene) -> None:
    generation = scene.store.generation
    await scene.ledger.documents.start_anew("doc", 10.0, force=True)
    await scene.ledger.documents.delete("doc")
    await scene.until(lambda: scene.follower.behind == 0)
    assert (await scene.store.count(), scene.store.generation) == (0, generation)


async def test_an_index_that_is_mostly_deleted_vectors_is_built_anew_without_them(still: Scene) -> None:
    vector = np.ones(DIMENSION, dtype=np.float32)
    strays = [LogEntry(n, "upsert", f"stray.{n}", "gone", "default", vector) for n in range(2048)]
    for at in range(0, len(strays), 256):
        await still.store.apply(strays[at : at + 256], [])
    await still.store.apply([], [one.chunk_id for one in strays])
    generation = still.store.generation
    async with following(still):
        await still.until(lambda: still.store.generation != generation)
    assert (await still.store.count(), await still.store.deleted()) == (CHUNKS, 0)
