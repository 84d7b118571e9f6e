"""How parts that are no model servers fall ill: real ones that are closed, stopped, killed or slowed down."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
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
Ill = Literal["raises", "hangs", "slow", "dies"]

ILLS: Final[tuple[Ill, ...]] = ("raises", "hangs", "slow", "dies")
SLOW_S: Final = 0.03
#: A ledger that dies in the middle still tells where an answer is kept, whether it is there, and both lanes.
READS_BEFORE_DEATH: Final = 4


class _IllEmbedder:
    """The real embedder, with trouble in questions."""

    def __init__(self, real: Embedder, ill: Ill) -> None:
        self._real, self._ill = real, ill

    async def embed_query(self, text: str) -> Any:
        if self._ill == "hangs":
            await anyio.sleep_forever()
        if self._ill == "slow":
            await anyio.sleep(SLOW_S)
        if self._ill != "raises":
            vector = await self._real.embed_query(text)
        if self._ill != "slow":
            raise Unavailable("The embedding model failed.", code="embedder_unavailable")
        return vector


def ill_embedder(real: Embedder, ill: Ill) -> Embedder:
    """The real embedder, with trouble in questions."""
    return cast("Embedder", _IllEmbedder(real, ill))


class _IllVectors:
    """The real vector index, with trouble in searches; one that dies loses its child while it is asked."""

    def __init__(self, real: VectorStore, ill: Ill) -> None:
        self._real, self._ill = real, ill

    async def search(self, vector: Any, *, limit: int, scope: Scope) -> list[tuple[str, float]]:
        if self._ill == "raises":
            raise Unavailable("The vector index is closed.", code="vectors_unavailable")
        if self._ill == "slow":
            await anyio.sleep(SLOW_S)
        if self._ill == "dies":
            os.kill(_child(self._real), signal.SIGKILL)
        return await self._real.search(vector, limit=limit, scope=scope)


@contextmanager
def ill_vectors(real: VectorStore, ill: Ill) -> Iterator[VectorStore]:
    """The index; one that hangs has a stopped child. Afterwards it may need a moment to be well again."""
    child = _child(real)
    if ill == "hangs":
        os.kill(child, signal.SIGSTOP)
    try:
        yield cast("VectorStore", _IllVectors(real, ill))
    finally:
        if ill == "hangs" and real.pid == child:
            os.kill(child, signal.SIGCONT)


def _child(store: VectorStore) -> int:
    assert store.pid is not None
    return store.pid


class _IllDatabase:
    """The real database, with trouble in reading."""

    def __init__(self, real: Database, ill: Ill) -> None:
        self.write = real.write
        self._real, self._ill, self._reads = real, ill, 0

    async def read(self, look: Callable[[Any], T]) -> T:
        self._reads += 1
        if self._ill == "hangs":
            await anyio.sleep_forever()
        if self._ill == "slow":
            await anyio.sleep(SLOW_S)
        if self._ill == "raises" or (self._ill == "dies" and self._reads > READS_BEFORE_DEATH):
            raise Unavailable("disk I/O error", code="ledger_unavailable")
        return await self._real.read(look)


def ill_ledger(real: Ledger, ill: Ill) -> Ledger:
    """The real ledger, with trouble in reading."""
    return Ledger(cast("Database", _IllDatabase(real.database, ill)))


@asynccontextmanager
async def ill_broker(folder: Path, ill: Ill) -> AsyncIterator[Broker]:
    """A broker by URL, at which nobody listens, nobody answers, it takes long, or it hangs up when asked."""
    if ill == "raises":
        yield Broker.open(f"unix://{folder / 'nobody.sock'}")
    elif ill == "slow":
        with RedisServer(folder / "redis") as redis:
            async with wire(folder / "slow.sock", redis.socket) as line:
                line.delay_s = SLOW_S
                yield Broker.open(line.url)
    else:
        async with _listening(folder / f"{ill}.sock", hang_up=ill == "dies") as url:
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
