"""Children of one kind: started when they are needed, used again, killed after any failure."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.documents.parsing.process import ParserChild
from kotaemon_async.documents.parsing.replies import Closed
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import KotaemonError, Unavailable
from kotaemon_async.telemetry import metrics

_CLOSE_S: Final = 5.0


class ChildPool:
    """Lends children, `settings.children` at once; `kind` is what metrics call them."""

    def __init__(self, settings: ParserSettings, *, max_pages: int, script: Path, kind: str) -> None:
        self._settings = settings
        self._max_pages = max_pages
        self._script = script
        self._kind = kind
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
    async def borrowed(self) -> AsyncIterator[ParserChild]:
        """Lend a child to the block; wait while all are busy. It is thrown away when the block fails."""
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
                reply = await child.ask({"do": "close"}, Closed)
        except (KotaemonError, TimeoutError):
            self._count_restart()
            await self._discard(child)
        else:
            child.resident_bytes = reply.resident_bytes
            await self._return_child(child)

    def _count_restart(self) -> None:
        self.restarts += 1
        metrics.CHILD_RESTARTS.labels(child=self._kind).inc()

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
