"""Use case: read one document: its pages with their lines, its outline and passages, where words stand."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple, Protocol

import anyio.to_thread

from kotaemon_async.documents.drawing import PAGED, Drawing, PageRecords
from kotaemon_async.documents.finding import Box, Found, Hit, Hits, boxes_of, found_on, marks_on
from kotaemon_async.documents.kept import Kept
from kotaemon_async.documents.outline import OutlineItem, bookmarks_of, outline_of
from kotaemon_async.documents.page_html import page_html
from kotaemon_async.documents.page_images import PageImages, Readable, no_page
from kotaemon_async.documents.parsing import formats
from kotaemon_async.documents.parsing.formats import PDF
from kotaemon_async.documents.parsing.replies import PageLayer
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import BadDocument, Refused, Unavailable
from kotaemon_async.domain.finding import Sought, phrase, sought
from kotaemon_async.domain.model import Document, DocumentWarning, Locator, Page, Passage, Reason
from kotaemon_async.stores.reading import Heading, PageText

_MOST_ITEMS: Final = 5_000
#: An entry of an outline takes about so much.
_ITEM_BYTES: Final = 400
_OUTLINES_BYTES: Final = 4 * 1024**2
#: So many pages are read at once, and beyond what is asked for no more hits are counted, nor for longer.
_TOGETHER: Final = 50
_MOST_HITS: Final = 10_000
_FIND_S: Final = 5.0
#: Stands behind the last page, which goes on nowhere.
_NO_PAGE: Final = PageText(0, "", Locator("page", 0))


class Texts(Protocol):
    """The part of the ledger that knows documents page by page."""

    async def texts_after(self, document_id: str, number: int, limit: int) -> list[PageText]: ...
    async def places(self, document_id: str) -> list[Locator]: ...
    async def headings(self, document_id: str, limit: int) -> list[Heading]: ...
    async def passages_after(
        self, document_id: str, place: tuple[int, int], limit: int
    ) -> list[tuple[tuple[int, int], Passage]]: ...


class Shown(NamedTuple):
    """A page as HTML, where it is no image, and where words stand on its image.

    `orders` says for each box which of the marks that begin on the page it is a part of, -1 for one that
    began on the page before.
    """

    html: str | None
    marks: tuple[Box, ...]
    orders: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page of a document: its text, its lines over its image, and how it is shown.

    `layer` is None, for a `lost` reason, where the page cannot be drawn, be it at the moment (`may_come`).
    """

    document: Document
    page: Page
    layer: PageLayer | None
    shown: Shown
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


class _Window:
    """Counts hits in the order of reading, and keeps those that are asked for."""

    def __init__(self, offset: int, limit: int, page: int | None) -> None:
        self._offset = offset
        self._limit = limit
        self._page = page
        self._total = 0
        self._kept: list[Hit] = []

    @property
    def is_full(self) -> bool:
        """Return whether all are there that are asked for, and enough are counted."""
        return len(self._kept) == self._limit and self._total >= _MOST_HITS

    def take(self, found: Sequence[Found]) -> None:
        """Count these, which follow those before."""
        for one in found:
            if self._page is not None and one.page.number < self._page:
                self._offset = self._total + 1
            elif self._total >= self._offset and len(self._kept) < self._limit:
                self._kept.append(one.hit())
            self._total += 1

    def hits(self, *, is_whole: bool) -> Hits:
        """Return those that are kept; `is_whole` says that all were counted."""
        offset = min(self._offset, self._total)
        is_cut = not is_whole or self._total > offset + len(self._kept)
        return Hits(self._total, is_cut, offset, tuple(self._kept))


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
        beside = await self._texts.texts_after(document.id, number - 2, 3) if query else []
        make = partial(_with_marks, page, beside, layer, (query, quote), document.media_type)
        shown = await anyio.to_thread.run_sync(make)
        return ReadPage(document, page, layer, shown, lost, may_come)

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

    async def find(
        self,
        caller: Caller,
        document_id: str,
        query: str,
        limit: int,
        *,
        offset: int = 0,
        page: int | None = None,
    ) -> Hits:
        """Return where the query stands; if nowhere as it is, where all its words stand near each other.

        The first `offset` hits are left out; with `page` those on the pages before it.
        """
        document = await self._access.document(caller, document_id)
        wanted = sought(query)
        window = _Window(offset, limit, page)
        found = await self._found(document.id, wanted, window, by_words=False)
        if found.total or not wanted.words:
            return found
        return await self._found(document.id, wanted, _Window(offset, limit, page), by_words=True)

    async def _found(self, document_id: str, wanted: Sought, window: _Window, *, by_words: bool) -> Hits:
        ends_at_s, after = time.monotonic() + _FIND_S, 0
        while pages := await self._texts.texts_after(document_id, after, _TOGETHER + 1):
            # The page behind them is only gone on to, and looked at with the next ones.
            is_end = len(pages) <= _TOGETHER
            look = partial(found_on, [*pages, _NO_PAGE] if is_end else pages, wanted, by_words=by_words)
            window.take(await anyio.to_thread.run_sync(look))
            if is_end:
                return window.hits(is_whole=True)
            if window.is_full or time.monotonic() > ends_at_s:
                return window.hits(is_whole=False)
            after = pages[-2].number
        return window.hits(is_whole=True)


def _place_of(cursor: str | None) -> tuple[int, int]:
    if not cursor:
        return 0, -1
    page, _, ordinal = cursor.partition(".")
    if not (page.isdecimal() and ordinal.isdecimal() and len(cursor) <= 24):
        raise Refused("The cursor is not one that this service gave out.")
    return int(page), int(ordinal)


def _with_marks(
    page: Page,
    beside: Sequence[PageText],
    layer: PageLayer | None,
    looked_for: tuple[str, str],
    media_type: str,
) -> Shown:
    query, quote = looked_for
    wanted = sought(query)
    marks = marks_on(page.text, page.number, beside, wanted)
    html = None
    if media_type not in PAGED:
        quoted = phrase(quote).spans(page.text, most=1)
        begun = [marks.begun] if marks.begun else []
        is_markdown = media_type == formats.MARKDOWN
        html = page_html(page, marks.own, quoted, begun=begun, is_markdown=is_markdown)
    boxes, orders = boxes_of(layer, page.text, marks, wanted) if layer and query else ([], [])
    return Shown(html, tuple(boxes), tuple(orders))
