"""The vector index, seen from the event loop: a child process with Chroma in it that may die at any time."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.search.settings import VectorSettings
from kotaemon_async.search.vectors.pipe import (
    IndexLocation,
    VectorChild,
    VectorReply,
    VectorRequest,
    unavailable,
)
from kotaemon_async.search.vectors.supervisor import CLOSE_GRACE_S, DiscardReason, VectorSupervisor
from kotaemon_async.stores.vector_log import LogEntry, Vector
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.traces import SpanKind, child_span

#: A child that has not answered for this long is not asked by searches any more.
HUNG_S: Final = 1.5


@dataclass(slots=True)
class _Waiting:
    """A request in the queue; `generation` is the one it is meant for, None for any."""

    request: VectorRequest
    generation: str | None
    reply: "asyncio.Future[VectorReply]"


class VectorStore:
    """Chroma behind a pipe: one request at a time, searches first, each with a deadline.

    A dead child is started again by the next call. Between failures there is a growing pause, in which
    calls fail at once. A folder that is no good is put aside and a new `generation` begins. A child that has
    grown too large is replaced when nobody waits for it; who asks meanwhile waits, or sees the `outage`.
    """

    def __init__(
        self,
        location: IndexLocation,
        settings: VectorSettings,
        *,
        clock: Callable[[], float],
        launched: VectorChild | None = None,
    ) -> None:
        self.location = location
        self._call_timeout_s = settings.call_timeout_s
        self._recycle_bytes = settings.recycle_bytes
        self._exact_rows = settings.exact_passages
        self._clock = clock
        self._supervisor = VectorSupervisor(location, clock, launched=launched)
        self._busy_since_s: float | None = None
        self._searches: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._wake_up = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._has_tried = asyncio.Event()

    @classmethod
    async def open(
        cls,
        folder: Path,
        settings: VectorSettings,
        *,
        model: str,
        dimension: int,
        launched: VectorChild | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Return a store whose child was tried once; while it has not started, `generation` is empty.

        `launched` is a child that was started ahead of time.
        """
        store = cls(IndexLocation(folder, model, dimension), settings, launched=launched, clock=clock)
        store.begin()
        await store.tried()
        return store

    def begin(self) -> None:
        """Let the child open the index while the caller goes on; `tried` waits for it."""
        self._pump = asyncio.create_task(self._serve(), name="vectors")

    async def tried(self) -> None:
        """Wait until the child has come up, or has failed once, or takes too long."""
        with anyio.move_on_after(self._call_timeout_s):
            await self._has_tried.wait()

    @property
    def pid(self) -> int | None:
        """Return the child's process id, or None without a child."""
        child = self._supervisor.child
        return child.process.pid if child else None

    @property
    def generation(self) -> str:
        """Return the name of the index since it began empty; under another name it has to be filled again."""
        return self._supervisor.generation

    @property
    def model(self) -> str:
        """Return the embedding model whose vectors it holds."""
        return self.location.model

    @property
    def dimension(self) -> int:
        """Return the length of its vectors."""
        return self.location.dimension

    @property
    def starts(self) -> int:
        """Return how many children have come up so far."""
        return self._supervisor.starts

    @property
    def outage(self) -> str | None:
        """Return the code of what is known to be wrong, without asking the child."""
        since_s = self._busy_since_s
        hangs = since_s is not None and self._clock() - since_s > HUNG_S
        return None if self._supervisor.is_ready and not hangs else "vectors_unavailable"

    @property
    def is_exact(self) -> bool:
        """Return whether the present child has every vector in its matrix, as far as it has said so."""
        return self._supervisor.is_exact

    async def apply(self, upserts: Sequence[LogEntry], deletes: Sequence[str]) -> None:
        """Write the entries; applying them again is harmless. A vector of another length is deleted.

        Raises: Unavailable, also when `generation` changes.
        """
        request = self._with_entries("apply", upserts)
        request.deletes = [*deletes, *({entry.chunk_id for entry in upserts} - set(request.ids))]
        await self._ask(request, generation=self.generation)

    async def fill(self, entries: Sequence[LogEntry], *, done: bool) -> None:
        """Bring the matrix of exact vectors some that the index has; `done` says that these were the last.

        Raises: Unavailable, also when `generation` changes.
        """
        request = self._with_entries("fill", entries)
        request.done = done
        await self._ask(request, generation=self.generation)

    async def compare(self, entries: Sequence[LogEntry]) -> tuple[set[str], set[str]]:
        """Return ids that are missing, and those whose vector, document or collection is not the given one.

        Entries whose vector has another length than the index are in neither.
        """
        request = self._with_entries("compare", entries)
        if not request.ids:
            return set(), set()
        reply = await self._ask(request, generation=self.generation)
        return set(reply.ids), set(reply.differing)

    async def search(self, vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]:
        """Return chunk ids with their cosine similarity (-1 to 1), best first: exactly, if they can be."""
        return await self._nearest(vector, limit, scope)

    async def search_graph(self, vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]:
        """Return what Chroma's graph alone finds, as `search` does."""
        return await self._nearest(vector, limit, scope, by_graph=True)

    async def _nearest(
        self, vector: Vector, limit: int, scope: Scope, *, by_graph: bool = False
    ) -> list[tuple[str, float]]:
        if limit <= 0:
            return []
        request = VectorRequest(
            "search",
            vectors=vector.astype("<f4").tobytes(),
            limit=limit,
            scope_collections=None if scope.collections is None else list(scope.collections),
            document_ids=list(scope.document_ids),
            by_graph=by_graph,
            exact_rows=self._exact_rows,
        )
        reply = await self._ask(request)
        if not by_graph:
            metrics.VECTOR_SEARCHES.labels(by=reply.by).inc()
        return list(zip(reply.ids, reply.scores, strict=True))

    async def count(self) -> int:
        return (await self._ask(VectorRequest("count"))).count

    async def deleted(self) -> int:
        """Return how many deleted vectors take room in its files; the latest thousand may not count yet."""
        reply = await self._ask(VectorRequest("count"))
        return max(0, reply.places - reply.count)

    async def present(self, chunk_ids: Sequence[str]) -> set[str]:
        """Return those of the ids that the index holds."""
        wanted = list(dict.fromkeys(chunk_ids))
        return set((await self._ask(VectorRequest("ids_present", ids=wanted))).ids) if wanted else set()

    async def ids(self, offset: int, limit: int) -> list[str]:
        """Return some of the ids that the index holds, in an order that stays while nothing is applied."""
        return (await self._ask(VectorRequest("ids", offset=offset, limit=limit))).ids

    async def discard(self, reason: DiscardReason) -> None:
        """Put the index aside and begin an empty one with a new `generation`.

        Raises: Unavailable when that has not happened yet; the next calls see to it.
        """
        self._supervisor.mark_broken(reason)
        await self.count()

    async def aclose(self) -> None:
        """End the child: ask first, then kill."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
            self._pump = None
        for waiting in (*self._searches, *self._others):
            _resolve(waiting, unavailable("The vector index is closed."))
        await self._supervisor.aclose()

    def _with_entries(
        self, op: Literal["apply", "fill", "compare"], entries: Sequence[LogEntry]
    ) -> VectorRequest:
        right = (self.location.dimension,)
        kept = [(one, one.vector) for one in entries if one.vector is not None and one.vector.shape == right]
        if len(kept) < len(entries):
            logger.bind(chunks=len(entries) - len(kept)).error("vectors_of_another_length")
        return VectorRequest(
            op,
            ids=[entry.chunk_id for entry, _ in kept],
            document_ids=[entry.document_id for entry, _ in kept],
            collections=[entry.collection for entry, _ in kept],
            vectors=b"".join(vector.astype("<f4").tobytes() for _, vector in kept),
        )

    async def _ask(self, request: VectorRequest, *, generation: str | None = None) -> VectorReply:
        if self._pump is None:
            raise unavailable("The vector index is closed.")
        waiting = _Waiting(request, generation, asyncio.get_running_loop().create_future())
        (self._searches if request.op == "search" else self._others).append(waiting)
        self._wake_up.set()
        with child_span(f"vectors {request.op}", kind=SpanKind.CLIENT, entries=len(request.ids)):
            with anyio.move_on_after(self._call_timeout_s):
                return await waiting.reply
            raise unavailable(f"The vector index did not answer within {self._call_timeout_s} s.")

    async def _serve(self) -> None:
        """Serve the pipe as its only task, so a cancelled caller leaves nothing half read in it."""
        with suppress(Exception):  # it fails again for whoever asks first, who is told
            await self._supervisor.ready_child()
        self._has_tried.set()
        while True:
            await self._wake_up.wait()
            queue = self._searches or self._others
            if not queue:
                self._wake_up.clear()
                await self._look_after_child()
                continue
            waiting = queue.popleft()
            if not waiting.reply.done():
                await self._serve_one(waiting)

    async def _look_after_child(self) -> None:
        try:
            await self._supervisor.recycle(self._recycle_bytes)
        except Exception:  # a bug of ours; this task has to live on
            logger.bind(child="vectors").exception("child_not_recycled")

    async def _serve_one(self, waiting: _Waiting) -> None:
        outcome: VectorReply | Exception
        try:
            outcome = await self._answer(waiting)
        except asyncio.CancelledError:
            _resolve(waiting, unavailable("The vector index is closed."))
            raise
        except Exception as error:  # a bug of ours belongs to the caller; this task has to live on
            outcome = error
        _resolve(waiting, outcome)

    async def _answer(self, waiting: _Waiting) -> VectorReply:
        supervisor = self._supervisor
        child = await supervisor.ready_child()
        if waiting.generation is not None and waiting.generation != supervisor.generation:
            raise unavailable("The vector index has begun a new generation.")
        self._busy_since_s = self._clock()
        try:
            reply = await child.exchange(waiting.request, within_s=self._call_timeout_s)
        except Unavailable as error:
            await supervisor.retire(child, grace_s=0)
            raise unavailable("The vector index did not answer and is started again.") from error
        finally:
            self._busy_since_s = None
        if reply.error is not None:
            await supervisor.retire(child, grace_s=CLOSE_GRACE_S)
            supervisor.record_failure(reply)
            raise unavailable(f"The vector index failed and is started again: {reply.error}")
        supervisor.record_success(reply)
        return reply


def _resolve(waiting: _Waiting, outcome: VectorReply | Exception) -> None:
    if waiting.reply.done():
        return
    if isinstance(outcome, Exception):
        waiting.reply.set_exception(outcome)
    else:
        waiting.reply.set_result(outcome)
