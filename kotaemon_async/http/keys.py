"""Keys of callers over HTTP, for admins: list, create, rotate, revoke."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from kotaemon_async.domain.callers import KeyScope
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.times import iso_time
from kotaemon_async.http.audit import audited, name_object
from kotaemon_async.http.auth import ADMIN
from kotaemon_async.http.dependencies import AnyRequest, GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.stores.api_keys import USUAL_SCOPES, ApiKey, MadeKey, checked_grant

PATH: Final = "/api/v1/keys"
_ONE: Final = PATH + "/{key_id:str}"
_REFUSALS: Final = ("bad_request", "unauthorized", "forbidden", "ledger_unavailable")
#: What is shown this one time is kept nowhere on its way.
_HEADERS: Final = {"Cache-Control": "no-store"}
_LONGEST_GRACE_H: Final = 24 * 365

Words = Annotated[str, Meta(min_length=1, max_length=200)]
Groups = Annotated[list[Words], Meta(max_length=50)]


class KeyBody(msgspec.Struct, frozen=True):
    """A key without its secret; times are ISO 8601 in UTC, null for what did not happen."""

    id: str
    name: str
    user: str
    groups: list[str]
    scopes: list[KeyScope]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class MadeKeyBody(KeyBody, frozen=True):
    """A new key; `key` is its secret, which is shown this one time."""

    key: str


class KeyList(msgspec.Struct, frozen=True):
    """All keys, the oldest first, ended ones too."""

    items: list[KeyBody]


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to make: of the user who is called as the key unless another is named."""

    name: Words
    user: Words | None = None
    groups: Groups = msgspec.field(default_factory=list)
    scopes: list[KeyScope] = msgspec.field(default_factory=lambda: sorted(USUAL_SCOPES))
    expires_at: datetime | None = None


class RotateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how many hours the old key is valid beside the new one."""

    grace_h: Annotated[float, Meta(ge=0, le=_LONGEST_GRACE_H)] = 24.0


@get(PATH, opt=ADMIN, responses=responses(*_REFUSALS), summary="List keys")
async def list_keys(services: GivenServices) -> KeyList:
    """Return all keys without their secrets."""
    return KeyList([key_body(key) for key in await services.keys.ledger.listed()])


@post(PATH, opt=ADMIN | audited("keys.create"), responses=responses(*_REFUSALS), summary="Create a key")
async def create_key(
    data: JSONBody[KeyRequest], request: AnyRequest, services: GivenServices
) -> Response[MadeKeyBody]:
    """Make a key, which opens at once."""
    ends = data.expires_at
    expires_at_s = None if ends is None else (ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp()
    if expires_at_s is not None and expires_at_s <= services.keys.now_s:
        raise Refused("expires_at lies in the past.")
    grant = checked_grant(data.name, data.user, data.groups, data.scopes, expires_at_s)
    made = await services.keys.create(grant)
    name_object(request, made.key.id)
    return Response(_made(made), headers=_HEADERS)


@get(_ONE, opt=ADMIN, responses=responses(*_REFUSALS, "not_found"), summary="Get a key")
async def get_key(services: GivenServices, key_id: FromPath[str]) -> KeyBody:
    """Return the key without its secret."""
    return key_body(await services.keys.ledger.one(key_id))


@delete(
    _ONE,
    opt=ADMIN | audited("keys.revoke", object="key_id"),
    responses=responses(*_REFUSALS, "not_found"),
    summary="Revoke a key",
)
async def revoke_key(services: GivenServices, key_id: FromPath[str]) -> None:
    """End the key with its sessions and streams within a second; it stays listed."""
    await services.keys.revoke(key_id)


@post(
    _ONE + "/rotate",
    opt=ADMIN | audited("keys.rotate", object="key_id"),
    responses=responses(*_REFUSALS, "not_found", "conflict"),
    summary="Rotate a key",
)
async def rotate_key(
    services: GivenServices, key_id: FromPath[str], data: JSONBody[RotateRequest | None] = None
) -> Response[MadeKeyBody]:
    """Make a key in the place of this one, which ends after the grace."""
    wanted = data or RotateRequest()
    made = await services.keys.rotate(key_id, wanted.grace_h * 3600)
    return Response(_made(made), headers=_HEADERS)


def key_body(key: ApiKey) -> KeyBody:
    """Return the key as the API shows it."""
    return KeyBody(**_fields(key))


def _made(made: MadeKey) -> MadeKeyBody:
    return MadeKeyBody(**_fields(made.key), key=made.secret)


def _fields(key: ApiKey) -> dict[str, Any]:
    times = {
        name: getattr(key, f"{name}_s") for name in ("created_at", "expires_at", "revoked_at", "last_used_at")
    }
    shown = {name: None if at_s is None else iso_time(at_s, "seconds") for name, at_s in times.items()}
    lists = {"groups": sorted(key.groups), "scopes": sorted(key.scopes)}
    return {"id": key.id, "name": key.name, "user": key.user} | lists | shown


HANDLERS: list[HTTPRouteHandler] = [list_keys, create_key, get_key, revoke_key, rotate_key]
