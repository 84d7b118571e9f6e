"""The vector index, seen from the event loop: a child process with Chroma in it that may die at any time."""

import asyncio
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self

import anyio
import anyio.to_thread
import numpy as np
from loguru import logger
from numpy.typing import NDArray

from kotaemon_async.errors import Unavailable
from kotaemon_async.model import Scope
from kotaemon_async.stores.vector_pipe import Child, Reply, Request, unavailable
from kotaemon_async.telemetry import metrics

Vector = NDArray[np.float32]

START_TIMEOUT_S: Final = 60.0
CLOSE_GRACE_S: Final = 5.0
FIRST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 10.0
#: Deaths that damaged files cause. SIGKILL is not one: that is the kernel, short of memory, or a person.
DAMAGE: Final = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the ledger's vector log; `vector` is None for a delete and for a chunk that is gone."""

    seq: int
    op: Literal["upsert", "delete"]
    chunk_id: str
    document_id: str
    collection: str
    vector: Vector | None


@dataclass(slots=True)
class _Waiting:
    """A request in the queue; `generation` is the one it is meant for, None for any."""

    request: Request
    generation: str | None
    reply: "asyncio.Future[Reply]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


def where_of(scope: Scope) -> dict[str, object] | None:
    """Chroma's filter for the scope, None for everything."""
    clauses: list[dict[str, object]] = []
    if scope.collection is not None:
        clauses.append({"collection": scope.collection})
    if scope.document_ids:
        clauses.append({"document_id": {"$in": list(scope.document_ids)}})
    if len(clauses) > 1:
        return {"$and": clauses}
    return clauses[0] if clauses else None


