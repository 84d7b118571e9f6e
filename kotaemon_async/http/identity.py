"""Who a request comes from: everybody, a key, a session begun with one, a proxy's user, the operator.

It is found here and nowhere else; guards, handlers, logs and the audit read it from the request's state.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol

import anyio
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from kotaemon_async.domain.addresses import is_loopback
from kotaemon_async.domain.callers import ALL_SCOPES, EVERYBODY, OPERATOR_USER, Caller, KeyScope, is_user
from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.forwarded import forwarded, is_forwarded, is_trusted, peer_of
from kotaemon_async.http.settings import AuthMode, HttpSettings
from kotaemon_async.http.sign_in_attempts import SignInAttempts
from kotaemon_async.stores.local_key import OPERATOR

COOKIE: Final = "kotaemon_session"
#: What proxies put between the groups of a user.
_BETWEEN_GROUPS: Final = ("|", ",")
_USER_SCOPES: Final[frozenset[KeyScope]] = frozenset({"ask", "write"})

SignedInBy = Literal["open", "key", "session", "proxy", "local"]


class KnownKey(Protocol):
    """What is known of a key that is valid."""

    @property
    def caller(self) -> Caller: ...


class Keys(Protocol):
    """The part of the keys that requests need."""

    @property
    def in_use(self) -> bool: ...

    def find(self, secret: str) -> KnownKey | None: ...
    def session(self, token: str) -> KnownKey | None: ...
    def is_local(self, secret: str) -> bool: ...
    async def changed(self) -> None: ...


class NoKeys:
    """Asks nobody for a key."""

    in_use = False

    def find(self, secret: str) -> KnownKey | None:  # noqa: ARG002
        """Return None: none is known."""
        return None

    def session(self, token: str) -> KnownKey | None:  # noqa: ARG002
        """Return None: none is known."""
        return None

    def is_local(self, secret: str) -> bool:  # noqa: ARG002
        """Return False: none is known."""
        return False

    async def changed(self) -> None:
        """Wait for ever: nothing changes."""
        await anyio.sleep_forever()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request comes from, by what, and why nobody is known; `holds` tells whether that is so still."""

    caller: Caller | None = None
    signed_in_by: SignedInBy | None = None
    refusal: Refused | None = None
    session: str = ""
    is_wrong_key: bool = False
    holds: Callable[[], bool] = lambda: True

    @property
    def csrf_token(self) -> str | None:
        """Return what unsafe requests of the session have to bring, which no other page can read."""
        if not self.session:
            return None
        return hashlib.sha256(f"csrf {self.session}".encode()).hexdigest()


class Identities:
    """Finds out who a request comes from, by the settings."""

    def __init__(self, settings: HttpSettings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys
        self._admins = frozenset(settings.admins)

    @property
    def mode(self) -> AuthMode:
        """Return who is asked who he is; unless it is set, everybody once there was a key."""
        return self._settings.auth or ("keys" if self._keys.in_use else "open")

    def of(self, scope: HTTPScope) -> Identity:
        """Return who the request comes from."""
        mode, headers = self.mode, Headers.from_scope(scope)
        if mode == "open":
            return Identity(EVERYBODY, "open", holds=lambda: self.mode == "open")
        if mode == "proxy" and (users := headers.getall(self._settings.user_header, [])):
            return self._proxy_user(scope, headers, users)
        if authorization := headers.getall("authorization", []):
            return self._key_holder(scope, authorization)
        if token := _cookie(headers):
            return self._signed_in(token)
        return Identity(refusal=_unknown("This service asks for a key."))

    def address(self, scope: HTTPScope) -> str:
        """Return the address that the request comes from."""
        return forwarded(scope, self._settings.trusted_proxies).client

    async def changed(self) -> None:
        """Wait until some caller may be known no more."""
        await self._keys.changed()

    def _key_holder(self, scope: HTTPScope, lines: list[str]) -> Identity:
        scheme, _, secret = lines[0].partition(" ")
        secret = secret.strip()
        if len(lines) > 1 or scheme.lower() != "bearer" or not secret:
            return Identity(refusal=_unknown("A key comes as 'Authorization: Bearer KEY', once."))
        if self._keys.is_local(secret):
            if is_loopback(peer_of(scope)) and not is_forwarded(scope):
                return Identity(OPERATOR, "local")
            return Identity(refusal=_unknown("The local key is for this machine alone."), is_wrong_key=True)
        key = self._keys.find(secret)
        if key is None:
            return Identity(refusal=_unknown("The key is not known, or has ended."), is_wrong_key=True)
        return Identity(key.caller, "key", holds=lambda: self._keys.find(secret) is not None)

    def _signed_in(self, token: str) -> Identity:
        key = self._keys.session(token)
        if key is None:
            return Identity(refusal=_unknown("The session has ended."))
        still = partial(self._keys.session, token)
        return Identity(key.caller, "session", session=token, holds=lambda: still() is not None)

    def _proxy_user(self, scope: HTTPScope, headers: Headers, users: list[str]) -> Identity:
        """Return the user whom a listed proxy names; the header of any other is no claim but an attempt."""
        name = self._settings.user_header
        if not is_trusted(peer_of(scope), self._settings.trusted_proxies):
            return Identity(
                refusal=Refused(
                    f"{name} is taken from the addresses of http.trusted_proxies only.", code="forbidden"
                )
            )
        if len(users) > 1 or not is_user(users[0]):
            return Identity(refusal=Refused(f"{name} names no user.", code="forbidden"))
        user, groups = users[0], _groups(headers.getall(self._settings.groups_header, []))
        is_admin = user in self._admins or any(f"@{group}" in self._admins for group in groups)
        if user == OPERATOR_USER and not is_admin:
            return Identity(refusal=Refused(f"Only an admin is called {user}.", code="forbidden"))
        scopes = ALL_SCOPES if is_admin else _USER_SCOPES
        return Identity(Caller(f"user:{user}", user, groups, scopes), "proxy")


class Identified:
    """The application, in which every request has its `identity` and its `caller`, or None, in its state."""

    def __init__(self, app: ASGIApp, identities: Identities, attempts: SignInAttempts) -> None:
        self._app = app
        self._identities = identities
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; whoever tries key after key waits for each reply."""
        if scope["type"] == ScopeType.HTTP:
            identity = self._identities.of(scope)
            if identity.is_wrong_key:
                identity = await self._attempted(scope, identity)
            scope["state"] = {
                **scope.get("state", {}),
                "identity": identity,
                "caller": identity.caller,
                "caller_changed": self._identities.changed,
            }
        await self._app(scope, receive, send)

    async def _attempted(self, scope: HTTPScope, identity: Identity) -> Identity:
        try:
            await self._attempts.refused(self._identities.address(scope))
        except Refused as too_many:
            return Identity(refusal=too_many)
        return identity


def _unknown(message: str) -> Refused:
    return Refused(message, code="unauthorized")


def _groups(lines: list[str]) -> frozenset[str]:
    text = ",".join(lines).replace(*_BETWEEN_GROUPS)
    return frozenset(group for part in text.split(",") if is_user(group := part.strip()))


def _cookie(headers: Headers) -> str:
    """Return the token of the session's cookie, "" when there is none."""
    for line in headers.getall("cookie", []):
        for part in line.split(";"):
            name, _, value = part.strip().partition("=")
            if name == COOKIE:
                return value.strip('"')
    return ""
