"""The unmodified `openai` clients reading a stream: what is whole says `stop`, what broke off raises."""

import json
from collections.abc import Callable
from contextlib import aclosing
from typing import TypeVar

import anyio
import anyio.to_thread
import msgspec
import openai
import pytest
from httpx import AsyncClient
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from kotaemon_async.answers.events import Ask, Done, Event, Interrupted, PassagesFound, Restart
from kotaemon_async.answers.llm.base import Delta
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.tokens import estimated_tokens
from kotaemon_async.http import events
from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.http.openai.bodies import ChatRequest
from kotaemon_async.http.openai.stream import ChatFrames, Chunks
from kotaemon_async.http.settings import HttpSettings
from tests.support.fakes import Fakes, listening, sse
from tests.support.openai_chat import ANSWER, ASK, CHATS, SCRIPT, TEXT, chunks, play, text_of

T = TypeVar("T")
LIMITS = HttpLimits(HttpSettings(drain_s=0.0), heartbeat_s=0.02)


async def heard_until_error(client: AsyncOpenAI) -> tuple[list[ChatCompletionChunk], openai.APIError]:
    """What a stream said before the client raised, and what it raised."""
    received: list[ChatCompletionChunk] = []
    with pytest.raises(openai.APIError) as raised:
        async for chunk in await client.chat.completions.create(**ASK, stream=True):
            received.append(chunk)  # noqa: PERF401 - what came before the error counts
    return received, raised.value


async def test_a_stream_says_role_words_footnotes_and_then_stop(client: AsyncOpenAI) -> None:
    found = await chunks(client)
    deltas = [chunk.choices[0].delta for chunk in found]
    assert [delta.role for delta in deltas] == ["assistant", None, None, None, None]
    assert [delta.content for delta in deltas[1:3]] == ["By 8 ", "percent. [1]"]
    assert text_of(found) == TEXT
    assert [chunk.choices[0].finish_reason for chunk in found] == [None, None, None, None, "stop"]
    assert (found[-1].model_extra or {})["kotaemon"]["answer_id"] == "ans_1"
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in found}) == 1


async def test_a_stream_tells_its_usage_when_it_is_asked_to(client: AsyncOpenAI) -> None:
    found = await chunks(client, stream_options={"include_usage": True})
    assert [chunk.usage is None for chunk in found] == [True] * 5 + [False]
    assert found[-1].choices == []
    assert found[-1].usage is not None
    assert found[-1].usage.total_tokens == 3 + estimated_tokens(TEXT)


async def test_the_end_of_a_stream_is_done(http: AsyncClient) -> None:
    async with http.stream("POST", CHATS, json={**ASK, "stream": True}) as reply:
        events = [event async for event in sse(reply.aiter_lines()) if "data" in event]
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert len(reply.headers["x-trace-id"]) == 32
    assert events[-1] == {"data": "[DONE]"}


async def test_a_new_answer_after_words_were_sent_is_announced(client: AsyncOpenAI, services: Fakes) -> None:
    play(services, Delta("It ro"), Restart("local", "timeout"), *SCRIPT[1:])
    text = text_of(await chunks(client))
    assert text == (
        "It ro\n\n---\n\n*The answer above broke off (timeout), please ignore it."
        f" A whole new answer begins here:*\n\n{TEXT}"
    )


async def test_words_that_the_check_added_are_sent_before_the_footnotes(
    client: AsyncOpenAI, services: Fakes
) -> None:
    play(services, Delta("By 8 "), Done(ANSWER))
    assert text_of(await chunks(client)) == TEXT


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (Interrupted(ANSWER, ANSWER), "timeout"),
        (Unavailable("away", code="ledger_unavailable"), "ledger_unavailable"),
        (RuntimeError("a secret"), "internal"),
        (PassagesFound((), ()), "internal"),
    ],
)
async def test_a_stream_that_breaks_off_raises_and_never_says_stop(
    client: AsyncOpenAI, services: Fakes, end: Event | Exception, code: str
) -> None:
    play(services, Delta("By "), end)
    received, error = await heard_until_error(client)
    assert text_of(received) == "By "
    assert {chunk.choices[0].finish_reason for chunk in received} == {None}
    assert (error.code, error.type) == (code, "server_error")
    assert "secret" not in error.message


async def test_a_stream_that_is_cut_by_the_stop_of_the_service_raises(
    client: AsyncOpenAI, services: Fakes
) -> None:
    play(services, Delta("By "), services.stopping)
    received, error = await heard_until_error(client)
    assert (text_of(received), error.code) == ("By ", "shutting_down")


async def test_an_end_that_could_not_be_sent_whole_is_still_told_as_an_error(services: Fakes) -> None:
    chat = msgspec.convert(ASK, ChatRequest)
    answer = ChatFrames(services.answering, Ask("How much?", EVERYBODY), Chunks(chat, "chatcmpl-1", 1.0))  # type: ignore[arg-type]
    async with aclosing(answer.frames()) as frames:
        sent = [await anext(frames) for _ in SCRIPT]
        assert sent[-1].endswith(b"[DONE]\n\n")
        assert b"shutting_down" in answer.closing_frame(None)
        assert [frame async for frame in frames] == []
    assert answer.closing_frame(None) == events.COMMENT


async def test_a_broken_stream_has_no_done(http: AsyncClient, services: Fakes) -> None:
    play(services, Delta("By "), Interrupted(ANSWER, ANSWER))
    reply = await http.post(CHATS, json={**ASK, "stream": True})
    last = json.loads(reply.text.strip().rpartition("data: ")[2])
    assert (last["error"]["code"], last["kotaemon"]["answer_id"]) == ("timeout", "ans_1")
    assert "[DONE]" not in reply.text


async def test_a_silent_stream_is_kept_open_with_comments(http: AsyncClient, services: Fakes) -> None:
    play(services, anyio.Event())
    async with listening(http, "POST", CHATS, json={**ASK, "stream": True}) as events:
        assert await anext(events) == {"": "still here"}


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_is_given_up_when_the_reader_leaves(
    client: AsyncOpenAI, services: Fakes, streamed: bool
) -> None:
    waits = anyio.Event()
    play(services, Delta("By "), waits)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(chunks if streamed else lambda c: c.chat.completions.create(**ASK), client)
        await waits.wait()
        tasks.cancel_scope.cancel()
    with anyio.fail_after(60):
        await services.answering.closed.wait()


async def test_the_blocking_client_chats_streams_and_raises_alike(http: AsyncClient, services: Fakes) -> None:
    with openai.OpenAI(base_url=f"{http.base_url}/v1", api_key="any", max_retries=0) as client:

        def stream() -> list[ChatCompletionChunk]:
            return list(client.chat.completions.create(**ASK, stream=True))

        assert [model.id for model in await in_thread(lambda: client.models.list().data)] == ["kotaemon"]
        reply = await in_thread(lambda: client.chat.completions.create(**ASK))
        assert reply.choices[0].message.content == TEXT
        assert text_of(await in_thread(stream)) == TEXT
        play(services, Delta("By "), Interrupted(ANSWER, ANSWER))
        with pytest.raises(openai.APIError, match="broke off"):
            await in_thread(stream)


async def in_thread(call: Callable[[], T]) -> T:
    return await anyio.to_thread.run_sync(call)
