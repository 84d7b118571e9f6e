"""Documents over HTTP: hand in, list, look at, follow, start anew, cancel, delete."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Annotated, Final

import msgspec
from litestar import Response, delete, get, patch, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from litestar.response.base import ASGIResponse
from msgspec import Meta

from kotaemon_async.documents.changes import Deleted
from kotaemon_async.documents.library import Arrival, Library
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.model import Document, Status
from kotaemon_async.domain.paths import cleaned_path
from kotaemon_async.http import events
from kotaemon_async.http.audit import audited
from kotaemon_async.http.auth import READ, WRITE
from kotaemon_async.http.bodies import DocumentBody, DocumentList, Retried, RetryRequest, document_body
from kotaemon_async.http.dependencies import (
    AnyRequest,
    Cursor,
    Dependencies,
    GivenCaller,
    GivenLimits,
    GivenServices,
    NamePart,
)
from kotaemon_async.http.downloads import FileReply
from kotaemon_async.http.problems import responses
from kotaemon_async.http.uploads import (
    MAX_KEY_LENGTH,
    Pace,
    Upload,
    Writer,
    announced_bytes,
    body_pieces,
    boundary_of,
    clean_name,
    key_of,
)
from kotaemon_async.stores.documents import ListQuery
from kotaemon_async.stores.idempotency import KeptReply, Reservation
from kotaemon_async.telemetry import traces

PATH = "/api/v1/documents"
FEED = PATH + "/events"
_ONE = PATH + "/{document_id:str}"
_SAME = ResponseSpec(DocumentBody, generate_examples=False, description="The same bytes are there already.")
# Its type is the document's own.
_BYTES = ResponseSpec(bytes, generate_examples=False, description="The file.", media_type="*/*")
_PART = ResponseSpec(bytes, generate_examples=False, description="The range asked for.", media_type="*/*")
_STREAM = ResponseSpec(
    str, generate_examples=False, description="`document` events until final.", media_type=events.MEDIA_TYPE
)
_CHANGES = ResponseSpec(
    str,
    generate_examples=False,
    description="`open` once it listens, then `document` and `deleted`.",
    media_type=events.MEDIA_TYPE,
)
_KEY = HeaderParameter(
    name="Idempotency-Key",
    min_length=1,
    max_length=MAX_KEY_LENGTH,
    pattern=r"[^\s\"]",
    description=f"Random text of 1 to {MAX_KEY_LENGTH} characters, new for each upload.",
)
#: What the rest of a form takes beside its file, so that no file is refused for that.
_FORM_BYTES: Final = 4096
_UPLOAD_PROBLEMS = responses(
    *(
        "bad_request",
        "quota_exceeded",
        "forbidden",
        "not_found",
        "empty",
        "too_large",
        "unsupported_format",
        "key_in_use",
        "key_reused",
        "busy",
    ),
    *(
        "quota_exceeded",
        "memory_high",
        "disk_full",
        "ledger_unavailable",
        "storage_unavailable",
        "shutting_down",
    ),
)


class DocumentChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a document shall stand."""

    collection: Annotated[str, Meta(max_length=100, pattern=r"^\w[\w .-]*$")]


