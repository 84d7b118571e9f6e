"""A connection that leaves a body in the kernel until somebody asks for it."""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD_BYTES: Final = 8 * 1024
_BODY_BYTES: Final = 64 * 1024
# Filled and taken within one callback, so all connections can use the same.
_BUFFER: Final = memoryview(bytearray(_BODY_BYTES))
_BODY_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding"})


class _Requests(HttpToolsProtocol):
    """uvicorn's reading of HTTP; with the headers of a body it stops, until receive() goes on."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if not _BODY_HEADERS.isdisjoint(name for name, _ in self.headers):
            self.flow.pause_reading()


class HttpConnection(asyncio.BufferedProtocol):
    """One connection of uvicorn's: hundreds of bodies that nobody reads take a few kilobytes each.

    uvicorn by itself takes what there is, 64 to 300 KB of each body, before the application is asked.
    """

    def __init__(self, **given: Any) -> None:
        self._requests = _Requests(**given)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._requests.connection_made(transport)  # type: ignore[arg-type]  # uvicorn names the kind it needs

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Return a small buffer for a head, so that little of the body comes with it; else a large one."""
        cycle = self._requests.cycle
        reads_body = cycle is not None and cycle.more_body
        return _BUFFER if reads_body else _BUFFER[:_HEAD_BYTES]

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


#: uvicorn asks for a Protocol by name, and takes whatever the loop takes.
HTTP: Final = cast("type[asyncio.Protocol]", HttpConnection)
