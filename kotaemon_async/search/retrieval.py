"""Use case: find passages by meaning and by words, with whichever of the two is there."""

import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Protocol, Self

import anyio
import anyio.to_thread

from kotaemon_async.domain import text
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Found, Mode, Passage, PassageSentences, Reason, Scope, Sentence
from kotaemon_async.resilience.breaker import Breaker
from kotaemon_async.search import fusion
from kotaemon_async.search.lanes import (
    Hits,
    KeywordLane,
    KeywordSearch,
    Lane,
    SearchableChunks,
    SearchedSpace,
    VectorLane,
)
from kotaemon_async.search.settings import RetrievalSettings
from kotaemon_async.telemetry import traces
from kotaemon_async.telemetry.health import Health

_NOT_ASKED = Lane([])


class Passages(SearchableChunks, Protocol):
    """The part of the ledger that turns ids into texts."""

    async def passages(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, Passage]: ...
    async def carried_over(self, chunk_ids: Sequence[str]) -> Mapping[str, PassageSentences]: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is looked for, its terms, and the last word where it may be the beginning of one, else ""."""

    query: str
    terms: tuple[str, ...]
    begun: str

    @classmethod
    def of(cls, query: str, *, as_typed: bool) -> Self:
        """Return what a query asks for."""
        begun = text.unfinished(query) if as_typed else ""
        return cls(query, tuple(text.query_terms(query)), begun)

    def seen_in(self, texts: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """Return the terms of texts; where none has the last word, what it may become counts as that word."""
        last = text.stem(self.begun)
        if not last or any(last in terms for terms in texts.values()):
            return texts
        asked = frozenset(self.terms)
        return {
            key: [last if one not in asked and text.is_begun(one, self.begun) else one for one in terms]
            for key, terms in texts.items()
        }


class SearchLost(Unavailable):
    """No lane that may be asked is up; `lost` says why, lane by lane."""

    def __init__(self, lost: Sequence[Reason]) -> None:
        words = ", ".join(f"{reason.component} ({reason.code})" for reason in lost)
        super().__init__(f"No search lane can be reached: {words}.", code=lost[0].code)
        self.lost = tuple(lost)


class Retrieval:
    """Passages for a question, from two lanes side by side, each with its own deadline."""

    def __init__(
        self,
        *,
        documents: Passages,
        keywords: KeywordSearch,
        space: Callable[[], SearchedSpace],
        settings: RetrievalSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents = documents
        self._read_timeout_s = settings.keyword_timeout_s
        self._candidates = settings.candidates
        self._space = space
        self._keyword_lane = KeywordLane(keywords, timeout_s=settings.keyword_timeout_s)
        self._vector_lane = VectorLane(
            space=space,
            documents=documents,
            timeout_s=settings.vector_timeout_s,
            clock=clock,
        )

    @property
    def breakers(self) -> tuple[Breaker, ...]:
        """Return the breakers of the embedder and of the vector index."""
        return self._vector_lane.embedder_breaker, self._vector_lane.vectors_breaker

    def register_in(self, health: Health) -> None:
        """Add what its breakers know of embedder and index to the report."""
        embedder, vectors = self.breakers
        health.add_status("embedder", embedder.status)
        health.add_status("vectors", vectors.status)

    async def search(
        self, query: str, scope: Scope, *, top_k: int = 10, mode: Mode = "hybrid", as_typed: bool = False
    ) -> Found:
        """Return the best passages, best first, with scores between 0 and 1.

        The last word of a query `as_typed` may be the beginning of one.

        Raises: SearchLost when no lane that may be asked is up, Unavailable when the ledger is down. Words
        stand in for vectors that are away, in the mode `vector` too; nothing stands in for words.
        """
        if scope.collections == ():
            return Found(())
        with traces.child_span("search", mode=mode, top_k=top_k):
            return await self._searched(_Asked.of(query, as_typed=as_typed), scope, top_k, mode)

    async def _searched(self, asked: _Asked, scope: Scope, top_k: int, mode: Mode) -> Found:
        by_vector, by_keyword = await self._lanes(asked, scope, max(self._candidates, top_k), mode)
        lost = tuple(lane.lost for lane in (by_vector, by_keyword) if lane.lost)
        if len(lost) == 2 or (mode == "keyword" and lost):
            raise SearchLost(lost)
        if mode != "keyword" and not by_vector.lost and self._space().status.is_partial:
            lost = (*lost, Reason("vectors", "vectors_rebuilding"))
        passages = await self._passages(asked, scope, by_vector, by_keyword, top_k)
        return Found(tuple(await self._at_their_pages(asked, passages)), lost)

    async def _lanes(self, asked: _Asked, scope: Scope, limit: int, mode: Mode) -> tuple[Lane, Lane]:
        """Search by meaning and by words, side by side."""
        found = {"vector": _NOT_ASKED, "keyword": _NOT_ASKED}

        async def find(name: str, lane: Callable[[], Awaitable[Lane]]) -> None:
            found[name] = await lane()
            if (lost := found[name].lost) is not None:
                traces.event("lane_lost", component=lost.component, code=lost.code)

        near = partial(self._vector_lane.find, asked.query, scope, limit)
        by_words = partial(self._keyword_lane.find, asked.query, scope, limit, as_typed=bool(asked.begun))
        async with anyio.create_task_group() as group:
            if mode != "keyword":
                group.start_soon(find, "vector", near)
            if mode != "vector":
                group.start_soon(find, "keyword", by_words)
        if mode == "vector" and found["vector"].lost:
            await find("keyword", by_words)
        return found["vector"], found["keyword"]

    async def _passages(
        self, asked: _Asked, scope: Scope, by_vector: Lane, by_keyword: Lane, top_k: int
    ) -> list[Passage]:
        """Return the best that was found and not deleted or moved away since, best first."""
        with traces.child_span("read passages"):
            known = await self._known(list({**dict(by_keyword.hits), **dict(by_vector.hits)}), scope)
        lanes = (by_vector, by_keyword)
        vectors, keywords = ([hit for hit in lane.hits if hit[0] in known] for lane in lanes)
        if vectors and keywords:
            weights = fusion.CALIBRATED if by_vector.calibrated else fusion.PLAIN
            fuse = partial(_ranking, asked, vectors, keywords, known, weights)
            # About 10 ms of arithmetic: off the loop, so that streams go on meanwhile.
            with traces.child_span("fuse", passages=len(known)):
                ranking = await anyio.to_thread.run_sync(fuse)
        else:
            ranking = fusion.ranked(fusion.scaled(vectors or keywords))
        return [replace(known[key], score=round(score, 6)) for key, score in ranking[:top_k]]

    async def _known(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, Passage]:
        with self._read_in_time():
            return await self._documents.passages(chunk_ids, scope)

    async def _at_their_pages(self, asked: _Asked, passages: list[Passage]) -> list[Passage]:
        """Return the passages, each with the page that it is to be opened at."""
        with self._read_in_time():
            over = await self._documents.carried_over([passage.id for passage in passages])
        return [
            _opened_at(one, page_of(asked.terms, over[one.id].sentences)) if one.id in over else one
            for one in passages
        ]

    @contextmanager
    def _read_in_time(self) -> Iterator[None]:
        try:
            with anyio.fail_after(self._read_timeout_s):
                yield
        except TimeoutError as error:
            raise Unavailable("The ledger does not give the passages in time.", code="timeout") from error


async def forget() -> None:
    """Clear the caches of passages' terms and of stems."""
    _joined_terms.cache_clear()
    text.forget()


