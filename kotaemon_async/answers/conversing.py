"""Use case: a follow-up question is made to stand alone with the conversation before it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import anyio
from loguru import logger

from kotaemon_async.answers import follow_up
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.llm.base import Deadline
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.stores.conversations import Turn

#: A model gets this part of the question's time to rewrite it, and never longer than that.
_SHARE = 0.2
_AT_MOST_S = 4.0
#: What was said before is looked up in this part of it, and in at most so long.
_READ_SHARE = 0.1
_READ_AT_MOST_S = 1.0

#: Question and answer of an earlier turn.
Spoken = tuple[str, str]
#: Gives the question as it may be asked alone, or None; raises Unavailable.
Rewrite = Callable[[str, Sequence[Spoken], Deadline], Awaitable[str | None]]


class Histories(Protocol):
    """The part of the ledger that keeps conversations."""

    async def turns(self, conversation_id: str, limit: int) -> list[Turn]: ...


class Conversing:
    """Makes questions stand alone: by a model if there is one and in time, else by rule."""

    def __init__(self, ledger: Histories, rewrite: Rewrite | None = None) -> None:
        self._ledger = ledger
        self._rewrite = rewrite

    async def question(self, ask: Ask, deadline: Deadline) -> str:
        """The question as it may be asked alone; the question itself when nothing better can be had."""
        if not follow_up.leans(ask.question):
            return ask.question
        spoken = await self._spoken(ask, min(_READ_AT_MOST_S, deadline.left_s() * _READ_SHARE))
        if not spoken:
            return ask.question
        rewritten = await self._by_model(ask.question, spoken, deadline)
        if rewritten is None:
            rewritten = follow_up.by_rule(ask.question, _standing(spoken))
        logger.bind(turns=len(spoken)).info("question_rewritten")
        return rewritten

    async def _spoken(self, ask: Ask, limit_s: float) -> list[Spoken]:
        if ask.history:
            return list(ask.history[-follow_up.MAX_TURNS :])
        if ask.conversation_id is None:
            return []
        try:
            with anyio.fail_after(limit_s):
                turns = await self._ledger.turns(ask.conversation_id, follow_up.MAX_TURNS)
        except (Unavailable, TimeoutError) as error:
            code = error.code if isinstance(error, Unavailable) else "timeout"
            logger.bind(component="ledger", code=code).warning("conversation_away")
            return []
        return [(turn.answer.question, turn.answer.answer) for turn in turns]

    async def _by_model(self, question: str, spoken: Sequence[Spoken], deadline: Deadline) -> str | None:
        if self._rewrite is None:
            return None
        limit_s = min(_AT_MOST_S, deadline.left_s() * _SHARE)
        try:
            with anyio.move_on_after(limit_s):
                return await self._rewrite(question, spoken, deadline.at_most(limit_s))
        except Unavailable as error:
            logger.bind(code=error.code).info("rewrite_failed")
        return None


def _standing(spoken: Sequence[Spoken]) -> list[str]:
    """Each question so far as it stands alone after those before it."""
    standing: list[str] = []
    for question, _ in spoken:
        standing.append(follow_up.by_rule(question, standing))
    return standing
