"""The vector store in its real child, and entries for it."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from kotaemon_async.search.settings import VectorSettings
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.vector_log import LogEntry, Vector

DIMENSION = 16
PATIENT = VectorSettings(call_timeout_s=20)


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    model: str = "m",
    dimension: int = DIMENSION,
    clock: Callable[[], float] = time.monotonic,
    settings: VectorSettings = PATIENT,
) -> AsyncIterator[VectorStore]:
    """An index whose child ends with the block."""
    store = await VectorStore.open(folder, settings, model=model, dimension=dimension, clock=clock)
    try:
        yield store
    finally:
        await store.aclose()


def entries(count: int, start: int = 0) -> list[LogEntry]:
    """Chunk c7 is in document d0; even documents are in collection a, odd ones in b; lengths are one."""
    drawn = np.random.default_rng(start).normal(size=(count, DIMENSION))
    vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return [
        LogEntry(n + 1, "upsert", f"c{n}", f"d{n // 10}", "ab"[n // 10 % 2], vector)
        for n, vector in enumerate(vectors, start)
    ]


def vector_of(entry: LogEntry) -> Vector:
    """The vector, which is there."""
    assert entry.vector is not None
    return entry.vector
