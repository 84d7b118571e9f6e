"""A follow-up is made to stand alone by a model in time, else by rule, and never fails."""

from dataclasses import dataclass

import anyio
import pytest

from kotaemon_async.answers.dialogue import Standalone
from kotaemon_async.answers.events import Ask
from kotaemon_async.answers.follow_up import QuestionRewriter, untold
from kotaemon_async.answers.llm.base import Anew, Deadline, Delta, Finish, Piece, Prompt
from kotaemon_async.answers.llm.prompt import Limits, messages
from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Answer
from kotaemon_async.stores.conversations import Turn
from tests.support.answering import DOWN, Model, source

BEFORE = "What was the revenue in 2018?"
BY_RULE = "What was the revenue in 2019?"
BY_MODEL = "What was the revenue in the year 2019?"


@dataclass
class Histories:
    questions: tuple[str, ...] = (BEFORE,)
    answer: str = "Four. [1]"
    broken: bool = False
    hangs: bool = False

    async def turns(
        self, conversation_id: str, caller: Caller, limit: int, before: str | None = None
    ) -> list[Turn]:
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
    ask = Ask(question, EVERYBODY, conversation_id="c1")
    return (await rewriter.standalone(ask, Deadline.within(left_s))).question


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
    with anyio.fail_after(60):
        assert await standalone(histories=histories, model=model(), left_s=0.5) == "and in 2019?"


async def test_a_caller_may_bring_the_conversation_along() -> None:
    ask = Ask("and in 2019?", EVERYBODY, history=((BEFORE, "Four."),))
    said = await QuestionRewriter(Histories(())).standalone(ask, Deadline.within(1.0))
    assert said == Standalone(BY_RULE)


def test_the_model_sees_the_conversation_as_data_and_the_last_question() -> None:
    seen = messages(Prompt("and in 2019?", history=((BEFORE, "Four million. [1]"),)), Limits(1_000))
    assert "data" in seen.system
    begin, *turn, end, last = seen.user.splitlines()
    assert (turn, last) == ([f"Q: {BEFORE}", "A: Four million. [1]"], "Last question: and in 2019?")
    assert end == begin.replace("conversation", "end of the conversation")


async def test_greetings_and_thanks_around_a_question_are_taken_off() -> None:
    assert await standalone("Hello! Where is Sund? Thanks.", Histories(())) == "Where is Sund?"
    assert await standalone("谢谢！那2019年呢？") == "What was the revenue in 2019?"


async def test_a_model_is_not_asked_for_more_and_sees_no_small_talk() -> None:
    asked = model()
    assert (await standalone("go on", model=asked), asked.prompts) == (BEFORE, [])
    assert await standalone(histories=Histories((BEFORE, "thanks")), model=asked) == BY_MODEL
    assert asked.prompts[0].history == ((BEFORE, "Four. [1]"),)


def test_what_was_told_is_left_out_of_the_sources() -> None:
    whole = source("The harbour freezes. It opens in April. The ferry waits there.")
    (left,) = untold([whole], "The harbour freezes. [1]")
    assert left.passage.text == "It opens in April. The ferry waits there."
    assert [one.text for one in left.sentences] == ["It opens in April.", "The ferry waits there."]
    assert (
        untold([whole], "**Sund**: The harbour freezes. It opens in April. The ferry waits there. [1]") == ()
    )


def test_a_sentence_that_was_shown_in_part_was_told() -> None:
    long = source("港口自一八四二年起对外开放并连接内河航运体系，此后多次扩建，现有码头二十座。下一句不同。")
    (left,) = untold([long], "…自一八四二年起对外开放并连接内河航运体系，此后多次扩建…[1]")
    assert left.passage.text == "下一句不同。"
