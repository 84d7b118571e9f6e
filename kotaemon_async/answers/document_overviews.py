"""What documents are about, and what to ask of them: made once from their sentences, and kept.

It is derived: what is missing is made in the background, or when somebody asks for it. Where there is a
model, it puts the points of a document that somebody looks at into its own words, in the background, too;
what the passages do not bear out is left away.
"""

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import zip_longest
from typing import Final, Protocol

import anyio
import anyio.to_thread
from loguru import logger

from kotaemon_async.answers import phrases
from kotaemon_async.answers.chain import MODELS, Chain, Completed
from kotaemon_async.answers.claims import ClaimCheck, all_unsupported
from kotaemon_async.answers.events import Restart
from kotaemon_async.answers.key_points import LOOKED_AT, example_questions, key_points
from kotaemon_async.answers.llm.base import Clock, Deadline, Delta, Prompt
from kotaemon_async.answers.overview import request_of
from kotaemon_async.answers.quotes import keep_markers, markers
from kotaemon_async.answers.selection import is_cjk
from kotaemon_async.answers.settings import AnswerLanguage
from kotaemon_async.answers.sources import Documents, Source, verified
from kotaemon_async.domain import text
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Document, Passage, Scope
from kotaemon_async.domain.overviews import DocumentOverview, ExampleQuestion, KeptOverview, KeyPoint
from kotaemon_async.stores.overviews import Version

#: Documents without an overview are looked for this long after a change, and now and then in any case.
_SETTLED_S: Final = 2.0
_LOOK_EVERY_S: Final = 60.0
_AT_ONCE: Final = 20
#: For each second of work on overviews in the background nothing is done for so many.
_REST: Final = 8.0
#: Documents that suggestions and the points of a collection are taken from, and how many of either there are.
_LOOKED_THROUGH: Final = 40
_POINTS: Final = 5
#: A model is given so long for the points of a document; more than so many do not wait for it.
_WRITE_S: Final = 60.0
_MOST_WAITING: Final = 20
_LEAST_WRITTEN: Final = 2


class OverviewDocuments(Documents, Protocol):
    """The part of the ledger that gives a document's passages in order."""

    async def passages_across(self, document_id: str, limit: int) -> list[Passage]: ...


class Kept(Protocol):
    """The part of the ledger that keeps overviews."""

    async def keep(self, version: Version, overview: DocumentOverview, now_s: float) -> bool: ...
    async def version(self, document_id: str) -> Version | None: ...
    async def of_documents(self, document_ids: Sequence[str]) -> dict[str, KeptOverview]: ...
    async def newest(self, scope: Scope, limit: int) -> list[KeptOverview]: ...
    async def lacking(self, limit: int, but: Sequence[str] = ()) -> list[Version]: ...


class Readers(Protocol):
    """What knows what a caller may read."""

    async def document(self, caller: Caller, document_id: str) -> Document: ...
    async def collection(self, caller: Caller, name: str) -> str: ...
    async def scope(
        self, caller: Caller, collection: str | None = None, document_ids: Sequence[str] = ()
    ) -> Scope: ...


