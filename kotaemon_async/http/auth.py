"""What handlers ask of their callers: a scope, or nothing."""

import hmac
from typing import Any, Final, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from kotaemon_async.domain.callers import Caller, KeyScope
from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.identity import Identity

_NEEDS: Final = "needs"
#: What a handler asks of its caller, as in `opt=WRITE`: one of these scopes, or none at all.
OPEN: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ()}
ASK: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ("ask",)}
READ: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ("ask", "write")}
WRITE: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ("write",)}
ADMIN: Final[dict[str, tuple[KeyScope, ...]]] = {_NEEDS: ("admin",)}

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_Connection = ASGIConnection[Any, Any, Any, Any]


def guard(connection: _Connection, handler: BaseRouteHandler) -> None:
    """Let a caller pass who may, before anything of a body is read.

    Raises: Refused `unauthorized` for one who is not known, `forbidden` for one without the scope,
    `wrong_origin` for a session without its token.
    """
    needed: tuple[KeyScope, ...] = handler.opt.get(_NEEDS, ASK[_NEEDS])
    if not needed:
        return
    identity = identity_of(connection)
    if identity.caller is None:
        raise identity.refusal or Refused("Nobody knows who calls.", code="unauthorized")
    if not identity.caller.may(*needed):
        raise Refused(f"This needs the scope {' or '.join(needed)}.", code="forbidden")
    if connection.scope["method"] not in _SAFE:  # type: ignore[typeddict-item]  # there are no web sockets
        _check_token(identity, connection.headers.get("x-csrf-token", ""))


def _check_token(identity: Identity, given: str) -> None:
    wanted = identity.csrf_token
    if wanted is not None and not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Refused(
            "A session changes something only with its X-CSRF-Token.",
            code="wrong_origin",
            hint="Take the token from GET /api/v1/me, or send a key instead of the cookie.",
        )


def identity_of(connection: _Connection) -> Identity:
    """Return who the request comes from, and how that is known."""
    return cast("Identity", connection.scope["state"]["identity"])


def caller_of(connection: _Connection) -> Caller | None:
    """Return who calls, None when nobody knows."""
    return cast("Caller | None", connection.scope["state"]["caller"])
