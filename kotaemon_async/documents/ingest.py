"""From an accepted file to committed pages: claim and keep it, parse, chunk, embed, checkpoint, hand over."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio
import numpy as np
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from loguru import logger
from numpy.typing import NDArray

from kotaemon_async.documents import warnings
from kotaemon_async.documents.archive import Unpacking
from kotaemon_async.documents.chunking import CHUNKING_VERSION, Chunker
from kotaemon_async.documents.library import Library
from kotaemon_async.documents.outcomes import Outcomes, cause_of
from kotaemon_async.documents.page_reader import PageReader
from kotaemon_async.documents.parsing.formats import ZIP
from kotaemon_async.documents.parsing.sandbox import ParsedDocument, Sandbox
from kotaemon_async.documents.recognition import Recognition
from kotaemon_async.documents.settings import IngestSettings
from kotaemon_async.domain.errors import BadDocument, Unavailable
from kotaemon_async.domain.index_terms import segment
from kotaemon_async.domain.model import Chunk, DocumentWarning, Page
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.capacity import InsufficientStorage
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.claims import Batch, Claim, Opened, StaleModel
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.traces import SpanKind, caused_by, continue_from, event, past_span, span

#: What a document's chunks depend on besides its pages; under another one it is read anew.
RECIPE: Final = str(CHUNKING_VERSION)
#: Documents with which so many workers died are read one at a time.
SUSPECT_LOSSES: Final = 2
#: How often the ledger is asked whether the claim still holds.
CONFIRM_EVERY_S: Final = 1.0
#: A wait that lasts longer is shown with the document.
SHOW_WAITING_AFTER_S: Final = 5.0
RENEWALS_PER_LEASE: Final = 6
#: Pages that are read from the ledger at once when work on a document goes on.
KNOWN_PAGES: Final = 64
#: From more batches than this on a document is long, and its first batches are small.
LONG_BATCHES: Final = 4


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch of pages, cut and segmented, that still lacks its vectors."""

    pages: list[Page]
    chunks: list[Chunk]
    terms: list[str]
    lost: tuple[DocumentWarning, ...] = ()


@dataclass(slots=True, eq=False)
class _Wait:
    """What the worker waits for at the moment, and for how long it has."""

    kind: str
    lasted_s: float = 0.0
    shown: bool = False


