"""Who calls, and the sessions of browsers: a cookie that no script can read stands for a key sent once."""

from typing import Annotated, Final, cast

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, SkipValidation
from msgspec import Meta

from kotaemon_async.domain.callers import Caller, KeyScope
from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.audit import audited, name_caller, name_object
from kotaemon_async.http.auth import OPEN, READ, identity_of
from kotaemon_async.http.dependencies import AnyRequest, GivenLimits, GivenServices
from kotaemon_async.http.forwarded import forwarded
from kotaemon_async.http.identity import COOKIE, Identities, Identity, SignedInBy
from kotaemon_async.http.problems import responses
from kotaemon_async.http.settings import AuthMode, HttpSettings
from kotaemon_async.http.sign_in_attempts import SignInAttempts
from kotaemon_async.stores.sessions import LASTS_S

ME: Final = "/api/v1/me"
SESSION: Final = "/api/v1/session"
_HEADERS: Final = {"Cache-Control": "no-store"}


class CallerBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who calls, what he may do, and how the service knows him; `csrf_token` is a session's own."""

    user: str
    id: str
    groups: list[str]
    scopes: list[KeyScope]
    auth: AuthMode
    signed_in_by: SignedInBy
    csrf_token: str | None = None


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key, for which the browser gets a cookie."""

    key: Annotated[str, Meta(min_length=1, max_length=500)]


GivenIdentities = NamedDependency[SkipValidation[Identities]]
GivenAttempts = NamedDependency[SkipValidation[SignInAttempts]]


@get(ME, opt=READ, responses=responses("unauthorized", "forbidden"), summary="Who calls")
async def who_am_i(request: AnyRequest, identities: GivenIdentities) -> Response[CallerBody]:
    """Return the caller, and for a session the token that its unsafe requests have to bring."""
    return Response(_body(identity_of(request), identities), headers=_HEADERS)


@post(
    SESSION,
    status_code=200,
    opt=OPEN | audited("sessions.begin"),
    responses=responses("bad_request", "unauthorized", "conflict", "rate_limited", "ledger_unavailable"),
    summary="Sign in",
)
async def sign_in(
    data: JSONBody[SignIn],
    request: AnyRequest,
    services: GivenServices,
    limits: GivenLimits,
    identities: GivenIdentities,
    attempts: GivenAttempts,
) -> Response[CallerBody]:
    """Begin a session with a key; it ends with the key, at the sign-out or after 30 days."""
    if identities.mode == "open":
        raise Refused(
            "This service asks nobody for a key.", code="conflict", hint="Use it without a sign-in."
        )
    seen = forwarded(request.scope, limits.settings.trusted_proxies)
    key = services.keys.find(data.key.strip())
    if key is None:
        await attempts.refused(seen.client)
        raise Refused("The key is not known, or has ended.", code="unauthorized")
    name_object(request, key.id)
    name_caller(request, key.caller)
    token = await services.keys.sign_in(key)
    body = _body(Identity(key.caller, "session", session=token), identities)
    is_tls = seen.scheme == "https" or request.headers.get("origin", "").startswith("https://")
    return Response(body, headers=_HEADERS, cookies=[_cookie(token, limits.settings, is_tls=is_tls)])


@delete(
    SESSION,
    opt=READ | audited("sessions.end"),
    responses=responses("unauthorized", "wrong_origin", "ledger_unavailable"),
    summary="Sign out",
)
async def sign_out(request: AnyRequest, services: GivenServices, limits: GivenLimits) -> Response[None]:
    """End the session of the cookie, if there is one."""
    identity = identity_of(request)
    if (token := identity.session) and identity.caller is not None:
        name_object(request, identity.caller.id)
        await services.keys.sign_out(token)
    ended = _cookie("", limits.settings, is_tls=False)
    ended.max_age = 0
    return Response(None, status_code=204, headers=_HEADERS, cookies=[ended])


def _cookie(token: str, settings: HttpSettings, *, is_tls: bool) -> Cookie:
    """Return the cookie that no script reads and that no other site's pages send."""
    return Cookie(
        COOKIE,
        path=settings.base_path or "/",
        value=token,
        max_age=int(LASTS_S),
        secure=is_tls,
        httponly=True,
        samesite="strict",
    )


def _body(identity: Identity, identities: Identities) -> CallerBody:
    caller = cast("Caller", identity.caller)
    return CallerBody(
        user=caller.user,
        id=caller.id,
        groups=sorted(caller.groups),
        scopes=sorted(caller.scopes),
        auth=identities.mode,
        signed_in_by=cast("SignedInBy", identity.signed_in_by),
        csrf_token=identity.csrf_token,
    )


HANDLERS: list[HTTPRouteHandler] = [who_am_i, sign_in, sign_out]