def _opened_at(passage: Passage, page: int) -> Passage:
    if page == passage.page:
        return passage
    return replace(passage, page=page, place=replace(passage.place, number=page, label=""))


def page_of(asked: Sequence[str], sentences: Sequence[Sentence]) -> int:
    """Return where most of the last sentence stands, if no other is nearer to the question, by its words.

    Else the page where the first one begins.
    """
    held = [set(text.terms(sentence.text)) for sentence in sentences]
    rarity = {term: math.log(1 + len(held) / max(1, sum(term in one for one in held))) for term in asked}
    shares = [sum(rarity[term] for term in asked if term in one) for one in held]
    if not shares[-1] or shares[-1] < max(shares):
        return sentences[0].places[0].page
    return max(sentences[-1].places, key=lambda place: place.stop - place.start).page


def _terms(passage: str) -> list[str]:
    return _joined_terms(passage).split()


@lru_cache(maxsize=8192)
def _joined_terms(passage: str) -> str:
    """Return the terms of a passage; those of often found ones are kept, about 2 kB each with the passage."""
    return " ".join(text.terms(passage))


def _ranking(
    asked: _Asked, vectors: Hits, keywords: Hits, known: Mapping[str, Passage], weights: fusion.Weights
) -> Hits:
    is_cjk = text.is_mostly_cjk(asked.query)
    others = {key for key, _ in vectors if text.is_mostly_cjk(known[key].text) != is_cjk}
    near = fusion.evened(vectors, others, weights)
    seen = asked.seen_in({key: _terms(known[key].text) for key in known})
    close = fusion.together(asked.terms, seen)
    pages = {key: (passage.document_id, passage.page) for key, passage in known.items()}
    return fusion.spread(fusion.fused(near, keywords, close, weights), pages)
