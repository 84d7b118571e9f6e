"""Use case: read one document: its pages with their lines, its outline and passages, where words stand."""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import Final, NamedTuple, Protocol

import anyio.to_thread

from kotaemon_async.documents.drawing import PAGED, Drawing, PageRecords
from kotaemon_async.documents.kept import Kept
from kotaemon_async.documents.outline import OutlineItem, bookmarks_of, outline_of
from kotaemon_async.documents.page_html import page_html
from kotaemon_async.documents.page_images import PageImages, Readable, no_page
from kotaemon_async.documents.parsing import formats
from kotaemon_async.documents.parsing.formats import PDF
from kotaemon_async.documents.parsing.replies import PageLayer
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import BadDocument, Refused, Unavailable
from kotaemon_async.domain.finding import Sought, Span, excerpt, phrase, sought
from kotaemon_async.domain.model import Document, DocumentWarning, Locator, Page, Passage, Reason
from kotaemon_async.stores.reading import Heading, PageText

_MOST_ITEMS: Final = 5_000
#: An entry of an outline takes about so much.
_ITEM_BYTES: Final = 400
_OUTLINES_BYTES: Final = 4 * 1024**2
#: So many pages are read at once, and no more hits are counted in a document, nor for longer.
_TOGETHER: Final = 50
_MOST_HITS: Final = 10_000
_FIND_S: Final = 5.0
Box = tuple[float, float, float, float]


