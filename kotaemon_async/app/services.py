"""The composition root: every part is made here, from the settings, and nowhere else."""

import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.to_thread

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.history import AnswerHistory
from kotaemon_async.answers.knowledge import Knowledge
from kotaemon_async.answers.llm.base import ModelProvider
from kotaemon_async.app.answers import answering_over, kept_knowledge, model_link
from kotaemon_async.app.backups import maintenance_of, schedule_of
from kotaemon_async.app.doctor import doctor_on_duty
from kotaemon_async.app.incidents import IncidentParts, incidents_of
from kotaemon_async.app.memory import WorkCapacity, count_model, give_back_under_pressure, guard_of, models_of
from kotaemon_async.app.opening import Opening
from kotaemon_async.app.parts import (
    admission_of,
    clear_up,
    disk_capacity_of,
    drawers_of,
    embedder_of,
    is_shared,
    sandbox_of,
    vectors_of,
    writable_folder,
)
from kotaemon_async.app.settings import Settings
from kotaemon_async.app.traces import Traces, open_traces
from kotaemon_async.documents.changes import Feed
from kotaemon_async.documents.ingest import Ingest
from kotaemon_async.documents.library import Library
from kotaemon_async.documents.page_images import Pictures
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.queue.broker import Broker
from kotaemon_async.documents.queue.dispatcher import Dispatcher
from kotaemon_async.documents.ready import ReadyNews
from kotaemon_async.operations.doctor.doctor import Doctor
from kotaemon_async.operations.maintenance import Maintenance
from kotaemon_async.operations.traces.keeper import Tracing
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.admission import Admission
from kotaemon_async.resilience.memory_guard import MemoryGuard
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.resilience.supervisor import LoopLag
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.retrieval import Retrieval
from kotaemon_async.search.vectors.audit import IndexAudit
from kotaemon_async.search.vectors.follower import Follower
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.api_keys import ApiKeys
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.folder_lock import lock_folder, share_folder
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.history import History


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
    feed: Feed
    pictures: Pictures
    history: History
    keys: ApiKeys
    retrieval: Retrieval
    answering: Answering
    answer_history: AnswerHistory
    admission: Admission
    doctor: Doctor
    health: Health
    memory: MemoryGuard
    models: ModelRegistry
    traces: Traces
    tracing: Tracing
    incidents: IncidentParts
    loop_lag: LoopLag
    maintenance: Maintenance
    started: anyio.Event
    stopping: anyio.Event


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """The parts, opened in order and closed in reverse; raises Misconfigured.

    Nothing runs yet: the tasks that drive them belong to app.py.
    """
    stack = AsyncExitStack()
    try:
        faults.arm(settings.faults)
        folder = writable_folder(settings)
        lock = await lock_folder(folder, shared=is_shared(settings))
        stack.callback(lock.release)
        opening = Opening(stack)
        ledger = opening.keep(await Ledger.open(folder / "ledger.db"))
        capacity = WorkCapacity(opening.keep(disk_capacity_of(settings)), opening.keep(guard_of(settings)))
        traces = opening.keep(await open_traces(settings, folder, ledger, stack))
        blobs = Blobs(folder / "blobs", settings.http.max_upload_bytes)
        broker = opening.keep(Broker.open(settings.broker.url, name=lock.name))
        models = opening.keep(models_of(settings))
        embedder = opening.keep(await embedder_of(settings, models))
        if lock.alone:
            await clear_up(ledger, blobs, embedder)
        if is_shared(settings):
            await share_folder(lock)
        vectors = opening.keep(await vectors_of(settings, folder, embedder))
        sandbox = opening.keep(sandbox_of(settings))
        await sandbox.warm()
        drawers = opening.keep(drawers_of(settings))
        give_back_under_pressure(capacity.memory, models, sandbox, ledger)
        knowledge = opening.keep(await anyio.to_thread.run_sync(kept_knowledge, settings))
        links = [model_link(index, link) for index, link in enumerate(settings.llm.links)]
        for link in links:
            count_model(models, link)
            await opening.keep(link).warm()
        faults.hit("services.opened")
        opened = _Opened(
            ledger,
            capacity,
            traces,
            blobs,
            broker,
            models,
            embedder,
            vectors,
            sandbox,
            drawers,
            links,
            knowledge,
        )
        yield _compose(settings, opened, opening)
    finally:
        with anyio.CancelScope(shield=True):
            await stack.aclose()


