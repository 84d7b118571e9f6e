"""What HttpConnection relies on inside of uvicorn: a body stays in the kernel until it is asked for.

It reads `headers`, `flow` and `cycle` of uvicorn's own protocol class; an upgrade that changes them fails.
"""

from typing import Any

import anyio
import pytest

from kotaemon_async.http.connection_places import ConnectionPlaces
from tests.support.pipes import Loop, connected, feed, status_of

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"


class App:
    """Asks for the body when it is told to, and answers with its length."""

    def __init__(self) -> None:
        self.go = anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        length, more = 0, True
        if dict(scope["headers"]).get(b"content-length"):
            await self.go.wait()
            while more:
                message = await receive()
                length, more = length + len(message["body"]), message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"%4d" % length})


@pytest.mark.parametrize("length", [6000, 600])
async def test_contract_with_uvicorn_a_body_is_left_alone_until_it_is_asked_for(length: int) -> None:
    app = App()
    connection, pipe = connected(app)
    feed(connection, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)
    await anyio.wait_all_tasks_blocked()
    assert not pipe.reads
    app.go.set()
    await anyio.wait_all_tasks_blocked()
    assert pipe.reads
    feed(connection, b"x" * length)
    await anyio.wait_all_tasks_blocked()
    assert pipe.written.endswith(b"%4d" % length)


async def test_contract_with_uvicorn_only_little_of_a_body_comes_with_its_head() -> None:
    connection, _ = connected(App())
    assert len(connection.get_buffer(-1)) == 8 * 1024
    feed(connection, POST)
    assert len(connection.get_buffer(-1)) == 64 * 1024


async def test_contract_with_uvicorn_a_request_without_a_body_goes_on() -> None:
    connection, pipe = connected(App())
    for _ in range(2):
        feed(connection, GET)
        await anyio.wait_all_tasks_blocked()
        assert pipe.reads
    assert pipe.written.count(b"HTTP/1.1 200") == 2


class Endless:
    """Begins its reply and notes when the client has gone."""

    def __init__(self) -> None:
        self.began, self.left = anyio.Event(), anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.began.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


async def test_an_endless_head_is_refused_at_32_kilobytes_and_what_follows_is_thrown_away() -> None:
    loop = Loop()
    connection, pipe = connected(App(), loop=loop)
    feed(connection, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000)
    assert status_of(pipe) == 431 and b'"code":"head_too_large"' in pipe.written
    assert b"x-content-type-options: nosniff\r\n" in pipe.written.lower()
    assert pipe.ended == "half closed" and pipe.written.count(b"HTTP/1.1 ") == 1
    feed(connection, b"a" * 300_000)
    assert not pipe.reads
    loop.sleep(2)
    assert pipe.ended == "aborted"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: " + b" " * 40_000,
        b"\r\n" * 20_000,
    ],
)
async def test_a_head_that_is_too_large_in_any_way_is_refused(head: bytes) -> None:
    connection, pipe = connected(App())
    feed(connection, head)
    assert status_of(pipe) == 431


async def test_the_head_of_a_later_request_is_bounded_too() -> None:
    connection, pipe = connected(App())
    feed(connection, GET)
    await anyio.wait_all_tasks_blocked()
    feed(connection, b"GET / HTTP/1.1\r\nX: " + b"a" * 50_000)
    assert [part[:3] for part in pipe.written.split(b"HTTP/1.1 ")[1:]] == [b"200", b"431"]


async def test_a_bad_head_behind_a_request_lets_its_reply_go_out_and_ends_there() -> None:
    connection, pipe = connected(App())
    feed(connection, GET + b"no HTTP at all\r\n\r\n")
    await anyio.wait_all_tasks_blocked()
    assert pipe.written.count(b"HTTP/1.1 ") == 1 and status_of(pipe) == 200
    assert pipe.ended == "closed"


