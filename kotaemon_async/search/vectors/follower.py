"""The loop that keeps the vector index in step with the ledger's log, like a replica.

Normal operation, an outage, a lost folder and a full rebuild are the same loop from a different start.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import anyio
from loguru import logger

from kotaemon_async.domain.errors import CODES, Unavailable
from kotaemon_async.resilience import faults
from kotaemon_async.search.vectors.audit import IndexAudit
from kotaemon_async.search.vectors.exact_fill import ExactFill
from kotaemon_async.stores.vector_log import LogEntry
from kotaemon_async.telemetry import metrics

IDLE_ROUND_S: Final = 1.0
#: An index with nothing to do is asked how it is no more often than this, however often the log is looked at.
LEAST_BETWEEN_LOOKS_S: Final = 0.5
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
#: A report does not wait longer for the number of vectors.
COUNT_TIMEOUT_S: Final = 0.3


class FollowedLog(Protocol):
    """What the follower needs of the ledger."""

    async def after(self, position: int, limit: int, model: str) -> list[LogEntry]: ...
    async def end(self) -> int: ...
    async def length(self, position: int) -> int: ...
    async def waits_for_follower(self, position: int) -> bool: ...
    async def position(self, generation: str) -> int: ...
    async def advance(self, generation: str, model: str, position: int, now_s: float) -> list[str]: ...
    async def make_ready(self, model: str, position: int, now_s: float) -> list[str]: ...


class VectorIndex(Protocol):
    """What the follower needs of the vector store."""

    @property
    def generation(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def starts(self) -> int: ...
    @property
    def outage(self) -> str | None: ...
    @property
    def is_exact(self) -> bool: ...
    async def apply(self, upserts: Sequence[LogEntry], deletes: Sequence[str]) -> None: ...
    async def count(self) -> int: ...


def collapse(entries: Sequence[LogEntry]) -> tuple[list[LogEntry], list[str]]:
    """Return upserts and deletes with each chunk once, as its last entry has it; no vector means delete."""
    last = {entry.chunk_id: entry for entry in entries}
    upserts = [entry for entry in last.values() if entry.op == "upsert" and entry.vector is not None]
    kept = {entry.chunk_id for entry in upserts}
    return upserts, [chunk_id for chunk_id in last if chunk_id not in kept]


@dataclass(slots=True)
class _Rebuild:
    """An index that has yet to reach what was searchable before it began."""

    generation: str
    until: int
    total: int
    began_s: float
    done: int = 0


class Follower:
    """Applies the log to the vectors in order, at least once, and records how far it got.

    An index that lacks what was searchable before is being rebuilt: until it has caught up it is an `outage`.
    One that is built beside the one that answers, `serving` not yet, shows in no metric.
    """

    def __init__(  # noqa: PLR0913
        self,
        log: FollowedLog,
        vectors: VectorIndex,
        *,
        clock: Callable[[], float],
        on_ready: Callable[[list[str]], Awaitable[None]],
        batch: int = 64,
        rebuild_batch: int = 512,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        audit: IndexAudit | None = None,
        exact: ExactFill | None = None,
        may_write: Callable[[], bool] = lambda: True,
        on_applied: Callable[[Sequence[LogEntry], float], None] = lambda *_: None,
        serving: bool = True,
    ) -> None:
        """Call `on_applied` with the entries that were applied and the time at which that was begun."""
        self.behind = 0
        self.waiting_code: str | None = None
        self._log = log
        self._vectors = vectors
        self._clock = clock
        self._on_ready = on_ready
        self._batch = batch
        #: Nobody asks an index that is being rebuilt, so none waits for a batch that costs Chroma less.
        self._rebuild_batch = rebuild_batch
        self._sleep = sleep
        self._audit = audit
        self._exact = exact
        self._may_write = may_write
        self._on_applied = on_applied
        self._serving = serving
        self._wake_up = anyio.Event()
        self._noticed: str | None = None
        self._complete: str | None = None
        self._rebuild: _Rebuild | None = None
        self._looked_at_s = -math.inf

    @property
    def outage(self) -> str | None:
        """Return the code of why the index cannot be searched at the moment; None when it can."""
        if (code := self._vectors.outage) is not None:
            return code
        if self._audit is not None and self._audit.is_wrong:
            return "vectors_unavailable"
        return None if self._complete == self._vectors.generation else "vectors_rebuilding"

    @property
    def is_partial(self) -> bool:
        """Return whether documents that words can find have no vectors of the present model yet."""
        return self._audit is not None and self._audit.is_partial

    @property
    def era(self) -> object:
        """Return another value after each restart of the child and each rebuild: earlier results are void."""
        return self._vectors.starts, self._complete

    async def catch_up(self) -> bool:
        """Follow to the end of the log and look at the index; return whether it can be searched then.

        Raises: Unavailable.
        """
        if self._audit is not None:
            self._audit.hurry()
        while await self.step():
            pass
        return self.outage is None and not self.is_partial

    def serve(self) -> None:
        """Let the metrics tell of this index from now on."""
        self._serving = True
        self._show_built(1 if self.outage is None else 0)

    def wake(self) -> None:
        """Apply new entries of the log now, without waiting for the next idle round."""
        self._wake_up.set()

    async def report(self) -> dict[str, object]:
        """Return the index's state for the health report; with a `code` when searches go without it."""
        found: dict[str, object] = {"behind": self.behind, "generation": self._vectors.generation}
        found["exact"] = self._vectors.is_exact
        if self._rebuild is not None:
            found["rebuilding"] = {"done": self._rebuild.done, "total": self._rebuild.total}
        if self.waiting_code is not None:
            found["waiting_code"] = self.waiting_code
        if self._audit is not None:
            age_s = self._audit.age_s
            found["last_audit_age_s"] = None if age_s is None else round(age_s, 1)
            found["graph_recall"] = self._audit.recall
        partial = "vectors_rebuilding" if self.is_partial else None
        if (code := self.outage or self.waiting_code or partial) is not None:
            found |= {"code": code, "message": CODES[code][1]}
        if self._vectors.outage is None:
            with anyio.move_on_after(COUNT_TIMEOUT_S):
                found["count"] = await self._vectors.count()
        return found

    async def run(self) -> None:
        """Follow the log until cancelled; while a neighbour is away, `waiting_code` says so."""
        pause_s = FIRST_PAUSE_S
        while True:
            self._wake_up = wake_up = anyio.Event()
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
                    await wake_up.wait()

    async def step(self) -> bool:
        """Apply a batch and do a step of the audit; return False without work. Raises: Unavailable."""
        generation = self._vectors.generation
        if not generation:
            await self._vectors.count()  # the first child has yet to come up
            return True
        position = await self._log.position(generation)
        await self._notice(generation, position)
        batch = self._batch if self._rebuild is None else self._rebuild_batch
        entries = await self._log.after(position, batch, self._vectors.model)
        if self._vectors.generation != generation:
            return True  # begun while the log was read: that position is not this index's
        if entries:
            position = await self._apply(generation, entries)
        else:
            await self._idle(position)
        self._note_progress(position, len(entries))
        if self._vectors.generation != generation:
            return True
        return (self._may_write() and await self._look_after(position)) or bool(entries)

    async def _look_after(self, position: int) -> bool:
        """Fill or audit the index a little; return whether more is due."""
        if self._exact is not None and await self._exact.step(position):
            return True
        return self._audit is not None and await self._audit.step(position)

    async def _notice(self, generation: str, position: int) -> None:
        """Find out, once for each generation, whether it is a copy already or has yet to become one."""
        if generation == self._noticed:
            return
        log = logger.bind(generation=generation)
        if await self._log.waits_for_follower(position):
            until, total = await self._log.end(), await self._log.length(position)
            self._rebuild = _Rebuild(generation, until, total, self._clock())
            self._show_built(0)
            begun = log.bind(entries=total)
            begun.warning("vector_rebuild_began") if self._serving else begun.info("second_index_began")
        else:
            self._rebuild, self._complete = None, generation
            self._show_built(1)
            log.info("follower_generation_began")
        self._noticed = generation

    async def _apply(self, generation: str, entries: Sequence[LogEntry]) -> int:
        """Apply the entries and return the position that was reached."""
        reached = entries[-1].seq
        upserts, deletes = collapse(entries)
        if not self._may_write():
            # Asked although nothing may be written: a dead child comes back, and searches with it.
            await self._vectors.count()
            self._note_behind(await self._log.end() - entries[0].seq + 1)
            raise Unavailable("The vector index waits for room on the disk.", code="disk_full")
        faults.hit("follower.before_apply")
        began_s = self._clock()
        await self._vectors.apply(upserts, deletes)
        self._on_applied(entries, began_s)
        faults.hit("follower.after_apply")
        ready = await self._log.advance(generation, self._vectors.model, reached, self._clock())
        faults.hit("follower.after_advance")
        self._note_behind(max(0, await self._log.end() - reached))
        await self._report_ready(ready)
        return reached

    async def _idle(self, position: int) -> None:
        self._note_behind(0)
        await self._report_ready(await self._log.make_ready(self._vectors.model, position, self._clock()))
        # Asked although nothing is to be done: it brings a dead child back and notices a lost folder.
        if not 0 <= self._clock() - self._looked_at_s < LEAST_BETWEEN_LOOKS_S:
            await self._vectors.count()
            self._looked_at_s = self._clock()

    async def _report_ready(self, ready: list[str]) -> None:
        if ready:
            await self._on_ready(ready)

    def _note_progress(self, position: int, entries: int) -> None:
        rebuild = self._rebuild
        if rebuild is None or rebuild.generation != self._vectors.generation:
            return
        rebuild.done = min(rebuild.total, rebuild.done + entries)
        self._show_built(rebuild.done / max(1, rebuild.total))
        if entries and position < rebuild.until:
            return
        # Without entries left, what was still to come has been taken out of the log.
        self._rebuild, self._complete = None, rebuild.generation
        self._show_built(1)
        duration_s = round(self._clock() - rebuild.began_s, 3)
        log = logger.bind(generation=rebuild.generation, entries=rebuild.done, duration_s=duration_s)
        log.info("vector_rebuild_finished")

    def _note_behind(self, entries: int) -> None:
        self.behind = entries
        if self._serving:
            metrics.VECTOR_LOG_BEHIND.set(entries)

    def _show_built(self, ratio: float) -> None:
        if self._serving:
            metrics.VECTOR_REBUILD_RATIO.set(ratio)
