"""Collections over HTTP, documents that move between them, and a stream of what happens to all."""

from collections.abc import AsyncGenerator
from typing import Annotated, Final

import msgspec
from litestar import get, patch
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.response.base import ASGIResponse
from msgspec import Meta

from kotaemon_async.documents.changes import Gone
from kotaemon_async.http import events
from kotaemon_async.http.bodies import DocumentBody, document_body, iso
from kotaemon_async.http.dependencies import GivenLimits, GivenParts, Parts
from kotaemon_async.http.problems import responses

_MOST_COLLECTIONS: Final = 1000
FEED: Final = "/api/v1/documents/events"
_STREAM = ResponseSpec(
    str,
    generate_examples=False,
    description="`open` once it listens, then `document` and `deleted`.",
    media_type=events.MEDIA_TYPE,
)


class CollectionBody(msgspec.Struct, frozen=True):
    """A collection: a name that at least one document has."""

    name: str
    documents: int
    ready: int
    since: str


class CollectionList(msgspec.Struct, frozen=True):
    """All collections by name."""

    items: list[CollectionBody]


class DocumentChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a document shall stand."""

    collection: Annotated[str, Meta(min_length=1, max_length=100)]


@get("/api/v1/collections", responses=responses("ledger_unavailable"), summary="List collections")
async def list_collections(parts: GivenParts) -> CollectionList:
    """Every collection with how many documents it has, and how many of them are ready."""
    found = await parts.library.collections(_MOST_COLLECTIONS)
    return CollectionList(
        [CollectionBody(one.name, one.documents, one.ready, iso(one.since_s)) for one in found]
    )


@patch(
    "/api/v1/documents/{document_id:str}",
    responses=responses("bad_request", "not_found", "conflict", "ledger_unavailable"),
    summary="Move a document to another collection",
)
async def move_document(
    parts: GivenParts, document_id: FromPath[str], data: JSONBody[DocumentChange]
) -> DocumentBody:
    """The document in its new collection; it is not read anew."""
    return document_body(await parts.library.move(document_id, data.collection))


@get(
    FEED,
    responses={200: _STREAM, **responses("ledger_unavailable")},
    summary="Follow all documents",
)
async def all_events(parts: GivenParts, limits: GivenLimits) -> ASGIResponse:
    """Server-sent events without an end; who reads a list after `open` misses nothing."""
    closing = events.Closing(parts.stopping, heartbeat_s=limits.heartbeat_s)
    return events.EventStream(_frames(parts), closing)


async def _frames(parts: Parts) -> AsyncGenerator[bytes, None]:
    async for change in parts.feed.listen():
        if change is None:
            yield events.frame("open", {})
        elif isinstance(change, Gone):
            yield events.frame("deleted", {"id": change.document_id})
        else:
            yield events.frame("document", document_body(change))


HANDLERS: list[HTTPRouteHandler] = [list_collections, move_document, all_events]

_EXAMPLE: Final = CollectionBody("default", 88, 86, "2026-03-01T09:30:00.000Z")
#: By the name of the schema component.
EXAMPLES: Final[dict[str, object]] = {
    type(body).__name__: msgspec.to_builtins(body)
    for body in (_EXAMPLE, CollectionList([_EXAMPLE]), DocumentChange("contracts"))
}
