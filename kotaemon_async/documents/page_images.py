"""Use case: a page of a document as an image, and the lines over it, with the quote of a citation marked."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import anyio

from kotaemon_async.documents.drawing import AsImage, AsLayer, Drawing
from kotaemon_async.documents.kept import Kept
from kotaemon_async.documents.parsing.replies import PageLayer
from kotaemon_async.documents.parsing.sandbox import PageImage
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, Document, QuotePart, Status

#: Images come in these widths, so that no caller can fill the cache with sizes of its own; in pixels.
WIDTHS: Final = (200, 400, 800, 1200, 1600)
#: Places of these kinds have a number that people know.
_NUMBERED: Final = ("page", "slide")
#: The child takes some 60 MB while it waits.
IDLE_S: Final = 60.0
#: What a line takes beside its text and its characters' sides.
_LINE_BYTES: Final = 200
#: Which reading of a document a page is of.
ReadAs = tuple[str, int, Status]


class Readable(Protocol):
    """Knows which documents a caller may read."""

    async def document(self, caller: Caller, document_id: str) -> Document: ...


class Cited(Protocol):
    """The part of the ledger that keeps answers."""

    async def get(self, answer_id: str, caller: Caller) -> Answer: ...


class PageImages:
    """Has pages drawn; keeps the last images, `cache_bytes` of them at most, and a quarter of it of lines."""

    def __init__(
        self, access: Readable, answers: Cited, drawing: Drawing, *, cache_bytes: int = 32 * 1024**2
    ) -> None:
        self._access = access
        self._answers = answers
        self._drawing = drawing
        self._images = Kept[tuple[ReadAs, int, str, int], PageImage](cache_bytes, lambda one: len(one.png))
        self._layers = Kept[tuple[ReadAs, int, str], PageLayer](cache_bytes // 4, _size_of)

    @property
    def kept_bytes(self) -> int:
        """Return the size of the kept images."""
        return self._images.size_bytes

    def forget(self) -> None:
        """Drop what is kept."""
        self._images.forget()
        self._layers.forget()

    async def run(self, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """End the rendering child whenever nobody has looked at a page for a while, until cancelled."""
        while True:
            drawn = self._drawing.drawn
            await sleep(IDLE_S)
            if drawn == self._drawing.drawn:
                await self._drawing.release_idle()

    async def release_memory(self) -> None:
        """Release the memory of kept images and of idle children."""
        self.forget()
        await self._drawing.release_idle()

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
        document, page, quote = await self._wanted(caller, document_id, page, highlight)
        width = min(WIDTHS, key=lambda one: abs(one - width_px))
        key = _read_as(document), page, quote, width
        draw = self._drawing.page
        return await self._images.get(key, lambda: draw(document, page, quote, AsImage(width)))

    async def layer(
        self, caller: Caller, document_id: str, page: int, *, highlight: str | None = None
    ) -> PageLayer:
        """Return the lines over the image of the page with the same `highlight`; raises as image()."""
        document, page, quote = await self._wanted(caller, document_id, page, highlight)
        draw = self._drawing.page
        key = _read_as(document), page, quote
        return await self._layers.get(key, lambda: draw(document, page, quote, AsLayer()))

    async def _wanted(
        self, caller: Caller, document_id: str, page: int, highlight: str | None
    ) -> tuple[Document, int, str]:
        """Return the document, the page and the quote on it that are meant."""
        document = await self._access.document(caller, document_id)
        page, quote = await self.quote_on(caller, highlight, document_id, page) if highlight else (page, "")
        if page < 1 or page > (document.pages_total or 0):
            raise no_page(page)
        return document, page, quote

    async def quote_on(
        self, caller: Caller, citation_id: str, document_id: str, page: int
    ) -> tuple[int, str]:
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


def _read_as(document: Document) -> ReadAs:
    # By the document: how fast it comes tells nobody that others have the same file. What is read anew shows
    # its earlier text until it is ready.
    return document.id, document.version, document.status


def no_page(number: int) -> Refused:
    """Return what is said of a page that is not there."""
    return Refused(f"The document has no page {number}.", code="not_found")


def _size_of(layer: PageLayer) -> int:
    return sum(_LINE_BYTES + 4 * len(line.text) + len(line.edges) for line in layer.lines)
