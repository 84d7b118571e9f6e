"""Documents read in killable children: a file can hang, crash or eat memory there, and only there."""

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import anyio

from kotaemon_async.documents.parsing.process import SCRIPT, ParserChild, ParserDied
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import KotaemonError, Unavailable
from kotaemon_async.domain.model import Block, Locator, Page, PageProblem, PlaceKind, WarningCode
from kotaemon_async.telemetry import metrics

__all__ = ["ParsedDocument", "ParserDied", "Sandbox"]

_CLOSE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class PageImage:
    """A PNG with its size in pixels; marks are left, top, right, bottom as parts of its sides."""

    png: bytes
    width_px: int
    height_px: int
    marks: tuple[tuple[float, float, float, float], ...]
    etag: str


@dataclass(frozen=True, slots=True)
class Loss:
    """A part of a document that was not or badly read, as its reader says it; place fields may be empty."""

    code: WarningCode
    message: str
    kind: PlaceKind | Literal[""]
    number: int
    label: str


class ParsedDocument:
    """An open document: its number of pages and their texts, 1-based, its charset, and what of it is lost."""

    def __init__(
        self,
        child: ParserChild,
        pages_total: int,
        *,
        charset: str | None = None,
        losses: Sequence[Loss] = (),
    ) -> None:
        self._child = child
        self._turn = anyio.Lock()
        self.pages_total = pages_total
        self.charset = charset
        self.losses = tuple(losses)

    async def read(self, first: int, count: int) -> list[Page]:
        """Return up to `count` pages from page `first` on; a page without text has the text ""."""
        reply = await self._ask({"do": "read", "first": first, "count": count})
        return [_page(**page) for page in reply["pages"]]

    async def image(self, number: int, width_px: int, quote: str) -> PageImage:
        """Draw the page, 1-based, with the quote marked where it stands."""
        request = {"do": "draw_page", "number": number, "width_px": width_px, "quote": quote}
        return _image(await self._ask(request))

    async def _ask(self, request: dict[str, object]) -> dict[str, Any]:
        async with self._turn:
            try:
                return await self._child.ask(request)
            except BaseException:
                await self._child.end()  # a cancelled or failed call leaves half a frame in the pipe
                raise


class Sandbox:
    """The parser children: started when they are needed, used again, killed after any failure."""

    def __init__(self, settings: ParserSettings, *, max_pages: int, script: Path = SCRIPT) -> None:
        self._settings = settings
        self._max_pages = max_pages
        self._script = script
        self._limiter = anyio.CapacityLimiter(settings.children)
        self._idle: list[ParserChild] = []
        self._busy: set[ParserChild] = set()
        self._closed = False
        #: Children that were ended because of a failure, for the metrics.
        self.restarts = 0

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids of all children."""
        return tuple(child.pid for child in (*self._idle, *self._busy))

    async def warm(self) -> None:
        """Start a child, so that the first document does not wait for its imports."""
        if not self._idle and not self._closed:
            self._idle.append(await self._start())

    async def release_idle(self) -> None:
        """End the children that wait for work; the next document starts one."""
        idle, self._idle = self._idle, []
        for child in idle:
            await child.end()

    @asynccontextmanager
    async def open(self, path: Path, media_type: str) -> AsyncIterator[ParsedDocument]:
        """Open the document for the block; wait while all children are busy.

        Raises:
            BadDocument: the file cannot be read.
            ParserDied: a child died over it.
            Unavailable: no child could be started.
        """
        async with self._borrowed() as child:
            reply = await child.ask(_request(path, media_type))
            losses = [Loss(**loss) for loss in reply["losses"]]
            yield ParsedDocument(child, reply["pages_total"], charset=reply["charset"], losses=losses)

    async def text_image(self, page: Page, title: str, width_px: int, quote: str) -> PageImage:
        """Draw a part of a text, under a title, that no file holds as a page; raises as open() does."""
        blocks: list[dict[str, object]] = [
            {"kind": one.kind, "start": one.start, "end": one.end, "level": one.level}
            | {"header": one.header, "head_lines": one.head_lines, "rows": one.rows}
            for one in page.blocks
        ]
        request: dict[str, object] = {"do": "draw_text", "text": page.text, "blocks": blocks, "title": title}
        request |= {"width_px": width_px, "quote": quote}
        async with self._borrowed() as child:
            return _image(await child.ask(request))

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[ParserChild]:
        """Lend a child to the block; it is thrown away when the block fails."""
        borrower = object()  # a task may open two documents
        await self._limiter.acquire_on_behalf_of(borrower)
        try:
            child = await self._take()
            try:
                yield child
                await self._close(child)
            except BaseException:
                self._count_restart()
                await self._discard(child)
                raise
        finally:
            self._limiter.release_on_behalf_of(borrower)

    async def aclose(self) -> None:
        """End every child; whoever still reads gets Unavailable."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            for child in (*self._idle, *self._busy):
                await child.end()
            self._idle.clear()

    async def _take(self) -> ParserChild:
        if self._closed:
            raise Unavailable("The parsers are stopped.", code="shutting_down")
        child = await self._idle_one() or await self._start()
        child.documents += 1
        self._busy.add(child)
        return child

    async def _idle_one(self) -> ParserChild | None:
        """Return a child that waits for work; one that died while it did is no document's fault."""
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            await child.end()
        return None

    async def _start(self) -> ParserChild:
        with anyio.CancelScope(shield=True):  # milliseconds; cancelled half-way, nobody would own the process
            child = await ParserChild.start(self._settings, self._max_pages, self._script)
        if self._closed:
            await child.end()
            raise Unavailable("The parsers are stopped.", code="shutting_down")
        return child

    async def _close(self, child: ParserChild) -> None:
        """Close the document, which is read by now; a child that cannot is replaced."""
        try:
            with anyio.fail_after(_CLOSE_S):
                reply = await child.ask({"do": "close"})
        except (KotaemonError, TimeoutError):
            self._count_restart()
            await self._discard(child)
        else:
            child.resident_bytes = reply["resident_bytes"]
            await self._return_child(child)

    def _count_restart(self) -> None:
        self.restarts += 1
        metrics.CHILD_RESTARTS.labels(child="parser").inc()

    async def _return_child(self, child: ParserChild) -> None:
        is_old = child.documents >= self._settings.max_documents
        worn_out = is_old or child.resident_bytes > self._settings.recycle_bytes
        if worn_out or self._closed:
            await self._discard(child)
        else:
            self._busy.discard(child)
            self._idle.append(child)

    async def _discard(self, child: ParserChild) -> None:
        await child.end()
        self._busy.discard(child)


def _request(path: Path, media_type: str) -> dict[str, object]:
    return {"do": "open", "path": os.fsencode(path.absolute()), "media_type": media_type}


def _page(number: int, text: str, blocks: list[Any], place: dict[str, Any], problem: PageProblem) -> Page:
    headings, flags = tuple(place["headings"]), tuple(place["flags"])
    locator = Locator(place["kind"], number, place["label"], headings, None, flags)
    return Page(number, text, tuple(map(_block, blocks)), locator, problem)


def _block(parts: list[Any]) -> Block:
    kind, start, end, level, boxes, header, head_lines, rows = parts
    return Block(kind, start, end, level, tuple(map(tuple, boxes)), header, head_lines, tuple(rows))


def _image(reply: dict[str, Any]) -> PageImage:
    marks = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in reply["marks"])
    etag = hashlib.sha256(reply["png"]).hexdigest()[:32]
    return PageImage(reply["png"], reply["width_px"], reply["height_px"], marks, etag)
