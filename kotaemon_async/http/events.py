"""Server-sent events that notice when the reader is gone or known no more, and when the service stops."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send
from loguru import logger

from kotaemon_async.domain.errors import KotaemonError, Refused
from kotaemon_async.http.identity import Identity
from kotaemon_async.http.limits import stream_place

MEDIA_TYPE = "text/event-stream"
COMMENT = b": still here\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-store"),
    (b"x-accel-buffering", b"no"),
]


def frame(event: str, data: object, number: int | None = None) -> bytes:
    """Return one event in wire form; the data is one line of JSON."""
    head = f"event: {event}\n" if number is None else f"id: {number}\nevent: {event}\n"
    return head.encode() + b"data: " + msgspec.json.encode(data) + b"\n\n"


@dataclass(slots=True)
class Closing:
    """When a stream has to end before its own end, and with which frame.

    `closing_frame` gets None when the service stops, else the exception that ended the stream.
    """

    stopping: anyio.Event
    grace_s: float = 0.0
    heartbeat_s: float = 10.0
    closing_frame: Callable[[Exception | None], bytes] = field(default=lambda _: COMMENT)


class EventStream(ASGIResponse):
    """Sends frames as they come, comments while none come; before the first one a failure is a plain reply.

    A stream without a single frame is 204, which tells a browser not to come again.
    """

    _send: Send

    def __init__(self, frames: AsyncGenerator[bytes, None], closing: Closing) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        self._frames = frames
        self._closing = closing
        self._started = False
        self._ended: Refused | None = None
        self._sent_at_s = 0.0
        self._lock = anyio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the stream to its end, which may be its reader's, his key's or the service's.

        Raises: Refused `rate_limited` before the first frame, when the caller has enough of them.
        """
        self._send = send
        with stream_place(scope):
            await self._run(scope, receive)

    async def _run(self, scope: Scope, receive: Receive) -> None:
        failure: Exception | None = None  # as it stays when the reader's leaving cancels the pump
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cancel_when_gone, receive, tasks.cancel_scope)
            tasks.start_soon(self._beat)
            cut = anyio.CancelScope()
            tasks.start_soon(self._cut_when_stopping, cut)
            tasks.start_soon(self._cut_when_unknown, scope, cut)
            failure = await self._pump(cut)
            if failure is None or self._started:
                await self._finish()
            tasks.cancel_scope.cancel()
        if failure is not None and not self._started:
            raise failure

    async def _pump(self, cut: anyio.CancelScope) -> Exception | None:
        """Send the frames; return what ended them early, once a started stream has sent it."""
        failure: Exception | None = None
        try:
            with cut:
                async with aclosing(self._frames) as frames:
                    async for one in frames:
                        await self._write(one)
        except Exception as error:
            failure = error
            if self._started and not isinstance(error, KotaemonError):
                logger.opt(exception=error).error("stream_failed")
        failure = failure or self._ended
        if (cut.cancelled_caught and failure is None) or (failure is not None and self._started):
            await self._write(self._closing.closing_frame(failure))
        return failure

    async def _write(self, data: bytes) -> None:
        async with self._lock:
            if not self._started:
                self._started = True
                await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._send({"type": "http.response.body", "body": data, "more_body": True})
            self._sent_at_s = anyio.current_time()

    async def _finish(self) -> None:
        await self._lock.acquire()  # for good: no comment may follow the end
        if not self._started:
            await self._send({"type": "http.response.start", "status": 204, "headers": []})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _beat(self) -> None:
        """Send a comment whenever nothing was sent for a while, so that proxies keep the connection."""
        every_s = self._closing.heartbeat_s
        self._sent_at_s = anyio.current_time()
        while True:
            wait_s = self._sent_at_s + every_s - anyio.current_time()
            if wait_s > 0:
                await anyio.sleep(wait_s)
            else:
                await self._write(COMMENT)

    async def _cut_when_stopping(self, cut: anyio.CancelScope) -> None:
        await self._closing.stopping.wait()
        await anyio.sleep(self._closing.grace_s)
        cut.cancel()

    async def _cut_when_unknown(self, scope: Scope, cut: anyio.CancelScope) -> None:
        """End what a key or a session has begun when it ends itself."""
        identity: Identity = scope["state"]["identity"]
        while identity.holds():
            await scope["state"]["caller_changed"]()
        self._ended = Refused("The key or the session has ended.", code="unauthorized")
        cut.cancel()


async def cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel the scope after a disconnect: `send` does nothing then, and a stream would run on for nobody."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