@post(
    PATH,
    opt=WRITE,
    status_code=202,
    # Counted while it streams, to the limit of the settings.
    request_max_body_size=None,
    responses={200: _SAME, **_UPLOAD_PROBLEMS},
    summary="Hand in a document",
)
async def upload(
    request: AnyRequest,
    services: GivenServices,
    caller: GivenCaller,
    limits: GivenLimits,
    idempotency_key: Annotated[str | None, _KEY] = None,  # noqa: ARG001 - for the schema; read where more than one is seen
) -> Response[DocumentBody]:
    """Accept a file: 202 once it is durable, 200 when the same bytes are in the collection already.

    With an Idempotency-Key the reply is kept for 24 hours: the same upload gets it again, marked
    `Idempotent-Replayed`, another one 422, and 409 while the first one still runs. Failures are not kept.
    """
    boundary = boundary_of(request.headers.get("content-type", ""))
    announced = announced_bytes(request.headers.get("content-length"), limits.settings.max_upload_bytes)
    key = key_of(request.headers)
    if key is not None:
        await services.library.check_key(caller, key)

    async with (
        services.admission.upload(announced) as place,
        services.library.reserved(caller, key) as reserved,
    ):

        async def check(fields: Mapping[str, str]) -> None:
            if not isinstance(reserved, KeptReply):
                room_bytes = max(0, announced - _FORM_BYTES)
                await services.library.check_coming(caller, fields.get("collection") or None, room_bytes)

        def form_to(writer: Writer) -> Upload:
            return Upload(
                boundary, writer, lambda name: clean_name(name, limits.settings.max_name_length), check
            )

        pieces = body_pieces(request.receive, place, Pace(limits.upload))
        document, is_new = await _receive(pieces, services.library, caller, form_to, reserved)
    headers = {"Location": f"{PATH}/{document.id}"}
    if isinstance(reserved, KeptReply):
        headers["Idempotent-Replayed"] = "true"
    return Response(document_body(document), status_code=202 if is_new else 200, headers=headers)


async def _receive(
    pieces: AsyncIterator[bytes],
    library: Library,
    caller: Caller,
    form_to: Callable[[Writer], Upload],
    key: Reservation | KeptReply | None,
) -> tuple[Document, bool]:
    async with library.incoming() as incoming:
        form = form_to(incoming)
        await form.read(pieces)
        return await library.accept(
            incoming,
            name=form.file_name,
            collection=form.fields.get("collection") or "default",
            trace=traces.current(),
            key=key,
            arrival=Arrival(caller, cleaned_path(form.fields.get("path") or "")),
        )


@get(
    PATH,
    opt=READ,
    responses=responses("bad_request", "ledger_unavailable"),
    summary="List documents, newest first",
)
async def list_documents(  # noqa: PLR0913, PLR0917 - one for each part of the query
    services: GivenServices,
    caller: GivenCaller,
    collection: FromQuery[str | None] = None,
    status: FromQuery[Status | None] = None,
    q: NamePart = None,
    parent_id: FromQuery[str | None] = None,
    warnings: FromQuery[bool | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> DocumentList:
    """Return one page, and the cursor of the next one.

    With `parent_id` it is of what came out of that archive, with `warnings` of what was not read whole.
    """
    query = ListQuery(collection, status, q, limit, cursor, parent_id, warnings)
    found, following = await services.library.page_of(caller, query)
    return DocumentList([document_body(one) for one in found], following)


@get(
    _ONE,
    opt=READ,
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="Get a document",
)
async def get_document(
    services: GivenServices, caller: GivenCaller, document_id: FromPath[str]
) -> DocumentBody:
    """Return the document as it is now."""
    return document_body(await services.library.get(caller, document_id))


@patch(
    _ONE,
    opt=WRITE | audited("documents.move", object="document_id"),
    responses=responses("bad_request", "forbidden", "not_found", "conflict", "ledger_unavailable"),
    summary="Move a document to another collection",
)
async def move_document(
    services: GivenServices, caller: GivenCaller, document_id: FromPath[str], data: JSONBody[DocumentChange]
) -> DocumentBody:
    """Move the document to its new collection and return it; it is not read anew."""
    return document_body(await services.library.move(caller, document_id, data.collection))


@delete(
    _ONE,
    opt=WRITE | audited("documents.delete", object="document_id"),
    responses=responses("bad_request", "forbidden", "not_found", "ledger_unavailable", "storage_unavailable"),
    summary="Delete it",
)
async def delete_document(services: GivenServices, caller: GivenCaller, document_id: FromPath[str]) -> None:
    """Delete the document with its contents and its file; what came out of an archive outlives it."""
    await services.library.delete(caller, document_id)


@post(
    f"{PATH}/retry",
    opt=WRITE | audited("documents.retry_failed"),
    status_code=200,
    responses=responses("bad_request", "forbidden", "ledger_unavailable"),
    summary="Start all failed documents anew",
)
async def retry_failed(
    services: GivenServices, caller: GivenCaller, collection: FromQuery[str | None] = None
) -> Retried:
    """Queue the failed documents of one collection or of all again, and return how many there are."""
    return Retried(await services.library.retry_failed(caller, collection))


@post(
    f"{_ONE}/retry",
    opt=WRITE | audited("documents.retry", object="document_id"),
    status_code=200,
    responses=responses("bad_request", "forbidden", "not_found", "conflict", "ledger_unavailable"),
    summary="Start a failed or cancelled document anew, with force any",
)
async def retry_document(
    services: GivenServices,
    caller: GivenCaller,
    document_id: FromPath[str],
    data: JSONBody[RetryRequest | None] = None,
    force: FromQuery[bool] = False,
) -> DocumentBody:
    """Queue the document again; with `force`, what is searchable of it stays so until it is ready anew."""
    forced = force or (data is not None and data.force)
    return document_body(await services.library.retry(caller, document_id, force=forced))


@post(
    f"{_ONE}/cancel",
    opt=WRITE | audited("documents.cancel", object="document_id"),
    status_code=200,
    responses=responses("bad_request", "forbidden", "not_found", "conflict", "ledger_unavailable"),
    summary="Stop working on a document",
)
async def cancel_document(
    services: GivenServices, caller: GivenCaller, document_id: FromPath[str]
) -> DocumentBody:
    """Cancel the document and return it; one that was being read anew is ready as before."""
    return document_body(await services.library.cancel(caller, document_id))


@get(
    f"{_ONE}/events",
    opt=READ,
    responses={200: _STREAM, **responses("bad_request", "not_found", "ledger_unavailable")},
    summary="Follow a document until it is final",
)
async def document_events(
    services: GivenServices,
    caller: GivenCaller,
    limits: GivenLimits,
    document_id: FromPath[str],
    last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=20)] = None,
) -> ASGIResponse:
    """Send events, resumable with Last-Event-ID; 204 when there is nothing more to come."""
    after = int(last_event_id) if last_event_id and last_event_id.isdecimal() else 0
    closing = events.Closing(services.stopping, heartbeat_s=limits.heartbeat_s)
    return events.EventStream(_frames(services, caller, document_id, after), closing)


