"""The link to a model server, against a server that speaks the real protocol over a socket."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Prompt
from kotaemon_async.answers.llm.openai import OpenAIProvider
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Passage, Usage
from tests.support.llm_faults import Script
from tests.support.llm_server import LlmServer, llm_server, provider_of

PROMPT = Prompt("Capital?", (Passage("d.1.1.0", "d", "a.pdf", 1, "Paris is the capital of France.", 0.9),))


@asynccontextmanager
async def linked(script: Script, **limits: Any) -> AsyncIterator[tuple[OpenAIProvider, LlmServer]]:
    async with llm_server(script) as server:
        link = provider_of(server, **limits)
        try:
            yield link, server
        finally:
            await link.aclose()


async def received(
    link: OpenAIProvider, seconds: float = 20.0
) -> tuple[str, Finish | None, Unavailable | None]:
    text, finish = "", None
    try:
        async for piece in link.stream(PROMPT, Deadline.within(seconds)):
            if isinstance(piece, Delta):
                text += piece.text
            else:
                finish = piece
    except Unavailable as error:
        return text, finish, error
    return text, finish, None


async def test_a_whole_answer_streams_and_brings_its_token_counts() -> None:
    async with linked("ok") as (link, server):
        assert await received(link) == ("Paris is the capital [1].", Finish(Usage(120, 7)), None)
        assert server.keys == ["Bearer k-1"]
        assert server.requests[0]["model"] == "m"
        assert "Paris is the capital of France." in server.requests[0]["messages"][1]["content"]


@pytest.mark.parametrize("script", ["hang", "slow_first"])
async def test_a_late_first_token_is_a_timeout_and_closes_the_connection(script: Script) -> None:
    async with linked(script, first_token_timeout_s=0.2) as (link, server):
        await link.warm()
        text, _, error = await received(link)
        assert (text, error and error.code) == ("", "timeout")
        with anyio.fail_after(1):
            await server.left.wait()


@pytest.mark.parametrize(("seconds", "limits"), [(0.3, {}), (20.0, {"total_timeout_s": 0.3})])
async def test_the_questions_deadline_and_the_total_limit_end_a_stream_that_stalls(
    seconds: float, limits: dict[str, float]
) -> None:
    async with linked("stall", **limits) as (link, _):
        await link.warm()
        started_s = time.monotonic()
        _, _, error = await received(link, seconds)
        assert error and error.code == "timeout"
        assert time.monotonic() - started_s < 1.0


async def test_an_answer_at_the_length_limit_is_marked_as_cut() -> None:
    async with linked("length") as (link, _):
        _, finish, _ = await received(link)
        assert finish == Finish(Usage(120, 7), cut=True)


async def test_a_reader_who_leaves_closes_the_connection_to_the_model() -> None:
    async with linked("stall") as (link, server):
        stream = link.stream(PROMPT, Deadline.within(20))
        assert await anext(stream) == Delta("Paris")
        await stream.aclose()
        with anyio.fail_after(1):
            await server.left.wait()


async def test_a_marker_of_a_passage_that_was_not_shown_is_removed() -> None:
    async with linked("ok") as (link, server):
        server.words = ("Paris [", "9] is", " it [1", "].")
        assert (await received(link))[0] == "Paris is it [1]."
