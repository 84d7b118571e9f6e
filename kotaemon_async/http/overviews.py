"""What documents are about, and what may be asked of them, over HTTP."""

from typing import Annotated, Final, Literal

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from kotaemon_async.domain.overviews import KeptOverview, KeyPoint
from kotaemon_async.http.auth import ASK, READ
from kotaemon_async.http.bodies import PlaceBody, place_body
from kotaemon_async.http.dependencies import GivenCaller, GivenServices
from kotaemon_async.http.problems import responses

_EXTRACTIVE: Final = "extractive"
#: Places of these kinds have numbers of their own; what has none is one page.
_PAGED: Final = frozenset({"page", "slide"})


class PointBody(msgspec.Struct, frozen=True):
    """A sentence that says what a document is about, and where it stands."""

    text: str
    page: int
    place: PlaceBody
    document_id: str
    document_name: str


class OverviewBody(msgspec.Struct, frozen=True):
    """Key points and questions that the document answers; empty until it has been read.

    Points are sentences of the document, or what the model of the link named in `by` made of them.
    """

    document_id: str
    points: list[PointBody]
    questions: list[str]
    by: str


class CollectionOverview(msgspec.Struct, frozen=True):
    """A point of each of the newest documents of a collection, and questions that they answer."""

    collection: str
    document_ids: list[str]
    points: list[PointBody]
    questions: list[str]
    by: str


class SuggestionBody(msgspec.Struct, frozen=True):
    """A question, and the document that answers it."""

    text: str
    document_id: str
    document_name: str


class Suggestions(msgspec.Struct, frozen=True):
    """Questions that may be asked."""

    questions: list[SuggestionBody]


@get(
    "/api/v1/documents/{document_id:str}/overview",
    opt=READ,
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="Get a document's key points and example questions",
)
async def document_overview(
    services: GivenServices, caller: GivenCaller, document_id: FromPath[str]
) -> OverviewBody:
    """Return what the document is about. Where there is a model, its own words follow a while later."""
    found = await services.overviews.of_document(caller, document_id)
    overview = found.overview
    return OverviewBody(
        found.document_id, _points(found), [one.text for one in overview.questions], overview.by
    )


@get(
    "/api/v1/collections/{name:str}/overview",
    opt=READ,
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="Get a collection's key points and example questions",
)
async def collection_overview(
    services: GivenServices, caller: GivenCaller, name: FromPath[str]
) -> CollectionOverview:
    """Return a point of each of its newest documents, and questions that they answer."""
    found = await services.overviews.of_collection(caller, name)
    suggested = await services.overviews.suggestions(caller, name, None, len(found))
    by = {one.overview.by for one in found}
    return CollectionOverview(
        name,
        [one.document_id for one in found],
        [point for one in found for point in _points(one)],
        [question.text for question, _ in suggested],
        by.pop() if len(by) == 1 else _EXTRACTIVE,
    )


@get(
    "/api/v1/suggestions",
    opt=ASK,
    responses=responses("bad_request", "not_found", "ledger_unavailable"),
    summary="List questions that may be asked",
)
async def suggestions(
    services: GivenServices,
    caller: GivenCaller,
    collection: Annotated[str | None, QueryParameter(min_length=1, max_length=100)] = None,
    document_id: Annotated[str | None, QueryParameter(min_length=1, max_length=100)] = None,
    language: FromQuery[Literal["en", "zh"] | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=20)] = 4,
) -> Suggestions:
    """Return questions that what the caller may read answers, mixed over its newest documents.

    Those in the `language` come first.
    """
    found = await services.overviews.suggestions(caller, collection, document_id, limit, language or "")
    return Suggestions(
        [SuggestionBody(question.text, one.document_id, one.document_name) for question, one in found]
    )


def _points(found: KeptOverview) -> list[PointBody]:
    return [_point(one, found) for one in found.overview.points]


def _point(point: KeyPoint, found: KeptOverview) -> PointBody:
    place = place_body(point.place)
    page = point.page if point.place.kind in _PAGED else 1
    return PointBody(point.text, page, place, found.document_id, found.document_name)


_POINT: Final = PointBody(
    "Revenue rose by 8 percent to 4.2 million euros.",
    7,
    PlaceBody("page", 7, "7"),
    "doc_019aa5c1f2b07d1e3c5a9b42",
    "annual-report.pdf",
)
_QUESTION: Final = "How many employees does the company have?"
EXAMPLES: Final = (
    OverviewBody(_POINT.document_id, [_POINT], [_QUESTION], _EXTRACTIVE),
    CollectionOverview("reports", [_POINT.document_id], [_POINT], [_QUESTION], _EXTRACTIVE),
    Suggestions([SuggestionBody(_QUESTION, _POINT.document_id, _POINT.document_name)]),
)

HANDLERS: list[HTTPRouteHandler] = [document_overview, collection_overview, suggestions]
