"""What people do with documents: hand them in, list them, start them anew, cancel, delete."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
from loguru import logger

from kotaemon_async.errors import Refused
from kotaemon_async.model import FINAL_STATUSES, Document, new_id
from kotaemon_async.parsing.formats import sniff
from kotaemon_async.stores.blobs import Blobs, Incoming
from kotaemon_async.stores.documents import ListQuery, NewDocument
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.traces import TraceContext

_COLLECTION = re.compile(r"[\w][\w .-]{0,99}")
WATCH_EVERY_S = 0.2


class Library:
    """Accepts documents durably and keeps ledger and blobs together.

    `enqueue` is the bell: it says that there is work, and may be lost without harm.
    """

    def __init__(
        self,
        ledger: Ledger,
        blobs: Blobs,
        *,
        enqueue: Callable[[], None],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        max_attempts: int = 6,
    ) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._enqueue = enqueue
        self._clock = clock
        self._sleep = sleep
        self._max_attempts = max_attempts
        # A blob and the rows that use it change together.
        self._blob_lock = anyio.Lock()

    def incoming(self) -> AbstractAsyncContextManager[Incoming]:
        """A file to write to; what is not accepted before the block ends is removed."""
        return self._blobs.incoming()

    async def accept(
        self, incoming: Incoming, *, name: str, collection: str, trace: TraceContext
    ) -> tuple[Document, bool]:
        """The durable document and whether it is new work; False means that the same bytes are there already.

        Raises:
            Refused: the collection's name or the kind of file is not one we take.
            BadDocument: the file is empty.
        """
        if not _COLLECTION.fullmatch(collection):
            raise Refused(
                "A collection's name has 1 to 100 letters, digits, spaces, dots, dashes or underscores."
            )
        media_type = sniff(incoming.head, name)
        new = NewDocument(
            id=new_id("doc", self._clock()),
            name=name,
            media_type=media_type,
            size_bytes=incoming.size_bytes,
            sha256=incoming.sha256,
            collection=collection,
            max_attempts=self._max_attempts,
            trace_id=trace.trace_id,
            traceparent=trace.traceparent,
        )
        with anyio.CancelScope(shield=True):
            async with self._blob_lock:
                await self._blobs.keep(incoming)
                document, is_new = await self._ledger.accept(new, self._clock())
        if is_new:
            self._enqueue()
            logger.bind(doc_id=document.id, size_bytes=document.size_bytes).info("document_accepted")
        return document, is_new

    async def get(self, document_id: str) -> Document:
        """The document; raises Refused `not_found`."""
        return await self._ledger.get(document_id)

    async def page_of(self, query: ListQuery) -> tuple[list[Document], str | None]:
        """One page of documents, newest first, and the cursor of the next."""
        return await self._ledger.page_of(query)

    async def retry(self, document_id: str) -> Document:
        """The document, queued from its first page; raises Refused when it is not failed or cancelled."""
        document = await self._ledger.start_anew(document_id, self._clock())
        self._enqueue()
        logger.bind(doc_id=document_id).info("document_retried")
        return document

    async def cancel(self, document_id: str) -> Document:
        """The document, cancelled; its worker notices at its next step and writes nothing more."""
        document = await self._ledger.cancel(document_id, self._clock())
        self._enqueue()
        logger.bind(doc_id=document_id).info("document_cancelled")
        return document

    async def delete(self, document_id: str) -> None:
        """The document, its contents and its file are gone."""
        with anyio.CancelScope(shield=True):
            async with self._blob_lock:
                unused = await self._ledger.delete(document_id)
                if unused is not None:
                    await self._blobs.remove(unused)
        self._enqueue()
        logger.bind(doc_id=document_id).info("document_deleted")

    async def content(self, document_id: str) -> tuple[Document, Path]:
        """The document and where its file lies."""
        document = await self._ledger.get(document_id)
        return document, self._blobs.path(document.sha256)

    async def watch(self, document_id: str, after: int = 0) -> AsyncIterator[tuple[int, Document]]:
        """Every state after event `after`, with its number, until a final one; raises Refused `not_found`."""
        seen = after
        while True:
            number, document = await self._ledger.versioned(document_id)
            if number > seen:
                seen = number
                yield number, document
            if document.status in FINAL_STATUSES:
                return
            await self._sleep(WATCH_EVERY_S)
