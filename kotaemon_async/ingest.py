"""From an accepted file to committed pages: claim, parse, chunk, embed, checkpoint, hand over."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectSendStream
from loguru import logger

from kotaemon_async.chunking import CHUNKING_VERSION, split_page
from kotaemon_async.embedding import Embedder
from kotaemon_async.errors import BadDocument, KotaemonError, LeaseLost, Unavailable
from kotaemon_async.model import Chunk, Failure, Page
from kotaemon_async.parsing.sandbox import ParsedDocument, Sandbox
from kotaemon_async.resilience.backoff import backoff_s
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.claims import Batch, Claim
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.traces import span
from kotaemon_async.text import segment


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """How a worker divides its work and how patient it is."""

    batch_pages: int = 8
    max_crashes: int = 3
    max_losses: int = 10
    lease_s: float = 30.0
    renew_every_s: float = 5.0
    retry_base_s: float = 10.0
    retry_cap_s: float = 900.0


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A batch of pages, cut and segmented, that still lacks its vectors."""

    pages: list[Page]
    chunks: list[Chunk]
    terms: list[str]


class Ingest:
    """Works on one document at a time for each call of run(); safe to run on many workers."""

    def __init__(  # noqa: PLR0913
        self,
        ledger: Ledger,
        blobs: Blobs,
        sandbox: Sandbox,
        embedder: Embedder,
        *,
        owner: str,
        on_step: Callable[[], None],
        limits: IngestLimits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._sandbox = sandbox
        self._embedder = embedder
        self._recipe = recipe_of(embedder)
        self._owner = owner
        self._on_step = on_step
        self._limits = limits
        self._clock = clock
        self._stopping = False
        self.active = 0

    def stop(self) -> None:
        """Running documents go back into the queue after their next checkpoint."""
        self._stopping = True

    async def run(self, document_id: str) -> None:
        """The document is as far as it gets now: followed by the index, failed, or waiting in the ledger."""
        if self._stopping:
            return
        claim = await self._ledger.claim(
            document_id, self._owner, self._clock(), self._limits.lease_s, recipe=self._recipe
        )
        if claim is None:
            return
        self.active += 1
        with logger.contextualize(doc_id=document_id), span("ingest", doc_id=document_id):
            if claim.recovered:
                metrics.LEASE_RECOVERIES.inc()
                logger.bind(pages_done=claim.document.pages_done).info("document_recovered")
            try:
                await self._work(claim)
            except anyio.get_cancelled_exc_class():
                await self._give_back(claim)
                raise
            except LeaseLost:
                logger.info("lease_lost")
            except Exception as error:
                await self._settle(claim, _cause(error))
            finally:
                self.active -= 1
                self._on_step()

    async def _work(self, claim: Claim) -> None:
        async with (
            self._held(claim),
            self._sandbox.open(self._blobs.path(claim.document.sha256), claim.document.media_type) as parsed,
        ):
            if claim.document.pages_total != parsed.pages_total:
                await self._ledger.set_pages_total(claim, parsed.pages_total, self._clock())
            finished = await self._batches(claim, parsed)
        if not finished:
            await self._give_back(claim)
            return
        if (await self._ledger.get(claim.document.id)).chunks_done == 0:
            raise BadDocument("No page of the file holds text.", code="no_text")
        await self._ledger.to_indexing(claim, self._clock())
        logger.bind(pages=parsed.pages_total).info("document_embedded")

    @asynccontextmanager
    async def _held(self, claim: Claim) -> AsyncIterator[None]:
        """The lease is renewed while the block runs."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._renew, claim)
            yield
            group.cancel_scope.cancel()

    async def _renew(self, claim: Claim) -> None:
        while True:
            await anyio.sleep(self._limits.renew_every_s)
            await self._ledger.renew(claim, self._clock(), self._limits.lease_s)

    async def _batches(self, claim: Claim, parsed: ParsedDocument) -> bool:
        """True when the last page is committed; the next batch is parsed while one is embedded."""
        send, receive = anyio.create_memory_object_stream[_Prepared](1)
        async with anyio.create_task_group() as group, receive:
            group.start_soon(self._prepare, claim.document.pages_done + 1, parsed, send)
            async for prepared in receive:
                await self._commit(claim, prepared, parsed.pages_total)
                if self._stopping:
                    group.cancel_scope.cancel()
                    return prepared.pages[-1].number == parsed.pages_total
        return True

    async def _prepare(
        self, first: int, parsed: ParsedDocument, send: MemoryObjectSendStream[_Prepared]
    ) -> None:
        async with send:
            while first <= parsed.pages_total:
                count = min(self._limits.batch_pages, parsed.pages_total - first + 1)
                with (
                    metrics.INGEST_STAGE_DURATION.labels(stage="parsing").time(),
                    span("parse", first_page=first),
                ):
                    pages = await parsed.read(first, count)
                    prepared = await to_thread.run_sync(_cut, pages)
                await send.send(prepared)
                first += count

    async def _commit(self, claim: Claim, prepared: _Prepared, pages_total: int) -> None:
        with metrics.INGEST_STAGE_DURATION.labels(stage="embedding").time(), span("embed"):
            vectors = await self._embedder.embed_passages([chunk.text for chunk in prepared.chunks])
        batch = Batch(
            prepared.pages, prepared.chunks, vectors, prepared.terms, pages_total, self._embedder.name
        )
        with span("commit"):
            done = await self._ledger.commit_batch(claim, batch, self._clock())
        metrics.INGEST_PAGES.inc(len(batch.pages))
        logger.bind(
            first_page=batch.pages[0].number,
            pages=len(batch.pages),
            chunks=len(batch.chunks),
            pages_done=done,
        ).info("batch_committed")
        self._on_step()

    async def _settle(self, claim: Claim, error: Exception) -> None:
        """The failure is in the ledger: for good, or with the time of the next attempt."""
        failure = _failure(error)
        document = claim.document
        try:
            if isinstance(error, Unavailable) and document.attempt < document.max_attempts:
                wait_s = error.retry_after_s or backoff_s(
                    document.attempt, base_s=self._limits.retry_base_s, cap_s=self._limits.retry_cap_s
                )
                until_s = self._clock() + wait_s
                await self._ledger.wait(claim, self._clock(), kind="retry", until_s=until_s, cause="error")
                logger.bind(code=failure.code, attempt=document.attempt, wait_s=wait_s).warning(
                    "document_waits"
                )
                return
            await self._ledger.fail(claim, failure, self._clock())
        except LeaseLost:
            logger.info("lease_lost")
            return
        metrics.INGEST_FAILURES.labels(code=failure.code).inc()
        logger.bind(code=failure.code, attempt=document.attempt).warning("document_failed")

    async def _give_back(self, claim: Claim) -> None:
        """Another worker, or this one after a restart, goes on from the last checkpoint."""
        with anyio.CancelScope(shield=True):
            try:
                await self._ledger.wait(
                    claim, self._clock(), kind="worker", until_s=self._clock(), cause="shutdown"
                )
            except (LeaseLost, Unavailable) as error:
                logger.bind(code=error.code).info("lease_not_given_back")
            else:
                logger.info("document_given_back")


def recipe_of(embedder: Embedder) -> str:
    """What the chunks of a document depend on besides its pages; another recipe means to read it anew."""
    return f"{embedder.name}/{CHUNKING_VERSION}"


def _cut(pages: list[Page]) -> _Prepared:
    chunks = [chunk for page in pages for chunk in split_page(page)]
    return _Prepared(pages, chunks, [segment(chunk.text) for chunk in chunks])


def _cause(error: Exception) -> Exception:
    """The first failure inside of a task group's group."""
    found: Any = error
    while isinstance(found, ExceptionGroup):
        found = next((one for one in found.exceptions if isinstance(one, KotaemonError)), found.exceptions[0])
    return error if found is None else found


def _failure(error: Exception) -> Failure:
    if isinstance(error, KotaemonError):
        return Failure(error.code, error.message, error.hint)
    logger.opt(exception=error).error("ingest_bug")
    bug = KotaemonError("Something went wrong on our side while the file was read.")
    return Failure(bug.code, bug.message, bug.hint)
