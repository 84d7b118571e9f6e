"""Answers of models that may be given again: fresh ones instead of asking, stale ones when nobody answers.

An answer is kept under its normalized question, its scope and the links' configuration, with the state of the
documents at that time; as soon as a document of the scope changes, comes or goes, it is not found any more.
The cache is never needed: a ledger that fails, or is late, only means that nothing is found.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import anyio
from loguru import logger

from kotaemon_async.answers.llm.base import (
    CachedAnswer,
    CacheKey,
    Deadline,
    Delta,
    Finish,
    NoAnswer,
    Piece,
    Prompt,
)
from kotaemon_async.answers.settings import AnswerSettings
from kotaemon_async.domain import text
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer, Scope, ServedBy
from kotaemon_async.stores.answers import CacheBounds

T = TypeVar("T")

#: The part of what is left of a question's time that one look may take, and the longest one.
_SHARE: Final = 0.1
_AT_MOST_S: Final = 1.0


class CachedAnswers(Protocol):
    """The part of the ledger that keeps answers."""

    async def stamp(self, scope: Scope) -> str: ...
    async def cached(
        self, key: str, stamp: str, *, since_s: float, link: str | None = None
    ) -> tuple[Answer, float] | None: ...
    async def cache(
        self, key: str, stamp: str, answer: Answer, *, link: str, now_s: float, bounds: CacheBounds
    ) -> None: ...


class AnswerCache:
    """Finds and keeps answers; every method works, to no effect, while the ledger is down."""

    def __init__(
        self, answers: CachedAnswers, settings: AnswerSettings, *, links: str, clock: Callable[[], float]
    ) -> None:
        """Keep answers; `links` stands for the links' configuration: another one voids all kept answers."""
        self._answers = answers
        self._links = links
        self._clock = clock
        self._fresh_s, self._stale_s = settings.fresh_s, settings.stale_s
        self._bounds = CacheBounds(settings.cache_rows, settings.cache_bytes, settings.stale_s)

    async def key(
        self, question: str, scope: Scope, deadline: Deadline, *, wishes: Sequence[str] = ()
    ) -> CacheKey | None:
        """Return where the question's answer is kept; None when the documents' state cannot be read.

        `wishes` is what else the answer depends on.
        """
        stamp = await _at_most(self._answers.stamp(scope), deadline)
        return None if stamp is None else CacheKey(self._hash(question, scope, wishes), stamp, scope)

    async def fresh(self, key: CacheKey, link: str, deadline: Deadline) -> CachedAnswer | None:
        """Return a young answer of that provider."""
        return await self._find(key, self._fresh_s, link, deadline)

    async def stale(self, key: CacheKey, deadline: Deadline) -> CachedAnswer | None:
        """Return the youngest answer of any provider that may still stand in."""
        # Models may have been waited for, and a document may have changed meanwhile.
        if await _at_most(self._answers.stamp(key.scope), deadline) != key.stamp:
            return None
        return await self._find(key, self._stale_s, None, deadline)

    async def keep(self, key: CacheKey, answer: Answer, link: str) -> None:
        """Keep the answer, so that it may be given again."""
        plain = replace(answer, degraded=False, reasons=())
        try:
            await self._answers.cache(
                key.key, key.stamp, plain, link=link, now_s=self._clock(), bounds=self._bounds
            )
        except Unavailable as error:
            _report_away(error.code)

    async def _find(
        self, key: CacheKey, age_s: float, link: str | None, deadline: Deadline
    ) -> CachedAnswer | None:
        now_s = self._clock()
        look = self._answers.cached(key.key, key.stamp, since_s=now_s - age_s, link=link)
        found = await _at_most(look, deadline)
        return None if found is None else CachedAnswer(found[0], round(max(0.0, now_s - found[1]), 3))

    def _hash(self, question: str, scope: Scope, wishes: Sequence[str]) -> str:
        words = " ".join(text.normalized(question).split()).rstrip(" ?？.。!！")
        collections = None if scope.collections is None else sorted(scope.collections)
        parts = [words, collections, sorted(scope.document_ids), self._links, *wishes]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class StaleCacheProvider:
    """An answer that a model gave to the same question over the same documents, some time ago."""

    name = "stale_cache"
    served_by: ServedBy = "stale_cache"

    def __init__(self, cache: AnswerCache) -> None:
        self._cache = cache

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """Yield one Delta with the whole text; raises NoAnswer when none is kept."""
        found = await self._cache.stale(prompt.cache_key, deadline) if prompt.cache_key else None
        if found is None:
            raise NoAnswer("no answer to this question is kept", code="not_found")
        yield Delta(found.answer.answer)
        yield Finish(cached=found)


async def _at_most(look: Awaitable[T], deadline: Deadline) -> T | None:
    """Return what the ledger holds; None when it is away or late."""
    try:
        with anyio.fail_after(min(_AT_MOST_S, deadline.left_s() * _SHARE)):
            return await look
    except Unavailable as error:
        _report_away(error.code)
    except TimeoutError:
        _report_away("timeout")
    return None


def _report_away(code: str) -> None:
    logger.bind(component="answer_cache", code=code).warning("answer_cache_away")
