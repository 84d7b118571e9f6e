"""The vector index compared with the ledger; one that differs is put aside and rebuilt from the log."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

import anyio

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.doctor.derived import Derived
from kotaemon_async.operations.doctor.report import Difference
from kotaemon_async.search.vectors.audit import UNREACHABLE_RATIO, IndexComparison
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.ledger import Ledger

#: A child that died or a folder that was taken away is dealt with by the next calls.
TRIES: Final = 3
#: Chunks that are searched by their own vectors, without and with a deep look.
SAMPLE: Final = 16
DEEP_SAMPLE: Final = 256
#: Below this part of the nearest vectors the graph is said to overlook some.
LEAST_RECALL: Final = 0.9


class VectorArea:
    """One index as it is; what the log has yet to bring it is no difference.

    `trouble` says why its folder could not be used. Without repair there is no `vectors` then.
    """

    def __init__(
        self,
        ledger: Ledger,
        derived: Derived,
        vectors: VectorStore | None,
        *,
        trouble: str | None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._ledger = ledger
        self._derived = derived
        self._vectors = vectors
        self._trouble = trouble
        self._sleep = sleep
        self._is_new = False

    async def differences(self, *, deep: bool) -> AsyncIterator[list[Difference]]:
        """Return what differs; `deep` compares the vectors themselves, else it is their presence."""
        if self._trouble is not None:
            yield [Difference("vectors_unreadable", self._trouble)]
        if self._vectors is not None:
            yield await self._compared(self._vectors, deep=deep)

    async def mend(self, kind: str, found: Sequence[Difference]) -> int:  # noqa: ARG002 - all kinds alike
        """Begin the index anew, once, and return how many differences that mends."""
        if self._vectors is not None and self._trouble is None and not self._is_new:
            with suppress(Unavailable):  # then the next look says so
                await self._vectors.discard("audit")
        self._trouble, self._is_new = None, True
        return len(found)

    async def _compared(self, vectors: VectorStore, *, deep: bool) -> list[Difference]:
        code = ""
        for _ in range(TRIES):
            try:
                await vectors.count()
                return await _Comparison(self._ledger, self._derived, vectors).differences(deep=deep)
            except Unavailable as error:
                code = error.code
                await self._sleep(error.retry_after_s or 0.0)
        return [Difference("vectors_unreadable", code)]


class _Comparison:
    """One look at an index of one generation, as far as it had followed when the look began."""

    def __init__(self, ledger: Ledger, derived: Derived, vectors: VectorStore) -> None:
        self._ledger = ledger
        self._derived = derived
        self._vectors = vectors
        self._generation = vectors.generation
        self._position = 0
        self._comparison = IndexComparison(ledger.vector_log, vectors)

    async def differences(self, *, deep: bool) -> list[Difference]:
        self._position = await self._ledger.vector_log.position(self._generation)
        if self._position > (peak := await self._derived.log_peak()):
            # No entry would ever come after it.
            return [Difference("vectors_wrong", f"entry {self._position} of {peak}")]
        behind = await self._ledger.vector_log.length(self._position)
        found = [Difference("vectors_behind", f"{behind} entries")] if behind else []
        found += await self._lacking(deep=deep)
        found += await self._unknown()
        found += await self._unfindable(deep=deep)
        found += await self._overlooked()
        # Begun anew meanwhile: then all of it has yet to be followed.
        return found if self._vectors.generation == self._generation else []

    async def _lacking(self, *, deep: bool) -> list[Difference]:
        found = list[Difference]()
        after: int | None = 0
        while after is not None:
            compared, after = await self._comparison.window(after, self._position, deep=deep)
            missing = [entry.chunk_id for entry in compared.missing]
            found += [Difference("vectors_missing", one) for one in await self._settled(missing)]
            found += [Difference("vectors_differ", one) for one in await self._settled(compared.differing)]
        return found

    async def _unknown(self) -> list[Difference]:
        found, offset, count = list[Difference](), 0, 1
        while count:
            count, unknown = await self._comparison.unknown(offset, self._position)
            offset += count
            # Applied since the ids were read, and forgotten by the log: then they are gone here as well.
            still = await self._vectors.present(sorted(unknown)) if unknown else set()
            found += [Difference("vectors_unknown", one) for one in sorted(unknown & still)]
        return found

    async def _unfindable(self, *, deep: bool) -> list[Difference]:
        count = DEEP_SAMPLE if deep else SAMPLE
        spots = [(number + 0.5) / count for number in range(count)]
        entries = await self._comparison.sample(spots, self._position)
        searched = await self._comparison.search(entries)
        # What is missing or another vector cannot be found, and is reported as such.
        compared = await self._comparison.compare(searched.lost)
        reported = compared.differing | {entry.chunk_id for entry in compared.missing}
        lost = await self._settled({entry.chunk_id for entry in searched.lost} - reported)
        is_wrong = len(lost) > UNREACHABLE_RATIO * searched.chunks
        return [Difference("vectors_wrong", one) for one in lost] if is_wrong else []

    async def _overlooked(self) -> list[Difference]:
        """Return what the graph misses beside the exact search, near chunks of some documents."""
        canaries = await self._ledger.vector_log.canaries(SAMPLE, self._position, self._vectors.model)
        recall = await self._comparison.recall(canaries)
        if recall is None or recall >= LEAST_RECALL:
            return []
        return [Difference("vectors_overlooked", f"{1 - recall:.0%} of the nearest to {len(canaries)}")]

    async def _settled(self, ids: Iterable[str]) -> list[str]:
        """Return the ids that nothing has happened to since, so that the index has to hold them."""
        asked = list(ids)
        return await self._derived.settled(asked, self._position, self._vectors.model) if asked else []
