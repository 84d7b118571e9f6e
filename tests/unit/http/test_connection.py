"""What HttpConnection relies on inside of uvicorn: a body stays in the kernel until it is asked for.

It reads `headers`, `flow` and `cycle` of uvicorn's own protocol class; an upgrade that changes them fails.
"""

import asyncio
from typing import Any

import anyio
import pytest
import uvicorn
from uvicorn.server import ServerState

from kotaemon_async.http.connection import HttpConnection


class Pipe(asyncio.Transport):
    """A transport that remembers what was written and whether it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.reads, self.written = True, b""

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return False

    def write(self, data: Any) -> None:
        self.written += data


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


def connect(app: App) -> tuple[HttpConnection, Pipe]:
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
    connection, pipe = HttpConnection(config=config, server_state=ServerState(), app_state={}), Pipe()
    connection.connection_made(pipe)
    return connection, pipe


def feed(connection: HttpConnection, data: bytes) -> None:
    while data:
        buffer = connection.get_buffer(-1)
        size = min(len(buffer), len(data))
        buffer[:size], data = data[:size], data[size:]
        connection.buffer_updated(size)


@pytest.mark.parametrize("length", [6000, 600])
async def test_contract_with_uvicorn_a_body_is_left_alone_until_it_is_asked_for(length: int) -> None:
    app = App()
    connection, pipe = connect(app)
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
    connection, _ = connect(App())
    assert len(connection.get_buffer(-1)) == 8 * 1024
    feed(connection, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    assert len(connection.get_buffer(-1)) == 64 * 1024


async def test_contract_with_uvicorn_a_request_without_a_body_goes_on() -> None:
    connection, pipe = connect(App())
    for _ in range(2):
        feed(connection, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await anyio.wait_all_tasks_blocked()
        assert pipe.reads
    assert pipe.written.count(b"HTTP/1.1 200") == 2
