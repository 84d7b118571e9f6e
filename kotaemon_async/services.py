"""The composition root: every part is made here, from the settings, and nowhere else."""

import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from loguru import logger

from kotaemon_async import faults
from kotaemon_async.answering import Answering
from kotaemon_async.broker import Broker
from kotaemon_async.dispatch import Dispatcher
from kotaemon_async.doctor import Doctor
from kotaemon_async.embedding import Embedder
from kotaemon_async.errors import Misconfigured, Refused
from kotaemon_async.follower import Follower
from kotaemon_async.index_audit import IndexAudit
from kotaemon_async.ingest import Ingest, IngestLimits, recipe_of
from kotaemon_async.knowledge import Knowledge
from kotaemon_async.library import Library
from kotaemon_async.llm.openai import OpenAILink
from kotaemon_async.parsing.sandbox import ParserLimits, Sandbox
from kotaemon_async.resilience.admission import Admission, Queue
from kotaemon_async.resilience.memory import check_memory
from kotaemon_async.resilience.room import DiskRoom, disk_of
from kotaemon_async.resilience.supervisor import LoopLag
from kotaemon_async.retrieval import Retrieval
from kotaemon_async.services_answers import answering_over, kept_knowledge, model_link
from kotaemon_async.services_doctor import doctor_on_duty
from kotaemon_async.settings import Settings
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.folder_lock import lock_folder, share_folder
from kotaemon_async.stores.keywords import Keywords
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.vectors import VectorStore
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.traces import continue_from, span


@dataclass(frozen=True, slots=True)
class Services:
    """All parts of one running service."""

    settings: Settings
    ledger: Ledger
    broker: Broker
    dispatcher: Dispatcher
    follower: Follower
    knowledge: Knowledge
    ingest: Ingest
    library: Library
    retrieval: Retrieval
    answering: Answering
    admission: Admission
    doctor: Doctor
    health: Health
    loop_lag: LoopLag
    stopping: anyio.Event


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """The parts, opened in order and closed in reverse; raises Misconfigured.

    Nothing runs yet: the tasks that drive them belong to app.py.
    """
    stack = AsyncExitStack()
    try:
        faults.arm(settings.faults)
        folder = _data_folder(settings)
        lock = await lock_folder(folder, shared=_is_shared(settings))
        stack.callback(lock.release)
        ledger = await Ledger.open(folder / "ledger.db")
        stack.push_async_callback(ledger.aclose)
        blobs = Blobs(folder / "blobs", settings.http.max_upload_bytes)
        broker = Broker.open(settings.broker.url, name=lock.name)
        stack.push_async_callback(broker.aclose)
        embedder = await Embedder.open(
            settings.embedding.folder, model=settings.embedding.model, threads=settings.embedding.threads
        )
        stack.push_async_callback(embedder.aclose)
        if lock.alone:
            await _clear_up(ledger, blobs, embedder)
        if _is_shared(settings):
            await share_folder(lock)
        vectors = await VectorStore.open(
            folder / "vectors",
            model=embedder.name,
            dimension=embedder.dimension,
            call_timeout_s=settings.vectors.call_timeout_s,
        )
        stack.push_async_callback(vectors.aclose)
        sandbox = _sandbox(settings)
        stack.push_async_callback(sandbox.aclose)
        await sandbox.warm()
        knowledge = await anyio.to_thread.run_sync(kept_knowledge, settings)
        links = [model_link(index, link) for index, link in enumerate(settings.llm.links)]
        for link in links:
            stack.push_async_callback(link.aclose)
            await link.warm()
        faults.hit("services.opened")
        yield _compose(settings, _Opened(ledger, blobs, broker, embedder, vectors, sandbox, links, knowledge))
    finally:
        with anyio.CancelScope(shield=True):
            await stack.aclose()


def _is_shared(settings: Settings) -> bool:
    """Whether other processes may work in the same data folder: only over a broker that they share."""
    return not settings.broker.url.startswith("memory://")


async def _clear_up(ledger: Ledger, blobs: Blobs, embedder: Embedder) -> None:
    """What earlier processes left half done is free; only while no other process uses the folder."""
    await ledger.drop_leases()
    await ledger.release_keys()
    await blobs.sweep(await ledger.blobs())
    await ledger.start_stale_anew(recipe_of(embedder), embedder.name, time.time())


@dataclass(frozen=True, slots=True)
class _Opened:
    """The parts that hold files, children or connections."""

    ledger: Ledger
    blobs: Blobs
    broker: Broker
    embedder: Embedder
    vectors: VectorStore
    sandbox: Sandbox
    links: list[OpenAILink]
    knowledge: Knowledge


