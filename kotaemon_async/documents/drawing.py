"""How a page of a document is drawn: as its file holds it, as it is printed, or its text on a sheet."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

import anyio

from kotaemon_async.documents.parsing.formats import IMAGES, PDF
from kotaemon_async.documents.parsing.replies import PageLayer
from kotaemon_async.documents.parsing.sandbox import PageImage, ParsedDocument, Sandbox
from kotaemon_async.domain.errors import BadDocument, Refused, Unavailable
from kotaemon_async.domain.model import Document, Page
from kotaemon_async.telemetry.traces import span

T_co = TypeVar("T_co", bound="PageImage | PageLayer", covariant=True)
T = TypeVar("T", bound="PageImage | PageLayer")

#: What has pages of its own; of the others the text is drawn.
PAGED: Final = IMAGES | {PDF}
_DRAW_S: Final = 20.0
#: A block of so many characters tells one page from another, and so many of them are looked for.
_TELLING: Final = 20
_BEGINNING: Final = 120


class PageRecords(Protocol):
    """The part of the ledger that knows the pages of documents."""

    async def whole_page(self, document_id: str, number: int) -> Page | None: ...


class OfficePages(Protocol):
    """Turns office files into PDFs."""

    def reads(self, media_type: str) -> bool: ...
    async def pdf(self, path: Path, media_type: str, document_id: str) -> Path: ...


class View(Protocol[T_co]):
    """What is wanted of a page."""

    async def of_page(self, opened: ParsedDocument, number: int, quote: str, words: str) -> T_co: ...
    async def of_text(self, renderers: Sandbox, page: Page, title: str, quote: str) -> T_co: ...


class AsImage:
    """The page as an image of that width."""

    def __init__(self, width_px: int) -> None:
        self._width_px = width_px

    async def of_page(self, opened: ParsedDocument, number: int, quote: str, words: str) -> PageImage:
        return await opened.image(number, self._width_px, quote, words)

    async def of_text(self, renderers: Sandbox, page: Page, title: str, quote: str) -> PageImage:
        return await renderers.text_image(page, title, self._width_px, quote)


class AsLayer:
    """The lines that are laid over the image."""

    async def of_page(self, opened: ParsedDocument, number: int, quote: str, words: str) -> PageLayer:
        return await opened.layer(number, quote, words)

    async def of_text(self, renderers: Sandbox, page: Page, title: str, quote: str) -> PageLayer:
        return await renderers.text_layer(page, title, quote)


class Drawing:
    """Draws pages in children, and asks those what a file tells of its pages."""

    def __init__(
        self,
        documents: PageRecords,
        path_of: Callable[[str], Path],
        renderers: Sandbox,
        office: OfficePages | None = None,
    ) -> None:
        self._documents = documents
        self._path_of = path_of
        self._renderers = renderers
        self._office = office
        #: How often pages were drawn.
        self.drawn = 0

    async def release_idle(self) -> None:
        """End the children that wait for work."""
        await self._renderers.release_idle()

    async def page(self, document: Document, number: int, quote: str, view: View[T]) -> T:
        """Return the view of a page, with the quote marked.

        Raises:
            Refused: `not_found`: it has not been read yet.
            BadDocument: the file cannot be drawn.
            Unavailable: no child can draw at the moment, or not in time.
        """
        self.drawn += 1
        try:
            with span("draw_page"), anyio.fail_after(_DRAW_S):
                return await self._page(document, number, quote, view)
        except TimeoutError:
            raise Unavailable("The page is not drawn in time.", code="timeout") from None

    async def outline(self, document: Document) -> list[tuple[int, str, int]]:
        """Return level, title and page of a PDF's bookmarks; raises as page() does."""
        self.drawn += 1
        try:
            with span("read_outline"), anyio.fail_after(_DRAW_S):
                async with self._renderers.open(self._path_of(document.sha256), PDF) as opened:
                    return await opened.outline()
        except TimeoutError:
            raise Unavailable("The outline is not read in time.", code="timeout") from None

    async def _page(self, document: Document, number: int, quote: str, view: View[T]) -> T:
        found = await self._documents.whole_page(document.id, number)
        if document.media_type in PAGED:
            words = found.words if found else ""
            async with self._renderers.open(self._path_of(document.sha256), document.media_type) as opened:
                return await view.of_page(opened, number, quote, words)
        if found is None:
            raise Refused(f"Page {number} has not been read yet.", code="not_found")
        printed = await self._printed(document, found, quote, view)
        return printed or await view.of_text(self._renderers, found, _title(found), quote)

    async def _printed(self, document: Document, page: Page, quote: str, view: View[T]) -> T | None:
        """Return the page of an office file as it is printed, None when it or the quote is not to be had."""
        if self._office is None or not self._office.reads(document.media_type):
            return None
        path = self._path_of(document.sha256)
        try:
            pdf = await self._office.pdf(path, document.media_type, document.id)
            async with self._renderers.open(pdf, PDF) as opened:
                is_slide = page.place.kind == "slide"
                number = page.number if is_slide else await opened.page_with(quote or _beginning(page))
                if number is None or number > opened.pages_total:
                    return None
                found = await view.of_page(opened, number, quote, "")
        except (BadDocument, Unavailable):
            return None
        return found if found.marks or not quote else None


def _beginning(page: Page) -> str:
    """Return the first words of a part, by which its page is found."""
    said = (page.text[block.start : block.end].strip() for block in page.blocks)
    return next((words for words in said if len(words) >= _TELLING), page.text)[:_BEGINNING]


def _title(page: Page) -> str:
    """Return what the part of a text is called: its own name, else the headings above it."""
    return page.place.label if page.place.kind in ("sheet", "part") else " › ".join(page.place.headings)