@dataclass(frozen=True, slots=True)
class _Opened:
    """The parts that hold files, children or connections."""

    ledger: Ledger
    capacity: WorkCapacity
    traces: Traces
    blobs: Blobs
    broker: Broker
    models: ModelRegistry
    embedder: Embedder
    vectors: VectorStore
    sandbox: Sandbox
    drawers: Sandbox
    links: list[ModelProvider]
    knowledge: Knowledge


def _compose(settings: Settings, opened: _Opened, opening: Opening) -> Services:
    ledger, capacity = opened.ledger, opened.capacity
    dispatcher = Dispatcher(ledger.documents, opened.broker, clock=time.time, may_work=capacity.may_start)
    news = ReadyNews(ledger)
    follower = opening.keep(_follower(settings, opened, news))

    def there_is_news() -> None:
        dispatcher.wake()
        follower.wake()

    retrieval = opening.keep(_retrieval(settings, opened, follower))
    pictures = Pictures(ledger.documents, ledger.answers, opened.blobs.path, opened.drawers)
    capacity.memory.on_pressure("pictures", pictures.give_back)
    answering = answering_over(settings, ledger, retrieval, opened.links, opened.knowledge)
    return Services(
        settings=settings,
        ledger=ledger,
        broker=opened.broker,
        dispatcher=dispatcher,
        follower=follower,
        knowledge=opened.knowledge,
        ingest=_ingest(settings, opened, there_is_news),
        library=_library(settings, opened, there_is_news),
        feed=Feed(ledger.documents, shortage=capacity.shortage),
        pictures=pictures,
        history=History(),
        keys=ApiKeys.open(settings.data_dir.absolute()),
        retrieval=retrieval,
        answering=opening.keep(answering),
        answer_history=AnswerHistory(ledger.answers, ledger.conversations),
        admission=admission_of(settings, capacity, ledger),
        doctor=doctor_on_duty(settings, ledger, opened.blobs, opened.vectors, there_is_news),
        health=opening.health,
        memory=capacity.memory,
        models=opened.models,
        traces=opened.traces,
        tracing=opened.traces.tracing,
        incidents=incidents_of(settings, opening, ledger, opened.traces.file, list(answering.links())),
        loop_lag=opening.keep(LoopLag()),
        maintenance=maintenance_of(
            settings, ledger, opened.blobs, opening.keep(schedule_of(settings)), capacity.memory.may_start
        ),
        started=anyio.Event(),
        stopping=anyio.Event(),
    )


def _follower(settings: Settings, opened: _Opened, news: ReadyNews) -> Follower:
    return Follower(
        opened.ledger.vector_log,
        opened.vectors,
        clock=time.time,
        on_ready=news.ready,
        on_applied=news.applied,
        audit=IndexAudit(opened.ledger.vector_log, opened.vectors, every_s=settings.vectors.audit_every_s),
        may_write=opened.capacity.disk.may_work,
    )


def _library(settings: Settings, opened: _Opened, enqueue: Callable[[], None]) -> Library:
    return Library(
        opened.ledger,
        opened.blobs,
        enqueue=enqueue,
        clock=time.time,
        max_attempts=settings.ingest.max_attempts,
        shortage=opened.capacity.shortage,
    )


def _ingest(settings: Settings, opened: _Opened, on_step: Callable[[], None]) -> Ingest:
    return Ingest(
        opened.ledger,
        opened.blobs,
        opened.sandbox,
        opened.embedder,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        on_step=on_step,
        may_work=opened.capacity.disk.may_work,
        may_start=opened.capacity.may_start,
        settings=settings.ingest,
    )


def _retrieval(settings: Settings, opened: _Opened, follower: Follower) -> Retrieval:
    return Retrieval(
        documents=opened.ledger.documents,
        keywords=opened.ledger.keywords,
        vectors=opened.vectors,
        embedder=opened.embedder,
        settings=settings.retrieval,
        watch=follower,
    )
