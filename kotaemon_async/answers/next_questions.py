"""What may be asked next: questions of the cited documents that are near an answer, and not answered yet."""

from collections.abc import Sequence
from typing import Final, Protocol

import anyio

from kotaemon_async.answers.document_overviews import letters
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.follow_up import Histories
from kotaemon_async.answers.llm.base import Deadline
from kotaemon_async.answers.overview import request_of
from kotaemon_async.answers.selection import asked_terms, is_cjk
from kotaemon_async.domain import text
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer, Citation, Scope
from kotaemon_async.domain.overviews import ExampleQuestion, KeptOverview

#: Questions that follow an answer, and the documents that they are taken from.
_MOST: Final = 3
_CITED: Final = 4
#: What of an answer is looked at to tell which questions are near.
_LOOKED_AT_CHARS: Final = 2_000
_BESIDE: Final = 0.5
#: Words of a question that tell what it asks.
_TELLING: Final = 2
#: What example questions ask with, of which many have some.
_FORM: Final = frozenset(
    asked_terms(
        "位于哪里，包括哪些，由什么组成，是什么，有哪些内容，占地多少，还有什么名称，是哪一年的，多久一次，关于，总结"
    )
)
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
        return _next_questions(answer, found, asked)

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


def _is_same(question: str, known: Sequence[set[str]]) -> bool:
    """Return whether a question says no more than one that was asked."""
    asked = set(asked_terms(question))
    return any(asked == one or (asked <= one and len(asked) >= _TELLING) for one in known)


def _heading(citation: Citation) -> str:
    """Return the heading that a quote stands below, empty without one."""
    return next(iter(citation.place.headings[-1:]), "") if citation.place else ""


def _next_questions(answer: Answer, found: Sequence[KeptOverview], earlier: Sequence[str]) -> tuple[str, ...]:
    """Return those questions that share words with what was asked and said or stand beside it.

    Those in its language come first.

    One that asks the same in other words, or is answered already, is left out.
    """
    said = letters(f"{answer.answer} {' '.join(one.quote for one in answer.citations)}")
    terms = set(asked_terms(answer.question)) | set(text.query_terms(answer.answer[:_LOOKED_AT_CHARS]))
    places = {(one.document_id, _heading(one) or one.page) for one in answer.citations}

    def value(one: KeptOverview, question: ExampleQuestion) -> tuple[bool, bool, float]:
        shared = terms.intersection(asked_terms(question.text)) - _FORM
        is_beside = (one.document_id, question.heading or question.page) in places
        is_part = request_of(question.text) is None
        return is_cjk(question.text) == is_cjk(answer.question), is_part, len(shared) + _BESIDE * is_beside

    known = [set(asked_terms(one)) for one in (answer.question, *earlier)]
    letters_of = {letters(one) for one in (answer.question, *earlier)}
    offered = {
        question.text: value(one, question)
        for one in found
        for question in one.overview.questions
        if letters(question.text) not in letters_of
        and not _is_same(question.text, known)
        and letters(question.answered_by) not in said
    }
    if answer.citations:
        offered = {question: worth for question, worth in offered.items() if worth[-1]}
    best = sorted(offered, key=lambda question: offered[question], reverse=True)
    same = [question for question in best if offered[question][0]]
    return tuple((same or best)[:_MOST])