class Texts(Protocol):
    """The part of the ledger that knows documents page by page."""

    async def texts_after(self, document_id: str, number: int, limit: int) -> list[PageText]: ...
    async def places(self, document_id: str) -> list[Locator]: ...
    async def headings(self, document_id: str, limit: int) -> list[Heading]: ...
    async def passages_after(
        self, document_id: str, place: tuple[int, int], limit: int
    ) -> list[tuple[tuple[int, int], Passage]]: ...


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page of a document: its text, its lines over its image, its HTML, and where words stand on the image.

    `layer` is None, for a `lost` reason, where the page cannot be drawn, be it at the moment (`may_come`).
    """

    document: Document
    page: Page
    layer: PageLayer | None
    html: str | None
    marks: tuple[Box, ...]
    lost: Reason | None = None
    may_come: bool = True

    @property
    def warnings(self) -> list[DocumentWarning]:
        """Return what was not read of this page."""
        number = self.page.number
        return [
            replace(one, places=places, more=0)
            for one in self.document.warnings
            if (places := tuple(place for place in one.places if place.number == number))
        ]


class Hit(NamedTuple):
    """Words that were found, in one line with those around them; `marks` are places in `text`."""

    place: Locator
    text: str
    marks: tuple[Span, ...]


class Hits(NamedTuple):
    """The first hits in the order of reading, and how many there are; `is_cut` when there may be more."""

    total: int
    is_cut: bool
    hits: tuple[Hit, ...]


class Reading:
    """Gives what readers of one document ask for; the last outlines are kept."""

    def __init__(
        self, access: Readable, pages: PageRecords, texts: Texts, images: PageImages, drawing: Drawing
    ) -> None:
        self._access = access
        self._pages = pages
        self._texts = texts
        self._images = images
        self._drawing = drawing
        self._outlines = Kept[tuple[str, int, str], list[OutlineItem]](
            _OUTLINES_BYTES, lambda items: _ITEM_BYTES * (1 + len(items))
        )

    async def release_memory(self) -> None:
        """Drop the kept outlines."""
        self._outlines.forget()

    async def page(
        self, caller: Caller, document_id: str, number: int, *, query: str = "", highlight: str | None = None
    ) -> ReadPage:
        """Return a page, 1-based, with the places of a query and of the quote of a citation.

        Raises: Refused `not_found` when there is no such document, page, or citation on the page.
        """
        document = await self._access.document(caller, document_id)
        quote = ""
        if highlight:
            number, quote = await self._images.quote_on(caller, highlight, document_id, number)
        found = await self._pages.whole_page(document.id, number)
        if number < 1 or number > (document.pages_total or 0):
            raise no_page(number)
        layer, lost, may_come = None, None, True
        try:
            layer = await self._images.layer(caller, document.id, number, highlight=highlight)
        except (BadDocument, Unavailable) as error:
            # What its text says can be read all the same.
            lost, may_come = Reason("parser", error.code), isinstance(error, Unavailable)
        page = found or Page(number, "\n".join(line.text for line in layer.lines) if layer else "")
        make = partial(_with_marks, page, layer, query, quote, document.media_type)
        html, marks = await anyio.to_thread.run_sync(make)
        return ReadPage(document, page, layer, html, marks, lost, may_come)

    async def outline(self, caller: Caller, document_id: str) -> list[OutlineItem]:
        """Return the bookmarks of a PDF, or the headings, sheets and slides of what has such."""
        document = await self._access.document(caller, document_id)
        key = document.id, document.version, document.status
        return await self._outlines.get(key, lambda: self._outline(document))

    async def _outline(self, document: Document) -> list[OutlineItem]:
        if not document.pages_total or document.media_type == "text/plain":
            return []
        places = await self._texts.places(document.id)
        if document.media_type == PDF:
            return bookmarks_of(await self._drawing.outline(document), places)
        return outline_of(await self._texts.headings(document.id, _MOST_ITEMS), places)[:_MOST_ITEMS]

    async def passages(
        self, caller: Caller, document_id: str, limit: int, cursor: str | None
    ) -> tuple[list[Passage], str | None]:
        """Return passages in the order of reading, and the cursor of those that follow.

        Raises: Refused when the cursor is none of this method.
        """
        document = await self._access.document(caller, document_id)
        found = await self._texts.passages_after(document.id, _place_of(cursor), limit + 1)
        following = None
        if len(found) > limit:
            page, ordinal = found[limit - 1][0]
            following = f"{page}.{ordinal}"
        return [passage for _, passage in found[:limit]], following

    async def find(self, caller: Caller, document_id: str, query: str, limit: int) -> Hits:
        """Return where the query stands; if nowhere as it is, where all its words stand near each other."""
        document = await self._access.document(caller, document_id)
        wanted = sought(query)
        found = await self._found(document.id, wanted, limit, by_words=False)
        if found.total or not wanted.words:
            return found
        return await self._found(document.id, wanted, limit, by_words=True)

    async def _found(self, document_id: str, wanted: Sought, limit: int, *, by_words: bool) -> Hits:
        total, shown, after, ends_at_s = 0, list[Hit](), 0, time.monotonic() + _FIND_S
        while pages := await self._texts.texts_after(document_id, after, _TOGETHER):
            look = partial(_hits_on, pages, wanted, limit - len(shown), by_words=by_words)
            count, hits = await anyio.to_thread.run_sync(look)
            total, after = total + count, pages[-1].number
            shown += hits
            if total >= _MOST_HITS or time.monotonic() > ends_at_s:
                return Hits(total, is_cut=True, hits=tuple(shown))
        return Hits(total, is_cut=total > len(shown), hits=tuple(shown))


def _place_of(cursor: str | None) -> tuple[int, int]:
    if not cursor:
        return 0, -1
    page, _, ordinal = cursor.partition(".")
    if not (page.isdecimal() and ordinal.isdecimal() and len(cursor) <= 24):
        raise Refused("The cursor is not one that this service gave out.")
    return int(page), int(ordinal)


def _hits_on(
    pages: Sequence[PageText], wanted: Sought, most: int, *, by_words: bool
) -> tuple[int, list[Hit]]:
    """Return how many hits the pages have, and the first of them."""
    total, hits = 0, list[Hit]()
    for page in pages:
        groups = wanted.word_groups(page.text) if by_words else [[one] for one in wanted.spans(page.text)]
        total += len(groups)
        hits += [_hit(page, group) for group in groups[: max(0, most - len(hits))]]
    return total, hits


def _hit(page: PageText, group: Sequence[Span]) -> Hit:
    text, start = excerpt(page.text, group[0])
    stop = start + len(text)
    inside = [(first - start, last - start) for first, last in group if first >= start and last <= stop]
    return Hit(page.place, text, tuple(inside))


def _with_marks(
    page: Page, layer: PageLayer | None, query: str, quote: str, media_type: str
) -> tuple[str | None, tuple[Box, ...]]:
    wanted = sought(query)
    html = None
    if media_type not in PAGED:
        quoted = phrase(quote).spans(page.text, most=1)
        is_markdown = media_type == formats.MARKDOWN
        html = page_html(page, wanted.marks(page.text), quoted, is_markdown=is_markdown)
    return html, tuple(_boxes(layer, wanted)) if layer and query else ()


def _boxes(layer: PageLayer, wanted: Sought) -> list[Box]:
    """Return the boxes of what is looked for on the lines of a page, a part for each line."""
    text = "\n".join(line.text for line in layer.lines)
    spans = wanted.marks(text)
    starts = list(accumulate((len(line.text) + 1 for line in layer.lines), initial=0))
    boxes: list[Box] = []
    for start, stop in spans:
        for number in range(bisect_right(starts, start) - 1, bisect_left(starts, stop)):
            line, first = layer.lines[number], starts[number]
            low, high = max(start - first, 0), min(stop - first, len(line.text))
            if low < high:
                boxes.append(line.box_of(low, high))
    return boxes
