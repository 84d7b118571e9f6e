"""From an accepted file to committed pages: claim, parse, chunk, embed, checkpoint, hand over."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from loguru import logger

from kotaemon_async.documents.chunking import CHUNKING_VERSION, split_page
from kotaemon_async.documents.heartbeat import Watch
from kotaemon_async.documents.outcomes import Outcomes, cause_of
from kotaemon_async.documents.parsing.sandbox import ParsedDocument, Sandbox
from kotaemon_async.documents.settings import IngestSettings
from kotaemon_async.domain.errors import BadDocument, Unavailable
from kotaemon_async.domain.model import Chunk, Page
from kotaemon_async.domain.text import segment
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.capacity import InsufficientStorage
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.claims import Batch, Claim
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.traces import event, past_span, span

#: Documents with which so many workers died are read one at a time.
SUSPECT_LOSSES: Final = 2


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch of pages, cut and segmented, that still lacks its vectors."""

    pages: list[Page]
    chunks: list[Chunk]
    terms: list[str]


@dataclass(frozen=True, slots=True)
class _Desk:
    """An open document with the claim on it."""

    claim: Claim
    watch: Watch
    parsed: ParsedDocument


class Ingest:
    """Works on one document at a time for each call of run(); safe to run on many workers.

    `may_work` says whether the disk has room for more, `may_start` whether another document may begin.
    """

    def __init__(  # noqa: PLR0913
        self,
        ledger: Ledger,
        blobs: Blobs,
        sandbox: Sandbox,
        embedder: Embedder,
        *,
        owner: str,
        on_step: Callable[[], None],
        settings: IngestSettings,
        may_work: Callable[[], bool] = lambda: True,
        may_start: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._sandbox = sandbox
        self._embedder = embedder
        self._recipe = recipe_of(embedder)
        self._owner = owner
        self._on_step = on_step
        self._settings = settings
        self._may_work = may_work
        self._may_start = may_start
        self._clock = clock
        self._sleep = sleep
        self._outcomes = Outcomes(ledger, settings, may_work=may_work, clock=clock, sleep=sleep)
        self._suspect = anyio.Lock()
        self._stopping = False
        self.active = 0

    def stop(self) -> None:
        """Running documents go back into the queue after their next checkpoint."""
        self._stopping = True

    async def run(self, document_id: str) -> None:
        """The document is as far as it gets now: followed by the index, failed, or waiting in the ledger."""
        if self._stopping or not (self._may_work() and self._may_start()):
            return
        claim = await self._claim(document_id)
        if claim is None:
            return
        self.active += 1
        attempt, pages_done = claim.document.attempt, claim.document.pages_done
        with (
            logger.contextualize(doc_id=document_id),
            span("ingest", doc_id=document_id, attempt=attempt, pages_done=pages_done),
        ):
            _tell_again(claim)
            try:
                await self._try(claim)
            except anyio.get_cancelled_exc_class():
                await self._outcomes.give_back(claim)
                raise
            finally:
                self.active -= 1
                self._on_step()

    async def _claim(self, document_id: str) -> Claim | None:
        try:
            claim = await self._ledger.claims.claim(
                document_id, self._owner, self._clock(), self._settings.lease_s, recipe=self._recipe
            )
        except Unavailable as error:
            logger.bind(doc_id=document_id, code=error.code).warning("document_not_claimed")
            return None
        if claim is not None and claim.recovered:
            metrics.LEASE_RECOVERIES.inc()
            document = claim.document
            log = logger.bind(doc_id=document_id, pages_done=document.pages_done, lost=document.attempts.lost)
            log.info("document_recovered")
        if claim is not None and claim.waited_since_s is not None:
            past_span("queue wait", claim.waited_since_s, self._clock(), doc_id=document_id)
        return claim

    async def _try(self, claim: Claim) -> None:
        try:
            faults.hit("ingest.after_claim")
            await self._work(claim)
        except Exception as error:
            cause = cause_of(error)
            if self._stopping and isinstance(cause, Unavailable):
                await self._outcomes.give_back(claim)  # whatever it was, it may be the stop itself
            else:
                await self._outcomes.settle(claim, cause)

    async def _work(self, claim: Claim) -> None:
        lost = claim.document.attempts.lost
        if lost > self._settings.max_losses:
            raise BadDocument(f"The service died {lost} times over this file.", code="parser_limit")
        if lost < SUSPECT_LOSSES:
            await self._read_all(claim)
            return
        # Whichever of them takes the service down, the others shall not be blamed for it.
        try:
            self._suspect.acquire_nowait()
        except anyio.WouldBlock:
            await self._outcomes.postpone(claim)
            return
        try:
            await self._read_all(claim)
        finally:
            self._suspect.release()

    async def _read_all(self, claim: Claim) -> None:
        watch = Watch(self._ledger, claim, self._settings.lease_s, clock=self._clock, sleep=self._sleep)
        async with watch.kept(), AsyncExitStack() as stack:
            opening = self._sandbox.open(self._blobs.path(claim.document.sha256), claim.document.media_type)
            with span("open"), watch.waiting("parser"):
                parsed = await stack.enter_async_context(opening)
            if claim.document.pages_total != parsed.pages_total:
                await self._ledger.claims.set_pages_total(claim, parsed.pages_total, self._clock())
            is_finished = await self._batches(_Desk(claim, watch, parsed))
        if not is_finished:
            await self._outcomes.give_back(claim)
            return
        if (await self._ledger.documents.get(claim.document.id)).chunks_done == 0:
            raise BadDocument("No page of the file holds text.", code="no_text")
        faults.hit("ingest.before_indexing")
        await self._ledger.claims.to_indexing(claim, self._clock())
        logger.bind(pages=parsed.pages_total).info("document_embedded")

    async def _batches(self, desk: _Desk) -> bool:
        """True when the last page is committed; the next batch is parsed while one is embedded."""
        send, receive = anyio.create_memory_object_stream[_Prepared | Exception](1)
        async with anyio.create_task_group() as group, receive:
            group.start_soon(self._prepare, desk, send)
            while (prepared := await _next(receive, desk.watch)) is not None:
                await self._commit(desk, prepared)
                if self._stopping:
                    group.cancel_scope.cancel()
                    return prepared.pages[-1].number == desk.parsed.pages_total
        return True

    async def _prepare(self, desk: _Desk, send: MemoryObjectSendStream[_Prepared | Exception]) -> None:
        """Sends every batch that is still to be done, and a failure in its turn: what came before counts."""
        pages_total = desk.parsed.pages_total
        async with send:
            try:
                for first in range(
                    desk.claim.document.pages_done + 1, pages_total + 1, self._settings.batch_pages
                ):
                    await send.send(await self._read(desk.parsed, first))
            except Exception as error:
                await send.send(error)

    async def _read(self, parsed: ParsedDocument, first: int) -> _Prepared:
        self._require_room()
        with metrics.INGEST_STAGE_DURATION.labels(stage="parsing").time(), span("parse", first_page=first):
            pages = await parsed.read(first, min(self._settings.batch_pages, parsed.pages_total - first + 1))
            return await to_thread.run_sync(_cut, pages, abandon_on_cancel=True)

    async def _commit(self, desk: _Desk, prepared: _Prepared) -> None:
        with (
            metrics.INGEST_STAGE_DURATION.labels(stage="embedding").time(),
            span("embed", chunks=len(prepared.chunks)),
            desk.watch.waiting("embedder"),
        ):
            vectors = await self._embedder.embed_passages([chunk.text for chunk in prepared.chunks])
        pages_total = desk.parsed.pages_total
        batch = Batch(
            prepared.pages, prepared.chunks, vectors, prepared.terms, pages_total, self._embedder.name
        )
        self._require_room()
        faults.hit("ingest.before_commit")
        with span("commit", pages=len(batch.pages), chunks=len(batch.chunks)):
            done = await self._ledger.claims.commit_batch(desk.claim, batch, self._clock())
        faults.hit("ingest.after_commit")
        metrics.INGEST_PAGES.inc(len(batch.pages))
        logger.bind(
            first_page=batch.pages[0].number,
            pages=len(batch.pages),
            chunks=len(batch.chunks),
            pages_done=done,
        ).info("batch_committed")
        self._on_step()

    def _require_room(self) -> None:
        if not self._may_work():
            raise InsufficientStorage("The data disk is too full to go on.")


def _tell_again(claim: Claim) -> None:
    """Notes that this is not the first try, and why."""
    document = claim.document
    if claim.recovered:
        event("recovered", lost=document.attempts.lost, pages_done=document.pages_done)
    elif document.attempt > 1:
        event("retry", attempt=document.attempt, pages_done=document.pages_done)


def recipe_of(embedder: Embedder) -> str:
    """What the chunks of a document depend on besides its pages; another recipe means to read it anew."""
    return f"{embedder.name}/{CHUNKING_VERSION}"


async def _next(receive: MemoryObjectReceiveStream[_Prepared | Exception], watch: Watch) -> _Prepared | None:
    """The next batch, or None after the last; raises what came instead."""
    with watch.waiting("parser"):
        try:
            prepared = await receive.receive()
        except anyio.EndOfStream:
            return None
    if isinstance(prepared, Exception):
        raise prepared
    return prepared


def _cut(pages: list[Page]) -> _Prepared:
    chunks = [chunk for page in pages for chunk in split_page(page)]
    return _Prepared(pages, chunks, [segment(chunk.text) for chunk in chunks])
