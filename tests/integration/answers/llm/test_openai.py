"""The link to a model server, against a server that speaks the real protocol over a socket."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from kotaemon_async.answers.chain import Chain, Completed, Failed
from kotaemon_async.answers.extractive import ExtractiveProvider
from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, Prompt
from kotaemon_async.answers.llm.openai import OpenAIProvider
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Passage, Usage
from tests.support.llm_faults import Script
from tests.support.llm_server import LlmServer, llm_server

PROMPT = Prompt("Capital?", (Passage("d.1.1.0", "d", "a.pdf", 1, "Paris is the capital of France.", 0.9),))


@asynccontextmanager
async def linked(script: Script, **limits: Any) -> AsyncIterator[tuple[OpenAIProvider, LlmServer]]:
    async with llm_server(script) as server:
        link = OpenAIProvider("main", "primary", server.base_url, "m", api_key="k-1", **limits)
        try:
            yield link, server
        finally:
            await link.aclose()


async def told(link: OpenAIProvider, seconds: float = 20.0) -> tuple[str, Finish | None, Unavailable | None]:
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
        assert await told(link) == ("Paris is the capital [1].", Finish(Usage(120, 7)), None)
        assert server.keys == ["Bearer k-1"]
        assert server.requests[0]["model"] == "m"
        assert "Paris is the capital of France." in server.requests[0]["messages"][1]["content"]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("empty", "llm_unavailable"),
        ("garbage", "llm_unavailable"),
        ("html", "llm_unavailable"),
        ("odd_json", "llm_unavailable"),
        ("error_event", "llm_unavailable"),
        ("500", "llm_unavailable"),
        ("503", "llm_unavailable"),
        ("429", "llm_unavailable"),
        ("400", "misconfigured"),
        ("401", "misconfigured"),
        ("404", "misconfigured"),
    ],
)
async def test_a_failure_before_the_first_token_is_unavailable(script: Script, code: str) -> None:
    async with linked(script) as (link, server):
        text, finish, error = await told(link)
        assert (text, finish, error and error.code) == ("", None, code)
        assert len(server.requests) == 1


async def test_a_cut_stream_is_unavailable_after_what_was_sent() -> None:
    async with linked("cut") as (link, _):
        text, finish, error = await told(link)
        assert (text.strip(), finish, error and error.code) == ("Paris is the", None, "llm_unavailable")


@pytest.mark.parametrize("script", ["hang", "slow_first"])
async def test_a_late_first_token_is_a_timeout_and_closes_the_connection(script: Script) -> None:
    async with linked(script, first_token_timeout_s=0.2) as (link, server):
        await link.warm()
        text, _, error = await told(link)
        assert (text, error and error.code) == ("", "timeout")
        with anyio.fail_after(1):
            await server.left.wait()


async def test_a_pause_between_tokens_is_a_timeout() -> None:
    async with linked("stall", idle_timeout_s=0.2) as (link, _):
        text, _, error = await told(link)
        assert (text.strip(), error and error.code) == ("Paris is the", "timeout")


async def test_the_deadline_of_the_question_ends_a_stream_that_stalls() -> None:
    async with linked("stall") as (link, _):
        await link.warm()
        started_s = time.monotonic()
        _, _, error = await told(link, seconds=0.3)
        assert error and error.code == "timeout"
        assert time.monotonic() - started_s < 1.0


async def test_the_total_time_limit_ends_a_stream_that_stalls() -> None:
    async with linked("stall", total_timeout_s=0.3) as (link, _):
        await link.warm()
        _, _, error = await told(link)
        assert error and error.code == "timeout"


async def test_retry_after_is_told() -> None:
    async with linked("429") as (link, _):
        _, _, error = await told(link)
        assert error and error.retry_after_s == 7.0


async def test_an_answer_at_the_length_limit_is_marked_as_cut() -> None:
    async with linked("length") as (link, _):
        _, finish, _ = await told(link)
        assert finish == Finish(Usage(120, 7), cut=True)


async def test_a_reader_who_leaves_closes_the_connection_to_the_model() -> None:
    async with linked("stall") as (link, server):
        stream = link.stream(PROMPT, Deadline.within(20))
        assert await anext(stream) == Delta("Paris")
        await stream.aclose()
        with anyio.fail_after(1):
            await server.left.wait()


async def test_a_dead_server_is_unavailable() -> None:
    async with linked("ok") as (link, _):
        link.base_url = "http://127.0.0.1:9/v1"
        _, _, error = await told(link)
        assert error and error.code == "llm_unavailable"


async def test_calls_beyond_the_limit_wait_for_a_place() -> None:
    async with linked("stall", max_concurrency=1, first_token_timeout_s=0.3) as (link, server):
        await link.warm()
        first = link.stream(PROMPT, Deadline.within(20))
        await anext(first)
        _, _, error = await told(link)
        assert (error and error.code, len(server.requests)) == ("busy", 1)
        await first.aclose()


async def test_a_marker_of_a_passage_that_was_not_shown_is_removed() -> None:
    async with linked("ok") as (link, server):
        server.words = ("Paris [", "9] is", " it [1", "].")
        assert (await told(link))[0] == "Paris is it [1]."


@pytest.mark.parametrize(
    "script", ["cut", "stall", "500", "401", "garbage", "html", "empty", "slow_first", "hang"]
)
async def test_whatever_the_server_does_the_chain_ends_with_a_whole_answer(script: Script) -> None:
    async with linked(script, first_token_timeout_s=0.3, idle_timeout_s=0.3) as (link, _):
        await link.warm()
        chain = Chain([link, ExtractiveProvider()])
        told_events = [event async for event in chain.stream(PROMPT, Deadline.within(5))]
        moved = [event for event in told_events if isinstance(event, Failed)]
        assert [event.text_was_sent for event in moved] == [script in {"cut", "stall"}]
        ended = told_events[-1]
        assert isinstance(ended, Completed)
        assert ended.provider.served_by == "extractive"