@pytest.mark.parametrize(
    "around",
    [
        b"1;" + b"e" * 40_000,
        b"0\r\n" + b"T: " + b"t" * 40_000,
        b"1\r\nx\r\n0\r\n" + b"T: t\r\n" * 30_000,
    ],
)
async def test_what_stands_around_chunks_is_bounded(around: bytes) -> None:
    connection, pipe = connected(App())
    feed(connection, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    feed(connection, around)
    assert pipe.ended


async def test_trailers_are_no_headers_of_the_request() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        seen.extend(name for name, _ in scope["headers"])

    connection, _ = connected(app)
    feed(connection, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    feed(connection, b"1\r\nx\r\n0\r\nAuthorization: Bearer k\r\n\r\n")
    await anyio.wait_all_tasks_blocked()
    assert seen == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize(
    ("sent", "wait_s", "status"),
    [(b"", 10, 0), (b"GET / HT", 15, 408), (b"\r\n", 15, 0), (b"GET / HTTP/1.1\r\nX: ", 15, 408)],
)
async def test_a_client_has_so_long_to_send_a_head(sent: bytes, wait_s: float, status: int) -> None:
    loop = Loop()
    connection, pipe = connected(App(), loop=loop)
    feed(connection, sent)
    loop.sleep(wait_s - 0.1)
    assert not pipe.ended
    loop.sleep(0.1)
    assert pipe.ended and status_of(pipe) == status


async def test_one_byte_after_the_other_does_not_make_the_time_for_a_head_longer() -> None:
    loop = Loop()
    connection, pipe = connected(App(), loop=loop)
    for byte in b"GET /livez HTTP/":
        feed(connection, bytes([byte]))
        loop.sleep(1)
    assert status_of(pipe) == 408 and b'"code":"too_slow"' in pipe.written
    loop.sleep(2)
    assert pipe.ended == "aborted"


@pytest.mark.parametrize(("rest_s", "ended"), [(4.9, ""), (5.0, "closed")])
async def test_a_connection_may_rest_between_requests_as_long_as_it_did(rest_s: float, ended: str) -> None:
    loop = Loop()
    connection, pipe = connected(App(), loop=loop)
    for _ in range(3):
        loop.sleep(4.9)
        feed(connection, GET)
        await anyio.wait_all_tasks_blocked()
    loop.sleep(rest_s)
    assert (pipe.written.count(b"HTTP/1.1 200"), pipe.ended) == (3, ended)


async def test_a_reader_that_takes_nothing_for_a_minute_is_cut_off() -> None:
    loop = Loop()
    connection, pipe = connected(Endless(), loop=loop)
    feed(connection, GET)
    await anyio.wait_all_tasks_blocked()
    pipe.unsent_bytes = 70_000
    connection.pause_writing()
    loop.sleep(60)
    assert pipe.ended == "aborted"


async def test_a_slow_reader_is_served() -> None:
    loop = Loop()
    connection, pipe = connected(Endless(), loop=loop)
    connection.pause_writing()
    for size in (70_000, 60_000, 50_000):
        pipe.unsent_bytes = size
        loop.sleep(60)
    connection.resume_writing()
    loop.sleep(600)
    assert pipe.ended == "closed"  # as a new connection that never sent anything


async def test_a_stream_ends_when_its_reader_leaves_with_another_request_behind_it() -> None:
    app = Endless()
    connection, _ = connected(app)
    feed(connection, GET * 3)
    await app.began.wait()
    connection.connection_lost(None)
    with anyio.fail_after(60):
        await app.left.wait()


async def test_a_wish_for_another_protocol_is_answered_as_http_and_closed() -> None:
    connection, pipe = connected(App())
    feed(connection, GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes")
    await anyio.wait_all_tasks_blocked()
    assert status_of(pipe) == 200 and pipe.ended == "closed"


async def test_one_connection_too_many_gets_only_the_health() -> None:
    places = ConnectionPlaces(1)
    first, _ = connected(Endless(), places)
    feed(first, GET)
    await anyio.wait_all_tasks_blocked()
    replies = []
    for path in (b"/livez", b"/api/v1/documents"):
        connection, pipe = connected(App(), places)
        feed(connection, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        await anyio.wait_all_tasks_blocked()
        replies.append((status_of(pipe), b"retry-after: 5" in pipe.written.lower(), pipe.ended))
    assert replies == [(200, False, "closed"), (503, True, "half closed")]


async def test_a_body_that_breaks_is_told_so_and_its_application_that_the_client_is_gone() -> None:
    connection, pipe = connected(App())
    feed(connection, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    feed(connection, b"zz\r\n")
    assert status_of(pipe) == 400 and b'"code":"bad_request"' in pipe.written
