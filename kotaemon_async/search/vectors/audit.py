"""Compares the vector index with the ledger, since an index that is damaged goes on answering.

`IndexComparison` compares; `IndexAudit` decides when, and what follows from it. Every few seconds a random
sample: are these chunks there, as the ledger has them, and does a search for a chunk's own vector find it?
Does the number of vectors agree? At the start, every hour and on suspicion everything, in pages and both
ways. Some chunks too few or too many are mended; for anything worse the index is discarded.
"""

import random as _random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import anyio
import numpy as np
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.stores.vector_log import LogEntry, Vector
from kotaemon_async.telemetry import metrics

SAMPLE: Final = 32
FEW: Final = 8
#: A search for a chunk's own vector finds it, or another one with the same text; less means: not found.
FOUND_COSINE: Final = 0.98
#: So many of the nearest to a chunk are compared with what the graph finds; another one so near is as good.
NEAREST: Final = 5
SAME_NEARNESS: Final = 1e-3
#: HNSW is approximate: a rare node that no search reaches is no damage.
UNREACHABLE_RATIO: Final = 0.1
#: So many chunks are compared at once: a search that comes meanwhile waits for them in the child.
WINDOW: Final = 64
#: A sweep rests this many times as long as each comparison took, so that it is nobody's neighbour for long.
RESTS: Final = 3.0
IDS_AT_ONCE: Final = 1000
FULL_EVERY_S: Final = 3600.0
MENDED_AT_LEAST: Final = 64
MENDED_RATIO: Final = 0.01
#: So many deleted vectors, and more than there are others, are too many: 17 MB of disk, twice that of memory.
WORN_AT_LEAST: Final = 10_000
#: An index that was just built and is wrong again is not built again at once: something else is the matter.
FIRST_REST_S: Final = 60.0
LONGEST_REST_S: Final = 3600.0


class Truth(Protocol):
    """What the audit needs of the ledger."""

    async def sample(self, spots: Sequence[float], position: int, model: str) -> list[LogEntry]: ...
    async def canaries(self, count: int, position: int, model: str) -> list[LogEntry]: ...
    async def window(
        self, after: int, limit: int, position: int, model: str
    ) -> tuple[list[LogEntry], int | None]: ...
    async def count(self, position: int, model: str) -> int | None: ...
    async def unknown_ids(self, chunk_ids: Sequence[str], position: int, model: str) -> set[str]: ...
    async def waits_for_model(self, model: str) -> bool: ...