def _compose(settings: Settings, opened: _Opened) -> Services:
    ledger = opened.ledger
    room = _room(settings)
    dispatcher = Dispatcher(ledger, opened.broker, clock=time.time, may_work=room.may_work)
    follower = Follower(
        ledger,
        opened.vectors,
        clock=time.time,
        on_ready=partial(_log_ready, ledger),
        audit=IndexAudit(ledger, opened.vectors, every_s=settings.vectors.audit_every_s),
        may_write=room.may_work,
    )

    def there_is_news() -> None:
        dispatcher.wake()
        follower.ring()

    ingest = Ingest(
        ledger,
        opened.blobs,
        opened.sandbox,
        opened.embedder,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        on_step=there_is_news,
        may_work=room.may_work,
        limits=IngestLimits(
            batch_pages=settings.ingest.batch_pages,
            max_crashes=settings.ingest.max_crashes,
            max_losses=settings.ingest.max_losses,
            lease_s=settings.ingest.lease_s,
            renew_every_s=settings.ingest.lease_s / 6,
            retry_base_s=settings.ingest.backoff_base_s,
            retry_cap_s=settings.ingest.backoff_cap_s,
        ),
    )
    library = Library(
        ledger,
        opened.blobs,
        enqueue=there_is_news,
        clock=time.time,
        max_attempts=settings.ingest.max_attempts,
        may_work=room.may_work,
    )
    retrieval = Retrieval(
        ledger=ledger,
        keywords=Keywords(ledger.database),
        vectors=opened.vectors,
        embedder=opened.embedder,
        vector_timeout_s=settings.retrieval.vector_timeout_s,
        keyword_timeout_s=settings.retrieval.keyword_timeout_s,
        candidates=settings.retrieval.candidates,
        watch=follower,
    )
    services = Services(
        settings=settings,
        ledger=ledger,
        broker=opened.broker,
        dispatcher=dispatcher,
        follower=follower,
        knowledge=opened.knowledge,
        ingest=ingest,
        library=library,
        retrieval=retrieval,
        answering=answering_over(settings, ledger, retrieval, opened.links, opened.knowledge),
        admission=_admission(settings, room, ledger),
        doctor=doctor_on_duty(settings, ledger, opened.blobs, opened.vectors, there_is_news),
        health=Health(),
        loop_lag=LoopLag(),
        stopping=anyio.Event(),
    )
    _register_checks(services, opened, room)
    return services


def _data_folder(settings: Settings) -> Path:
    folder = settings.data_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Misconfigured(f"data_dir: {folder} cannot be written: {error.strerror}.") from error
    return folder


async def _log_ready(ledger: Ledger, document_ids: list[str]) -> None:
    """One line for each document, under the trace that began with its upload."""
    for document_id in document_ids:
        try:
            document = await ledger.get(document_id)
        except Refused:
            continue  # deleted in the meantime
        with continue_from(document.traceparent), span("ready", doc_id=document_id):
            waited_s = round((document.ready_at_s or 0.0) - document.created_at_s, 3)
            logger.bind(doc_id=document_id, duration_s=waited_s).info("document_ready")


def _sandbox(settings: Settings) -> Sandbox:
    limits = ParserLimits(
        memory_bytes=settings.parser.memory_bytes,
        cpu_s=settings.parser.cpu_s,
        wall_s=settings.parser.wall_s,
        file_size_bytes=settings.parser.file_size_bytes,
        max_pages=settings.ingest.max_pages,
    )
    return Sandbox(limits, settings.parser.children)


def _room(settings: Settings) -> DiskRoom:
    return DiskRoom(
        partial(disk_of, settings.data_dir),
        floor_bytes=settings.disk.floor_bytes,
        floor_ratio=settings.disk.floor_ratio,
    )


def _admission(settings: Settings, room: DiskRoom, ledger: Ledger) -> Admission:
    return Admission(
        settings.http.max_concurrent_uploads,
        room=room,
        queue=Queue(ledger.queued, settings.ingest.max_queued),
        wait_s=settings.http.upload_wait_s,
    )


def _register_checks(services: Services, opened: _Opened, room: DiskRoom) -> None:
    health = services.health
    health.register("ledger", services.ledger.check, core=True)
    health.register("memory", check_memory, core=True)
    health.register("disk", room.check)
    health.register("vectors", services.follower.report)
    health.register("embedder", opened.embedder.check)
    health.register("broker", services.broker.check)
    health.register("worker", services.broker.check_worker)
    health.register("event_loop", services.loop_lag.check)
    for name in services.answering.links():
        health.register(f"link.{name}", partial(_link_stands, services.answering, name))


async def _link_stands(answering: Answering, name: str) -> dict[str, object]:
    """The state of a model's link; one that is not asked carries its code, which makes it degraded."""
    return {key: value for key, value in answering.links()[name].items() if value is not None}
