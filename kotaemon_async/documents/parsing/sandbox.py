"""Documents read in killable children: a file can hang, crash or eat memory there, and only there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.documents.parsing.drawing import Drawn, drawn_of
from kotaemon_async.documents.parsing.process import SCRIPT, Child, ParserDied
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import KotaemonError, Unavailable
from kotaemon_async.domain.model import Page
from kotaemon_async.telemetry import metrics

__all__ = ["ParsedDocument", "ParserDied", "Sandbox"]

_CLOSE_S: Final = 5.0


class ParsedDocument:
    """An open document: its number of pages and their texts, 1-based."""

    def __init__(self, child: Child, pages_total: int) -> None:
        self._child = child
        self._turn = anyio.Lock()
        self.pages_total = pages_total

    async def read(self, first: int, count: int) -> list[Page]:
        """Up to `count` pages from page `first` on; a page without text has the text ""."""
        async with self._turn:
            try:
                reply = await self._child.ask({"do": "read", "first": first, "count": count})
            except BaseException:
                await self._child.end()  # a cancelled or failed call leaves half a frame in the pipe
                raise
        return [Page(number, text) for number, text in reply["pages"]]

    async def picture(self, number: int, width_px: int, quote: str) -> Drawn:
        """A picture of the page, 1-based, with the quote marked where it stands."""
        request = {"do": "picture", "number": number, "width_px": width_px, "quote": quote}
        async with self._turn:
            try:
                return drawn_of(await self._child.ask(request))
            except BaseException:
                await self._child.end()
                raise


class Sandbox:
    """The parser children: started when they are needed, used again, killed after any failure."""

    def __init__(self, settings: ParserSettings, *, max_pages: int, script: Path = SCRIPT) -> None:
        self._settings = settings
        self._max_pages = max_pages
        self._script = script
        self._limiter = anyio.CapacityLimiter(settings.children)
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._closed = False
        #: Children that were ended because of a failure, for the metrics.
        self.restarts = 0

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of all children."""
        return tuple(child.pid for child in (*self._idle, *self._busy))

    async def warm(self) -> None:
        """One child starts importing now, so that the first document does not wait for it."""
        if not self._idle and not self._closed:
            self._idle.append(await self._start())

    async def release_idle(self) -> None:
        """Children that wait for work are ended; the next document starts one."""
        idle, self._idle = self._idle, []
        for child in idle:
            await child.end()

    @asynccontextmanager
    async def open(self, path: Path, media_type: str) -> AsyncIterator[ParsedDocument]:
        """The document, as long as the block lasts; waits while all children are busy.

        Raises BadDocument for a file that cannot be read, ParserDied for a child that died over it and
        Unavailable for one that could not start.
        """
        async with self._borrowed() as child:
            reply = await child.ask(_request(path, media_type))
            yield ParsedDocument(child, reply["pages_total"])

    async def sketch(self, text: str, width_px: int, quote: str) -> Drawn:
        """A picture of a page of text that no file holds as one; raises as open() does."""
        request = {"do": "sketch", "text": text, "width_px": width_px, "quote": quote}
        async with self._borrowed() as child:
            return drawn_of(await child.ask(request))

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Child]:
        """A child for the block; it is thrown away when the block fails."""
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
        """Ends every child; whoever still reads gets Unavailable."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            for child in (*self._idle, *self._busy):
                await child.end()
            self._idle.clear()

    async def _take(self) -> Child:
        if self._closed:
            raise Unavailable("The parsers are stopped.", code="shutting_down")
        child = await self._idle_one() or await self._start()
        child.documents += 1
        self._busy.add(child)
        return child

    async def _idle_one(self) -> Child | None:
        """A child that waits for work; one that died while it did is no document's fault."""
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            await child.end()
        return None

    async def _start(self) -> Child:
        with anyio.CancelScope(shield=True):  # milliseconds; cancelled half-way, nobody would own the process
            child = await Child.start(self._settings, self._max_pages, self._script)
        if self._closed:
            await child.end()
            raise Unavailable("The parsers are stopped.", code="shutting_down")
        return child

    async def _close(self, child: Child) -> None:
        """The child is idle again, or replaced when it cannot close its document, which is read by now."""
        try:
            with anyio.fail_after(_CLOSE_S):
                reply = await child.ask({"do": "close"})
        except (KotaemonError, TimeoutError):
            self._count_restart()
            await self._discard(child)
        else:
            child.resident_bytes = reply["resident_bytes"]
            await self._give_back(child)

    def _count_restart(self) -> None:
        self.restarts += 1
        metrics.CHILD_RESTARTS.labels(child="parser").inc()

    async def _give_back(self, child: Child) -> None:
        is_old = child.documents >= self._settings.max_documents
        worn_out = is_old or child.resident_bytes > self._settings.recycle_bytes
        if worn_out or self._closed:
            await self._discard(child)
        else:
            self._busy.discard(child)
            self._idle.append(child)

    async def _discard(self, child: Child) -> None:
        await child.end()
        self._busy.discard(child)


def _request(path: Path, media_type: str) -> dict[str, object]:
    return {"do": "open", "path": str(path.absolute()), "media_type": media_type}
