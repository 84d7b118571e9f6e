"""What one user may take, told by replies; others and whoever is nobody in particular are not touched."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from httpx import AsyncClient

from kotaemon_async.documents.quota import Quota
from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.http.settings import HttpSettings, LimitSettings
from tests.support.fakes import Fakes, OneKey, fake_services, hand_in, problem_of, serving

LIMITS = HttpLimits(
    HttpSettings(max_streams_per_caller=2),
    callers=LimitSettings(questions_per_minute=2, requests_per_minute=50),
    json_body_s=0.2,
    linger_s=1.0,
)
KEY = {"Authorization": "Bearer open-sesame"}
ASKED = {"question": "How much?"}
EVENTS = "/api/v1/documents/events"


@asynccontextmanager
async def a_user(services: Fakes) -> AsyncIterator[AsyncClient]:
    async with serving(services, LIMITS, keys=OneKey()) as client:
        client.headers.update(KEY)
        yield client


@pytest.fixture
async def alice(services: Fakes) -> AsyncIterator[AsyncClient]:
    async with a_user(services) as client:
        yield client


@pytest.fixture
async def alice_with_little_room(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    async with fake_services(tmp_path, quota=Quota(2, 100)) as services, a_user(services) as client:
        yield client


async def test_questions_of_a_user_are_counted_and_the_third_of_two_is_refused(alice: AsyncClient) -> None:
    replies = [await alice.post("/api/v1/answers", json=ASKED) for _ in range(3)]
    assert [one.status_code for one in replies] == [200, 200, 429]
    assert [one.headers["ratelimit-remaining"] for one in replies] == ["1", "0", "0"]
    assert replies[0].headers["ratelimit-policy"] == '"questions";q=2;w=60'
    assert (replies[2].json()["code"], replies[2].headers["retry-after"]) == ("rate_limited", "30")


async def test_an_openai_client_hears_it_in_its_own_form(alice: AsyncClient) -> None:
    body = {"model": "kotaemon", "messages": [{"role": "user", "content": "How much?"}]}
    replies = [await alice.post("/v1/chat/completions", json=body) for _ in range(3)]
    assert replies[2].status_code == 429 and int(replies[2].headers["retry-after"]) <= 30
    assert replies[2].json()["error"]["code"] == "rate_limited"


async def test_other_requests_have_a_count_of_their_own_and_health_has_none(alice: AsyncClient) -> None:
    for _ in range(2):
        await alice.post("/api/v1/answers", json=ASKED)
    reply = await alice.get("/api/v1/documents")
    assert (reply.status_code, reply.headers["ratelimit"]) == (200, '"requests";r=49;t=2')
    assert "ratelimit" not in (await alice.get("/livez")).headers


async def test_a_service_that_knows_nobody_has_no_limits(services: Fakes) -> None:
    async with serving(services, LIMITS) as client:
        replies = [await client.post("/api/v1/answers", json=ASKED) for _ in range(5)]
    assert {one.status_code for one in replies} == {200}
    assert "ratelimit" not in replies[0].headers


async def test_a_user_has_two_streams_and_another_when_one_has_ended(alice: AsyncClient) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(alice.stream("GET", EVENTS))
        refused = await alice.get(EVENTS)
        assert (problem_of(refused), refused.headers["retry-after"]) == ((429, "rate_limited"), "10")
    with anyio.fail_after(60):
        while (status := await opened(alice)) != 200:
            await anyio.lowlevel.checkpoint()
    assert status == 200


async def opened(client: AsyncClient) -> int:
    """The status of a stream that is closed at once."""
    async with client.stream("GET", EVENTS) as stream:
        return stream.status_code


async def test_a_json_body_has_its_time(alice: AsyncClient) -> None:
    head = f"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {KEY['Authorization']}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    async with await anyio.connect_tcp("127.0.0.1", alice.base_url.port or 0) as client:
        await client.send(head.encode())
        reply = b""
        with anyio.fail_after(60):
            while b'"code"' not in reply:
                reply += await client.receive()
    assert reply.startswith(b"HTTP/1.1 408 ") and b'"code":"too_slow"' in reply


async def test_a_user_has_so_many_documents(alice_with_little_room: AsyncClient) -> None:
    alice = alice_with_little_room
    replies = [await hand_in(alice, f"Words {number}.", name=f"{number}.txt") for number in range(3)]
    assert [one.status_code for one in replies] == [202, 202, 429]
    assert replies[2].json()["code"] == "quota_exceeded" and "retry-after" not in replies[2].headers
    await alice.delete(replies[0].headers["location"])
    assert (await hand_in(alice, "Other words.", "elsewhere")).status_code == 202


async def test_a_user_has_so_many_bytes_in_all_collections(alice_with_little_room: AsyncClient) -> None:
    alice = alice_with_little_room
    assert (await hand_in(alice, "a" * 60)).status_code == 202
    assert problem_of(await hand_in(alice, "b" * 60, "elsewhere")) == (429, "quota_exceeded")


async def test_a_file_that_will_not_fit_is_refused_before_it_is_sent(
    alice_with_little_room: AsyncClient,
) -> None:
    head = f"POST /api/v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {KEY['Authorization']}\r\n"
    head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000\r\n\r\n"
    head += '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nWords'
    port = alice_with_little_room.base_url.port or 0
    async with await anyio.connect_tcp("127.0.0.1", port) as client:
        await client.send(head.encode())
        with anyio.fail_after(60):
            reply = await client.receive()
    assert reply.startswith(b"HTTP/1.1 429 ")


async def test_a_kept_reply_needs_no_room(alice_with_little_room: AsyncClient) -> None:
    replies = [await hand_in(alice_with_little_room, "a" * 60, key="k") for _ in range(2)]
    assert [one.status_code for one in replies] == [202, 202]
