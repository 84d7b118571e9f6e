"""The composition root: every part is made here, from the settings, and nowhere else."""

import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.to_thread

from kotaemon_async import faults
from kotaemon_async.answering import Answering
from kotaemon_async.broker import Broker
from kotaemon_async.dispatch import Dispatcher
from kotaemon_async.doctor import Doctor
from kotaemon_async.embedding import Embedder
from kotaemon_async.follower import Follower
from kotaemon_async.index_audit import IndexAudit
from kotaemon_async.ingest import Ingest
from kotaemon_async.knowledge import Knowledge
from kotaemon_async.library import Library
from kotaemon_async.llm.openai import OpenAILink
from kotaemon_async.parsing.sandbox import Sandbox
from kotaemon_async.resilience.admission import Admission
from kotaemon_async.resilience.memory import check_memory
from kotaemon_async.resilience.room import DiskRoom
from kotaemon_async.resilience.supervisor import LoopLag
from kotaemon_async.retrieval import Retrieval
from kotaemon_async.services_answers import answering_over, kept_knowledge, model_link
from kotaemon_async.services_doctor import doctor_on_duty
from kotaemon_async.services_parts import (
    admission_of,
    clear_up,
    ingest_limits,
    is_shared,
    log_ready,
    room_of,
    sandbox_of,
    writable_folder,
)
from kotaemon_async.settings import Settings
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.folder_lock import lock_folder, share_folder
from kotaemon_async.stores.keywords import Keywords
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.vectors import VectorStore
from kotaemon_async.telemetry.health import Health


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
        folder = writable_folder(settings)
        lock = await lock_folder(folder, shared=is_shared(settings))
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
            await clear_up(ledger, blobs, embedder)
        if is_shared(settings):
            await share_folder(lock)
        vectors = await VectorStore.open(
            folder / "vectors",
            model=embedder.name,
            dimension=embedder.dimension,
            call_timeout_s=settings.vectors.call_timeout_s,
        )
        stack.push_async_callback(vectors.aclose)
        sandbox = sandbox_of(settings)
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
    room = room_of(settings)
    dispatcher = Dispatcher(ledger, opened.broker, clock=time.time, may_work=room.may_work)
    follower = Follower(
        ledger,
        opened.vectors,
        clock=time.time,
        on_ready=partial(log_ready, ledger),
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
        limits=ingest_limits(settings),
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
        admission=admission_of(settings, room, ledger),
        doctor=doctor_on_duty(settings, ledger, opened.blobs, opened.vectors, there_is_news),
        health=Health(),
        loop_lag=LoopLag(),
        stopping=anyio.Event(),
    )
    _register_checks(services, opened, room)
    return services


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