class DocumentOverviews:
    """Makes and keeps overviews, and suggests questions from them."""

    def __init__(  # noqa: PLR0913
        self,
        documents: OverviewDocuments,
        kept: Kept,
        access: Readers,
        *,
        chain: Chain | None = None,
        claims: ClaimCheck | None = None,
        clock: Clock = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Leave the points as they stand in the documents without a `chain` of models."""
        self._documents = documents
        self._kept = kept
        self._access = access
        self._chain = chain
        self._claims = claims or ClaimCheck()
        self._clock = clock
        self._sleep = sleep
        self._changed = anyio.Event()
        self._failed: set[str] = set()
        self._to_write: dict[str, None] = {}

    def wake(self) -> None:
        """Look for documents without an overview soon."""
        self._changed.set()

    async def run(self) -> None:
        """Make what is missing, and have a model write what was looked at, for ever."""
        while True:
            try:
                await self.catch_up()
            except Unavailable as error:
                logger.bind(code=error.code).warning("overviews_not_made")
            with anyio.move_on_after(_LOOK_EVERY_S):
                await self._changed.wait()
            self._changed = anyio.Event()
            await self._sleep(_SETTLED_S)

    async def catch_up(self) -> None:
        """Make what is missing now, and have a model write what was looked at. Raises: Unavailable."""
        await self._make_missing()
        await self._write_wanted()

    async def of_document(self, caller: Caller, document_id: str) -> KeptOverview:
        """Return the document's overview, made now when it is missing; an empty one before it can be found.

        Raises: Refused `not_found`.
        """
        document = await self._access.document(caller, document_id)
        found = await self._of_all([document.id])
        overview = found[0].overview if found else DocumentOverview()
        if overview.points and overview.by == "extractive" and self._has_model():
            self._want_written(document.id)
        return KeptOverview(document.id, document.name, overview)

    async def of_collection(self, caller: Caller, name: str) -> list[KeptOverview]:
        """Return the overviews of the collection's newest documents, one point of each and the questions.

        Raises: Refused `not_found`.
        """
        await self._access.collection(caller, name)
        scope = await self._access.scope(caller, name)
        found = [one for one in await self._kept.newest(scope, _LOOKED_THROUGH) if one.overview.points]
        return [
            replace(one, overview=replace(one.overview, points=one.overview.points[:1]))
            for one in found[:_POINTS]
        ]

    async def suggestions(
        self,
        caller: Caller,
        collection: str | None,
        document_id: str | None,
        limit: int,
        language: AnswerLanguage = "",
    ) -> list[tuple[ExampleQuestion, KeptOverview]]:
        """Return questions that what the caller may read answers, of many documents, of new ones first.

        Those in the `language` come before others, and the wish for a summary behind what can be answered.

        Raises: Refused `not_found` for a document that is not his to read.
        """
        if document_id is not None:
            one = await self.of_document(caller, document_id)
            return [(question, one) for question in one.overview.questions[:limit]]
        scope = await self._access.scope(caller, collection)
        mixed = _mixed(await self._kept.newest(scope, _LOOKED_THROUGH))

        def place(pair: tuple[ExampleQuestion, KeptOverview]) -> tuple[bool, bool]:
            asked = pair[0].text
            is_other = bool(language) and is_cjk(asked) != (language == "zh")
            return is_other, request_of(asked) is not None

        return sorted(mixed, key=place)[:limit]

    async def _of_all(self, document_ids: Sequence[str]) -> list[KeptOverview]:
        """Return the overviews of the documents, made now where they are missing."""
        found = await self._kept.of_documents(document_ids)
        missing = [one for one in document_ids if one not in found and one not in self._failed]
        for one in missing:
            version = await self._kept.version(one)
            if version is not None:
                await self._make(version)
        found |= await self._kept.of_documents(missing) if missing else {}
        return [found[one] for one in document_ids if one in found]

    async def _make_missing(self) -> None:
        while versions := await self._kept.lacking(_AT_ONCE, sorted(self._failed)):
            for version in versions:
                began_s = time.monotonic()
                await self._make(version)
                await self._sleep(_REST * (time.monotonic() - began_s))

    async def _make(self, version: Version) -> None:
        sources = await self._sources(version.document_id)
        try:
            overview = await anyio.to_thread.run_sync(_made, sources)
        except Exception as error:
            # One odd document shall not keep the others from theirs, nor its readers from the rest of it.
            self._failed.add(version.document_id)
            detail = type(error).__name__
            logger.bind(doc_id=version.document_id, detail=detail).error("overview_failed")
            return
        await self._kept.keep(version, overview, self._clock())

    async def _sources(self, document_id: str) -> tuple[Source, ...]:
        return await verified(self._documents, await self._documents.passages_across(document_id, LOOKED_AT))

    def _has_model(self) -> bool:
        return self._chain is not None and self._chain.next_model() is not None

    def _want_written(self, document_id: str) -> None:
        if len(self._to_write) < _MOST_WAITING:
            self._to_write[document_id] = None
            self.wake()

    async def _write_wanted(self) -> None:
        """Have a model write the points of the documents that were looked at, one after the other."""
        while self._to_write and self._chain is not None:
            document_id = next(iter(self._to_write))
            try:
                await self._write(document_id, self._chain)
            finally:
                del self._to_write[document_id]

    async def _write(self, document_id: str, chain: Chain) -> None:
        version = await self._kept.version(document_id)
        found = await self._kept.of_documents([document_id])
        if version is None or document_id not in found:
            return
        sources = await self._sources(document_id)
        with anyio.move_on_after(_WRITE_S):
            said, link = await _said(chain, sources)
            points = await self._borne_out(said, sources)
            if len(points) >= _LEAST_WRITTEN:
                written = replace(found[document_id].overview, points=points, by=link)
                await self._kept.keep(version, written, self._clock())

    async def _borne_out(self, said: str, sources: Sequence[Source]) -> tuple[KeyPoint, ...]:
        """Return the lines of a model's points whose every sentence stands in the passages that it cites."""
        points = []
        for line in said.splitlines():
            cited = [number for number in markers(line) if 1 <= number <= len(sources)]
            words = re.sub(r"^\s*(?:[-*•]|\d{1,2}[.)、])\s*", "", keep_markers(line, ())).strip()
            if not cited or not text.terms(words):
                continue
            claims = await self._claims.check(line, sources, Deadline.within(_WRITE_S))
            if claims and not any(all_unsupported([claim]) for claim in claims):
                passage = sources[cited[0] - 1].passage
                points.append(KeyPoint(words, passage.page, replace(passage.place, number=passage.page)))
        return tuple(points[:_POINTS])


def _made(sources: Sequence[Source]) -> DocumentOverview:
    return DocumentOverview(key_points(sources), example_questions(sources))


async def _said(chain: Chain, sources: Sequence[Source]) -> tuple[str, str]:
    """Return what the first model that can says are the main points, and its name; nothing without one."""
    is_chinese = sum(is_cjk(source.passage.text) for source in sources) * 2 > len(sources)
    prompt = Prompt(
        phrases.main_points_wanted(is_chinese=is_chinese),
        tuple(one.passage for one in sources),
        sources=tuple(sources),
    )
    said = ""
    async with aclosing(chain.stream(prompt, Deadline.within(_WRITE_S), only=MODELS)) as events:
        async for event in events:
            match event:
                case Delta():
                    said += event.text
                case Restart():
                    said = ""
                case Completed(provider, finish):
                    return ("" if finish.cut else said), provider.name
    return "", ""


def _mixed(found: Sequence[KeptOverview]) -> list[tuple[ExampleQuestion, KeptOverview]]:
    """Return one question of each document, then a second one of each, and so on; no words twice."""
    rounds = zip_longest(*(one.overview.questions for one in found))
    mixed: dict[str, tuple[ExampleQuestion, KeptOverview]] = {}
    for questions in rounds:
        for question, one in zip(questions, found, strict=True):
            if question is not None:
                mixed.setdefault(letters(question.text), (question, one))
    return list(mixed.values())


def letters(words: str) -> str:
    """Return the letters and figures of a text alone, to tell whether two are the same."""
    return "".join(filter(str.isalnum, text.folded(words)))
