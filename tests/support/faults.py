"""How parts that are no model servers fail: real ones that are closed, stopped, killed or slowed down."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast

import anyio

from kotaemon_async.documents.queue.broker import Broker
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.sqlite import Database
from tests.support.redis_server import RedisServer, wire

T = TypeVar("T")
FaultKind = Literal["raises", "hangs", "slow", "dies"]

FAULT_KINDS: Final[tuple[FaultKind, ...]] = ("raises", "hangs", "slow", "dies")
SLOW_S: Final = 0.03
#: A ledger that dies in the middle still tells where an answer is kept, whether it is there, and both lanes.
READS_BEFORE_DEATH: Final = 4


class _FaultyEmbedder:
    """The real embedder, with trouble in questions."""

    def __init__(self, real: Embedder, kind: FaultKind) -> None:
        self._real, self._kind = real, kind

    @property
    def calibrated(self) -> bool:
        return self._real.calibrated

    async def embed_query(self, text: str) -> Any:
        return await self._troubled(partial(self._real.embed_query, text))

    async def embed_sentences(self, texts: Sequence[str]) -> Any:
        return await self._troubled(partial(self._real.embed_sentences, texts))

    async def _troubled(self, embedding: Callable[[], Awaitable[Any]]) -> Any:
        if self._kind == "hangs":
            await anyio.sleep_forever()
        if self._kind == "slow":
            await anyio.sleep(SLOW_S)
        if self._kind != "raises":
            vectors = await embedding()
        if self._kind != "slow":
            raise Unavailable("The embedding model failed.", code="embedder_unavailable")
        return vectors


def faulty_embedder(real: Embedder, kind: FaultKind) -> Embedder:
    """The real embedder, with trouble in questions."""
    return cast("Embedder", _FaultyEmbedder(real, kind))


class _FaultyVectors:
    """The real vector index, with trouble in searches; one that dies loses its child while it is asked."""

    def __init__(self, real: VectorStore, kind: FaultKind) -> None:
        self._real, self._kind = real, kind

    async def search(self, vector: Any, *, limit: int, scope: Scope) -> list[tuple[str, float]]:
        if self._kind == "raises":
            raise Unavailable("The vector index is closed.", code="vectors_unavailable")
        if self._kind == "slow":
            await anyio.sleep(SLOW_S)
        if self._kind == "dies":
            os.kill(_child(self._real), signal.SIGKILL)
        return await self._real.search(vector, limit=limit, scope=scope)


@contextmanager
def faulty_vectors(real: VectorStore, kind: FaultKind) -> Iterator[VectorStore]:
    """The index; one that hangs has a stopped child. Afterwards it may need a moment to be well again."""
    child = _child(real)
    if kind == "hangs":
        os.kill(child, signal.SIGSTOP)
    try:
        yield cast("VectorStore", _FaultyVectors(real, kind))
    finally:
        if kind == "hangs" and real.pid == child:
            os.kill(child, signal.SIGCONT)


def _child(store: VectorStore) -> int:
    assert store.pid is not None
    return store.pid


class _FaultyDatabase:
    """The real database, with trouble in reading."""

    def __init__(self, real: Database, kind: FaultKind) -> None:
        self.write = real.write
        self._real, self._kind, self._reads = real, kind, 0

    async def read(self, look: Callable[[Any], T]) -> T:
        self._reads += 1
        if self._kind == "hangs":
            await anyio.sleep_forever()
        if self._kind == "slow":
            await anyio.sleep(SLOW_S)
        if self._kind == "raises" or (self._kind == "dies" and self._reads > READS_BEFORE_DEATH):
            raise Unavailable("disk I/O error", code="ledger_unavailable")
        return await self._real.read(look)


def faulty_ledger(real: Ledger, kind: FaultKind) -> Ledger:
    """The real ledger, with trouble in reading."""
    return Ledger(cast("Database", _FaultyDatabase(real.database, kind)))


@asynccontextmanager
async def faulty_broker(folder: Path, kind: FaultKind) -> AsyncIterator[Broker]:
    """A broker by URL, at which nobody listens, nobody answers, it takes long, or it hangs up when asked."""
    if kind == "raises":
        yield Broker.open(f"unix://{folder / 'nobody.sock'}")
    elif kind == "slow":
        with RedisServer(folder / "redis") as redis:
            async with wire(folder / "slow.sock", redis.socket) as line:
                line.delay_s = SLOW_S
                yield Broker.open(line.url)
    else:
        async with _listening(folder / f"{kind}.sock", hang_up=kind == "dies") as url:
            yield Broker.open(url)


@asynccontextmanager
async def _listening(path: Path, *, hang_up: bool) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        while not hang_up and await reader.read(65_536):
            pass
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield f"unix://{path}"


async def quietly(work: Awaitable[object]) -> None:
    """The work's failure is nobody's business here."""
    try:
        await work
    except Unavailable:
        return