class VectorStore:
    """Chroma behind a pipe: one request at a time, searches first, each with a deadline.

    A dead child is started again by the next call. Between failures there is a growing pause, in which
    calls fail at once. A folder that cannot be opened is put aside and a new `generation` begins.
    """

    def __init__(
        self,
        folder: Path,
        *,
        model: str,
        dimension: int,
        call_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.generation = ""
        self.model = model
        self.dimension = dimension
        self._folder = folder
        self._call_timeout_s = call_timeout_s
        self._clock = clock
        self._child: Child | None = None
        self._failures = 0
        self._crashed_starts = 0
        self._started = 0
        self._retry_at_s = 0.0
        self._searches: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._bell = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        model: str,
        dimension: int,
        call_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """A store whose child was tried once; while it has not started, `generation` is empty."""
        store = cls(folder, model=model, dimension=dimension, call_timeout_s=call_timeout_s, clock=clock)
        with suppress(Unavailable):
            await store._ready_child()
        store._pump = asyncio.create_task(store._serve(), name="vectors")
        return store

    @property
    def pid(self) -> int | None:
        return self._child.process.pid if self._child else None

    async def apply(self, upserts: Sequence[LogEntry], deletes: Sequence[str]) -> None:
        """Done means written; twice is as once. Raises: Unavailable, also when `generation` changes."""
        kept = [(entry, entry.vector) for entry in upserts if entry.vector is not None]
        if any(vector.shape != (self.dimension,) for _, vector in kept):
            raise ValueError(f"a vector's length is not {self.dimension}")
        request = Request(
            "apply",
            ids=[entry.chunk_id for entry, _ in kept],
            document_ids=[entry.document_id for entry, _ in kept],
            collections=[entry.collection for entry, _ in kept],
            vectors=b"".join(vector.astype("<f4").tobytes() for _, vector in kept),
            deletes=list(deletes),
        )
        await self._ask(request, generation=self.generation)

    async def search(self, vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]:
        """Chunk ids with their cosine similarity (-1 to 1), best first."""
        if limit <= 0:
            return []
        raw = vector.astype("<f4").tobytes()
        reply = await self._ask(Request("search", vectors=raw, limit=limit, where=where_of(scope)))
        return list(zip(reply.ids, reply.scores, strict=True))

    async def count(self) -> int:
        return (await self._ask(Request("count"))).count

    async def present(self, chunk_ids: Sequence[str]) -> set[str]:
        """Those of the ids that the index holds."""
        return set((await self._ask(Request("ids_present", ids=list(chunk_ids)))).ids)

    async def aclose(self) -> None:
        """Ends the child: politely, then not."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
            self._pump = None
        for waiting in (*self._searches, *self._others):
            _settle(waiting, unavailable("The vector index is closed."))
        child, self._child = self._child, None
        if child is not None:
            await child.close(CLOSE_GRACE_S)

    async def _ask(self, request: Request, *, generation: str | None = None) -> Reply:
        if self._pump is None:
            raise unavailable("The vector index is closed.")
        waiting = _Waiting(request, generation)
        (self._searches if request.op == "search" else self._others).append(waiting)
        self._bell.set()
        with anyio.move_on_after(self._call_timeout_s):
            return await waiting.reply
        raise unavailable(f"The vector index did not answer within {self._call_timeout_s} s.")

    async def _serve(self) -> None:
        """The only task that touches the pipe, so a cancelled caller leaves nothing half read in it."""
        while True:
            await self._bell.wait()
            queue = self._searches or self._others
            if not queue:
                self._bell.clear()
                continue
            waiting = queue.popleft()
            if not waiting.reply.done():
                await self._serve_one(waiting)

    async def _serve_one(self, waiting: _Waiting) -> None:
        outcome: Reply | Exception
        try:
            outcome = await self._answer(waiting)
        except asyncio.CancelledError:
            _settle(waiting, unavailable("The vector index is closed."))
            raise
        except Exception as error:  # a bug of ours belongs to the caller; this task has to live on
            outcome = error
        _settle(waiting, outcome)

    async def _answer(self, waiting: _Waiting) -> Reply:
        child = await self._ready_child()
        if waiting.generation is not None and waiting.generation != self.generation:
            raise unavailable("The vector index has begun a new generation.")
        try:
            with anyio.fail_after(self._call_timeout_s):
                reply = await child.exchange(waiting.request)
        except (TimeoutError, Unavailable) as error:
            await self._retire(child, grace_s=0)
            raise unavailable("The vector index did not answer and is started again.") from error
        if reply.error is not None:
            await self._retire(child, grace_s=CLOSE_GRACE_S)
            raise unavailable(f"The vector index failed and is started again: {reply.error}")
        self._failures = self._crashed_starts = 0
        return reply

    async def _retire(self, child: Child, *, grace_s: float) -> int | None:
        self._child = None
        self._count_failure()
        status = await child.close(grace_s)
        logger.bind(child="vectors", pid=child.process.pid, exit_status=status).warning("child_retired")
        return status

    def _count_failure(self) -> None:
        pause_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._retry_at_s = self._clock() + pause_s

    async def _ready_child(self) -> Child:
        """Raises: Unavailable, at once during the pause after a failure."""
        if self._child is not None and self._child.process.returncode is not None:
            # It died while nobody was asking: nobody has been told, so nobody has to wait for a pause.
            paused = self._failures > 0
            await self._retire(self._child, grace_s=0)
            self._retry_at_s = self._retry_at_s if paused else 0.0
        if self._child is None:
            pause_s = self._retry_at_s - self._clock()
            if pause_s > 0:
                raise unavailable("The vector index is being started again.", retry_after_s=pause_s)
            self._child = await self._start()
        return self._child

    async def _start(self) -> Child:
        """A child that has said hello; a damaged folder is put aside and the start tried once more."""
        child = await self._start_once()
        if child is None:
            await anyio.to_thread.run_sync(put_aside, self._folder)
            child = await self._start_once()
        if child is None:
            raise unavailable("The vector index cannot open a new folder either.")
        return child

    async def _start_once(self) -> Child | None:
        """None when the folder is damaged: the child said so, or two in a row crashed on it."""
        child = await Child.spawn(self._folder, self.dimension)
        self._started += 1
        if self._started > 1:
            metrics.CHILD_RESTARTS.labels(child="vectors").inc()
        try:
            with anyio.fail_after(START_TIMEOUT_S):
                hello = await child.read()
        except (TimeoutError, Unavailable) as error:
            self._crashed_starts += await self._retire(child, grace_s=0) in DAMAGE
            if self._crashed_starts >= 2:
                self._crashed_starts = 0
                return None
            raise unavailable("The vector index did not start.") from error
        except asyncio.CancelledError:
            await child.close(0)
            raise
        if hello.error is not None:
            await self._retire(child, grace_s=CLOSE_GRACE_S)
            logger.bind(child="vectors", broken=hello.broken, detail=hello.error).warning(
                "vector_folder_refused"
            )
            if hello.broken:
                return None
            raise unavailable(f"The vector index cannot be opened: {hello.error}")
        self.generation = hello.generation
        logger.bind(child="vectors", generation=hello.generation, vectors=hello.count).info("child_started")
        return child


def _settle(waiting: _Waiting, outcome: Reply | Exception) -> None:
    if waiting.reply.done():
        return
    if isinstance(outcome, Exception):
        waiting.reply.set_exception(outcome)
    else:
        waiting.reply.set_result(outcome)


def put_aside(folder: Path) -> None:
    """Renames the folder to `<name>.broken-<n>`; only the newest of those stays, to be looked at."""
    older = list(folder.parent.glob(f"{folder.name}.broken-*"))
    numbers = [int(path.name.rpartition("-")[2]) for path in older if path.name.rpartition("-")[2].isdigit()]
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.broken-{max(numbers, default=0) + 1}"))
    for path in older:
        shutil.rmtree(path, ignore_errors=True)
