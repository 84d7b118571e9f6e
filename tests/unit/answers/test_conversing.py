"""A follow-up is made to stand alone by a model in time, else by rule, and never fails."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import pytest

from kotaemon_async.answers.conversing import Conversing, Spoken
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.llm.base import Deadline
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer
from kotaemon_async.stores.conversations import Turn

BEFORE = "What was the revenue in 2018?"


@dataclass
class Histories:
    questions: tuple[str, ...] = (BEFORE,)
    broken: bool = False
    hangs: bool = False

    async def turns(self, conversation_id: str, limit: int) -> list[Turn]:
        if self.hangs:
            await anyio.sleep_forever()
        if self.broken:
            raise Unavailable("gone", code="ledger_unavailable")
        return [
            Turn(Answer("a", one, "Four. [1]", "primary", False, (), (), ""), 1.0) for one in self.questions
        ]


@dataclass
class Rewriter:
    """A model that gives what it is told to."""

    given: str | Exception | None = "What was the revenue in the year 2019?"
    hangs: bool = False
    heard: list[Sequence[Spoken]] = field(default_factory=list)

    async def __call__(self, question: str, spoken: Sequence[Spoken], deadline: Deadline) -> str | None:
        self.heard.append(spoken)
        if self.hangs:
            await anyio.sleep_forever()
        if isinstance(self.given, Exception):
            raise self.given
        return self.given


async def standalone(
    question: str, histories: Histories, rewrite: Rewriter | None = None, left_s: float = 30.0
) -> str:
    ask = Ask(question, conversation_id="c1")
    return await Conversing(histories, rewrite).question(ask, Deadline.within(left_s))


async def test_a_model_rewrites_a_follow_up_with_what_was_said() -> None:
    rewriter = Rewriter()
    assert await standalone("and in 2019?", Histories(), rewriter) == rewriter.given
    assert list(rewriter.heard[0]) == [(BEFORE, "Four. [1]")]


@pytest.mark.parametrize(
    "rewriter",
    [None, Rewriter(None), Rewriter(Unavailable("down", code="llm_unavailable")), Rewriter(hangs=True)],
)
async def test_without_a_model_in_time_a_rule_does_it(rewriter: Rewriter | None) -> None:
    found = await standalone("and in 2019?", Histories(), rewriter, left_s=0.1)
    assert found == "What was the revenue in 2019?"


async def test_follow_ups_of_follow_ups_keep_their_subject() -> None:
    histories = Histories((BEFORE, "and in 2019?"))
    assert await standalone("and in 2020?", histories) == "What was the revenue in 2020?"


async def test_a_question_that_stands_alone_asks_no_model() -> None:
    rewriter = Rewriter()
    question = "How many employees work in the harbour office?"
    assert (await standalone(question, Histories(), rewriter), rewriter.heard) == (question, [])


@pytest.mark.parametrize("histories", [Histories(()), Histories(broken=True), Histories(hangs=True)])
async def test_without_a_conversation_the_question_is_left_as_it_is(histories: Histories) -> None:
    with anyio.fail_after(1):
        assert await standalone("and in 2019?", histories, Rewriter(), 0.5) == "and in 2019?"


async def test_a_caller_may_bring_the_conversation_along() -> None:
    ask = Ask("and in 2019?", history=((BEFORE, "Four."),))
    found = await Conversing(Histories(())).question(ask, Deadline.within(1.0))
    assert found == "What was the revenue in 2019?"
