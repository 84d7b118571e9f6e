"""The pages of an open document in order; those without a text of their own are read from their pictures."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from kotaemon_async.documents import warnings
from kotaemon_async.documents.parsing.sandbox import ParsedDocument
from kotaemon_async.documents.recognition import WANTED, Recognition
from kotaemon_async.domain.errors import BadDocument
from kotaemon_async.domain.model import Page
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.traces import span

#: What has pages that can be drawn as they are; the others hold no page that is a picture.
_DRAWN: Final = ("application/pdf", "image/")


class PageReader:
    """Reads pages one after the other, each once; `waiting` tells the document what it waits for."""

    def __init__(
        self,
        parsed: ParsedDocument,
        recognition: Recognition | None,
        waiting: Callable[[str], AbstractContextManager[None]],
        media_type: str,
    ) -> None:
        self._parsed = parsed
        self._recognition = recognition
        self._waiting = waiting
        self._is_drawn = media_type.startswith(_DRAWN)
        self._ahead: deque[Page] = deque()
        #: Whether a page was left without text because nobody was there to recognize it.
        self.lacks_ocr = False

    def no_text(self) -> BadDocument:
        """Return what to say of a document without any text, and what to do."""
        hint = warnings.NO_OCR if self.lacks_ocr else warnings.NOTHING_RECOGNIZED if self._is_drawn else None
        return BadDocument("No page of the file holds text.", code="no_text", hint=hint)

    async def page(self, number: int, ahead: int) -> tuple[Page, bool]:
        """Return the next page, 1-based, and whether that took long; up to `ahead` are parsed at once."""
        if not self._ahead:
            with (
                metrics.INGEST_STAGE_DURATION.labels(stage="parsing").time(),
                span("parse", first_page=number),
            ):
                self._ahead.extend(await self._parsed.read(number, ahead))
        page = self._ahead.popleft()
        if not (self._is_drawn and page.problem in WANTED):
            return page, False
        if self._recognition is None:
            self.lacks_ocr = True
            return page, False
        with metrics.INGEST_STAGE_DURATION.labels(stage="recognition").time(), self._waiting("ocr"):
            page = await self._recognition.read(self._parsed, page)
        self.lacks_ocr |= page.problem == "recognition_unavailable"
        return page, True
