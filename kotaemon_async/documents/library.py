"""What people do with documents: hand them in, list them, start them anew, cancel, delete."""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio import to_thread
from loguru import logger

from kotaemon_async.documents.changes import EventPoller
from kotaemon_async.documents.parsing.formats import ZIP, sniff
from kotaemon_async.documents.quota import Quota
from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.domain.model import FINAL_STATUSES, Document, new_id
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.capacity import Shortage, shown
from kotaemon_async.stores.blobs import Blobs, Incoming
from kotaemon_async.stores.documents import ListQuery, NewDocument, Origin
from kotaemon_async.stores.idempotency import KeptReply, KeyUse, Reservation
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.watched import Taken
from kotaemon_async.telemetry.traces import TraceContext


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who hands a file in and where it was: `path` in a folder or archive, cleaned; `taken` a followed file.

    Archives that come out of `archive` are refused when it is the `is_innermost` one.
    """

    caller: Caller
    path: str = ""
    taken: Taken | None = None
    archive: Document | None = None
    is_innermost: bool = False

    @property
    def origin(self) -> Origin:
        """Return which way it came."""
        return "folder" if self.taken is not None else "upload" if self.archive is None else "archive"


class Library:
    """Accepts documents durably and keeps ledger and blobs together; callers see and change what is theirs.

    `enqueue` is the wake-up: it says that there is work, and may be lost without harm. While `shortage` names
    something, documents that cannot go on without it are shown as waiting for it.
    """

    def __init__(  # noqa: PLR0913
        self,
        ledger: Ledger,
        blobs: Blobs,
        *,
        enqueue: Callable[[], None],
        clock: Callable[[], float],
        max_attempts: int,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        shortage: Callable[[], Shortage | None] = lambda: None,
        quota: Quota | None = None,
    ) -> None:
        self._ledger = ledger
        self._quota = quota or Quota()
        self._access = ledger.access
        self._blobs = blobs
        self._enqueue = enqueue
        self._clock = clock
        self._max_attempts = max_attempts
        self._shortage = shortage
        self._poller = EventPoller(ledger.access.events, sleep=sleep)

    def incoming(self) -> AbstractAsyncContextManager[Incoming]:
        """Return a file to write to; what is not accepted before the block ends is removed."""
        return self._blobs.incoming()

    async def check_coming(self, caller: Caller, collection: str | None, coming_bytes: int) -> None:
        """Check that a file of about that size may be put into the collection; None when it is not told yet.

        Raises: Refused: the caller may not write there, or `quota_exceeded` when the one whom it belongs to
            has too much already.
        """
        if collection is not None:
            await self._access.check_place(caller, collection)
        await self._quota.check(self._ledger.usage, caller, collection, coming_bytes)

    async def check_key(self, caller: Caller, key: str) -> None:
        """Raise Refused `key_in_use` while a request of his with this Idempotency-Key runs."""
        await self._ledger.idempotency.kept_reply(_own_key(caller, key), self._clock())

    @asynccontextmanager
    async def reserved(
        self, caller: Caller, key: str | None
    ) -> AsyncIterator[Reservation | KeptReply | None]:
        """Reserve the caller's key for the block, which frees it on failure, or yield its kept reply.

        Raises: Refused `key_in_use`.
        """
        found = None
        if key is not None:
            found = await self._ledger.idempotency.reserve(_own_key(caller, key), self._clock())
        try:
            yield found
        except BaseException:
            if isinstance(found, Reservation):
                with anyio.CancelScope(shield=True):
                    await self._release(found)
            raise

    async def _release(self, reservation: Reservation) -> None:
        try:
            await self._ledger.idempotency.release(reservation)
        except Unavailable as error:
            # It is taken over in a while; what made the upload fail is what its sender has to hear.
            logger.bind(code=error.code).warning("key_not_released")

    async def accept(
        self,
        incoming: Incoming,
        *,
        name: str,
        collection: str,
        trace: TraceContext,
        key: Reservation | KeptReply | None = None,
        arrival: Arrival,
    ) -> tuple[Document, bool]:
        """Return the durable document and whether it is new; False means the same bytes are there already.

        With a kept reply nothing is accepted: it is what was replied before.

        Raises:
            Refused: the caller may not write in such a collection, the kind of file is not one we take, or it
                is `key_reused`, or the owner's `quota_exceeded`.
            BadDocument: the file is empty or protected.
        """
        caller = arrival.caller
        fingerprint = _fingerprint(incoming.sha256, name, collection, arrival.path)
        if isinstance(key, KeptReply):
            await self._access.collection(caller, key.document.collection, write=True)
            document, is_new = _replayed(key, fingerprint)
            return await self._access.shown(caller, document), is_new
        await self._access.check_place(caller, collection)
        await self._quota.check(self._ledger.usage, caller, collection, incoming.size_bytes, incoming.sha256)
        new = NewDocument(
            caller=caller,
            id=new_id("doc", self._clock()),
            name=name,
            media_type=await _kind_of(incoming, name, arrival),
            size_bytes=incoming.size_bytes,
            sha256=incoming.sha256,
            collection=collection,
            max_attempts=self._max_attempts,
            trace_id=trace.trace_id,
            traceparent=trace.traceparent,
            path=arrival.path,
            parent_id=None if arrival.archive is None else arrival.archive.id,
            origin=arrival.origin,
            user_id=caller.logged_as if arrival.archive is None else arrival.archive.user_id,
        )
        use = None if key is None else KeyUse(key, fingerprint)
        document, is_new = await self._committed(incoming, new, use, arrival)
        if is_new:
            self._enqueue()
            logger.bind(doc_id=document.id, size_bytes=document.size_bytes).info("document_accepted")
        return await self._access.shown(caller, document), is_new

    async def _committed(
        self, incoming: Incoming, new: NewDocument, use: KeyUse | None, arrival: Arrival
    ) -> tuple[Document, bool]:
        """Return the document once its file and its row will outlast a crash, and whether it is new."""
        faults.hit("library.before_accept")
        await incoming.sync()
        with anyio.CancelScope(shield=True):
            async with self._blobs.turn():
                await self._blobs.keep(incoming)
                document, is_new = await self._ledger.documents.accept(
                    new, self._clock(), key=use, taken=arrival.taken
                )
        faults.hit("library.after_accept")
        return document, is_new

    async def get(self, caller: Caller, document_id: str) -> Document:
        """Return the document. Raises: Refused `not_found`."""
        return self._shown(await self._access.document(caller, document_id))

    async def page_of(self, caller: Caller, query: ListQuery) -> tuple[list[Document], str | None]:
        """Return one page of documents, newest first, and the cursor of the next."""
        found, following = await self._access.page(caller, query)
        shortage = self._shortage()
        return [shown(document, shortage) for document in found], following

    async def retry(self, caller: Caller, document_id: str, *, force: bool = False) -> Document:
        """Queue the document from its first page and return it; its old text can be found until it is ready.

        Raises: Refused when it is not failed or cancelled, unless it is forced.
        """
        await self._access.document(caller, document_id, write=True)
        document = await self._ledger.documents.start_anew(document_id, self._clock(), force=force)
        faults.hit("library.after_retry")
        self._enqueue()
        logger.bind(doc_id=document_id, force=force).info("document_retried")
        return self._shown(await self._access.shown(caller, document))

    async def retry_failed(self, caller: Caller, collection: str | None) -> int:
        """Queue failed documents again, of one collection or of all that he may write in; return how many."""
        names = await self._access.writable(caller, collection)
        retried = await self._ledger.documents.start_all_anew(names, self._clock())
        self._enqueue()
        logger.bind(documents=retried).info("documents_retried")
        return retried

    async def cancel(self, caller: Caller, document_id: str) -> Document:
        """Cancel the document and return it, ready as before if it was read anew; its worker writes no more.

        Raises: Refused when it is final already.
        """
        await self._access.document(caller, document_id, write=True)
        document = await self._ledger.documents.cancel(document_id, self._clock())
        faults.hit("library.after_cancel")
        self._enqueue()
        logger.bind(doc_id=document_id).info("document_cancelled")
        return await self._access.shown(caller, document)

    async def delete(self, caller: Caller, document_id: str) -> None:
        """Delete the document, its contents and its file."""
        await self._access.document(caller, document_id, write=True)
        with anyio.CancelScope(shield=True):
            async with self._blobs.turn():
                unused = await self._ledger.documents.delete(document_id)
                faults.hit("library.after_delete_rows")
                if unused is not None:
                    await self._blobs.remove(unused)
        self._enqueue()
        logger.bind(doc_id=document_id).info("document_deleted")

    async def move(self, caller: Caller, document_id: str, collection: str) -> Document:
        """Move the document to the collection and return it. Raises: Refused."""
        document = await self._access.document(caller, document_id, write=True)
        if document.collection != collection:
            await self._quota.check(
                *(self._ledger.usage, caller, collection, document.size_bytes, document.sha256)
            )
        await self._ledger.documents.move(caller, document_id, collection, self._clock())
        self._enqueue()
        logger.bind(doc_id=document_id).info("document_moved")
        return await self.get(caller, document_id)

    async def content(self, caller: Caller, document_id: str) -> tuple[Document, Path]:
        """Return the document and where its file lies."""
        document = await self._access.document(caller, document_id)
        return document, self._blobs.path(document.sha256)

    async def watch(
        self, caller: Caller, document_id: str, after: int = 0
    ) -> AsyncIterator[tuple[int, Document]]:
        """Yield every state after event `after` with its number, the final one last.

        Raises: Refused, also when the caller may not see it any more.
        """
        number, document = await self._access.versioned(caller, document_id)
        # A greater number comes from another ledger, or from nowhere.
        seen = after if after <= number else 0
        last = document
        with self._poller.watching(caller, document_id):
            while True:
                state = self._shown(document)
                if number > seen or state != last:
                    yield number, state
                seen, last = number, state
                if document.status in FINAL_STATUSES:
                    return
                unchanged = True
                while unchanged:
                    await self._poller.poll()
                    unchanged = self._poller.last_event(caller, document_id) == number
                    unchanged = unchanged and self._shown(document) == last
                number, document = await self._access.versioned(caller, document_id)

    def _shown(self, document: Document) -> Document:
        return shown(document, self._shortage())


async def _kind_of(incoming: Incoming, name: str, arrival: Arrival) -> str:
    """Return the media type. Raises: Refused(unsupported_format), BadDocument(empty | encrypted)."""
    media_type = await to_thread.run_sync(sniff, incoming.head, name, await incoming.written())
    if media_type == ZIP and arrival.is_innermost:
        raise Refused(
            "The archive lies too deep in others.",
            code="unsupported_format",
            hint="Unpack it and hand in what is in it.",
        )
    return media_type


def _own_key(caller: Caller, key: str) -> str:
    """Return what a caller's Idempotency-Key is kept as: each user has his own."""
    return f"{caller.user}\n{key}" if caller.user else key


def _fingerprint(sha256: str, name: str, collection: str, path: str) -> str:
    """Return the same for the same file under the same name and path in the same collection."""
    told = [sha256, name, collection] + ([path] if path else [])
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _replayed(kept: KeptReply, fingerprint: str) -> tuple[Document, bool]:
    if kept.fingerprint != fingerprint:
        raise Refused("This Idempotency-Key was used for another upload.", code="key_reused")
    return kept.document, kept.is_new
