"""A model's rewriting of a follow-up is taken only when it is one question."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Piece, Prompt
from kotaemon_async.answers.llm.prompt import Rewriting, messages
from kotaemon_async.answers.llm.rewriting import Rewriter
from kotaemon_async.domain.model import ServedBy

SPOKEN = [("What was the revenue in 2018?", "Four million. [1]")]


@dataclass
class Model:
    text: str
    name: str = "main"
    served_by: ServedBy = "primary"
    asked: list[Prompt] = field(default_factory=list)

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        self.asked.append(prompt)
        for letter in self.text:
            yield Delta(letter)
        yield Finish()


async def rewritten(model: Model | None) -> str | None:
    return await Rewriter(lambda: model)("and in 2019?", SPOKEN, Deadline.within(1.0))


@pytest.mark.parametrize("text", ["What was the revenue in 2019?", '\n "What was the revenue in 2019?"\n'])
async def test_one_question_is_taken_without_its_quotes(text: str) -> None:
    assert await rewritten(Model(text)) == "What was the revenue in 2019?"


@pytest.mark.parametrize("text", ["", "   ", "Sure!\nWhat was the revenue?", "x" * 501])
async def test_anything_else_is_not_taken(text: str) -> None:
    assert await rewritten(Model(text)) is None


async def test_without_a_model_there_is_no_rewriting() -> None:
    assert await rewritten(None) is None


def test_the_model_sees_the_conversation_as_data_and_the_last_question() -> None:
    seen = messages(Rewriting("and in 2019?", (), tuple(SPOKEN)))
    assert "data" in seen.system
    assert seen.user == (
        "Q: What was the revenue in 2018?\nA: Four million. [1]\nLast question: and in 2019?"
    )
