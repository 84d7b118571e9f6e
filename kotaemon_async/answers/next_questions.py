"""What may be asked next: questions of the cited documents that are near an answer, and not answered yet."""

from collections.abc import Sequence
from typing import Final, Protocol

import anyio

from kotaemon_async.answers.document_overviews import letters
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.follow_up import Histories
from kotaemon_async.answers.llm.base import Deadline
from kotaemon_async.answers.selection import asked_terms, is_cjk
from kotaemon_async.domain import text
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer, Scope
from kotaemon_async.domain.overviews import ExampleQuestion, KeptOverview

#: Questions that follow an answer, and the documents that they are taken from.
_MOST: Final = 3
_CITED: Final = 4
#: What of an answer is looked at to tell which questions are near.
_LOOKED_AT_CHARS: Final = 2_000
_BESIDE: Final = 0.5
#: Turns whose questions are not suggested again.
_REMEMBERED: Final = 20
#: The part of what is left of a question's time that this may take, and the longest one.
_SHARE: Final = 0.1
_AT_MOST_S: Final = 0.2


class Kept(Protocol):
    """The part of the ledger that keeps overviews."""

    async def of_documents(self, document_ids: Sequence[str]) -> dict[str, KeptOverview]: ...
    async def newest(self, scope: Scope, limit: int) -> list[KeptOverview]: ...


class NextQuestions:
    """Suggests what to ask after an answer."""

    def __init__(self, kept: Kept, conversations: Histories) -> None:
        self._kept = kept
        self._conversations = conversations

    async def after(self, answer: Answer, ask: Ask, scope: Scope, deadline: Deadline) -> tuple[str, ...]:
        """Return questions that may come next, none that was asked before or is answered already.

        They are those of the documents that the answer cites, or where it found nothing, of the scope; none
        when the ledger is away or late.
        """
        limit_s = min(_AT_MOST_S, deadline.left_s() * _SHARE)
        try:
            with anyio.fail_after(limit_s):
                found = await self._overviews(answer, scope)
                asked = await self._asked(ask) if any(one.overview.questions for one in found) else ()
        except (Unavailable, TimeoutError):
            return ()
        return _next_questions(answer, found, {letters(one) for one in (answer.question, *asked)})

    async def _overviews(self, answer: Answer, scope: Scope) -> list[KeptOverview]:
        cited = list(dict.fromkeys(one.document_id for one in answer.citations))[:_CITED]
        if not cited:
            return await self._kept.newest(scope, _CITED) if answer.outcome == "nothing" else []
        found = await self._kept.of_documents(cited)
        return [found[one] for one in cited if one in found]

    async def _asked(self, ask: Ask) -> tuple[str, ...]:
        if ask.conversation_id is None:
            return tuple(question for question, _ in ask.history)
        turns = await self._conversations.turns(ask.conversation_id, ask.caller, _REMEMBERED)
        return tuple(turn.answer.question for turn in turns)


def _next_questions(answer: Answer, found: Sequence[KeptOverview], asked: set[str]) -> tuple[str, ...]:
    """Return those questions that are near what was asked and said, of its language first."""
    said = letters(f"{answer.answer} {' '.join(one.quote for one in answer.citations)}")
    terms = set(asked_terms(answer.question)) | set(text.query_terms(answer.answer[:_LOOKED_AT_CHARS]))
    pages = {(one.document_id, one.page) for one in answer.citations}

    def value(one: KeptOverview, question: ExampleQuestion) -> tuple[bool, float]:
        shared = terms.intersection(asked_terms(question.text))
        is_beside = (one.document_id, question.page) in pages
        return is_cjk(question.text) == is_cjk(answer.question), len(shared) + _BESIDE * is_beside

    offered = {
        question.text: value(one, question)
        for one in found
        for question in one.overview.questions
        if letters(question.text) not in asked and letters(question.answered_by) not in said
    }
    best = sorted(offered, key=lambda question: offered[question], reverse=True)
    same = [question for question in best if offered[question][0]]
    return tuple((same or best)[:_MOST])
