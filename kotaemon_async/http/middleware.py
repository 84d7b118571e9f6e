"""Around every request: its trace, its time, its log line, safe headers, a polite end to unread bodies."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final, cast

import anyio
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send
from loguru import logger

from kotaemon_async.domain.callers import Caller
from kotaemon_async.http.hosts import is_safe_origin
from kotaemon_async.http.limits import standing_headers
from kotaemon_async.telemetry import metrics, traces

#: Asked too often, by machines, to be worth a line each.
_QUIET = frozenset({"/livez", "/metrics"})
#: Nor do these say anything about a document or a question.
_UNTRACED = _QUIET | {"/readyz", "/healthz"}
#: What a client may call its method is unbounded; labels and lines are not.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[\w.:+/=-]{1,128}", re.ASCII)
#: Uploads that begin in one turn of the loop.
_BEGIN_AT_ONCE: Final = 8
#: Unread bodies that are thrown away at once, and how many more wait for that before one is just cut off.
_DRAIN_AT_ONCE: Final = 8
_DRAIN_IN_ALL: Final = 2000
#: After so many pieces, or so long without one, it is the turn of the next body.
_DRAIN_PIECES: Final = 32
_DRAIN_PAUSE_S: Final = 0.1
#: On every reply that does not say otherwise.
SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
}
#: And these where a browser obeys them; elsewhere it writes an error about each page.
SAFE_ORIGIN_HEADERS: Final = {"Cross-Origin-Opener-Policy": "same-origin"}


class Observed:
    """The application with a span, one log line and one measurement for every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; replies carry `X-Trace-Id`."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers, caller = Headers.from_scope(scope), _caller(scope)
        with (
            traces.caused_by("" if caller is None else caller.logged_as),
            _trace(scope, headers, caller),
            logger.contextualize(request_id=_request_id(headers)),
        ):
            await self._observe(scope, receive, send)

    async def _observe(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        status = 499  # what the log shows when the client left before there was a reply
        trace_id = traces.current().trace_id
        started_s = time.perf_counter()

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _mark(message, trace_id, standing_headers(scope), is_safe=is_safe_origin(scope))
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        except Exception:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            _record(scope, int(status), time.perf_counter() - started_s)


class Staggered:
    """The application, in which uploads that arrive together begin one after the other.

    Some hundred uploads at once would take the loop for as many milliseconds; so a few begin in each turn of
    it, and all other requests are served in between.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._begins = anyio.CapacityLimiter(_BEGIN_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] == ScopeType.HTTP and _is_form(scope):
            token = object()
            await self._begins.acquire_on_behalf_of(token)
            asyncio.get_running_loop().call_soon(self._begins.release_on_behalf_of, token)
        await self._app(scope, receive, send)


class Lingering:
    """The application with a proper end for bodies that it did not read.

    Closing at once would reset the connection, and the client would never see why; reading on for ever
    would take any amount. So the reply goes out first, then the rest is thrown away for `linger_s`, of a few
    connections at a time: what the others have sent waits in the kernel, not here.
    """

    def __init__(self, app: ASGIApp, linger_s: float) -> None:
        self._app = app
        self._linger_s = linger_s
        self._drains = anyio.CapacityLimiter(_DRAIN_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != ScopeType.HTTP or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        unread, asked, is_slow = True, False, False

        async def receive_noted() -> HTTPReceiveMessage:
            nonlocal unread, asked
            asked = True
            message = cast("HTTPReceiveMessage", await receive())
            unread = message["type"] == "http.request" and message["more_body"]
            return message

        async def send_noted(message: Message) -> None:
            nonlocal is_slow
            if not unread:
                await send(message)
            elif message["type"] == "http.response.start":
                is_slow = message["status"] == HTTPStatus.REQUEST_TIMEOUT
                MutableScopeHeaders.from_message(message)["Connection"] = "close"
                await send(message)
            elif message["type"] == "http.response.body" and not message["more_body"]:
                await send({**message, "more_body": True})
                if not is_slow and (asked or not _waits_for_go_ahead(scope)):
                    await self._drain(receive_noted)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await send(message)

        await self._app(scope, receive_noted, send_noted)

    async def _drain(self, receive: Callable[[], Awaitable[HTTPReceiveMessage]]) -> None:
        if self._drains.statistics().tasks_waiting >= _DRAIN_IN_ALL:
            return
        with anyio.move_on_after(self._linger_s):
            comes_more = True
            while comes_more:
                async with self._drains:
                    comes_more = await _drain_some(receive)


async def _drain_some(receive: Callable[[], Awaitable[HTTPReceiveMessage]]) -> bool:
    """Return whether more may come, after a few pieces or a pause: it is the turn of others, too."""
    with anyio.move_on_after(_DRAIN_PAUSE_S):
        for _ in range(_DRAIN_PIECES):
            message = await receive()
            if message["type"] != "http.request" or not message["more_body"]:
                return False
    return True


@contextmanager
def _trace(scope: HTTPScope, headers: Headers, caller: Caller | None) -> Iterator[None]:
    # Others could write into a trace that is not theirs: a caller reads those that hold his requests alone.
    given = headers.get("traceparent") if caller is not None and caller.is_admin else None
    with traces.continue_from(given), _span(scope, headers):
        yield


@contextmanager
def _span(scope: HTTPScope, headers: Headers) -> Iterator[None]:
    if scope["path"] in _UNTRACED:
        with traces.unrecorded():
            yield
        return
    # Its whole name is known when the router has seen it.
    named: dict[str, traces.Attribute] = {"http.request.method": scope["method"]}
    kind, request_id = traces.SpanKind.SERVER, _request_id(headers)
    with traces.span(f"http {scope['method']}", kind=kind, request_id=request_id, **named):
        yield


def _caller(scope: HTTPScope) -> Caller | None:
    return cast("Caller | None", scope["state"].get("caller"))


def _request_id(headers: Headers) -> str | None:
    """Return the caller's own id, when it is one that may stand in a log."""
    found = headers.get("x-request-id", "")
    return found if _REQUEST_ID.fullmatch(found) else None


def _mark(message: Message, trace_id: str, standing: Mapping[str, str], *, is_safe: bool) -> None:
    reply = MutableScopeHeaders.from_message(message)
    reply["X-Trace-Id"] = trace_id
    for name, value in standing.items():
        reply[name] = value
    for name, value in (SAFE_HEADERS | (SAFE_ORIGIN_HEADERS if is_safe else {})).items():
        reply.setdefault(name, value)


def _record(scope: HTTPScope, status: int, duration_s: float) -> None:
    # Set by the router; a path of no route is one label, however many there are.
    route = scope.get("path_template") or "unmatched"
    method = _method(scope)
    metrics.HTTP_REQUEST_DURATION.labels(method=method, route=route, status=str(status)).observe(duration_s)
    traces.rename(f"{scope['method']} {route}")
    seen: dict[str, traces.Attribute] = {"http.route": route, "http.response.status_code": status}
    traces.mark(**seen)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        traces.mark_failed(str(status))
    if scope["path"] not in _QUIET:
        bound = logger.bind(method=method, route=route, status=status, duration_s=round(duration_s, 4))
        bound.info("http_request")


def _method(scope: HTTPScope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "other"


def _has_body(scope: Scope) -> bool:
    names = dict(scope["headers"])
    return b"transfer-encoding" in names or names.get(b"content-length", b"0") != b"0"


def _is_form(scope: Scope) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"multipart/") for name, value in scope["headers"]
    )


def _waits_for_go_ahead(scope: Scope) -> bool:
    """Return whether the client sends its body only after `100 Continue`."""
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"])
