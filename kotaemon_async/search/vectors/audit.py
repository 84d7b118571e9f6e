"""Compares the vector index with the ledger, since an index that is damaged goes on answering.

Every few seconds a random sample: are these chunks there, as the ledger has them, and does a search for a
chunk's own vector find it? Does the number of vectors agree? At the start, every hour and on suspicion
everything, in pages and both ways. Some chunks too few or too many are mended, anything worse condemns the
index.
"""

import random as _random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.stores.vector_log import LogEntry, Vector

SAMPLE: Final = 32
CANARIES: Final = 8
#: A search for a chunk's own vector finds it, or another one with the same text; less means: not found.
CANARY_COSINE: Final = 0.98
#: HNSW is approximate: a rare node that no search reaches is no damage.
LOST_CANARIES: Final = 0.1
WINDOW: Final = 256
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

    async def followed_sample(self, spots: Sequence[float], position: int, model: str) -> list[LogEntry]: ...
    async def followed_window(
        self, after: int, limit: int, position: int, model: str
    ) -> tuple[list[LogEntry], int | None]: ...
    async def followed_count(self, position: int, model: str) -> int | None: ...
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
    async def search(self, vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]: ...
    async def count(self) -> int: ...
    async def deleted(self) -> int: ...
    async def ids(self, offset: int, limit: int) -> list[str]: ...
    async def apply(self, upserts: Sequence[LogEntry], deletes: Sequence[str]) -> None: ...
    async def discard(self, reason: Literal["audit", "worn"]) -> None: ...


@dataclass(slots=True)
class _Sweep:
    """A full comparison on its way: first every chunk of the ledger, then every id of the index."""

    may_mend: int
    after_row: int | None = 0
    offset: int = 0
    compared: int = 0
    mended: int = 0


