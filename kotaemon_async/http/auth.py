"""Who calls: everybody while there are no keys, then whoever brings one; and what handlers ask of callers."""

from typing import Any, Final, Protocol, cast

from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from kotaemon_async.domain.callers import EVERYBODY, Caller, KeyScope
from kotaemon_async.domain.errors import Refused

_NEEDS: Final = "needs"
#: What a handler asks of its caller, as in `opt=WRITE`: one of these scopes, or none at all.
OPEN: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ()}
ASK: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ("ask",)}
READ: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ("ask", "write")}
WRITE: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ("write",)}
ADMIN: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ("admin",)}

_Connection = ASGIConnection[Any, Any, Any, Any]


class KnownKey(Protocol):
    """What is known of a key that is valid."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


class Keys(Protocol):
    """The part of the keys that requests need."""

    @property
    def in_use(self) -> bool: ...

    def find(self, secret: str) -> KnownKey | None: ...


class NoKeys:
    """Asks nobody for a key."""

    in_use = False

    def find(self, secret: str) -> None:
        """Return None: none is known."""


class Identified:
    """The application, in which every request has its caller in `scope["state"]["caller"]`, or None."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] == ScopeType.HTTP:
            scope["state"] = {**scope.get("state", {}), "caller": self._caller(Headers.from_scope(scope))}
        await self._app(scope, receive, send)

    def _caller(self, headers: Headers) -> Caller | None:
        if not self._keys.in_use:
            return EVERYBODY
        key = self._keys.find(_secret(headers))
        return None if key is None else Caller(key.id, key.name)


def guard(connection: _Connection, handler: BaseRouteHandler) -> None:
    """Let a caller pass who may, before anything of a body is read.

    Raises: Refused `unauthorized` for one who is not known, `forbidden` for one without the scope.
    """
    needed: tuple[KeyScope, ...] = handler.opt.get(_NEEDS, ASK[_NEEDS])
    if not needed:
        return
    caller = caller_of(connection)
    if caller is None:
        raise Refused("This service asks for a key.", code="unauthorized")
    if not caller.may(*needed):
        raise Refused(f"This needs the scope {' or '.join(needed)}.", code="forbidden")


def caller_of(connection: _Connection) -> Caller | None:
    """Return who calls, None when nobody knows."""
    return cast("Caller | None", connection.scope["state"]["caller"])


def _secret(headers: Headers) -> str:
    """Return what stands behind `Bearer`."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""
