"""Slow, silent and endless clients, and too many of them: others are served as if nobody else was there."""

import socket
from contextlib import ExitStack, closing, suppress

import httpx
import pytest

from kotaemon_async.cli.throwaway import Throwaway
from tests.bench.crowd import Crowd, Figures, measure
from tests.support.service import Start, eventually, logged

#: Other programs can only add time, so the quietest of some rounds shows what the service takes.
ROUNDS = 4
SMALL = (100, 40, 40, 40, 10)


def reply_to(service: Throwaway, sent: bytes) -> bytes:
    """Everything that comes back until the service closes."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as client:
        client.sendall(sent)
        return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.alone
def test_others_are_served_beside_a_crowd_of_every_kind(start: Start) -> None:
    service, rounds = start({}), list[Figures]()
    while not any(map(are_served, rounds)) and len(rounds) < ROUNDS:
        rounds.append(measure(Crowd(service.port, 8, SMALL), service.process.pid))
    assert are_served(rounds[-1]), rounds
    assert rounds[0].memory_more_mb <= 60
    assert rounds[-1].crowd["most_open"]["follow"] == SMALL[0]


def are_served(others: Figures) -> bool:
    refused_s = others.longest_refusal_s
    return others.livez_p99_ms <= 100 and refused_s["search"] == 0 and refused_s["upload"] <= 5


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000,
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n",
    ],
)
def test_a_head_that_is_too_large_is_refused_like_everything_else(service: Throwaway, head: bytes) -> None:
    reply = reply_to(service, head).lower()
    assert reply.startswith(b"http/1.1 431 ")
    assert b"\r\ncontent-type: application/problem+json\r\n" in reply
    assert b"\r\nx-content-type-options: nosniff\r\n" in reply
    assert b'"code":"head_too_large"' in reply


def test_what_is_no_http_is_refused_with_our_headers_and_leaves_one_line(service: Throwaway) -> None:
    reply = reply_to(service, b"no HTTP at all\r\n\r\n").lower()
    assert reply.startswith(b"http/1.1 400 ") and b"\r\nx-trace-id: " in reply
    eventually(lambda: logged(service, "request_refused", code="bad_request"))
    assert not logged(service, "library_log", level="warning", library="uvicorn.error")


def test_idle_connections_give_way_when_there_are_too_many(start: Start) -> None:
    service = start({"KOTAEMON_HTTP__MAX_CONNECTIONS": "10"})
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", service.port))))
        for path in ("/livez", "/api/v1/documents"):
            assert httpx.get(service.url + path, trust_env=False, timeout=60).status_code == 200


def test_with_a_stream_on_every_place_the_health_is_still_told(start: Start) -> None:
    service = start({"KOTAEMON_HTTP__MAX_CONNECTIONS": "1"})
    with closing(socket.create_connection(("127.0.0.1", service.port))) as stream:
        stream.sendall(b"GET /api/v1/documents/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert stream.recv(12) == b"HTTP/1.1 200"
        replies = [
            httpx.get(service.url + path, trust_env=False, timeout=60)
            for path in ("/livez", "/api/v1/documents")
        ]
    assert [one.status_code for one in replies] == [200, 503]
    assert replies[1].headers["retry-after"] == "5" and replies[1].json()["code"] == "busy"


def test_slow_uploads_give_way_when_another_waits(start: Start) -> None:
    service = start({"KOTAEMON_HTTP__MAX_CONCURRENT_UPLOADS": "2"})
    head = b"POST /api/v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000\r\n"
    head += b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x"
    with ExitStack() as stack:
        slow = [
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", service.port)))) for _ in "12"
        ]
        for one in slow:
            one.sendall(head)
        eventually(lambda: hand_in(service).status_code in {200, 202}, every_s=0.5)
        said = dict.fromkeys(slow, b"")

        def ended() -> int:
            said.update({one: so_far + received(one) for one, so_far in said.items()})
            return sum(b"HTTP/1.1 408" in words for words in said.values())

        assert eventually(ended) == 1


def hand_in(service: Throwaway) -> httpx.Response:
    files = {"file": ("a.txt", b"A few words.")}
    return httpx.post(f"{service.url}/api/v1/documents", files=files, trust_env=False, timeout=60)


def received(client: socket.socket) -> bytes:
    """What has come, without waiting for more."""
    client.setblocking(False)
    with suppress(BlockingIOError):
        return client.recv(65_536)
    return b""
