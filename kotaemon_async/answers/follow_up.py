"""A question that leans on the ones before it, made to stand alone: by a model in time, else by rule.

What was told already is left out when a person asks for more of it.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final, Protocol

import anyio
from loguru import logger

from kotaemon_async.answers import small_talk
from kotaemon_async.answers.dialogue import MAX_TURNS, Standalone, by_rule, goes_back, leans, state_of
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.llm.base import Anew, Deadline, Delta, HistoryTurn, Prompt, Provider
from kotaemon_async.answers.llm.thoughts import without_thoughts
from kotaemon_async.answers.sources import Source
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Place, Sentence
from kotaemon_async.stores.conversations import Turn

#: A model is shown the latest turns.
_MODEL_TURNS: Final = 6
#: A question is not longer than this.
_MAX_CHARS: Final = 500
#: A piece of an answer that is at least so long is known again in a sentence.
_TOLD_LEAST: Final = 20
#: A model gets this part of the question's time to rewrite it, and never longer than that.
_SHARE: Final = 0.2
_AT_MOST_S: Final = 4.0
#: The conversation is looked up in this part of it, and in at most so long.
_READ_SHARE: Final = 0.1
_READ_AT_MOST_S: Final = 1.0


class Histories(Protocol):
    """The part of the ledger that keeps conversations."""

    async def turns(
        self, conversation_id: str, caller: Caller, limit: int, before: str | None = None
    ) -> list[Turn]: ...


class QuestionRewriter:
    """Makes questions stand alone: by the model that `next_model` gives, if it is in time, else by rule."""

    def __init__(
        self, conversations: Histories, next_model: Callable[[], Provider | None] = lambda: None
    ) -> None:
        self._conversations = conversations
        self._next_model = next_model

    async def standalone(self, ask: Ask, deadline: Deadline) -> Standalone:
        """Return the question as it may be asked alone, or the question itself. Never fails."""
        question = small_talk.without_manners(ask.question)
        if not leans(question):
            return Standalone(question)
        history = await self._history(ask, min(_READ_AT_MOST_S, deadline.left_s() * _READ_SHARE))
        state = state_of(history)
        if not state.asked:
            return Standalone(question)
        rewritten = by_rule(question, state)
        if small_talk.act_of(question) != "more" and not goes_back(question):
            turns = tuple(turn for turn in history if small_talk.act_of(turn[0]) is None)
            by_model = await self._by_model(question, turns[-_MODEL_TURNS:], deadline)
            rewritten = rewritten if by_model is None else Standalone(by_model)
        logger.bind(turns=len(history)).info("question_rewritten")
        return rewritten

    async def _history(self, ask: Ask, limit_s: float) -> tuple[HistoryTurn, ...]:
        if ask.history:
            return ask.history[-MAX_TURNS:]
        if ask.conversation_id is None:
            return ()
        try:
            with anyio.fail_after(limit_s):
                turns = await self._conversations.turns(
                    ask.conversation_id, ask.caller, MAX_TURNS, ask.replaces
                )
        except (Unavailable, TimeoutError) as error:
            code = error.code if isinstance(error, Unavailable) else "timeout"
            logger.bind(component="ledger", code=code).warning("conversation_away")
            return ()
        return tuple((turn.answer.question, without_thoughts(turn.answer.answer)) for turn in turns)

    async def _by_model(
        self, question: str, history: tuple[HistoryTurn, ...], deadline: Deadline
    ) -> str | None:
        """Return the model's question in one line; None without a model or a usable reply in time."""
        model = self._next_model()
        if model is None:
            return None
        reply = ""
        limit_s = min(_AT_MOST_S, deadline.left_s() * _SHARE)
        prompt = Prompt(question, history=history)
        try:
            with anyio.fail_after(limit_s):
                async with aclosing(model.stream(prompt, deadline.at_most(limit_s))) as pieces:
                    async for piece in pieces:
                        reply = "" if isinstance(piece, Anew) else reply
                        reply += piece.text if isinstance(piece, Delta) else ""
        except TimeoutError:
            return None
        except Unavailable as error:
            logger.bind(code=error.code).info("rewrite_failed")
            return None
        lines = [line.strip().strip('"“”') for line in reply.strip().splitlines()]
        return lines[0] if len(lines) == 1 and 0 < len(lines[0]) <= _MAX_CHARS else None


def untold(sources: Sequence[Source], told: str) -> tuple[Source, ...]:
    """Return what the sources hold beside what was told; the longest run of it is each one's text."""
    said = _compact(told)
    cut = map(_compact, re.split(r"…|\[\d{1,3}\]|\n", told))
    pieces = [piece for piece in cut if len(piece) >= _TOLD_LEAST]

    def is_told(sentence: Sentence) -> bool:
        words = _compact(sentence.text)
        return words in said or any(piece in words for piece in pieces)

    found = (_without_told(source, is_told) for source in sources)
    return tuple(source for source in found if source is not None)


def _without_told(source: Source, is_told: Callable[[Sentence], bool]) -> Source | None:
    """Return the source without sentences that were told; None when it has no others."""
    runs: list[list[Sentence]] = [[]]
    for sentence in source.sentences:
        if is_told(sentence):
            runs.append([])
        else:
            runs[-1].append(sentence)
    best = max(runs, key=lambda run: sum(len(one.text) for one in run))
    if not best:
        return None
    page = best[0].places[0].page
    start, stop = (best[at].places[0] for at in (0, -1))
    here = Place(page, start.start, stop.stop if stop.page == page else len(source.pages[page]))
    passage = replace(source.passage, text=source.words(here))
    return replace(source, passage=passage, sentences=tuple(one for run in runs for one in run))


def _compact(words: str) -> str:
    return re.sub(r"\[\d{1,3}\]|[\W_]", "", words).casefold()
