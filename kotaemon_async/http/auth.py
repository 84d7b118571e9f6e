"""Who may call: everybody while there are no keys, afterwards whoever brings one."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from kotaemon_async.domain.errors import Refused

#: Marks a handler that needs no key: `opt=OPEN`.
OPEN: Final = {"needs_key": False}

_Caller = ASGIConnection[Any, Any, Any, Any]


class Keys(Protocol):
    """The part of the keys that requests need."""

    @property
    def in_use(self) -> bool: ...

    def find(self, secret: str) -> object | None: ...


class KeyGuard:
    """Refuses a request to anything but an open handler when it brings no valid key."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def __call__(self, connection: _Caller, handler: BaseRouteHandler) -> None:
        """Let a caller pass who may; raises Refused `unauthorized`, before anything of a body is read."""
        if handler.opt.get("needs_key", True) and not self.knows(connection):
            raise Refused("This service asks for a key.", code="unauthorized")

    def knows(self, connection: _Caller) -> bool:
        """Return whether the caller may see everything."""
        return not self._keys.in_use or self._keys.find(_secret(connection.headers.get)) is not None


def _secret(header: Callable[[str, str], str]) -> str:
    """Return what stands behind `Bearer`."""
    scheme, _, secret = header("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""
