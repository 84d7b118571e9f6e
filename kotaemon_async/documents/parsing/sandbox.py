"""Documents read in killable children: a file can hang, crash or eat memory there, and only there."""

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from kotaemon_async.documents.parsing.pool import ChildPool
from kotaemon_async.documents.parsing.process import SCRIPT, ParserChild, ParserDied, odd_reply
from kotaemon_async.documents.parsing.replies import (
    Found,
    Image,
    Layer,
    Loss,
    Member,
    Members,
    Opened,
    Outline,
    PageLayer,
    Pages,
    Piece,
    Reply,
    Scan,
)  # fmt: skip
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import BadDocument
from kotaemon_async.domain.model import Page

R = TypeVar("R", bound=Reply)
#: What is asked of an archive's member at once.
_PIECE_BYTES: Final = 1024**2
__all__ = ["Loss", "Member", "ParsedDocument", "ParserDied", "Sandbox"]


@dataclass(frozen=True, slots=True)
class PageImage:
    """A PNG with its size in pixels; marks are left, top, right, bottom as parts of its sides."""

    png: bytes
    width_px: int
    height_px: int
    marks: tuple[tuple[float, float, float, float], ...]
    etag: str


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
        reply = await self._ask({"do": "read", "first": first, "count": count}, Pages)
        pages = [page.page() for page in reply.pages]
        if [page.number for page in pages] != list(range(first, min(first + count, self.pages_total + 1))):
            raise odd_reply("other pages than those that were asked for")
        return pages

    async def image(self, number: int, width_px: int, quote: str, words: str = "") -> PageImage:
        """Draw the page, 1-based, and mark where the quote stands, by `words` that were read from it."""
        request: dict[str, object] = {"do": "draw_page", "number": number, "width_px": width_px}
        request |= {"quote": quote, "words": words}
        return _image(await self._ask(request, Image))

    async def layer(self, number: int, quote: str, words: str = "") -> PageLayer:
        """Return what is laid over the image of the page, as image() draws and marks it."""
        request: dict[str, object] = {"do": "layer_of_page", "number": number, "quote": quote, "words": words}
        return (await self._ask(request, Layer)).layer()

    async def outline(self) -> list[tuple[int, str, int]]:
        """Return level, title and page of a PDF's bookmarks, in order."""
        reply = await self._ask({"do": "outline"}, Outline)
        return [(one.level, one.title, one.page) for one in reply.items if 1 <= one.page <= self.pages_total]

    async def page_with(self, words: str) -> int | None:
        """Return the first page of a PDF that holds the words, or most of them."""
        return (await self._ask({"do": "find_page", "words": words}, Found)).page

    async def scan(self, number: int) -> Scan:
        """Return the page as a gray picture, as `child_scans.of_page` makes it, or a problem instead."""
        return await self._ask({"do": "scan", "number": number}, Scan)

    async def members(self, number: int) -> list[Member]:
        """Return the members of an archive that a unit lists."""
        return list((await self._ask({"do": "members", "number": number}, Members)).members)

    async def pieces(self, member: Member) -> AsyncIterator[bytes]:
        """Yield the bytes of an archive's member. Raises: BadDocument(corrupt) when they are damaged."""
        while True:
            request: dict[str, object] = {"do": "piece", "member": member.index, "size": _PIECE_BYTES}
            reply = await self._ask(request, Piece)
            if reply.problem_:
                raise BadDocument("The file is damaged inside of the archive.", code="corrupt")
            if not reply.data:
                return
            yield reply.data

    async def _ask(self, request: dict[str, object], reply: type[R]) -> R:
        async with self._turn:
            try:
                return await self._child.ask(request, reply)
            except BaseException:
                await self._child.end()  # a cancelled or failed call leaves half a frame in the pipe
                raise


class Sandbox:
    """Opens documents in parser children, and draws pages there."""

    def __init__(self, settings: ParserSettings, *, max_pages: int, script: Path = SCRIPT) -> None:
        self._pool = ChildPool(settings, max_pages=max_pages, script=script, kind="parser")

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids of all children."""
        return self._pool.pids

    @property
    def restarts(self) -> int:
        """Return how many children were ended because of a failure."""
        return self._pool.restarts

    async def warm(self) -> None:
        """Start a child, so that the first document does not wait for its imports."""
        await self._pool.warm()

    async def release_idle(self) -> None:
        """End the children that wait for work; the next document starts one."""
        await self._pool.release_idle()

    async def aclose(self) -> None:
        """End every child; whoever still reads gets Unavailable."""
        await self._pool.aclose()

    @asynccontextmanager
    async def open(self, path: Path, media_type: str) -> AsyncIterator[ParsedDocument]:
        """Open the document for the block; wait while all children are busy.

        Raises:
            BadDocument: the file cannot be read.
            ParserDied: a child died over it.
            Unavailable: no child could be started.
        """
        async with self._pool.borrowed() as child:
            descriptor = await anyio.to_thread.run_sync(_opened, path)
            try:
                reply = await child.ask({"do": "open", "media_type": media_type}, Opened, handed=descriptor)
            finally:
                os.close(descriptor)
            yield ParsedDocument(child, reply.pages_total, charset=reply.charset, losses=reply.losses)

    async def text_image(self, page: Page, title: str, width_px: int, quote: str) -> PageImage:
        """Draw a part of a text, under a title, that no file holds as a page; raises as open() does."""
        request = {"do": "draw_text", **_drawable(page, title), "width_px": width_px, "quote": quote}
        async with self._pool.borrowed() as child:
            return _image(await child.ask(request, Image))

    async def text_layer(self, page: Page, title: str, quote: str) -> PageLayer:
        """Return what is laid over what text_image() draws."""
        request = {"do": "layer_of_text", **_drawable(page, title), "quote": quote}
        async with self._pool.borrowed() as child:
            return (await child.ask(request, Layer)).layer()


def _drawable(page: Page, title: str) -> dict[str, object]:
    blocks: list[dict[str, object]] = [
        {"kind": one.kind, "start": one.start, "end": one.end, "level": one.level}
        | {"header": one.header, "head_lines": one.head_lines, "rows": one.rows}
        for one in page.blocks
    ]
    return {"text": page.text, "blocks": blocks, "title": title}


def _opened(path: Path) -> int:
    """Return the file, open to be read. Raises: BadDocument(corrupt)."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise BadDocument(f"The file cannot be opened: {error.strerror}.", code="corrupt") from error


def _image(reply: Image) -> PageImage:
    etag = hashlib.sha256(reply.png).hexdigest()[:32]
    return PageImage(reply.png, reply.width_px, reply.height_px, reply.boxes, etag)
