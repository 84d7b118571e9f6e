"""Use case: find passages by meaning and by words, with whichever of the two is there."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol

import anyio
import anyio.to_thread
from loguru import logger

from kotaemon_async import fusion, text
from kotaemon_async.errors import Unavailable
from kotaemon_async.model import Found, Mode, Passage, Reason, Scope
from kotaemon_async.resilience.breaker import Breaker

Hits = list[tuple[str, float]]

#: How much more is asked for when too many hits were not searchable, and at most.
_ASK_MORE = 4
_MOST_ASKED = 16


class Passages(Protocol):
    """The part of the ledger that turns ids into texts."""

    async def searchable_ids(self, chunk_ids: Sequence[str]) -> set[str]: ...
    async def passages(self, chunk_ids: Sequence[str]) -> dict[str, Passage]: ...


class KeywordLane(Protocol):
    """Finds by words."""

    async def search(self, query: str, scope: Scope, limit: int) -> Hits: ...


class VectorLane(Protocol):
    """Finds by vector."""

    async def search(self, vector: Any, *, limit: int, scope: Scope) -> Hits: ...


class VectorWatch(Protocol):
    """Knows how the index behind the vector lane is, without asking it."""

    @property
    def outage(self) -> str | None: ...
    @property
    def era(self) -> object: ...
    @property
    def is_partial(self) -> bool: ...


class QueryEmbedder(Protocol):
    """Turns a question into a vector."""

    async def embed_query(self, text: str) -> Any: ...


class _NoWatch:
    """Knows of no outage."""

    outage: str | None = None
    era: object = None
    is_partial: bool = False


@dataclass
class _Lane:
    """One lane of one search: its hits, or why there are none."""

    component: str
    hits: Hits = field(default_factory=list)
    lost: Reason | None = None


class Retrieval:
    """Passages for a question, from two lanes side by side, each with its own deadline."""

    def __init__(  # noqa: PLR0913
        self,
        *,
        ledger: Passages,
        keywords: KeywordLane,
        vectors: VectorLane,
        embedder: QueryEmbedder,
        vector_timeout_s: float = 2.0,
        keyword_timeout_s: float = 2.0,
        candidates: int = 50,
        clock: Callable[[], float] = time.monotonic,
        watch: VectorWatch | None = None,
    ) -> None:
        self._ledger = ledger
        self._keywords = keywords
        self._vectors = vectors
        self._embedder = embedder
        self._vector_timeout_s = vector_timeout_s
        self._keyword_timeout_s = keyword_timeout_s
        self._candidates = candidates
        self._breaker = Breaker("vectors", clock=clock)
        self._watch = watch or _NoWatch()
        self._era = self._watch.era

    async def search(self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid") -> Found:
        """The best passages, best first, with scores between 0 and 1.

        Raises: Unavailable when no lane that may be asked is up, or the ledger is down. Words stand in for
        vectors that are away, in the mode `vector` too; nothing stands in for words.
        """
        by_vector, by_keyword = _Lane("embedder"), _Lane("keywords")
        limit = max(self._candidates, top_k)
        async with anyio.create_task_group() as group:
            if mode != "keyword":
                group.start_soon(self._find_by_vector, by_vector, query, scope, limit)
            if mode != "vector":
                group.start_soon(self._find_by_keyword, by_keyword, query, scope, limit)
        if mode == "vector" and by_vector.lost:
            await self._find_by_keyword(by_keyword, query, scope, limit)
        lost = tuple(lane.lost for lane in (by_vector, by_keyword) if lane.lost)
        if len(lost) == 2 or (mode == "keyword" and lost):
            raise Unavailable(f"No search lane can be reached: {_words(lost)}.", code=lost[0].code)
        if mode != "keyword" and not by_vector.lost and self._watch.is_partial:
            lost = (*lost, Reason("vectors", "vectors_rebuilding"))
        passages = await self._passages(query, by_vector.hits, by_keyword.hits)
        return Found(tuple(passages[:top_k]), lost)

    async def _passages(self, query: str, by_vector: Hits, by_keyword: Hits) -> list[Passage]:
        """All that was found and not deleted since, best first."""
        known = await self._ledger.passages(list({**dict(by_keyword), **dict(by_vector)}))
        vectors, keywords = ([hit for hit in hits if hit[0] in known] for hits in (by_vector, by_keyword))
        if vectors and keywords:
            # About 10 ms of arithmetic: off the loop, so that streams go on meanwhile.
            ranking = await anyio.to_thread.run_sync(_ranking, query, vectors, keywords, known)
        else:
            ranking = fusion.ranked(fusion.scaled(vectors or keywords))
        return [replace(known[key], score=round(score, 6)) for key, score in ranking]

    async def _find_by_keyword(self, lane: _Lane, query: str, scope: Scope, limit: int) -> None:
        async def find() -> Hits:
            return await self._keywords.search(query, scope, limit)

        await _run(lane, find, self._keyword_timeout_s)

    async def _find_by_vector(self, lane: _Lane, query: str, scope: Scope, limit: int) -> None:
        async def find() -> Hits:
            vector = await self._embedder.embed_query(query)
            lane.component = "vectors"
            return await self._searchable(vector, scope, limit)

        era = self._present_era()
        code = self._watch.outage
        if code is not None or not self._breaker.allow():
            lane.lost = Reason("vectors", code or "vectors_unavailable")
            return
        settled = False
        try:
            await _run(lane, find, self._vector_timeout_s)
            if self._watch.outage == "vectors_rebuilding" or self._watch.era != era:
                # Another index may have answered, that does not hold everything yet.
                lane.hits, lane.lost = [], lane.lost or Reason("vectors", "vectors_rebuilding")
            settled = True
        finally:
            if not settled:  # cancelled from outside, which says nothing about the neighbour
                self._breaker.forget()
        if self._watch.outage is not None or self._watch.era != era:
            self._breaker.forget()  # known to be away: it will be known when it is back, too
        elif lane.lost:
            self._breaker.failure()
        else:
            self._breaker.success()

    def _present_era(self) -> object:
        if (era := self._watch.era) != self._era:
            self._era = era
            self._breaker.reset()
        return era

    async def _searchable(self, vector: Any, scope: Scope, limit: int) -> Hits:
        """The hits that can be found, `limit` of them if there are so many.

        The index also holds what is not searchable yet, while a document is read anew, or no more.
        """
        asked = limit
        while True:
            hits = await self._vectors.search(vector, limit=asked, scope=scope)
            try:
                known = await self._ledger.searchable_ids([key for key, _ in hits])
            except Unavailable:
                return hits  # reading the passages will fail as well, and that is no fault of this lane
            kept = [hit for hit in hits if hit[0] in known]
            if len(kept) >= limit or len(hits) < asked or asked >= _MOST_ASKED * limit:
                return kept[:limit]
            asked *= _ASK_MORE


async def _run(lane: _Lane, find: Callable[[], Awaitable[Hits]], timeout_s: float) -> None:
    try:
        with anyio.fail_after(timeout_s):
            lane.hits = await find()
    except Unavailable as error:
        lane.lost = Reason(lane.component, error.code)
    except TimeoutError:
        lane.lost = Reason(lane.component, "timeout")
    if lane.lost:
        logger.bind(component=lane.component, code=lane.lost.code).warning("search_lane_lost")


@lru_cache(maxsize=1024)
def _terms(passage: str) -> tuple[str, ...]:
    """The terms of a passage; those of often found ones are kept, about 10 kB each."""
    return tuple(text.terms(passage))


def _ranking(query: str, vectors: Hits, keywords: Hits, known: Mapping[str, Passage]) -> Hits:
    close = fusion.together(text.query_terms(query), {key: _terms(known[key].text) for key in known})
    pages = {key: (passage.document_id, passage.page) for key, passage in known.items()}
    return fusion.spread(fusion.fused(vectors, keywords, close), pages)


def _words(lost: Sequence[Reason]) -> str:
    return ", ".join(f"{reason.component} ({reason.code})" for reason in lost)
