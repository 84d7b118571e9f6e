"""Finds what an answer may rest on: passages that stand on their pages, for a few questions at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import anyio

from kotaemon_async.answers import phrases
from kotaemon_async.answers.draft import Evidence, Question
from kotaemon_async.answers.follow_up import untold
from kotaemon_async.answers.overview import Overviews, Searches
from kotaemon_async.answers.sources import Documents, verified
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Reason
from kotaemon_async.search.retrieval import SearchLost
from kotaemon_async.telemetry import traces

#: The part of what is left of a question's time that its search may take, and the longest one; lanes have
#: shorter limits of their own. To wait for its turn it has the same part.
_SHARE: Final = 0.5
_AT_MOST_S: Final = 8.0
#: More searches at once end no sooner on two cores, and all of them too late: fifty lost their lanes.
AT_ONCE: Final = 4


class EvidenceSearch:
    """Searches for questions, first come, first served."""

    def __init__(
        self,
        retrieval: Searches,
        documents: Documents,
        overviews: Overviews | None,
        *,
        passages: int,
        at_once: int = AT_ONCE,
    ) -> None:
        self._retrieval = retrieval
        self._documents = documents
        self._overviews = overviews
        self._passages = passages
        self._turns = anyio.Semaphore(at_once)

    async def of(self, question: Question) -> Evidence:
        """Return the passages that stand on their pages, and what was missing while searching."""
        if question.scope_lost is not None:
            return Evidence(reasons=(Reason("ledger", question.scope_lost),))
        if not any(map(str.isalnum, question.standalone)):
            return Evidence(searched=True)  # a question of nothing but signs
        evidence = Evidence()
        try:
            with traces.span("retrieve"):
                async with self._turn(question.deadline.left_s() * _SHARE):
                    with anyio.fail_after(min(_AT_MOST_S, question.deadline.left_s() * _SHARE)):
                        if (overview := await self._overview(question)) is not None:
                            return overview
                        found = await self._retrieval.search(
                            question.standalone, question.scope, top_k=self._passages
                        )
                        evidence = Evidence(reasons=found.degraded)
                        sources = await verified(self._documents, found.passages)
            sources = untold(sources, question.told) if question.told else sources
            return replace(evidence, sources=sources, searched=True)
        except TimeoutError:
            lost: tuple[Reason, ...] = (Reason("retrieval", "timeout"),)
        except SearchLost as error:
            lost = tuple(error.lost)
        except Unavailable as error:
            lost = (Reason("retrieval", error.code),)
        return replace(evidence, reasons=(*evidence.reasons, *lost))

    @asynccontextmanager
    async def _turn(self, within_s: float) -> AsyncIterator[None]:
        """Wait for a turn and have it for the block. Raises: TimeoutError."""
        try:
            self._turns.acquire_nowait()
        except anyio.WouldBlock:
            with traces.child_span("wait for a turn"), anyio.fail_after(within_s):
                await self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    async def _overview(self, question: Question) -> Evidence | None:
        """Return what sums up the document that is meant, or what to ask back; None for other questions."""
        wanted, ask = question.wanted, question.ask
        if wanted is None or self._overviews is None:
            return None
        found = await self._overviews.summarized(wanted, ask, question.scope, question.deadline)
        if found is not None:
            return Evidence(found.sources, searched=True, overview=found.overview)
        if wanted.subject:
            return None
        voice = phrases.voice(ask.question, ask.language)
        return Evidence(searched=True, asked_back=await self._overviews.which(voice, question.scope))
