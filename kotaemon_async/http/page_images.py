"""Pages of documents over HTTP: as text with boxes, as images, and where a quote stands on them."""

import re
from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, PathParameter, QueryParameter

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.auth import READ
from kotaemon_async.http.dependencies import AnyRequest, GivenCaller, GivenServices
from kotaemon_async.http.document_pages import ReadPageBody, Sought, page_body
from kotaemon_async.http.problems import responses

_PAGES = "/api/v1/documents/{document_id:str}/pages"
#: A page or its image, as the description names it.
PATH = "/api/v1/documents/{document_id}/pages/{name}"
_NAME = re.compile(r"([1-9]\d{0,6})(\.png)?", re.ASCII)
_PAGE = ResponseSpec(ReadPageBody, generate_examples=False, description="The page, or its image.")
_PROBLEMS = responses(
    *("bad_request", "not_found", "encrypted", "corrupt", "parser_limit", "parser_unavailable"),
    *("timeout", "ledger_unavailable"),
)
# Documents do not change, so an image may be kept, by this caller alone.
_CACHE = "private, max-age=600"

Name = Annotated[str, PathParameter(description="The page's number, with `.png` behind it its image.")]
Width = Annotated[int, QueryParameter(ge=100, le=4000, description="Width in pixels; the nearest there is.")]
Highlight = Annotated[
    str | None, QueryParameter(max_length=200, description="Id of a citation, to be marked on its page.")
]


class PageMarks(msgspec.Struct, frozen=True):
    """A page's image in pixels; each mark is left, top, right, bottom as a part of its sides, 0 to 1."""

    page: int
    width_px: int
    height_px: int
    marks: list[tuple[float, float, float, float]]


@get(
    _PAGES + "/{name:str}",
    opt=READ,
    responses={200: _PAGE, **_PROBLEMS},
    summary="A page, as text with boxes or as an image",
)
async def page_or_picture(  # noqa: PLR0913, PLR0917 - one for each part of the query
    request: AnyRequest,
    services: GivenServices,
    caller: GivenCaller,
    document_id: FromPath[str],
    name: Name,
    width: Width = 1200,
    highlight: Highlight = None,
    q: Sought = None,
) -> Response[bytes]:
    """Return a page, `4` the fourth with its lines, `4.png` its image, at most as wide as asked for.

    With `highlight` the quote of that citation is marked in the image and in `html`, with `q` what is looked
    for in `marks` and `html`.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise Refused("Pages are named 1, 2 and so on, their images 1.png, 2.png.", code="not_found")
    number = int(found[1])
    if not found[2]:
        page = await services.reading.page(caller, document_id, number, query=q or "", highlight=highlight)
        return Response(msgspec.json.encode(page_body(page)), media_type="application/json")
    drawn = await services.page_images.image(caller, document_id, number, width_px=width, highlight=highlight)
    headers = {"ETag": f'"{drawn.etag}"', "Cache-Control": _CACHE}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(drawn.png, headers=headers, media_type="image/png")


@get(
    _PAGES + "/{number:int}/marks",
    opt=READ,
    responses=_PROBLEMS,
    summary="Where a quote stands on a page",
)
async def page_marks(
    services: GivenServices,
    caller: GivenCaller,
    document_id: FromPath[str],
    number: FromPath[int],
    width: Width = 1200,
    highlight: Highlight = None,
) -> PageMarks:
    """Return the boxes of the quote's words on the image of the same width."""
    drawn = await services.page_images.image(caller, document_id, number, width_px=width, highlight=highlight)
    return PageMarks(number, drawn.width_px, drawn.height_px, list(drawn.marks))


HANDLERS: list[HTTPRouteHandler] = [page_or_picture, page_marks]
