"""The loop that keeps the vector index in step with the ledger's log, like a replica.

Normal operation, an outage, a lost folder and a full rebuild are the same loop from a different start.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import anyio
from loguru import logger

from kotaemon_async.errors import Unavailable
from kotaemon_async.stores.vectors import LogEntry
from kotaemon_async.telemetry import metrics

IDLE_ROUND_S: Final = 1.0
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0


class VectorLog(Protocol):
    """What the follower needs of the ledger."""

    async def log_after(self, position: int, limit: int, model: str) -> list[LogEntry]: ...
    async def log_end(self) -> int: ...
    async def follower_position(self, generation: str) -> int: ...
    async def follower_advance(self, generation: str, position: int, now_s: float) -> list[str]: ...
    async def follower_settle(self, position: int, now_s: float) -> list[str]: ...


class VectorIndex(Protocol):
    """What the follower needs of the vector store."""

    generation: str
    model: str

    async def apply(self, upserts: Sequence[LogEntry], deletes: Sequence[str]) -> None: ...
    async def count(self) -> int: ...


def collapse(entries: Sequence[LogEntry]) -> tuple[list[LogEntry], list[str]]:
    """Upserts and deletes with each chunk once, as its last entry wants it; no vector means delete."""
    last = {entry.chunk_id: entry for entry in entries}
    upserts = [entry for entry in last.values() if entry.op == "upsert" and entry.vector is not None]
    kept = {entry.chunk_id for entry in upserts}
    return upserts, [chunk_id for chunk_id in last if chunk_id not in kept]


class Follower:
    """Applies the log to the vectors in order, at least once, and records how far it got."""

    def __init__(
        self,
        ledger: VectorLog,
        vectors: VectorIndex,
        *,
        clock: Callable[[], float],
        on_ready: Callable[[list[str]], Awaitable[None]],
        batch: int = 64,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.behind = 0
        self.waiting_code: str | None = None
        self._ledger = ledger
        self._vectors = vectors
        self._clock = clock
        self._on_ready = on_ready
        self._batch = batch
        self._sleep = sleep
        self._bell = anyio.Event()
        self._generation = vectors.generation

    def ring(self) -> None:
        """Something was added to the log: do not wait for the next idle round."""
        self._bell.set()

    async def run(self) -> None:
        """Follows for ever; a neighbour that is away is waited for, visibly in `waiting_code`."""
        pause_s = FIRST_PAUSE_S
        while True:
            self._bell = bell = anyio.Event()
            try:
                moved = await self.step()
            except Unavailable as problem:
                if self.waiting_code != problem.code:
                    logger.bind(code=problem.code, behind=self.behind).warning("follower_waiting")
                self.waiting_code = problem.code
                await self._sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)
                continue
            self.waiting_code, pause_s = None, FIRST_PAUSE_S
            if not moved:
                with anyio.move_on_after(IDLE_ROUND_S):
                    await bell.wait()

    async def step(self) -> bool:
        """One batch; False when there was nothing to do. Raises: Unavailable."""
        generation = self._noticed_generation()
        position = await self._ledger.follower_position(generation)
        entries = await self._ledger.log_after(position, self._batch, self._vectors.model)
        if not entries:
            self._note_behind(0)
            await self._tell(await self._ledger.follower_settle(position, self._clock()))
            # Asked although nothing is to be done: it brings a dead child back and notices a lost folder.
            await self._vectors.count()
            return self._vectors.generation != generation
        if self._vectors.generation != generation:
            return True  # begun while the log was read: that position is not this index's
        upserts, deletes = collapse(entries)
        await self._vectors.apply(upserts, deletes)
        reached = entries[-1].seq
        ready = await self._ledger.follower_advance(generation, reached, self._clock())
        self._note_behind(max(0, await self._ledger.log_end() - reached))
        await self._tell(ready)
        return True

    async def _tell(self, ready: list[str]) -> None:
        if ready:
            await self._on_ready(ready)

    def _noticed_generation(self) -> str:
        generation = self._vectors.generation
        if generation != self._generation:
            logger.bind(generation=generation).info("follower_generation_began")
            self._generation = generation
        return generation

    def _note_behind(self, entries: int) -> None:
        self.behind = entries
        metrics.VECTOR_LOG_BEHIND.set(entries)