class LeaseHeartbeat:
    """Keeps one claim and shows long waits; a cancelled or deleted document ends its work in two beats."""

    def __init__(
        self,
        ledger: Ledger,
        claim: Claim,
        lease_s: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._claim = claim
        self._lease_s = lease_s
        self._clock = clock
        self._sleep = sleep
        self._waits: list[_Wait] = []
        self._renewed_s_ago = 0.0
        self._is_blind = False

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep the claim while the block runs, which ends with LeaseLost (in a group) when it is lost."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep)
            yield
            group.cancel_scope.cancel()

    @contextmanager
    def waiting(self, kind: str, *, otherwise: bool = False) -> Iterator[None]:
        """Let the document show `waiting_for` this kind when the block takes long.

        Of several the last one is shown; a wait `otherwise` only where there is no other.
        """
        wait = _Wait(kind)
        self._waits.insert(0 if otherwise else len(self._waits), wait)
        try:
            yield
        finally:
            self._waits.remove(wait)

    async def _keep(self) -> None:
        while True:
            await self._sleep(CONFIRM_EVERY_S)
            try:
                await self._beat()
                await self._show_waiting()
            except Unavailable as error:
                # Nobody can take the document over while the ledger is away; the work may still go well.
                if not self._is_blind:
                    logger.bind(code=error.code).warning("claim_not_confirmed")
                self._is_blind = True
            else:
                self._is_blind = False

    async def _beat(self) -> None:
        """Confirm the claim, by a renewal when one is due; raises LeaseLost."""
        self._renewed_s_ago += CONFIRM_EVERY_S
        if self._renewed_s_ago < self._lease_s / RENEWALS_PER_LEASE:
            await self._ledger.claims.confirm(self._claim)
            return
        await self._ledger.claims.renew(self._claim, self._clock(), self._lease_s)
        self._renewed_s_ago = 0.0

    async def _show_waiting(self) -> None:
        if not self._waits or (wait := self._waits[-1]).shown:
            return
        wait.lasted_s += CONFIRM_EVERY_S
        if wait.lasted_s >= SHOW_WAITING_AFTER_S:
            await self._ledger.claims.show_waiting(self._claim, wait.kind, self._clock())
            wait.shown = True
            event("waits", kind=wait.kind, wait_s=wait.lasted_s)


@dataclass(frozen=True, slots=True)
class IngestRun:
    """One claimed document while it is read."""

    claim: Claim
    heartbeat: LeaseHeartbeat
    parsed: ParsedDocument
    reader: PageReader


class Ingest:
    """Works on one document for each call of run(); safe to run on many workers.

    `recognition` reads pages that are pictures, where it is there. `embedder` is asked for each batch, as
    another model may have taken over; while somebody else has the lock `commits`, no batch is committed.
    `may_work` says whether the disk has room for more, `may_start` whether another document may begin.
    """

    def __init__(  # noqa: PLR0913
        self,
        ledger: Ledger,
        blobs: Blobs,
        sandbox: Sandbox,
        embedder: Callable[[], Embedder],
        *,
        library: Library,
        owner: str,
        on_step: Callable[[], None],
        settings: IngestSettings,
        recognition: Recognition | None = None,
        commits: anyio.Lock | None = None,
        may_work: Callable[[], bool] = lambda: True,
        may_start: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._sandbox = sandbox
        self._embedder = embedder
        self._library = library
        self._owner = owner
        self._on_step = on_step
        self._settings = settings
        self._recognition = recognition if recognition and recognition.is_available else None
        self._commits = commits or anyio.Lock()
        self._may_work = may_work
        self._may_start = may_start
        self._clock = clock
        self._sleep = sleep
        self._outcomes = Outcomes(ledger, settings, may_work=may_work, clock=clock, sleep=sleep)
        self._suspect = anyio.Lock()
        self._stopping = False
        self.active = 0

    def stop(self) -> None:
        """Let running documents go back into the queue after their next checkpoint."""
        self._stopping = True

    async def run(self, document_id: str) -> None:
        """Take the document as far as it gets now: to the index, failed, or waiting in the ledger."""
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
            _trace_retry(claim)
            try:
                await self._try(claim)
            except anyio.get_cancelled_exc_class():
                await self._outcomes.requeue(claim)
                raise
            finally:
                self.active -= 1
                self._on_step()

    async def _claim(self, document_id: str) -> Claim | None:
        try:
            claim = await self._ledger.claims.claim(
                document_id, self._owner, self._clock(), self._settings.lease_s, recipe=RECIPE
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
                await self._outcomes.requeue(claim)  # it may be the stop itself
            else:
                await self._outcomes.record(claim, cause)

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
        heartbeat = LeaseHeartbeat(
            self._ledger, claim, self._settings.lease_s, clock=self._clock, sleep=self._sleep
        )
        is_archive = claim.document.media_type == ZIP
        async with heartbeat.kept(), AsyncExitStack() as stack:
            opening = self._sandbox.open(self._blobs.path(claim.document.sha256), claim.document.media_type)
            with span("open"), heartbeat.waiting("parser"):
                parsed = await stack.enter_async_context(opening)
            opened = Opened(parsed.pages_total, parsed.charset, warnings.of_document(parsed.losses))
            if claim.document.pages_total != parsed.pages_total or opened.warnings or opened.charset:
                await self._ledger.claims.opened(claim, opened, self._clock())
            reader = PageReader(parsed, self._recognition, heartbeat.waiting, claim.document.media_type)
            run = IngestRun(claim, heartbeat, parsed, reader)
            is_finished = await (self._unpack(run) if is_archive else self._batches(run))
        if not is_finished:
            await self._outcomes.requeue(claim)
            return
        if not is_archive and (await self._ledger.documents.get(claim.document.id)).chunks_done == 0:
            raise reader.no_text()
        faults.hit("ingest.before_indexing")
        await self._ledger.claims.to_indexing(claim, self._clock())
        logger.bind(pages=parsed.pages_total).info("document_embedded")

    async def _unpack(self, run: IngestRun) -> bool:
        """Make documents of an archive's members, unit by unit; return whether the last is done."""
        unpacking = await Unpacking.of(self._ledger, self._library, run.claim.document, run.parsed)
        for number in range(run.claim.document.pages_done + 1, run.parsed.pages_total + 1):
            unpacked = await unpacking.unit(number, is_over=self._is_over)
            if unpacked is None:
                return False
            await self._commit(run, _Prepared([unpacked.page], [], [], unpacked.warnings))
        return True

    def _is_over(self) -> bool:
        """Return whether work shall stop here. Raises: InsufficientStorage."""
        self._require_capacity()
        return self._stopping

    async def _batches(self, run: IngestRun) -> bool:
        """Commit batches, one being parsed while another is embedded; return whether the last is done."""
        send, receive = anyio.create_memory_object_stream[_Prepared | Exception](1)
        async with anyio.create_task_group() as group, receive:
            group.start_soon(self._prepare, run, send)
            while (prepared := await _next(receive, run.heartbeat)) is not None:
                await self._commit(run, prepared)
                if self._stopping:
                    group.cancel_scope.cancel()
                    return prepared.pages[-1].number == run.parsed.pages_total
        return True

    async def _prepare(self, run: IngestRun, send: MemoryObjectSendStream[_Prepared | Exception]) -> None:
        """Send every batch that is still to be done, and a failure in its turn: what came before counts."""
        done, pages_total = run.claim.document.pages_done, run.parsed.pages_total
        async with send:
            try:
                cutter = await self._cutter(run.claim)
                while done < pages_total:
                    prepared = await self._read(run, done + 1, cutter)
                    done = prepared.pages[-1].number
                    await send.send(prepared)
            except Exception as error:
                await send.send(error)

    async def _cutter(self, claim: Claim) -> "_BatchCutter":
        """Return a cutter that knows the committed pages: their last sentence and section may go on."""
        done = claim.document.pages_done
        cutter = _BatchCutter(done)
        after = 0
        while after < done and (pages := await self._ledger.claims.pages(claim, after, KNOWN_PAGES)):
            await to_thread.run_sync(cutter.skip, pages)
            after = pages[-1].number
        return cutter

    async def _read(self, run: IngestRun, first: int, cutter: "_BatchCutter") -> _Prepared:
        """Return a batch; the page behind it is read as well, since a sentence may go on there.

        A page that is read from its picture takes seconds: the batch ends with the first one that it may.
        """
        self._require_capacity()
        total = run.parsed.pages_total
        last = first + self._batch_pages(first, total) - 1
        pages: list[Page] = []
        reached = first + cutter.held - 1
        while reached < min(last + 1, total):
            page, took_long = await run.reader.page(reached + 1, last + 1 - reached)
            pages.append(page)
            reached += 1
            if took_long and reached > first:
                last = reached - (reached < total)
        return await to_thread.run_sync(cutter.cut, pages, min(last, total), abandon_on_cancel=True)

    def _batch_pages(self, first: int, total: int) -> int:
        """Return how many pages a batch has: in a long document the first ones grow, to be found soon."""
        most = self._settings.batch_pages
        return min(most, first) if total > LONG_BATCHES * most else most

    async def _commit(self, run: IngestRun, prepared: _Prepared) -> None:
        batch = await self._embedded_batch(run, prepared)
        try:
            done = await self._written(run, batch)
        except StaleModel:
            batch = await self._embedded_batch(run, prepared)
            done = await self._written(run, batch)
        faults.hit("ingest.after_commit")
        metrics.INGEST_PAGES.inc(len(batch.pages))
        logger.bind(
            first_page=batch.pages[0].number,
            pages=len(batch.pages),
            chunks=len(batch.chunks),
            pages_done=done,
        ).info("batch_committed")
        self._on_step()

    async def _embedded_batch(self, run: IngestRun, prepared: _Prepared) -> Batch:
        with (
            metrics.INGEST_STAGE_DURATION.labels(stage="embedding").time(),
            span("embed", chunks=len(prepared.chunks)),
            run.heartbeat.waiting("embedder"),
        ):
            model, vectors = await self._embedded([chunk.text for chunk in prepared.chunks])
        pages_total = run.parsed.pages_total
        lost = (*prepared.lost, *warnings.of_pages(prepared.pages))
        found = (prepared.pages, prepared.chunks, vectors, prepared.terms)
        return Batch(*found, pages_total, model, lost, run.reader.lacks_ocr)

    async def _written(self, run: IngestRun, batch: Batch) -> int:
        """Commit the batch and return how many pages are done. Raises: StaleModel."""
        self._require_capacity()
        faults.hit("ingest.before_commit")
        with span("commit", pages=len(batch.pages), chunks=len(batch.chunks)):
            async with self._commits:
                return await self._ledger.claims.commit_batch(run.claim, batch, self._clock())

    async def _embedded(self, texts: Sequence[str]) -> tuple[str, NDArray[np.float32]]:
        """Return the model's name and a row for each text, all of one model. Raises: Unavailable."""
        embedder = self._embedder()
        while True:
            try:
                return embedder.name, await embedder.embed_passages(texts)
            except Unavailable:
                if (present := self._embedder()) is embedder:
                    raise
                embedder = present  # the former one was closed under these texts

    def _require_capacity(self) -> None:
        if not self._may_work():
            raise InsufficientStorage("The data disk is too full to go on.")


def _trace_retry(claim: Claim) -> None:
    """Note in the trace that this is not the first try, and why."""
    document = claim.document
    if claim.recovered:
        event("recovered", lost=document.attempts.lost, pages_done=document.pages_done)
    elif document.attempt > 1:
        event("retry", attempt=document.attempt, pages_done=document.pages_done)


async def _next(
    receive: MemoryObjectReceiveStream[_Prepared | Exception], heartbeat: LeaseHeartbeat
) -> _Prepared | None:
    """Return the next batch, or None after the last; raises what came instead."""
    with heartbeat.waiting("parser", otherwise=True):
        try:
            prepared = await receive.receive()
        except anyio.EndOfStream:
            return None
    if isinstance(prepared, Exception):
        raise prepared
    return prepared


class _BatchCutter:
    """Cuts batches of pages into chunks; `done` pages of the document are committed already."""

    def __init__(self, done: int) -> None:
        self._chunker = Chunker()
        self._pages: list[Page] = []
        self._done = done

    @property
    def held(self) -> int:
        """Return how many pages are known that no batch has taken."""
        return len(self._pages)

    def skip(self, pages: list[Page]) -> None:
        """Go over committed pages, in order."""
        for page in pages:
            self._chunker.feed(page)

    def cut(self, pages: list[Page], last: int) -> _Prepared:
        """Return the batch up to page `last`; `pages` reach one page further, or it is the document's end."""
        found = [chunk for page in pages for chunk in self._chunker.feed(page)]
        self._pages += pages
        if self._pages[-1].number == last:
            found += self._chunker.finish()
        batch = [page for page in self._pages if page.number <= last]
        self._pages = self._pages[len(batch) :]
        chunks = [chunk for chunk in found if chunk.page > self._done]
        return _Prepared(batch, chunks, [segment(chunk.text) for chunk in chunks])


async def ingest_document(
    context: dict[str, Any], document_id: str, traceparent: str, user_id: str = ""
) -> None:
    """Run as arq's job: the document is as far as it gets now, and the ledger knows what remains."""
    ingest: Ingest = context["ingest"]
    with (
        continue_from(traceparent),
        caused_by(user_id),
        span("job", kind=SpanKind.CONSUMER, doc_id=document_id, job_id=context["job_id"]),
        logger.contextualize(job_id=context["job_id"]),
    ):
        faults.hit("jobs.before_run")
        await ingest.run(document_id)
