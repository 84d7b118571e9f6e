"""A connection that leaves a body in the kernel until somebody asks for it, and waits for nobody for ever."""

import asyncio
from functools import partial
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.connection_places import ConnectionPlaces, Phase, Place
from kotaemon_async.http.refusal import refusal
from kotaemon_async.http.request_meter import ConnectionLimits, RequestMeter
from kotaemon_async.telemetry import metrics

_HEAD_BYTES: Final = 8 * 1024
_BODY_BYTES: Final = 64 * 1024
# Filled and taken within one callback, so all connections can use the same.
_BUFFER: Final = memoryview(bytearray(_BODY_BYTES))
_BODY_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding"})
_HEALTH: Final = (b"/livez", b"/readyz", b"/healthz")
_CROWDED_RETRY_S: Final = 5.0


class _Requests(HttpToolsProtocol):
    """uvicorn's reading of HTTP with bounds; with the headers of a body it stops, until receive() goes on."""

    def __init__(self, places: ConnectionPlaces, limits: ConnectionLimits, **given: Any) -> None:
        super().__init__(**given)
        self.meter = RequestMeter(limits)
        #: Whether nothing more is taken in: it was refused, or speaks another protocol from here on.
        self.is_deaf = False
        self._running: RequestResponseCycle | None = None
        self._places = places
        self._limits = limits
        self._place: Place | None = None
        self._phase = Phase.NEW
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._refusal: Refused | None = None
        self._dropped_bytes = self._unread_bytes = 0

    @property
    def reads_body(self) -> bool:
        """Return whether what comes is no head."""
        return self.is_deaf or not self.meter.reads_head

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn names the kind it needs
        host = self.client[0] if self.client else ""
        self._place = self._places.enter(self, host, self.loop.time())
        if self._place is None:
            self.transport.abort()
        else:
            self._wait(self._limits.silent_s)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._place is not None:
            self._places.leave(self._place)
        self._stop_waiting()
        self._stop_watching()
        self._unset_keepalive_if_required()
        # uvicorn tells only the newest request of several that were sent at once.
        self.pipeline.clear()
        if (running := self._answering()) is not None:
            _disconnect(running)
        super().connection_lost(exc)

    def give_way(self) -> None:
        """Close at once: another connection needs the place."""
        if self._phase in (Phase.NEW, Phase.IDLE):
            self.transport.close()
        else:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read what came, within the bounds; what is beyond them is refused, and the rest thrown away."""
        if self.is_deaf:
            self._drop(len(data))
            return
        try:
            self.parser.feed_data(data)
            self.meter.count(len(data))
        except httptools.HttpParserUpgrade:
            # Nobody here speaks anything else: the request is answered as it stands, and that is all.
            self.is_deaf = True
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(self._refusal or Refused("The request is no valid HTTP."))
        except Refused as refused:
            self._refuse(refused)
        self._settle()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.meter.begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Behind a body these are trailers, which must not pass for headers of the request.
        if self.meter.reads_head:
            super().on_header(name, value)
            self._keep_refusal(self.meter.check_fields, len(self.headers))

    def on_headers_complete(self) -> None:
        self._keep_refusal(self.meter.end_head, self.parser.get_method(), self.url, self.headers)
        is_spare = self._place is not None and self._place.is_spare
        if is_spare:
            self._keep_refusal(_check_health, self.url)
        super().on_headers_complete()
        self.cycle.keep_alive = self.cycle.keep_alive and not is_spare
        if not _BODY_HEADERS.isdisjoint(name for name, _ in self.headers):
            self.flow.pause_reading()

    def on_body(self, body: bytes) -> None:
        self.meter.body()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.meter.end()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_reader()
        self._settle()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_reader()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _answering(self) -> RequestResponseCycle | None:
        running = self._running
        return running if running is not None and not running.response_complete else None

    def _now(self) -> Phase:
        running = self._answering()
        if running is not None:
            return Phase.BODY if running is self.cycle and running.more_body else Phase.REPLY
        if self.meter.has_begun:
            return Phase.HEAD
        return Phase.NEW if self._running is None else Phase.IDLE

    def _settle(self) -> None:
        """Wait for what comes next: a head has its time, replies and bodies have that of the application."""
        phase = self._now()
        if phase is self._phase or self.transport.is_closing() or self.is_deaf:
            return
        self._phase = phase
        self._stop_waiting()
        if phase is not Phase.IDLE:
            self._unset_keepalive_if_required()
        if phase is Phase.HEAD:
            self._wait(self._limits.head_s)
        if self._place is not None:
            self._places.move(self._place, phase, self.loop.time())

    def _wait(self, longest_s: float) -> None:
        is_spare = self._place is not None and self._place.is_spare
        self._timer = self.loop.call_later(
            min(longest_s, self._limits.spare_s) if is_spare else longest_s, self._waited_enough
        )

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _waited_enough(self) -> None:
        self._timer = None
        if self.meter.has_line:
            message = f"The head of the request did not arrive within {self._limits.head_s:g} s."
            self._refuse(Refused(message, code="too_slow"))
        else:
            metrics.LIMITED.labels(reason="silent").inc()
            self.transport.close()

    def _keep_refusal(self, check: Any, *given: Any) -> None:
        """Check within a callback of the parser, which would tell only that there was an exception."""
        try:
            check(*given)
        except Refused as refused:
            self._refusal = refused
            raise

    def _refuse(self, refused: Refused) -> None:
        """Say why nothing more is taken, unless a reply has begun, and close when that has been read."""
        self.is_deaf = True
        running = self._answering()
        if running is not None and not (running is self.cycle and running.more_body):
            running.keep_alive = False  # the reply to a request that came before
            return
        if running is not None:
            _disconnect(running)
        if running is not None and running.response_started:
            self.transport.close()
            return
        is_crowded = refused.code == "busy"
        self.transport.write(
            refusal(refused, self.server_state.default_headers, status=503 if is_crowded else None)
        )
        self._stop_waiting()
        self._unset_keepalive_if_required()
        # Closed at once, with bytes of the client unread, the reply would be lost on its way.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._timer = self.loop.call_later(self._limits.refused_s, self.transport.abort)

    def _drop(self, size_bytes: int) -> None:
        self._dropped_bytes += size_bytes
        if self._dropped_bytes > self._limits.refused_bytes:
            self.flow.pause_reading()

    def _watch_reader(self) -> None:
        self._stop_watching()
        self._unread_bytes = self.transport.get_write_buffer_size()
        if self._unread_bytes:
            self._unread_timer = self.loop.call_later(self._limits.unread_s, self._check_reader)

    def _stop_watching(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _check_reader(self) -> None:
        if self.transport.get_write_buffer_size() < self._unread_bytes:
            self._watch_reader()
        else:
            metrics.LIMITED.labels(reason="unread").inc()
            self.transport.abort()


def _disconnect(cycle: RequestResponseCycle) -> None:
    cycle.disconnected = True
    cycle.message_event.set()


def _check_health(url: bytes) -> None:
    if not url.partition(b"?")[0].endswith(_HEALTH):
        raise Refused(
            "There are too many connections.",
            code="busy",
            hint="Send it again after the seconds named in Retry-After.",
            retry_after_s=_CROWDED_RETRY_S,
        )


class HttpConnection(asyncio.BufferedProtocol):
    """One connection of uvicorn's: hundreds of bodies that nobody reads take a few kilobytes each.

    uvicorn by itself takes what there is, 64 to 300 KB of each body, before the application is asked; and
    heads of any size, for as long as they come.
    """

    def __init__(self, places: ConnectionPlaces, limits: ConnectionLimits, **given: Any) -> None:
        self._requests = _Requests(places, limits, **given)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._requests.connection_made(transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Return a small buffer for a head, so that little of the body comes with it; else a large one."""
        return _BUFFER if self._requests.reads_body else _BUFFER[:_HEAD_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        self._requests.data_received(_BUFFER[:nbytes])  # type: ignore[arg-type]  # any buffer will do

    def eof_received(self) -> None:
        self._requests.eof_received()

    def pause_writing(self) -> None:
        self._requests.pause_writing()

    def resume_writing(self) -> None:
        self._requests.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._requests.connection_lost(exc)


def connection_class(
    places: ConnectionPlaces, limits: ConnectionLimits | None = None
) -> type[asyncio.Protocol]:
    """Return what uvicorn makes of each connection; it asks for a Protocol, and takes what the loop takes."""
    return cast("type[asyncio.Protocol]", partial(HttpConnection, places, limits or ConnectionLimits()))
