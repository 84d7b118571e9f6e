"""Collections over HTTP."""

from typing import Final

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from kotaemon_async.http.bodies import body_of
from kotaemon_async.http.dependencies import GivenServices
from kotaemon_async.http.problems import responses

_MOST_COLLECTIONS: Final = 1000


class CollectionBody(msgspec.Struct, frozen=True):
    """A collection: a name that at least one document has."""

    name: str
    documents: int
    ready: int
    since: str


class CollectionList(msgspec.Struct, frozen=True):
    """All collections by name."""

    items: list[CollectionBody]


@get("/api/v1/collections", responses=responses("ledger_unavailable"), summary="List collections")
async def list_collections(services: GivenServices) -> CollectionList:
    """Return every collection with how many documents it has, and how many of them are ready."""
    found = await services.library.collections(_MOST_COLLECTIONS)
    return CollectionList([body_of(CollectionBody, one) for one in found])


HANDLERS: list[HTTPRouteHandler] = [list_collections]
