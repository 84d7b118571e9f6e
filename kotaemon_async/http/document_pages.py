"""Reading one document over HTTP: its outline and passages, where words stand in it, what a page holds."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from kotaemon_async.documents.finding import Hit
from kotaemon_async.documents.reading import ReadPage
from kotaemon_async.domain.model import Passage, Reason
from kotaemon_async.http.auth import READ
from kotaemon_async.http.bodies import PlaceBody, WarningBody, body_of, place_body, warning_body
from kotaemon_async.http.dependencies import GivenCaller, GivenServices
from kotaemon_async.http.problems import responses

_ONE = "/api/v1/documents/{document_id:str}"
_PROBLEMS = responses("bad_request", "not_found", "ledger_unavailable")
#: The bookmarks of a PDF are read from its file.
_OUTLINE_PROBLEMS = (
    *("bad_request", "not_found", "corrupt"),
    *("parser_unavailable", "timeout", "ledger_unavailable"),
)
Sides = tuple[float, float, float, float]

Sought = Annotated[str | None, QueryParameter(max_length=200, description="Words that are looked for.")]
Words = Annotated[
    str,
    QueryParameter(
        max_length=200,
        description="Words as they stand there; between quotation marks in this order alone.",
    ),
]


class PageLine(msgspec.Struct, frozen=True):
    """A line of a page; the box is left, top, right, bottom as parts of the image's sides, 0 to 1."""

    text: str
    box: Sides


class ReadPageBody(msgspec.Struct, frozen=True):
    """A page, 1-based, of `total`; `text` is what quotes are looked up in.

    `lines` are those of the image `pages/{number}.png`, in the order of reading, `width` and `height` its
    size in points, 0 where it cannot be drawn; `marks` are boxes of what is looked for, and `orders` says of
    which mark each is a part, counted on the page from 0, -1 where that began on the page before. `html` is
    there for what is no PDF and no picture: safe, without addresses, what is looked for in
    `<mark class="hit">` (`hit more` for further parts of a mark), a quote in `<mark class="quote">`.
    """

    document_id: str
    number: int
    total: int
    place: PlaceBody
    width: float
    height: float
    has_picture: bool
    text: str
    lines: list[PageLine]
    html: str | None
    warnings: list[WarningBody]
    marks: list[Sides] = []
    orders: list[int] = []
    degraded: list[Reason] = []


class OutlineItemBody(msgspec.Struct, frozen=True):
    """A heading, a bookmark, a sheet or a slide; the outermost have level 1."""

    title: str
    level: int
    page: int
    place: PlaceBody


class OutlineBody(msgspec.Struct, frozen=True):
    """What a document is made of, in order; nothing where it says nothing of that."""

    items: list[OutlineItemBody]


class ReadPassageBody(msgspec.Struct, frozen=True):
    """A passage of a document, as the search finds it."""

    id: str
    page: int
    place: PlaceBody
    text: str


class ReadPassages(msgspec.Struct, frozen=True):
    """Passages in the order of reading, and the cursor of those that follow."""

    items: list[ReadPassageBody]
    next_cursor: str | None


class HitBody(msgspec.Struct, frozen=True):
    """A place of what is looked for, with words around it; marks are characters of `text`, from and to.

    `order` counts the marks before it on its page; what goes on over the page break ends on the `last_page`.
    """

    page: int
    place: PlaceBody
    text: str
    marks: list[tuple[int, int]]
    order: int
    last_page: int


class HitList(msgspec.Struct, frozen=True):
    """Hits in the order of reading, `offset` of `total` before them; when it is cut there may be more."""

    total: int
    is_cut: bool
    offset: int
    hits: list[HitBody]


@get(
    f"{_ONE}/outline",
    opt=READ,
    responses=responses(
        "bad_request", "not_found", "corrupt", "parser_unavailable", "timeout", "ledger_unavailable"
    ),
    summary="What a document is made of",
)
async def document_outline(
    services: GivenServices, caller: GivenCaller, document_id: FromPath[str]
) -> OutlineBody:
    """Return the bookmarks of a PDF, else headings, sheets or slides, each with the page it leads to."""
    items = await services.reading.outline(caller, document_id)
    return OutlineBody([body_of(OutlineItemBody, one, place=place_body(one.place)) for one in items])


@get(f"{_ONE}/passages", opt=READ, responses=_PROBLEMS, summary="The passages of a document")
async def document_passages(
    services: GivenServices,
    caller: GivenCaller,
    document_id: FromPath[str],
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, QueryParameter(max_length=24, pattern=r"^[0-9]{1,10}\.[0-9]{1,10}$")
    ] = None,
) -> ReadPassages:
    """Return what the document is searched in, in the order of reading; `page` is the number of its place."""
    found, following = await services.reading.passages(caller, document_id, limit, cursor)
    return ReadPassages(list(map(_passage, found)), following)


@get(f"{_ONE}/find", opt=READ, responses=_PROBLEMS, summary="Find words in a document")
async def find_in_document(  # noqa: PLR0913, PLR0917 - one for each part of the query
    services: GivenServices,
    caller: GivenCaller,
    document_id: FromPath[str],
    q: Words = "",
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    offset: Annotated[int, QueryParameter(ge=0, le=10_000_000, description="Hits to leave out.")] = 0,
    page: Annotated[int | None, QueryParameter(ge=1, description="Where hits begin, not `offset`.")] = None,
) -> HitList:
    """Return where the words stand, whatever they are written and broken with, in the order of reading.

    When they stand nowhere as they are, all of them near each other count. The first `offset` are left out.
    """
    found = await services.reading.find(caller, document_id, q, limit, offset=offset, page=page)
    return HitList(found.total, found.is_cut, found.offset, list(map(_hit, found.hits)))


def page_body(page: ReadPage) -> ReadPageBody:
    """Return the page as the API shows it."""
    layer, number = page.layer, page.page.number
    return ReadPageBody(
        document_id=page.document.id,
        number=number,
        total=page.document.pages_total or number,
        place=place_body(page.page.place),
        width=round(layer.width, 2) if layer else 0.0,
        height=round(layer.height, 2) if layer else 0.0,
        has_picture=layer is not None or page.may_come,
        text=page.page.text,
        lines=[PageLine(line.text, line.box) for line in layer.lines] if layer else [],
        html=page.shown.html,
        warnings=list(map(warning_body, page.warnings)),
        marks=list(map(_rounded, page.shown.marks)),
        orders=list(page.shown.orders),
        degraded=[page.lost] if page.lost else [],
    )


def _rounded(box: Sides) -> Sides:
    left, top, right, bottom = box
    return round(left, 5), round(top, 5), round(right, 5), round(bottom, 5)


def _passage(passage: Passage) -> ReadPassageBody:
    return body_of(ReadPassageBody, passage, place=place_body(passage.place))


def _hit(hit: Hit) -> HitBody:
    marks = list(hit.marks)
    return HitBody(hit.place.number, place_body(hit.place), hit.text, marks, hit.order, hit.last_page)


HANDLERS: list[HTTPRouteHandler] = [document_outline, document_passages, find_in_document]
