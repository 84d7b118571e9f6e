"""A question that leans on the ones before it, made to stand alone: "and in 2019?" after "Revenue in 2018?".

By a model where one answers in time, else by rule: what the new question names takes the place of its like in
the question before, or both are asked together. The rule never drops a word of the new question.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final, Protocol

import anyio
from loguru import logger

from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.llm.base import Anew, Deadline, Delta, HistoryTurn, Prompt, Provider
from kotaemon_async.answers.llm.thoughts import without_thoughts
from kotaemon_async.domain import text
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.stores.conversations import Turn

#: Questions before, which a follow-up may lean on.
MAX_TURNS: Final = 6
#: A longer question says by itself what it is about.
_LONG_TERMS: Final = 7
_MAX_CHARS: Final = 500
#: A model gets this part of the question's time to rewrite it, and never longer than that.
_SHARE: Final = 0.2
_AT_MOST_S: Final = 4.0
#: The conversation is looked up in this part of it, and in at most so long.
_READ_SHARE: Final = 0.1
_READ_AT_MOST_S: Final = 1.0

_LEANS_EN: Final = re.compile(
    r"^\s*(?:and|or|but|also|so|then|what about|how about|what of|why so|why not|why is that|since when|which"
    r" one|which of)\b|\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there"
    r"|then|the same|the other|the former|the latter|one|ones|else|instead)\b",
    re.IGNORECASE,
)
_LEANS_ZH: Final = re.compile(
    r"^\s*(?:那么?|还有|另外|以及|而|又|再|然后|为什么呢|怎么样)|[它他她]们?|这个?|那个?|其中?|该|此|上述|前者|后者|同样"
    r"|呢\s*[？?]?\s*$"
)
#: What can take the place of its like: years first, as they are numbers too.
_SLOTS: Final = (
    re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)"),
    re.compile(
        r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\bQ[1-4]\b|第[一二三四1-4]季度", re.IGNORECASE),
    re.compile(r"(?<![\d一二三四五六七八九十])(?:1[0-2]|[1-9]|十[一二]?|[一二三四五六七八九])月"),
)
_LEAD: Final = re.compile(
    r"^\s*(?:(?:and|or|but|also|so|then|what about|how about)\b|那么?|还有|另外|以及)[\s,，]*", re.IGNORECASE
)
#: What a fragment holds beside the thing that it names.
_FILLER: Final = re.compile(
    r"\b(?:in|on|at|of|for|the|about|during|year|month|quarter)\b|[年月呢吗在]|如何|怎么?样", re.IGNORECASE
)


class Histories(Protocol):
    """The part of the ledger that keeps conversations."""

    async def turns(self, conversation_id: str, limit: int) -> list[Turn]: ...


class QuestionRewriter:
    """Makes questions stand alone: by the model that `next_model` gives, if it is in time, else by rule."""

    def __init__(
        self, conversations: Histories, next_model: Callable[[], Provider | None] = lambda: None
    ) -> None:
        self._conversations = conversations
        self._next_model = next_model

    async def standalone(self, ask: Ask, deadline: Deadline) -> str:
        """Return the question as it may be asked alone, or the question itself. Never fails."""
        if not leans(ask.question):
            return ask.question
        history = await self._history(ask, min(_READ_AT_MOST_S, deadline.left_s() * _READ_SHARE))
        if not history:
            return ask.question
        rewritten = await self._by_model(ask.question, history, deadline)
        if rewritten is None:
            questions: list[str] = []
            for question, _ in history:
                questions.append(by_rule(question, questions))
            rewritten = by_rule(ask.question, questions)
        logger.bind(turns=len(history)).info("question_rewritten")
        return rewritten

    async def _history(self, ask: Ask, limit_s: float) -> tuple[HistoryTurn, ...]:
        if ask.history:
            return ask.history[-MAX_TURNS:]
        if ask.conversation_id is None:
            return ()
        try:
            with anyio.fail_after(limit_s):
                turns = await self._conversations.turns(ask.conversation_id, MAX_TURNS)
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


def leans(question: str) -> bool:
    """Return whether the question is likely to need the ones before it."""
    if len(text.query_terms(question)) > _LONG_TERMS:
        return False
    return bool(_LEANS_EN.search(question) or _LEANS_ZH.search(question)) or _is_fragment(question)


def by_rule(question: str, before: Sequence[str]) -> str:
    """Return the question as it may be asked alone; `before` are the standalone questions, in order."""
    if not before or not leans(question):
        return question
    last = before[-1]
    return _with_slots(question, last) or _together(question, last)


def _is_fragment(question: str) -> bool:
    """Return whether it has one content word at most, which is no question by itself."""
    return len(text.query_terms(question)) <= 1


def _with_slots(question: str, last: str) -> str | None:
    """Return the last question with the year, month or quarter of the new one, if that adds nothing else."""
    rest, asked = question, last
    for slot in _SLOTS:
        new = slot.findall(rest)
        old = slot.findall(asked)
        if len(set(new)) == 1 and old:
            asked = slot.sub(new[0], asked)
            rest = slot.sub(" ", rest)
    if asked == last:
        return None
    left = set(text.terms(_FILLER.sub(" ", _LEAD.sub("", rest))))
    return None if left - set(text.terms(asked)) else asked


def _together(question: str, last: str) -> str:
    return f"{last.strip()[:_MAX_CHARS]} {question.strip()}"
