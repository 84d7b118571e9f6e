"""What pages of other origins may do: send nothing and read nothing, unless their origin is allowed."""

from http import HTTPStatus
from typing import Final

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.forwarded import Trusted, forwarded
from kotaemon_async.http.identity import Identity
from kotaemon_async.http.problems import refuse
from kotaemon_async.http.settings import HttpSettings

_ANY: Final = "*"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE: Final = frozenset({"cross-site", "same-site"})
_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS: Final = frozenset(
    {"accept", "accept-language", "authorization", "content-type", "idempotency-key", "if-none-match"}
    | {"last-event-id", "range", "traceparent", "x-csrf-token", "x-request-id"}
)
#: OpenAI's own client for JavaScript sends a dozen of these.
_CLIENT_HEADERS: Final = ("x-stainless-", "openai-")
_EXPOSED: Final = (
    "X-Trace-Id, Location, Retry-After, RateLimit, RateLimit-Policy, RateLimit-Limit, RateLimit-Remaining, "
    "RateLimit-Reset, Idempotent-Replayed, Content-Disposition, Content-Range, ETag"
)


class Origins:
    """The application for its own pages and those of `allowed_origins`.

    A page of another origin can neither change anything nor make the service work, whatever cookie, address
    or network its browser is let in by; a key that the page itself sends is its right to do so. It stands
    inside of what names the caller, and answers before anything of a body is read.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._trusted = settings.trusted_proxies
        self._allowed = frozenset(map(_plain, settings.allowed_origins)) - {_ANY}
        self._allows_any = _ANY in settings.allowed_origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, answer a preflight, or say 403."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = Headers.from_scope(scope)
        sending = self._sending(scope, headers, send)
        if (refusal := self._refusal(scope, headers)) is not None:
            await refuse(refusal, scope, receive, sending)
        elif self._asks_first(scope, headers):
            await self._preflight(headers)(scope, receive, sending)
        else:
            await self._app(scope, receive, sending)

    def _refusal(self, scope: HTTPScope, headers: Headers) -> Refused | None:
        origin = _origin(headers)
        if origin in self._allowed or origin == _own_origin(scope, self._trusted):
            return None
        if _is_preflight(scope, headers):
            is_refused = origin is not None and not self._allows_any
        elif _brings_key(scope, headers):
            is_refused = False
        elif scope["method"] in _SAFE:
            is_refused = _is_fetched_elsewhere(headers)
        else:
            has_session = scope["state"]["identity"].signed_in_by == "session"
            is_refused = origin is not None or _is_sent_elsewhere(headers) or has_session
        return _refused(origin) if is_refused else None

    def _asks_first(self, scope: HTTPScope, headers: Headers) -> bool:
        return _is_preflight(scope, headers) and (self._allows_any or _origin(headers) in self._allowed)

    def _preflight(self, headers: Headers) -> ASGIResponse:
        asked = {one.strip() for one in headers.get("access-control-request-headers", "").lower().split(",")}
        more = {one for one in asked if one.startswith(_CLIENT_HEADERS)}
        given = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": ", ".join(sorted(_REQUEST_HEADERS | more)),
            "Access-Control-Max-Age": "600",
        }
        if "access-control-request-private-network" in headers:
            given["Access-Control-Allow-Private-Network"] = "true"
        return ASGIResponse(status_code=HTTPStatus.NO_CONTENT, headers=given)

    def _sending(self, scope: HTTPScope, headers: Headers, send: Send) -> Send:
        if not self._allowed and not self._allows_any:
            return send
        given = self._readable(scope, headers)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply = MutableScopeHeaders.from_message(message)
                reply.extend_header_value("Vary", "Origin")
                reply.update(given)
            await send(message)

        return send_marked

    def _readable(self, scope: HTTPScope, headers: Headers) -> dict[str, str]:
        """Return what lets the page read the reply; nothing where it may not."""
        origin = _origin(headers)
        if origin in self._allowed:
            known = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
        elif self._allows_any and (_is_preflight(scope, headers) or _brings_key(scope, headers)):
            known = {"Access-Control-Allow-Origin": _ANY}
        else:
            return {}
        return {**known, "Access-Control-Expose-Headers": _EXPOSED}


def _own_origin(scope: HTTPScope, trusted: Trusted) -> str:
    """Return the origin that our own page has as the caller's browser sees it."""
    seen = forwarded(scope, trusted)
    return _plain(f"{seen.scheme}://{seen.host}")


def _plain(url: str) -> str:
    """Return scheme, host and port as browsers write an origin: in small letters, without the usual port."""
    scheme, _, host = url.lower().partition("://")
    usual = {"http": ":80", "https": ":443"}.get(scheme, "/")
    return f"{scheme}://{host.removesuffix(usual)}"


def _origin(headers: Headers) -> str | None:
    """Return the page's origin, "null" for a hidden one, None where the request does not come from a page."""
    found = headers.getall("origin", [])
    return (_plain(found[0]) if "://" in found[0] and len(found) == 1 else "null") if found else None


def _is_preflight(scope: HTTPScope, headers: Headers) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _brings_key(scope: HTTPScope, headers: Headers) -> bool:
    """Return whether the caller is known by a key in a header, or would be if it were valid.

    No page sends such a header without a preflight.
    """
    identity: Identity = scope["state"]["identity"]
    if identity.caller is None:
        return headers.get("authorization", "").lower().startswith("bearer ")
    return identity.signed_in_by in ("key", "local")


def _is_sent_elsewhere(headers: Headers) -> bool:
    return headers.get("sec-fetch-site") in _ELSEWHERE


def _is_fetched_elsewhere(headers: Headers) -> bool:
    """Return whether a page elsewhere loads this as a part of it; following a link to it is no such thing."""
    follows = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return _is_sent_elsewhere(headers) and not follows


def _refused(origin: str | None) -> Refused:
    page = "A page of another origin" if origin in (None, "null") else f"A page of {origin}"
    return Refused(f"{page} may not use this service.", code="wrong_origin")
