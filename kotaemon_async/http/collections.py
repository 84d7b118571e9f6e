"""Collections over HTTP: whose they are, and who else may read or write in them."""

from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, delete, get, patch, put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.times import iso_time
from kotaemon_async.http.audit import audited, name_object
from kotaemon_async.http.auth import READ, WRITE
from kotaemon_async.http.dependencies import AnyRequest, GivenCaller, GivenServices
from kotaemon_async.http.problems import responses
from kotaemon_async.stores.collections import MAX_SHARES, Change, Collection, Rights, Share

_MOST_COLLECTIONS: Final = 1000
_PATH: Final = "/api/v1/collections"
_ONE: Final = _PATH + "/{name:str}"
_PROBLEMS: Final = responses("bad_request", "forbidden", "not_found", "ledger_unavailable")

Right = Literal["read", "write"]
Own = Literal["read", "write", "own"]
_RIGHTS: Final[dict[Rights, Own]] = {Rights.READ: "read", Rights.WRITE: "write", Rights.OWN: "own"}
Name = Annotated[str, Meta(min_length=1, max_length=64)]


class ShareBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A user, or a group, and what he may do: `write` includes `read`."""

    rights: Right
    user: Name | None = None
    group: Name | None = None


class CollectionBody(msgspec.Struct, frozen=True):
    """A collection; `owner` is "" when it is nobody's, `rights` are those of the caller."""

    name: str
    documents: int
    ready: int
    failed: int
    since: str
    owner: str
    access: Literal["private", "shared", "public"]
    rights: Own


class SharedBody(CollectionBody, frozen=True):
    """A collection with what everybody may do in it, and its shares for those who may change them."""

    public: Right | None
    shares: tuple[ShareBody, ...] | None


class CollectionList(msgspec.Struct, frozen=True):
    """The caller's collections by name."""

    items: list[CollectionBody]


class CollectionChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a collection shall be; `public` is what everybody may do, null for nothing."""

    owner: Annotated[str, Meta(max_length=64)] | msgspec.UnsetType = msgspec.UNSET
    public: Right | msgspec.UnsetType | None = msgspec.UNSET
    shares: Annotated[list[ShareBody], Meta(max_length=MAX_SHARES)] | msgspec.UnsetType = msgspec.UNSET


@get(_PATH, opt=READ, responses=responses("ledger_unavailable"), summary="List collections")
async def list_collections(services: GivenServices, caller: GivenCaller) -> CollectionList:
    """Return every collection with how many documents it has, and how many of them are ready or failed."""
    found = await services.sharing.counted(caller, _MOST_COLLECTIONS)
    return CollectionList([_listed(one) for one in found])


@get(_ONE, opt=READ, responses=_PROBLEMS, summary="Get a collection")
async def get_collection(services: GivenServices, caller: GivenCaller, name: FromPath[str]) -> SharedBody:
    """Return the collection; who it is shared with is told to its owner and to admins."""
    return _shared(await services.sharing.get(caller, name))


@put(
    _ONE,
    opt=WRITE | audited("collections.put", object="name"),
    responses={
        201: ResponseSpec(SharedBody, generate_examples=False, description="It is new."),
        **responses("bad_request", "forbidden", "not_found", "quota_exceeded", "ledger_unavailable"),
    },
    summary="Make a collection, or say anew who may do what in it",
)
async def put_collection(
    request: AnyRequest,
    services: GivenServices,
    caller: GivenCaller,
    name: FromPath[str],
    data: JSONBody[CollectionChange | None] = None,
) -> Response[SharedBody]:
    """Return the collection as it is now; a new one is the caller's, and only he sees it."""
    name_object(request, _said(name, data or CollectionChange()))
    found, is_new = await services.sharing.put(caller, name, _change_of(data or CollectionChange()))
    return Response(_shared(found), status_code=201 if is_new else 200)


@patch(
    _ONE,
    opt=WRITE | audited("collections.change", object="name"),
    responses=_PROBLEMS,
    summary="Share a collection, or give it away",
)
async def change_collection(
    request: AnyRequest,
    services: GivenServices,
    caller: GivenCaller,
    name: FromPath[str],
    data: JSONBody[CollectionChange],
) -> SharedBody:
    """Change what is given, for its owner and for admins, and return the collection."""
    name_object(request, _said(name, data))
    return _shared(await services.sharing.change(caller, name, _change_of(data)))


@delete(
    _ONE,
    opt=WRITE | audited("collections.delete", object="name"),
    responses=responses("bad_request", "forbidden", "not_found", "conflict", "ledger_unavailable"),
    summary="Delete an empty collection",
)
async def delete_collection(services: GivenServices, caller: GivenCaller, name: FromPath[str]) -> None:
    """Delete the collection with its shares, for its owner and for admins."""
    await services.sharing.delete(caller, name)


def _said(name: str, change: CollectionChange) -> str:
    """Return what the audit keeps of a change: `reports public=read group:sales=write`."""
    parts = [f"owner={change.owner}"] if change.owner else []
    if change.public is not msgspec.UNSET:
        parts.append(f"public={change.public or 'nothing'}")
    for share in change.shares or ():
        grantee = f"user:{share.user}" if share.group is None else f"group:{share.group}"
        parts.append(f"{grantee}={share.rights}")
    if change.shares is not msgspec.UNSET and not change.shares:
        parts.append("shares=nobody")
    return " ".join([name, *parts])


def _change_of(body: CollectionChange) -> Change:
    """Return the change. Raises: Refused when a share names nobody, or two."""
    return Change(
        owner=None if body.owner is msgspec.UNSET else body.owner,
        public=None if body.public is msgspec.UNSET else body.public or "",
        shares=None if body.shares is msgspec.UNSET else tuple(map(_share_of, body.shares)),
    )


def _share_of(body: ShareBody) -> Share:
    may_write = body.rights == "write"
    if body.user is not None and body.group is None:
        return Share("user", body.user, may_write)
    if body.group is not None and body.user is None:
        return Share("group", body.group, may_write)
    raise Refused("A share names a user or a group.")


def _listed(found: Collection) -> CollectionBody:
    return CollectionBody(
        found.name,
        found.documents,
        found.ready,
        found.failed,
        iso_time(found.since_s),
        found.owner,
        "public" if found.public else "shared" if found.is_shared else "private",
        _RIGHTS[found.rights],
    )


def _shared(found: Collection) -> SharedBody:
    shares = None if found.shares is None else tuple(map(_share_body, found.shares))
    return SharedBody(**msgspec.structs.asdict(_listed(found)), public=found.public or None, shares=shares)


def _share_body(share: Share) -> ShareBody:
    rights: Right = "write" if share.may_write else "read"
    if share.kind == "user":
        return ShareBody(rights, user=share.grantee)
    return ShareBody(rights, group=share.grantee)


HANDLERS: list[HTTPRouteHandler] = [
    list_collections,
    get_collection,
    put_collection,
    change_collection,
    delete_collection,
]