class IndexAudit:
    """Looks at an index in small steps; to be called by the task that also applies, so that nothing moves.

    `is_wrong` says that the index is damaged and kept all the same, because it was built anew just before;
    `is_partial` that what another model has embedded is searchable by words alone until it is read anew.
    """

    def __init__(
        self,
        ledger: Truth,
        vectors: AuditedIndex,
        *,
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = _random.random,
        worn_at_least: int = WORN_AT_LEAST,
    ) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._every_s = every_s
        self._clock = clock
        self._random = random
        self._worn_at_least = worn_at_least
        self.is_wrong = False
        self.is_partial = False
        self._generation: str | None = None
        self._starts = 0
        self._looked_s: float | None = None
        self._look_at_s = 0.0
        self._sweep_at_s = 0.0
        self._sweep: _Sweep | None = None
        self._accepted: tuple[int, int] | None = None
        self._condemned_s: float | None = None
        self._rest_s = 0.0

    @property
    def age_s(self) -> float | None:
        """How long ago the last look at a sample ended well; None before the first."""
        return None if self._looked_s is None else max(0.0, self._clock() - self._looked_s)

    async def step(self, position: int) -> bool:
        """One look or one page, of an index that has followed the log up to `position`; True if more is due.

        Raises: Unavailable, also when the index was condemned or begins anew.
        """
        self._notice(position)
        if self._clock() >= self._look_at_s:
            await self._look(position)
            self._looked_s, self.is_wrong = self._clock(), False
            self._look_at_s = self._looked_s + self._every_s
        elif self._sweep is not None:
            await self._sweep_on(self._sweep, position)
        elif self._clock() >= self._sweep_at_s:
            await self._begin_sweep()
        return self._sweep is not None or self._clock() >= self._sweep_at_s

    def _notice(self, position: int) -> None:
        """A child that took over a folder is looked at at once; an index that began empty needs no sweep."""
        generation, starts = self._vectors.generation, self._vectors.starts
        if (generation, starts) == (self._generation, self._starts):
            return
        took_over = generation == self._generation or (self._generation is None and position > 0)
        self._generation, self._starts, self._sweep, self._accepted = generation, starts, None, None
        self._look_at_s = self._clock()
        self._sweep_at_s = self._clock() + (0.0 if took_over else FULL_EVERY_S)

    async def _look(self, position: int) -> None:
        self.is_partial = await self._ledger.waits_for_model(self._vectors.model)
        canaries, missing = await self._sample(position)
        found = [await self._nearest(vector) for vector in canaries[:CANARIES]]
        if any(score < CANARY_COSINE for _, score in found):
            await self._look_closer(position)
        unknown = await self._unknown([chunk_id for ids, _ in found for chunk_id in ids], position)
        if missing or unknown or not await self._counts_agree(position):
            logger.bind(missing=len(missing), unknown=len(unknown)).warning("vector_index_suspected")
            if self._sweep is None:
                await self._begin_sweep()
        else:
            await self._look_for_wear()

    async def _look_for_wear(self) -> None:
        """Deleted vectors take room for good; an index that is mostly made of them begins anew."""
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
        """A canary was not found: when that is no exception, what the searches walk along is damaged."""
        canaries, _ = await self._sample(position)
        scores = [(await self._nearest(vector))[1] for vector in canaries]
        lost = sum(score < CANARY_COSINE for score in scores)
        if lost > LOST_CANARIES * len(canaries):
            await self._condemn("unreachable", lost)

    async def _counts_agree(self, position: int) -> bool:
        """False as well when a sweep has found nothing to explain it; that is reported once."""
        expected = await self._ledger.followed_count(position, self._vectors.model)
        held = await self._vectors.count()
        self._require_same()
        return expected in (None, held) or (expected, held) == self._accepted

    async def _sample(self, position: int) -> tuple[list[Vector], set[str]]:
        """Vectors of random chunks that are there, and the ids of those that are not."""
        spots = [self._random() for _ in range(SAMPLE)]
        chunks = await self._ledger.followed_sample(spots, position, self._vectors.model)
        missing = await self._compare(chunks)
        return self._canaries([chunk for chunk in chunks if chunk.chunk_id not in missing]), missing

    async def _compare(self, chunks: Sequence[LogEntry]) -> set[str]:
        """The ids of the chunks that are missing; any that is there but differs condemns the index."""
        if not chunks:
            return set()
        missing, differing = await self._vectors.compare(chunks)
        self._require_same()
        if differing:
            await self._condemn("differing", len(differing))
        return missing

    def _canaries(self, chunks: Sequence[LogEntry]) -> list[Vector]:
        """The vectors of the chunks, but for those that no search can be made with."""
        right = (self._vectors.dimension,)
        vectors = [one.vector for one in chunks if one.vector is not None and one.vector.shape == right]
        return [vector for vector in vectors if np.linalg.norm(vector) > 0.5]

    async def _nearest(self, vector: Vector) -> tuple[list[str], float]:
        """What a search for the vector finds, and how close the best is."""
        hits = await self._vectors.search(vector, limit=3, scope=Scope())
        self._require_same()
        return [chunk_id for chunk_id, _ in hits], hits[0][1] if hits else -1.0

    async def _unknown(self, chunk_ids: Sequence[str], position: int) -> set[str]:
        return await self._ledger.unknown_ids(chunk_ids, position, self._vectors.model)

    async def _begin_sweep(self) -> None:
        may_mend = max(MENDED_AT_LEAST, int(MENDED_RATIO * await self._vectors.count()))
        self._sweep = _Sweep(may_mend)
        self._sweep_at_s = self._clock() + FULL_EVERY_S

    async def _sweep_on(self, sweep: _Sweep, position: int) -> None:
        """One page; what is too few or too many is mended at once, as nothing else writes meanwhile."""
        if sweep.after_row is not None:
            model = self._vectors.model
            chunks, sweep.after_row = await self._ledger.followed_window(
                sweep.after_row, WINDOW, position, model
            )
            missing = await self._compare(chunks)
            sweep.compared += len(chunks)
            await self._mend(sweep, [chunk for chunk in chunks if chunk.chunk_id in missing], [])
            return
        ids = await self._vectors.ids(sweep.offset, IDS_AT_ONCE)
        self._require_same()
        unknown = await self._unknown(ids, position)
        await self._mend(sweep, [], sorted(unknown))
        sweep.offset += len(ids) - len(unknown)
        if not ids:
            await self._end_sweep(sweep, position)

    async def _mend(self, sweep: _Sweep, missing: Sequence[LogEntry], unknown: Sequence[str]) -> None:
        wrong = len(missing) + len(unknown)
        if sweep.mended + wrong > sweep.may_mend:
            await self._condemn("missing" if missing else "unknown", sweep.mended + wrong)
        if wrong:
            await self._vectors.apply(missing, unknown)
            sweep.mended += wrong
            logger.bind(missing=len(missing), unknown=len(unknown)).warning("vector_index_mended")

    async def _end_sweep(self, sweep: _Sweep, position: int) -> None:
        self._sweep = None
        expected = await self._ledger.followed_count(position, self._vectors.model)
        held = await self._vectors.count()
        self._require_same()
        log = logger.bind(chunks=sweep.compared, mended=sweep.mended, expected=expected, held=held)
        log.info("vector_index_compared")
        if expected not in (None, held) and not sweep.mended:
            # All of the ledger's chunks are there and nothing else: then it is the counting that is wrong.
            self._accepted = (expected or 0, held)
            log.warning("vector_index_miscounted")

    async def _condemn(self, kind: str, chunks: int) -> None:
        """Raises: Unavailable, as there is nothing left to look at."""
        self._sweep = None
        now_s = self._clock()
        log = logger.bind(reason=kind, chunks=chunks)
        if self._condemned_s is not None and now_s < self._condemned_s + self._rest_s:
            self.is_wrong = True
            self._look_at_s = self._sweep_at_s = self._condemned_s + self._rest_s
            log.error("vector_index_wrong_again")
        else:
            soon = self._condemned_s is not None and now_s < self._condemned_s + 2 * LONGEST_REST_S
            self._rest_s = min(LONGEST_REST_S, 2 * self._rest_s) if soon else FIRST_REST_S
            self._condemned_s = now_s
            log.error("vector_index_is_wrong")
            await self._vectors.discard("audit")
        raise Unavailable("The vector index is not what the ledger says.", code="vectors_rebuilding")

    def _require_same(self) -> None:
        """Raises: Unavailable when another generation has answered, of which nothing is known yet."""
        if self._vectors.generation != self._generation:
            raise Unavailable("The vector index has begun anew.", code="vectors_rebuilding")
