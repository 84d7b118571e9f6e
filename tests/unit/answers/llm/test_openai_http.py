"""What statuses mean, and how much of a reply is read."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from kotaemon_async.answers.llm import openai_http
from kotaemon_async.answers.llm.base import PromptTooLong, ProviderFailed
from kotaemon_async.answers.llm.openai_http import MAX_EVENT_BYTES, MAX_REPLY_BYTES, refused

NOW_S = 1_780_000_000.0  # 2026-05-28 20:26:40 UTC


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 501, 502, 503, 504, 529])
def test_passing_trouble_is_the_servers(status: int) -> None:
    error = refused(status, None)
    assert (error.code, error.fault) == ("llm_unavailable", "server")


@pytest.mark.parametrize("status", [301, 307, 308, 401, 402, 403, 404, 405, 410, 415])
def test_what_the_operator_must_correct_names_what_to_check(status: int) -> None:
    error = refused(status, None)
    assert (error.code, error.fault) == ("misconfigured", "setting")
    assert error.message.startswith(f"the model server replied {status}: ")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_may_be_the_prompts_fault_is_not_yet_the_settings(status: int) -> None:
    assert (refused(status, None).code, refused(status, None).fault) == ("misconfigured", "prompt")


def test_only_three_statuses_may_heal_in_a_moment() -> None:
    assert [status for status in range(300, 600) if refused(status, None).transient] == [502, 503, 504]


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("Thu, 28 May 2026 20:27:40 GMT", 60.0),
        ("Thu, 28 May 2026 20:25:40 GMT", None),
        ("0", None),
        ("soon", None),
        ("-5", None),
        ("9" * 400, 86_400.0),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, wait_s: float | None) -> None:
    assert refused(429, header, now_s=NOW_S).retry_after_s == wait_s


class Body(httpx2.AsyncByteStream):
    """A body in pieces that counts what is taken."""

    def __init__(self, piece: bytes, times: int) -> None:
        self.piece, self.times, self.taken_bytes = piece, times, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.times):
            self.taken_bytes += len(self.piece)
            yield self.piece


async def read(body: Body) -> int:
    return sum([len(piece) async for piece in openai_http._Bounded(body)])


async def test_a_line_without_end_is_not_read_to_its_end() -> None:
    body = Body(b"x" * 65_536, 160)
    with pytest.raises(ProviderFailed):
        await read(body)
    assert body.taken_bytes == MAX_EVENT_BYTES + 65_536


async def test_events_without_end_are_not_read_to_their_end() -> None:
    body = Body(b"data: x\n\n" * 7_000, 1_000)
    with pytest.raises(ProviderFailed):
        await read(body)
    assert MAX_REPLY_BYTES < body.taken_bytes <= MAX_REPLY_BYTES + len(body.piece)


@pytest.mark.parametrize("piece", [b"data: x\n\n", b"data: x\r\n\r\n", b"data: x\r\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("is_cut", [False, True])
async def test_many_short_events_are_no_long_one(piece: bytes, is_cut: bool) -> None:
    stream = openai_http._Bounded(Body(b"", 0))
    for _ in range(100):
        for part in [bytes([byte]) for byte in piece] if is_cut else [piece]:
            stream._count(part)
    assert stream._event_bytes < 3 * len(piece) + 3


def reply(status: int, body: bytes, times: int = 1) -> httpx2.Response:
    return httpx2.Response(status, stream=Body(body, times), headers={"content-type": "application/json"})


async def test_a_prompt_that_is_too_long_for_llama_cpp_is_told_by_how_much() -> None:
    counts = b'"type": "exceed_context_size_error", "n_prompt_tokens": 2000, "n_ctx": 1000'
    with pytest.raises(PromptTooLong) as refusal:
        await openai_http._check(reply(400, b'{"error": {"code": 400, "message": "x", %b}}' % counts))
    told = refusal.value
    assert (told.context_tokens, told.prompt_tokens) == (1000, 2000)
    assert (told.code, told.fault) == ("prompt_too_long", "nobody")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense \xff",
        b'{"error": "no"}',
        b'{"error": {"type": "invalid_request_error"}}',
        b'{"error": {"message": "max_tokens is too large: 99999. At most 16384 completion tokens."}}',
    ],
)
async def test_any_other_refusal_is_one_of_the_request(body: bytes) -> None:
    with pytest.raises(ProviderFailed) as refusal:
        await openai_http._check(reply(400, body))
    assert (type(refusal.value), refusal.value.fault) == (ProviderFailed, "prompt")


async def test_a_refusal_without_end_is_not_read_to_its_end() -> None:
    response = reply(400, b"x" * 65_536, 1_000)
    with pytest.raises(ProviderFailed):
        await openai_http._check(response)
    assert response.stream.taken_bytes <= 3 * 65_536  # type: ignore[union-attr]
