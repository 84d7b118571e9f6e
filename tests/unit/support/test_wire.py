"""The wire to a server of the tests, which can be cut at any moment."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from pathlib import Path

import anyio

from tests.support.redis_server import Wire, wire


async def echo(source: StreamReader, sink: StreamWriter) -> None:
    """Send back what comes, to the end."""
    while data := await source.read(100):
        sink.write(data)
    sink.close()


async def asked(line: Wire) -> socket.socket:
    """A connection through the wire that has answered once and waits for more."""
    caller = socket.socket(socket.AF_UNIX)
    caller.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(caller, str(line.path))
    caller.send(b"one")
    assert await loop.sock_recv(caller, 100) == b"one"
    return caller


async def test_a_wire_that_is_cut_as_bytes_arrive_ends_its_connection_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with (
        await asyncio.start_unix_server(echo, tmp_path / "far.sock"),
        wire(tmp_path / "near.sock", tmp_path / "far.sock") as line,
    ):
        with await asked(line) as caller, anyio.fail_after(60):
            caller.send(b"two")
            line.cut()
            with suppress(ConnectionResetError):  # says the kernel where bytes were left unread
                assert await asyncio.get_running_loop().sock_recv(caller, 100) == b""
        (await asked(line)).close()