async def _frames(
    services: Dependencies, caller: Caller, document_id: str, after: int
) -> AsyncGenerator[bytes, None]:
    async for number, document in services.library.watch(caller, document_id, after):
        yield events.frame("document", document_body(document), number)


@get(
    FEED,
    opt=READ,
    responses={200: _CHANGES, **responses("ledger_unavailable")},
    summary="Follow all documents",
)
async def all_events(services: GivenServices, caller: GivenCaller, limits: GivenLimits) -> ASGIResponse:
    """Send events without an end; who reads a list after `open` misses nothing."""
    closing = events.Closing(services.stopping, heartbeat_s=limits.heartbeat_s)
    return events.EventStream(frames_of_documents(services, caller), closing)


async def frames_of_documents(services: Dependencies, caller: Caller) -> AsyncGenerator[bytes, None]:
    """Yield what happens to the documents that the caller may see, in wire form."""
    async for change in services.changes.listen(caller):
        if change is None:
            yield events.frame("open", {})
        elif isinstance(change, Deleted):
            yield events.frame("deleted", {"id": change.document_id})
        else:
            yield events.frame("document", document_body(change))


@route(
    f"{_ONE}/content",
    opt=READ,
    http_method=["GET", "HEAD"],
    responses={200: _BYTES, 206: _PART, **responses("bad_request", "not_found", "ledger_unavailable")},
    summary="The file itself",
)
async def document_content(
    request: AnyRequest, services: GivenServices, caller: GivenCaller, document_id: FromPath[str]
) -> ASGIResponse:
    """Return the bytes as they were handed in, whole or one range."""
    document, path = await services.library.content(caller, document_id)
    return FileReply(document, path, request.headers.get("range"))


HANDLERS: list[HTTPRouteHandler] = [
    all_events,
    move_document,
    upload,
    list_documents,
    get_document,
    delete_document,
    retry_failed,
    retry_document,
    cancel_document,
    document_events,
    document_content,
]
