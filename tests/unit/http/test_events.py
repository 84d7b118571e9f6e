"""A stream of events ends in peace when its reader leaves, before its first word or after."""

from collections.abc import AsyncGenerator

import anyio
import pytest
from litestar.types import HTTPReceiveMessage, HTTPScope, Message

from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.http.events import Closing, EventStream, frame
from kotaemon_async.http.identity import Identity

ENDLESS_S = 3600.0
KNOWN = {"identity": Identity(EVERYBODY, "open"), "caller_changed": anyio.sleep_forever}
SCOPE = HTTPScope(state=KNOWN)  # type: ignore[typeddict-item]


class Reader:
    """Listens to a stream, and leaves once it has heard so many messages."""

    def __init__(self, receives: int) -> None:
        self.received: list[Message] = []
        self._hears = receives
        self._has_enough = anyio.Event()
        if not receives:
            self._has_enough.set()

    async def send(self, message: Message) -> None:
        self.received.append(message)
        if len(self.received) >= self._hears:
            self._has_enough.set()

    async def receive(self) -> HTTPReceiveMessage:
        await self._has_enough.wait()
        return {"type": "http.disconnect"}


class Frames:
    """Some frames and then silence; `closed` once nobody wants more."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.closed = False

    async def each(self) -> AsyncGenerator[bytes, None]:
        try:
            for number in range(self._count):
                yield frame("document", {}, number)
            await anyio.sleep(ENDLESS_S)
        finally:
            self.closed = True


@pytest.mark.parametrize("receives", [0, 2])
async def test_a_reader_who_leaves_ends_the_stream_without_an_error(receives: int) -> None:
    reader, frames = Reader(receives), Frames(count=receives)
    stream = EventStream(frames.each(), Closing(anyio.Event()))
    with anyio.fail_after(60):
        await stream(SCOPE, reader.receive, reader.send)
    assert (len(reader.received) >= receives, frames.closed) == (True, True)