class AuditedIndex(Protocol):
    """What the audit needs of the vector store."""

    @property
    def generation(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def starts(self) -> int: ...
    async def compare(self, entries: Sequence[LogEntry]) -> tuple[set[str], set[str]]: ...
    async def present(self, chunk_ids: Sequence[str]) -> set[str]: ...
    @property
    def is_exact(self) -> bool: ...
    async def search(self, vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]: ...
    async def search_graph(self, vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]: ...
    async def count(self) -> int: ...
    async def deleted(self) -> int: ...
    async def ids(self, offset: int, limit: int) -> list[str]: ...
    async def apply(self, upserts: Sequence[LogEntry], deletes: Sequence[str]) -> None: ...
    async def discard(self, reason: Literal["audit", "worn"]) -> None: ...


@dataclass(frozen=True, slots=True)
class Compared:
    """Chunks of the ledger: how many, those that the index lacks, and those that it has otherwise."""

    chunks: int
    missing: list[LogEntry]
    differing: set[str]


@dataclass(frozen=True, slots=True)
class Searched:
    """Chunks whose own vectors were searched: how many, those not found, and the ids that were found."""

    chunks: int
    lost: list[LogEntry]
    hits: list[str]

    @property
    def is_damaged(self) -> bool:
        """Return whether more were lost than an approximate search may miss."""
        return len(self.lost) > UNREACHABLE_RATIO * self.chunks


class IndexComparison:
    """An index beside what the ledger had logged for it, up to a position in the log."""

    def __init__(self, log: Truth, vectors: AuditedIndex) -> None:
        self._log = log
        self._vectors = vectors

    async def window(
        self, after_row: int, position: int, *, deep: bool = True
    ) -> tuple[Compared, int | None]:
        """Compare the ledger's next chunks; also return the row to go on after, None at the end.

        Without `deep` it is only looked whether they are there.
        """
        model = self._vectors.model
        entries, next_row = await self._log.window(after_row, WINDOW, position, model)
        return await self.compare(entries, deep=deep), next_row

    async def compare(self, entries: Sequence[LogEntry], *, deep: bool = True) -> Compared:
        """Compare these chunks; a vector of another length, which no index can hold, is left out."""
        usable = [one for one in entries if one.vector is not None and one.vector.shape == self._shape]
        ids = [one.chunk_id for one in usable]
        missing, differing = set[str](), set[str]()
        if usable and deep:
            missing, differing = await self._vectors.compare(usable)
        elif usable:
            missing = set(ids) - await self._vectors.present(ids)
        return Compared(len(entries), [one for one in usable if one.chunk_id in missing], differing)

    async def unknown(self, offset: int, position: int) -> tuple[int, set[str]]:
        """Return how many of the index's ids were looked at, 0 at the end, and those the ledger has not."""
        ids = await self._vectors.ids(offset, IDS_AT_ONCE)
        return len(ids), await self._log.unknown_ids(ids, position, self._vectors.model)

    async def sample(self, spots: Sequence[float], position: int) -> list[LogEntry]:
        """Return the chunks at these places of the ledger, which are parts of the whole, from 0 to 1."""
        return await self._log.sample(spots, position, self._vectors.model)

    async def search(self, entries: Sequence[LogEntry]) -> Searched:
        """Search the chunks' own vectors among all, but for those that have no direction to search in.

        As questions do: equal vectors may be an island in the graph that no rebuild would connect, which is
        no damage where the exact search answers.
        """
        lost, hits, searched = list[LogEntry](), list[str](), 0
        for entry in entries:
            vector = entry.vector
            if vector is None or not self._has_direction(vector):
                continue
            found = await self._vectors.search(vector, limit=3, scope=Scope())
            searched += 1
            hits += [chunk_id for chunk_id, _ in found]
            if not found or found[0][1] < FOUND_COSINE:
                lost.append(entry)
        return Searched(searched, lost, hits)

    async def recall(self, entries: Sequence[LogEntry]) -> float | None:
        """Return the part of the nearest to these chunks, among all, that the graph finds.

        None while that cannot be told. A filter would have Chroma read the whole index for each.
        """
        found = wanted = 0
        for entry in entries:
            if entry.vector is None or not self._has_direction(entry.vector) or not self._vectors.is_exact:
                continue
            exact = await self._vectors.search(entry.vector, limit=NEAREST, scope=Scope())
            graph = await self._vectors.search_graph(entry.vector, limit=NEAREST, scope=Scope())
            if exact:
                nearest, farthest = {key for key, _ in exact}, exact[-1][1] - SAME_NEARNESS
                # The same chunk is found however far it is said to be: the exact search rounds to bytes.
                found += sum(key in nearest or near >= farthest for key, near in graph)
                wanted += len(exact)
        return found / wanted if wanted else None

    def _has_direction(self, vector: Vector) -> bool:
        return vector.shape == self._shape and bool(0.5 < np.linalg.norm(vector) < np.inf)

    @property
    def _shape(self) -> tuple[int]:
        return (self._vectors.dimension,)


@dataclass(slots=True)
class _Sweep:
    """A full comparison on its way: first every chunk of the ledger, then every id of the index."""

    may_mend: int
    after_row: int | None = 0
    offset: int = 0
    compared: int = 0
    mended: int = 0


class IndexAudit:
    """Look at an index in small steps; to be called by the task that also applies, so that nothing moves.

    `is_wrong` says that the index is damaged and kept all the same, because it was built anew just before;
    `is_partial` that what another model has embedded is searchable by words alone until it is read anew;
    `recall` is the part of the nearest vectors that the graph found at the last look, None if unknown.
    """

    def __init__(  # noqa: PLR0913
        self,
        log: Truth,
        vectors: AuditedIndex,
        *,
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        random: Callable[[], float] = _random.random,
        worn_at_least: int = WORN_AT_LEAST,
    ) -> None:
        self._log = log
        self._vectors = vectors
        self._comparison = IndexComparison(log, vectors)
        self._every_s = every_s
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._worn_at_least = worn_at_least
        self.is_wrong = False
        self.is_partial = False
        self.recall: float | None = None
        self._generation: str | None = None
        self._starts = 0
        self._looked_s: float | None = None
        self._look_at_s = 0.0
        self._sweep_at_s = 0.0
        self._sweep: _Sweep | None = None
        self._accepted: tuple[int, int] | None = None
        self._discarded_s: float | None = None
        self._rest_s = 0.0

    @property
    def age_s(self) -> float | None:
        """Return how long ago the last look at a sample ended well; None before the first."""
        return None if self._looked_s is None else max(0.0, self._clock() - self._looked_s)

    def hurry(self) -> None:
        """Have the next step take a look, however long ago the last one was."""
        self._look_at_s = self._clock()

    async def step(self, position: int) -> bool:
        """Take one look, or compare one page, of an index that has followed the log up to `position`.

        Returns whether more is due.

        Raises: Unavailable, also when the index was discarded or begins anew.
        """
        self._notice(position)
        if self._clock() >= self._look_at_s:
            await self._look(position)
            self._looked_s, self.is_wrong = self._clock(), False
            self._look_at_s = self._looked_s + self._every_s
        elif self._sweep is not None:
            began_s = self._clock()
            await self._sweep_on(self._sweep, position)
            await self._sleep(RESTS * (self._clock() - began_s))
        elif self._clock() >= self._sweep_at_s:
            await self._begin_sweep()
        return self._sweep is not None or self._clock() >= self._sweep_at_s

    def _notice(self, position: int) -> None:
        """Audit at once a folder that a child took over; an index that began empty needs no sweep."""
        generation, starts = self._vectors.generation, self._vectors.starts
        if (generation, starts) == (self._generation, self._starts):
            return
        took_over = generation == self._generation or (self._generation is None and position > 0)
        self._generation, self._starts, self._sweep, self._accepted = generation, starts, None, None
        self._look_at_s = self._clock()
        self._sweep_at_s = self._clock() + (0.0 if took_over else FULL_EVERY_S)

    async def _look(self, position: int) -> None:
        self.is_partial = await self._log.waits_for_model(self._vectors.model)
        present, missing = await self._sample(position)
        await self._measure_recall(position)
        searched = await self._search(present[:FEW])
        if searched.lost:
            await self._look_closer(position)
        unknown = await self._log.unknown_ids(searched.hits, position, self._vectors.model)
        if missing or unknown or not await self._counts_agree(position):
            logger.bind(missing=missing, unknown=len(unknown)).warning("vector_index_suspected")
            if self._sweep is None:
                await self._begin_sweep()
        else:
            await self._look_for_wear()

    async def _measure_recall(self, position: int) -> None:
        """Compare the graph with the exact search, for chunks of different documents."""
        canaries = await self._log.canaries(FEW, position, self._vectors.model)
        self.recall = await self._comparison.recall(canaries)
        self._require_same()
        if self.recall is not None:
            metrics.VECTOR_RECALL.set(self.recall)

    async def _look_for_wear(self) -> None:
        """Discard an index that is mostly deleted vectors: they take room for good."""
        held, deleted = await self._vectors.count(), await self._vectors.deleted()
        self._require_same()
        if deleted <= max(self._worn_at_least, held):
            return
        self._sweep = None
        logger.bind(chunks=held, deleted=deleted).info("vector_index_worn")
        await self._vectors.discard("worn")
        raise Unavailable(
            "The vector index begins anew without its deleted vectors.", code="vectors_rebuilding"
        )

    async def _look_closer(self, position: int) -> None:
        """Probe again after a chunk was not found: when that is no exception, the search graph is damaged."""
        present, _ = await self._sample(position)
        searched = await self._search(present)
        if searched.is_damaged:
            await self._discard("unreachable", len(searched.lost))

    async def _counts_agree(self, position: int) -> bool:
        """Compare the counts; what a sweep has found nothing to explain is reported once and accepted."""
        expected = await self._log.count(position, self._vectors.model)
        held = await self._vectors.count()
        self._require_same()
        return expected in (None, held) or (expected, held) == self._accepted

    async def _sample(self, position: int) -> tuple[list[LogEntry], int]:
        """Return random chunks that are there, and how many are not."""
        chunks = await self._comparison.sample([self._random() for _ in range(SAMPLE)], position)
        compared = await self._comparison.compare(chunks)
        await self._require_equal(compared)
        missing = {one.chunk_id for one in compared.missing}
        return [one for one in chunks if one.chunk_id not in missing], len(missing)

    async def _require_equal(self, compared: Compared) -> None:
        """Discard the index when it holds a chunk that differs from the ledger's; raises Unavailable."""
        self._require_same()
        if compared.differing:
            await self._discard("differing", len(compared.differing))

    async def _search(self, entries: Sequence[LogEntry]) -> Searched:
        searched = await self._comparison.search(entries)
        self._require_same()
        return searched

    async def _begin_sweep(self) -> None:
        may_mend = max(MENDED_AT_LEAST, int(MENDED_RATIO * await self._vectors.count()))
        self._sweep = _Sweep(may_mend)
        self._sweep_at_s = self._clock() + FULL_EVERY_S

    async def _sweep_on(self, sweep: _Sweep, position: int) -> None:
        """Compare one page and mend what is too few or too many, as nothing else writes meanwhile."""
        if sweep.after_row is not None:
            compared, sweep.after_row = await self._comparison.window(sweep.after_row, position)
            await self._require_equal(compared)
            sweep.compared += compared.chunks
            await self._mend(sweep, compared.missing, [])
            return
        count, unknown = await self._comparison.unknown(sweep.offset, position)
        self._require_same()
        await self._mend(sweep, [], sorted(unknown))
        sweep.offset += count - len(unknown)
        if not count:
            await self._end_sweep(sweep, position)

    async def _mend(self, sweep: _Sweep, missing: Sequence[LogEntry], unknown: Sequence[str]) -> None:
        wrong = len(missing) + len(unknown)
        if sweep.mended + wrong > sweep.may_mend:
            await self._discard("missing" if missing else "unknown", sweep.mended + wrong)
        if wrong:
            await self._vectors.apply(missing, unknown)
            sweep.mended += wrong
            logger.bind(missing=len(missing), unknown=len(unknown)).warning("vector_index_mended")

    async def _end_sweep(self, sweep: _Sweep, position: int) -> None:
        self._sweep = None
        expected = await self._log.count(position, self._vectors.model)
        held = await self._vectors.count()
        self._require_same()
        log = logger.bind(chunks=sweep.compared, mended=sweep.mended, expected=expected, held=held)
        log.info("vector_index_compared")
        if expected not in (None, held) and not sweep.mended:
            # All of the ledger's chunks are there and nothing else: then it is the counting that is wrong.
            self._accepted = (expected or 0, held)
            log.warning("vector_index_miscounted")

    async def _discard(self, kind: str, chunks: int) -> None:
        """Give the index up and raise Unavailable, as there is nothing left to look at."""
        self._sweep = None
        now_s = self._clock()
        log = logger.bind(reason=kind, chunks=chunks)
        if self._discarded_s is not None and now_s < self._discarded_s + self._rest_s:
            self.is_wrong = True
            self._look_at_s = self._sweep_at_s = self._discarded_s + self._rest_s
            log.error("vector_index_wrong_again")
        else:
            soon = self._discarded_s is not None and now_s < self._discarded_s + 2 * LONGEST_REST_S
            self._rest_s = min(LONGEST_REST_S, 2 * self._rest_s) if soon else FIRST_REST_S
            self._discarded_s = now_s
            log.error("vector_index_is_wrong")
            await self._vectors.discard("audit")
        raise Unavailable("The vector index is not what the ledger says.", code="vectors_rebuilding")

    def _require_same(self) -> None:
        """Raise Unavailable when another generation has answered, of which nothing is known yet."""
        if self._vectors.generation != self._generation:
            raise Unavailable("The vector index has begun anew.", code="vectors_rebuilding")
