"""Use case: a page of a document as an image, with the quote of a citation marked where it stands."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

import anyio

from kotaemon_async.documents.parsing.formats import IMAGES, PDF
from kotaemon_async.documents.parsing.sandbox import PageImage, Sandbox
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import BadDocument, Refused, Unavailable
from kotaemon_async.domain.model import Answer, Document, Page, QuotePart
from kotaemon_async.telemetry.traces import span

#: Images come in these widths, so that no caller can fill the cache with sizes of its own; in pixels.
WIDTHS: Final = (400, 800, 1200, 1600)
#: Places of these kinds have a number that people know.
_NUMBERED: Final = ("page", "slide")
#: The page's text is drawn for what has no pages of its own.
_PAGED: Final = IMAGES | {PDF}
_DRAW_S: Final = 20.0
#: A block of so many characters tells one page from another, and so many of them are looked for.
_TELLING: Final = 20
_BEGINNING: Final = 120
#: The child takes some 60 MB while it waits.
IDLE_S: Final = 60.0


class Readable(Protocol):
    """Knows which documents a caller may read."""

    async def document(self, caller: Caller, document_id: str) -> Document: ...


class PageRecords(Protocol):
    """The part of the ledger that knows the pages of documents."""

    async def whole_page(self, document_id: str, number: int) -> Page | None: ...


class OfficePages(Protocol):
    """Turns office files into PDFs."""

    def reads(self, media_type: str) -> bool: ...
    async def pdf(self, path: Path, media_type: str, document_id: str) -> Path: ...


class Cited(Protocol):
    """The part of the ledger that keeps answers."""

    async def get(self, answer_id: str, caller: Caller) -> Answer: ...


class PageImages:
    """Renders pages in children and keeps the last images, `cache_bytes` of them at most."""

    def __init__(  # noqa: PLR0913
        self,
        access: Readable,
        documents: PageRecords,
        answers: Cited,
        path_of: Callable[[str], Path],
        renderers: Sandbox,
        *,
        office: OfficePages | None = None,
        cache_bytes: int = 32 * 1024**2,
    ) -> None:
        self._access = access
        self._documents = documents
        self._answers = answers
        self._path_of = path_of
        self._renderers = renderers
        self._office = office
        self._cache_bytes = cache_bytes
        self._kept: OrderedDict[tuple[str, int, int, str], PageImage] = OrderedDict()
        self._kept_bytes = 0
        self._drawn = 0
        self._drawing: dict[tuple[str, int, int, str], anyio.Event] = {}

    @property
    def kept_bytes(self) -> int:
        """Return the size of the kept images."""
        return self._kept_bytes

    def forget(self) -> None:
        """Drop the kept images."""
        self._kept.clear()
        self._kept_bytes = 0

    async def run(self, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """End the rendering child whenever nobody has looked at a page for a while, until cancelled."""
        while True:
            drawn = self._drawn
            await sleep(IDLE_S)
            if drawn == self._drawn:
                await self._renderers.release_idle()

    async def release_memory(self) -> None:
        """Release the memory of kept images and of idle children."""
        self.forget()
        await self._renderers.release_idle()

    async def image(
        self,
        caller: Caller,
        document_id: str,
        page: int,
        *,
        width_px: int = 1200,
        highlight: str | None = None,
    ) -> PageImage:
        """Return the page, 1-based, at the nearest of WIDTHS; `highlight` is the id of a citation on it.

        Raises:
            Refused: `not_found`: there is no such document, page, or citation on this page.
            BadDocument: the file cannot be drawn.
            Unavailable: no child can draw at the moment.
        """
        document = await self._access.document(caller, document_id)
        page, quote = await self._quote(caller, highlight, document_id, page) if highlight else (page, "")
        if page < 1 or page > (document.pages_total or 0):
            raise Refused(f"The document has no page {page}.", code="not_found")
        width = min(WIDTHS, key=lambda one: abs(one - width_px))
        # By the document: how fast it comes tells nobody that others have the same file.
        key = (document.id, page, width, quote)
        while (found := self._kept.get(key)) is None:
            if key not in self._drawing:
                return await self._draw_once(key, document)
            await self._drawing[key].wait()
        self._kept.move_to_end(key)
        return found

    async def _quote(self, caller: Caller, citation_id: str, document_id: str, page: int) -> tuple[int, str]:
        """Return what of the citation's quote stands on the page, and its number.

        What has no pages is known as page 1: of that the part is meant in which the quote stands.
        """
        answer_id = citation_id.rpartition(".")[0]
        answer = await self._answers.get(answer_id, caller)
        for citation in answer.citations:
            if (citation.id, citation.document_id) == (citation_id, document_id):
                parts = citation.parts or (QuotePart(citation.page, citation.quote),)
                if page == 1 and citation.place and citation.place.kind not in _NUMBERED:
                    page = citation.page
                if on_page := [part.quote for part in parts if part.page == page]:
                    return page, "\n".join(on_page)
        raise Refused("The citation is not on this page.", code="not_found")

    async def _draw_once(self, key: tuple[str, int, int, str], document: Document) -> PageImage:
        """Render the page; who wants the same meanwhile waits and finds it kept."""
        self._drawing[key] = done = anyio.Event()
        self._drawn += 1
        try:
            with span("draw_page"), anyio.fail_after(_DRAW_S):
                image = await self._draw(document, key[1], key[2], key[3])
        except TimeoutError:
            raise Unavailable("The page is not drawn in time.", code="timeout") from None
        finally:
            del self._drawing[key]
            done.set()
        self._keep(key, image)
        return image

    async def _draw(self, document: Document, page: int, width_px: int, quote: str) -> PageImage:
        if document.media_type in _PAGED:
            read = await self._documents.whole_page(document.id, page) if quote else None
            path = self._path_of(document.sha256)
            async with self._renderers.open(path, document.media_type) as opened:
                return await opened.image(page, width_px, quote, read.words if read else "")
        found = await self._documents.whole_page(document.id, page)
        if found is None:
            raise Refused(f"Page {page} has not been read yet.", code="not_found")
        printed = await self._printed(document, found, width_px, quote)
        return printed or await self._renderers.text_image(found, _title(found), width_px, quote)

    async def _printed(self, document: Document, page: Page, width_px: int, quote: str) -> PageImage | None:
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
                image = await opened.image(number, width_px, quote)
        except (BadDocument, Unavailable):
            return None
        return image if image.marks or not quote else None

    def _keep(self, key: tuple[str, int, int, str], image: PageImage) -> None:
        if len(image.png) > self._cache_bytes:
            return
        self._kept[key] = image
        self._kept_bytes += len(image.png)
        while self._kept_bytes > self._cache_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.png)


def _beginning(page: Page) -> str:
    """Return the first words of a part, by which its page is found."""
    said = (page.text[block.start : block.end].strip() for block in page.blocks)
    return next((words for words in said if len(words) >= _TELLING), page.text)[:_BEGINNING]


def _title(page: Page) -> str:
    """Return what the part of a text is called: its own name, else the headings above it."""
    return page.place.label if page.place.kind in ("sheet", "part") else " › ".join(page.place.headings)
