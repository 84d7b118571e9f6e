"""A follow-up is made to stand alone by a model in time, else by rule, and never fails."""

from dataclasses import dataclass

import anyio
import pytest

from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.follow_up import QuestionRewriter, by_rule, leans
from kotaemon_async.answers.llm.base import Anew, Deadline, Delta, Finish, Piece, Prompt
from kotaemon_async.answers.llm.prompt import messages
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer
from kotaemon_async.stores.conversations import Turn
from tests.support.answering import DOWN, Model

BEFORE = "What was the revenue in 2018?"
BY_RULE = "What was the revenue in 2019?"
BY_MODEL = "What was the revenue in the year 2019?"


@dataclass
class Histories:
    questions: tuple[str, ...] = (BEFORE,)
    answer: str = "Four. [1]"
    broken: bool = False
    hangs: bool = False

    async def turns(self, conversation_id: str, limit: int) -> list[Turn]:
        if self.hangs:
            await anyio.sleep_forever()
        if self.broken:
            raise Unavailable("gone", code="ledger_unavailable")
        return [
            Turn(Answer("a", one, self.answer, "primary", False, (), (), ""), 1.0) for one in self.questions
        ]


def model(text: str = BY_MODEL, *ends: Piece | Exception | anyio.Event) -> Model:
    """Says it letter by letter."""
    return Model(*map(Delta, text), *(ends or (Finish(),)))


async def standalone(
    question: str = "and in 2019?",
    histories: Histories | None = None,
    model: Model | None = None,
    left_s: float = 30.0,
) -> str:
    rewriter = QuestionRewriter(histories or Histories(), lambda: model)
    return await rewriter.standalone(Ask(question, conversation_id="c1"), Deadline.within(left_s))


@pytest.mark.parametrize("text", [BY_MODEL, f'\n "{BY_MODEL}"\n'])
async def test_a_model_rewrites_a_follow_up_after_the_conversation(text: str) -> None:
    asked = model(text)
    assert await standalone(model=asked) == BY_MODEL
    assert asked.prompts == [Prompt("and in 2019?", history=((BEFORE, "Four. [1]"),))]


async def test_words_of_a_rewrite_that_were_thoughts_are_no_part_of_the_question() -> None:
    assert await standalone(model=model("Hm.", Anew(), Delta(BY_MODEL), Finish())) == BY_MODEL


async def test_thoughts_that_an_old_answer_was_kept_with_are_not_sent_back() -> None:
    asked = model()
    await standalone(histories=Histories(answer="<think>Look.</think>Four. [1]"), model=asked)
    assert asked.prompts[0].history == ((BEFORE, "Four. [1]"),)


@pytest.mark.parametrize("text", ["", "   ", "Sure!\nWhat was the revenue?", "x" * 501])
async def test_without_one_question_of_a_model_a_rule_does_it(text: str) -> None:
    assert await standalone(model=model(text)) == BY_RULE


async def test_without_a_model_in_time_a_rule_does_it() -> None:
    assert await standalone() == BY_RULE
    assert await standalone(model=model(BY_MODEL, DOWN)) == BY_RULE
    assert await standalone(model=model(BY_MODEL, anyio.Event()), left_s=0.1) == BY_RULE


async def test_follow_ups_of_follow_ups_keep_their_subject() -> None:
    histories = Histories((BEFORE, "and in 2019?"))
    assert await standalone("and in 2020?", histories) == "What was the revenue in 2020?"


async def test_a_question_that_stands_alone_asks_no_model() -> None:
    unasked = model()
    question = "How many employees work in the harbour office?"
    assert (await standalone(question, model=unasked), unasked.prompts) == (question, [])


@pytest.mark.parametrize("histories", [Histories(()), Histories(broken=True), Histories(hangs=True)])
async def test_without_a_conversation_the_question_is_left_as_it_is(histories: Histories) -> None:
    with anyio.fail_after(1):
        assert await standalone(histories=histories, model=model(), left_s=0.5) == "and in 2019?"


async def test_a_caller_may_bring_the_conversation_along() -> None:
    ask = Ask("and in 2019?", history=((BEFORE, "Four."),))
    assert await QuestionRewriter(Histories(())).standalone(ask, Deadline.within(1.0)) == BY_RULE


def test_the_model_sees_the_conversation_as_data_and_the_last_question() -> None:
    seen = messages(Prompt("and in 2019?", history=((BEFORE, "Four million. [1]"),)), 12_000)
    assert "data" in seen.system
    assert seen.user == f"Q: {BEFORE}\nA: Four million. [1]\nLast question: and in 2019?"


@pytest.mark.parametrize(
    ("before", "question", "standalone"),
    [
        ("What was the revenue in 2018?", "and in 2019?", "What was the revenue in 2019?"),
        ("What was the revenue in 2018?", "And 2020", "What was the revenue in 2020?"),
        ("What was the revenue in 2018?", "How about 2017?", "What was the revenue in 2017?"),
        ("2018年的营业收入是多少？", "那2019年呢？", "2019年的营业收入是多少？"),
        ("How many came in March?", "and in April?", "How many came in April?"),
        ("第一季度的产量是多少？", "第二季度呢？", "第二季度的产量是多少？"),
    ],
)
def test_what_is_named_anew_takes_the_place_of_its_like(before: str, question: str, standalone: str) -> None:
    assert by_rule(question, [before]) == standalone


@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("Who built the lighthouse?", "When did he die?"),
        ("Who built the lighthouse?", "Why?"),
        ("灯塔是谁建的？", "他什么时候去世？"),
        ("What was the revenue in 2018?", "And the profit in 2019?"),
        ("Which pump leaks?", "How often is it serviced?"),
    ],
)
def test_otherwise_both_questions_are_asked_together(before: str, question: str) -> None:
    assert by_rule(question, ["Earlier?", before]) == f"{before} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "How often is the shaft seal of the main pump replaced?",
        "法国的首都是哪座城市？",
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(question: str) -> None:
    assert by_rule(question, ["Who built the lighthouse?"]) == question


def test_without_a_question_before_nothing_is_changed() -> None:
    assert by_rule("and in 2019?", []) == "and in 2019?"


def test_a_long_question_says_itself_what_it_is_about() -> None:
    long = "How did this regulation change imported machinery tariffs between northern ports during wartime?"
    assert not leans(long)
