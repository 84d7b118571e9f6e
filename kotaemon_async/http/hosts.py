"""Refuses requests for hosts that this service is not: DNS can turn the name of any page to our address."""

import re
import socket
from typing import Final

from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from loguru import logger

from kotaemon_async.domain.addresses import address_of, is_loopback
from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.forwarded import forwarded
from kotaemon_async.http.problems import refuse
from kotaemon_async.http.settings import HttpSettings

#: A name or an address, perhaps with a port, which is not compared: ports are forwarded.
_HOST: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::\d{0,5})?", re.ASCII | re.IGNORECASE)
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


class KnownHosts:
    """The application for requests whose Host is an address that it listens on or one of `allowed_hosts`."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._trusted = settings.trusted_proxies
        listens = _plain(settings.host.lower())
        self._is_local = listens in _WILDCARDS or _is_loopback(listens)
        own = socket.gethostname().lower()
        self._names = {listens, own, f"{own}.local", *settings.allowed_hosts} - _WILDCARDS
        self._endings = tuple(one[1:] for one in settings.allowed_hosts if one.startswith("*."))
        self._takes_any = "*" in settings.allowed_hosts
        if self._takes_any:
            logger.warning("any_host_allowed")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or say 421, and 400 where it names no host or several."""
        refusal = self._refusal(scope) if scope["type"] == ScopeType.HTTP else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refuse(refusal, scope, receive, send)

    def _refusal(self, scope: HTTPScope) -> Refused | None:
        if len(Headers.from_scope(scope).getall("host", [])) != 1:
            return Refused("A request names one Host.")
        named = _HOST.fullmatch(forwarded(scope, self._trusted).host)
        if named is None:
            return Refused("The Host is neither a name nor an address.")
        name = _plain(named[1].lower().strip("[]").removesuffix("."))
        if self._knows(name, _local_address(scope)):
            return None
        return Refused(f"This service is not known as {name}.", code="wrong_host")

    def _knows(self, name: str, local: str) -> bool:
        if self._takes_any or name == local or name in self._names or name.endswith(self._endings):
            return True
        return _is_loopback(name) and (self._is_local or _is_loopback(local))


def is_safe_origin(scope: HTTPScope) -> bool:
    """Return whether browsers take the page for one of a safe origin: over TLS, or of their own machine."""
    headers = Headers.from_scope(scope)
    if "https" in (scope["scheme"], headers.get("x-forwarded-proto")):  # who lies about it harms himself
        return True
    named = _HOST.fullmatch(headers.get("host", ""))
    return named is not None and _is_loopback(named[1].lower().strip("[]"))


def _local_address(scope: HTTPScope) -> str:
    """Return which of the machine's addresses the connection came to."""
    server = scope.get("server")
    return _plain(server[0]) if server else ""


def _is_loopback(name: str) -> bool:
    return is_loopback(name) or name.endswith(".localhost")


def _plain(text: str) -> str:
    """Return an address in its one form, an IPv4 one as such; any other text as it is."""
    return str(address_of(text) or text)
