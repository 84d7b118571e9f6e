"""Answers of models that may be given again: fresh ones instead of asking, stale ones when nobody answers.

An answer is kept under its normalized question, its scope and the links' configuration, with the state of the
documents at that time; as soon as a document of the scope changes, comes or goes, it is not found any more.
The cache is never needed: a ledger that fails, or is late, only means that nothing is found.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeVar

import anyio
from loguru import logger

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, NothingToSay, Piece, Prompt
from kotaemon_async.domain import text
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer, Scope, ServedBy
from kotaemon_async.stores.answers import CacheBounds

T = TypeVar("T")

#: The part of what is left of a question's time that one look may take, and the longest one.
_SHARE: Final = 0.1
_AT_MOST_S: Final = 1.0


class Kept(Protocol):
    """The part of the ledger that keeps answers."""

    async def stamp(self, scope: Scope) -> str: ...
    async def cached_answer(
        self, key: str, stamp: str, *, since_s: float, link: str | None = None
    ) -> tuple[Answer, float] | None: ...
    async def cache_answer(
        self, key: str, stamp: str, answer: Answer, *, link: str, now_s: float, bounds: CacheBounds
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer is kept: its key, and the state of the documents it holds for."""

    key: str
    stamp: str
    scope: Scope


@dataclass(frozen=True, slots=True)
class KeptPrompt(Prompt):
    """A prompt whose answer may have been given before."""

    place: Place | None = None


@dataclass(frozen=True, slots=True)
class KeptFinish(Finish):
    """The end of an answer that was given before, with its citations and its age in seconds."""

    kept: Answer | None = None
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CacheTimes:
    """How long an answer is fresh, and how long it may stand in when nobody answers; seconds."""

    fresh_s: float = 600.0
    stale_s: float = 86_400.0


class AnswerCache:
    """Finds and keeps answers; every method works, to no effect, while the ledger is down."""

    def __init__(
        self,
        ledger: Kept,
        *,
        links: str,
        clock: Callable[[], float],
        times: CacheTimes | None = None,
        bounds: CacheBounds | None = None,
    ) -> None:
        """`links` stands for the links' configuration: another one makes everything kept void."""
        self.times = times or CacheTimes()
        self._ledger = ledger
        self._links = links
        self._clock = clock
        self._bounds = bounds or CacheBounds(1000, 16 * 1024**2, self.times.stale_s)

    async def place(self, question: str, scope: Scope, deadline: Deadline) -> Place | None:
        """Where the question's answer is kept; None when the state of the documents cannot be told."""
        stamp = await _in_time(self._ledger.stamp(scope), deadline)
        return None if stamp is None else Place(self._key(question, scope), stamp, scope)

    async def fresh(self, place: Place, link: str, deadline: Deadline) -> tuple[Answer, float] | None:
        """A young answer of that link and its age in seconds."""
        return await self._look(place, self.times.fresh_s, link, deadline)

    async def stale(self, place: Place, deadline: Deadline) -> tuple[Answer, float] | None:
        """The youngest answer of any link that may still stand in, and its age in seconds."""
        # Models may have been waited for, and a document may have changed meanwhile.
        if await _in_time(self._ledger.stamp(place.scope), deadline) != place.stamp:
            return None
        return await self._look(place, self.times.stale_s, None, deadline)

    async def keep(self, place: Place, answer: Answer, link: str) -> None:
        """The answer may be given again."""
        plain = replace(answer, degraded=False, reasons=())
        try:
            await self._ledger.cache_answer(
                place.key, place.stamp, plain, link=link, now_s=self._clock(), bounds=self._bounds
            )
        except Unavailable as error:
            _note(error.code)

    async def _look(
        self, place: Place, age_s: float, link: str | None, deadline: Deadline
    ) -> tuple[Answer, float] | None:
        now_s = self._clock()
        look = self._ledger.cached_answer(place.key, place.stamp, since_s=now_s - age_s, link=link)
        found = await _in_time(look, deadline)
        return None if found is None else (found[0], round(max(0.0, now_s - found[1]), 3))

    def _key(self, question: str, scope: Scope) -> str:
        words = " ".join(text.normalized(question).split()).rstrip(" ?？.。!！")
        parts = [words, scope.collection, sorted(scope.document_ids), self._links]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class StaleCacheLink:
    """An answer that a model gave to the same question over the same documents, some time ago."""

    name = "stale_cache"
    served_by: ServedBy = "stale_cache"

    def __init__(self, cache: AnswerCache) -> None:
        self._cache = cache

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        """One Delta with the whole text; raises NothingToSay when none is kept."""
        place = prompt.place if isinstance(prompt, KeptPrompt) else None
        found = await self._cache.stale(place, deadline) if place else None
        if found is None:
            raise NothingToSay("no answer to this question is kept", code="not_found")
        answer, age_s = found
        yield Delta(answer.answer)
        yield KeptFinish(kept=answer, age_s=age_s)


async def _in_time(look: Awaitable[T], deadline: Deadline) -> T | None:
    """What the ledger says; None when it is away or late."""
    try:
        with anyio.fail_after(min(_AT_MOST_S, deadline.left_s() * _SHARE)):
            return await look
    except Unavailable as error:
        _note(error.code)
    except TimeoutError:
        _note("timeout")
    return None


def _note(code: str) -> None:
    logger.bind(component="answer_cache", code=code).warning("answer_cache_away")
