"""Links to models of the tests' own, and how to hear what they say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Prompt
from kotaemon_async.answers.llm.local import LocalLimits, LocalLink
from kotaemon_async.answers.llm.local_process import Model
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Passage
from tests.support.service import is_alive

PROMPT = Prompt("When?", (Passage("d.1.1.0", "d", "a.pdf", 1, "The crane was repaired in October.", 0.9),))
SAID = "The crane was repaired in October [1]."
#: A step of such a model takes a hundredth of a second or more.
THINKS = 25


@asynccontextmanager
async def linked(model: Path | Model, limits: LocalLimits | None = None) -> AsyncIterator[LocalLink]:
    one = model if isinstance(model, Model) else Model(model)
    link = LocalLink("here", "primary", one, limits or LocalLimits())
    try:
        yield link
    finally:
        await link.aclose()


async def told(
    link: LocalLink, prompt: Prompt = PROMPT, seconds: float = 30.0
) -> tuple[str, Finish | None, Unavailable | None]:
    text, finish = "", None
    try:
        async for piece in link.stream(prompt, Deadline.within(seconds)):
            if isinstance(piece, Delta):
                text += piece.text
            else:
                finish = piece
    except Unavailable as error:
        return text, finish, error
    return text, finish, None


async def until_gone(pid: int) -> None:
    with anyio.fail_after(10):
        while is_alive(pid):  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.01)
