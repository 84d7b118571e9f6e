"""The composition root: every part is made here, from the settings, and nowhere else.

It is as long as the list of the parts is.
"""

import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

import anyio
import anyio.to_thread
from loguru import logger

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.conversation_changes import ConversationChanges
from kotaemon_async.answers.document_overviews import DocumentOverviews
from kotaemon_async.answers.history import AnswerHistory
from kotaemon_async.answers.knowledge import Knowledge
from kotaemon_async.answers.links import Links
from kotaemon_async.answers.llm.base import ModelProvider
from kotaemon_async.answers.turns import RunningTurns
from kotaemon_async.app.answers import answering_over, kept_knowledge, model_link, overviews_over
from kotaemon_async.app.backups import maintenance_of, schedule_of
from kotaemon_async.app.doctor import doctor_on_duty
from kotaemon_async.app.keys import open_keys
from kotaemon_async.app.preferences import open_preferences
from kotaemon_async.app.search import SearchParts, open_search, remove_left_over, wanted_model
from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.changes import DocumentChanges
from kotaemon_async.documents.drawing import Drawing
from kotaemon_async.documents.folders.watching import FolderWatch
from kotaemon_async.documents.ingest import RECIPE, Ingest
from kotaemon_async.documents.library import Library
from kotaemon_async.documents.page_images import PageImages
from kotaemon_async.documents.parsing.libreoffice import LibreOffice, program_of
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.queue.broker import Broker
from kotaemon_async.documents.queue.dispatcher import Dispatcher
from kotaemon_async.documents.quota import Quota
from kotaemon_async.documents.reading import Reading
from kotaemon_async.documents.recognition import Recognition
from kotaemon_async.documents.sharing import Sharing
from kotaemon_async.domain.callers import EVERYBODY, SERVICE
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.http.identity import Identities
from kotaemon_async.operations.audit import AuditTrail
from kotaemon_async.operations.backup.schedule import BackupSchedule
from kotaemon_async.operations.doctor.doctor import Doctor
from kotaemon_async.operations.incidents.incidents import Incidents
from kotaemon_async.operations.incidents.readings import SignalReader
from kotaemon_async.operations.incidents.signals import signals_of
from kotaemon_async.operations.incidents.watch import IncidentWatch
from kotaemon_async.operations.maintenance import Maintenance
from kotaemon_async.operations.preferences import Preferences
from kotaemon_async.operations.traces.keeper import Tracing
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.admission import Admission, Queue
from kotaemon_async.resilience.capacity import DiskCapacity, Shortage, disk_of, shortage_of
from kotaemon_async.resilience.fences import Fences
from kotaemon_async.resilience.memory import limit_bytes
from kotaemon_async.resilience.memory_guard import MemoryGuard
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.resilience.supervisor import LoopLag
from kotaemon_async.search.model_change import ModelChange
from kotaemon_async.search.retrieval import Retrieval, forget
from kotaemon_async.search.spaces import VectorSpaces
from kotaemon_async.search.vectors.pipe import VectorChild
from kotaemon_async.stores.access import Access
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.folder_lock import FolderLock, lock_folder, share_folder
from kotaemon_async.stores.incidents import IncidentBounds, IncidentStore
from kotaemon_async.stores.known_keys import KnownKeys
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import FILE, TelemetryFile
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health, Watched
from kotaemon_async.telemetry.history import History
from kotaemon_async.telemetry.trace_export import TraceExport, otlp_exporter
from kotaemon_async.telemetry.traces import LISTENERS

if TYPE_CHECKING:
    from kotaemon_async.operations.incidents.webhook import Webhook

Part = TypeVar("Part")


@runtime_checkable
class Closable(Protocol):
    """A part that holds something until it is closed."""

    async def aclose(self) -> None: ...


class Opening:
    """The parts so far: `health` asks all of them, and each is closed before those that came earlier."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.health = Health()
        self.stack = stack

    def keep(self, part: Part) -> Part:
        """Return the part once its check is in the health report and its closing on the stack."""
        if isinstance(part, Closable):
            self.stack.push_async_callback(part.aclose)
        if isinstance(part, Watched):
            part.register_in(self.health)
        return part


@dataclass(frozen=True, slots=True)
class Traces:
    """What keeps spans, and the file it keeps them in."""

    file: TelemetryFile
    tracing: Tracing

    def register_in(self, health: Health) -> None:
        """Make the file's check a part of the report."""
        self.tracing.register_in(health)


@dataclass(frozen=True, slots=True)
class WorkCapacity:
    """Whether there is room for work: on the disk to go on, and of memory to begin."""

    disk: DiskCapacity
    memory: MemoryGuard

    def may_start(self) -> bool:
        """Return whether another document may begin."""
        return self.shortage() is None

    def shortage(self) -> Shortage | None:
        """Return what documents have to wait for."""
        return shortage_of(disk=self.disk.may_work(), memory=self.memory.may_start())


@dataclass(frozen=True, slots=True)
class IncidentParts:
    """The watch, and who tells the world."""

    watch: IncidentWatch
    webhook: "Webhook | None"
    is_enabled: bool

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return what has to run for it, by name."""
        found: dict[str, Callable[[], Awaitable[None]]] = {}
        if self.is_enabled:
            found["incidents"] = self.watch.run
        if self.is_enabled and self.webhook is not None:
            found["webhook"] = self.webhook.run
        return found


@dataclass(frozen=True, slots=True)
class Services:
    """Every part of one running service."""

    settings: Settings
    ledger: Ledger
    broker: Broker
    dispatcher: Dispatcher
    spaces: VectorSpaces
    model_change: ModelChange
    knowledge: Knowledge
    ingest: Ingest
    library: Library
    folders: FolderWatch
    sharing: Sharing
    access: Access
    changes: DocumentChanges
    page_images: PageImages
    reading: Reading
    recognition: Recognition
    history: History
    keys: KnownKeys
    retrieval: Retrieval
    answering: Answering
    turns: RunningTurns
    links: Links
    overviews: DocumentOverviews
    preferences: Preferences
    answer_history: AnswerHistory
    admission: Admission
    doctor: Doctor
    health: Health
    memory: MemoryGuard
    models: ModelRegistry
    traces: Traces
    incidents: IncidentParts
    loop_lag: LoopLag
    maintenance: Maintenance
    backups: BackupSchedule
    audit: AuditTrail
    started: anyio.Event
    stopping: anyio.Event

    @property
    def tracing(self) -> Tracing:
        """Return what keeps spans and finds the path of a trace."""
        return self.traces.tracing


@asynccontextmanager
async def open_services(
    settings: Settings, vector_child: VectorChild | None = None
) -> AsyncIterator[Services]:
    """Open the parts in order, and close them in reverse. Raises: Misconfigured.

    Nothing runs yet: the tasks that drive the parts belong to the process.
    """
    stack = AsyncExitStack()
    try:
        faults.arm(settings.faults)
        folder = _writable_folder(settings)
        lock = await lock_folder(folder, shared=settings.broker.is_shared)
        stack.callback(lock.release)
        opening = Opening(stack)
        opened = await _open(settings, lock, opening, vector_child)
        faults.hit("services.opened")
        yield _compose(settings, opened, opening)
    finally:
        with anyio.CancelScope(shield=True):
            await stack.aclose()


@dataclass(frozen=True, slots=True)
class _Opened:
    """The parts that hold files, children or connections."""

    ledger: Ledger
    keys: KnownKeys
    capacity: WorkCapacity
    traces: Traces
    blobs: Blobs
    broker: Broker
    models: ModelRegistry
    search: SearchParts
    spaces: VectorSpaces
    parsers: Sandbox
    recognition: Recognition
    page_renderer: Sandbox
    knowledge: Knowledge
    preferences: Preferences
    providers: list[ModelProvider]


async def _open(
    settings: Settings, lock: FolderLock, opening: Opening, vector_child: VectorChild | None
) -> _Opened:
    keep, folder = opening.keep, settings.data_dir.absolute()
    ledger = keep(await Ledger.open(folder / "ledger.db"))
    keys = keep(await open_keys(folder, ledger, time.time()))
    capacity = WorkCapacity(keep(_disk_capacity(settings)), keep(_memory_guard(settings)))
    traces = keep(await _open_traces(settings, folder, ledger, opening.stack))
    blobs = Blobs(folder / "blobs", settings.http.max_upload_bytes)
    broker = keep(Broker.open(settings.broker.url, name=lock.name))
    models = keep(ModelRegistry(settings.models))
    search = SearchParts(settings, ledger, models, capacity.disk.may_work)
    spaces = keep(await open_search(search, opening.stack, vector_child))
    if lock.alone:
        await _clear_up(ledger, blobs)
        await remove_left_over(search, spaces)
    if settings.broker.is_shared:
        await share_folder(lock)
    keep(Fences())
    parsers = keep(Sandbox(settings.parser, max_pages=settings.ingest.max_pages))
    await parsers.warm()
    recognition = keep(Recognition(settings.ocr))
    if lock.alone and recognition.is_available:
        await ledger.documents.start_unrecognized_anew(time.time())
    # A child of its own, so that a reader does not wait for documents.
    one = settings.parser.model_copy(update={"children": 1})
    page_renderer = keep(Sandbox(one, max_pages=settings.ingest.max_pages))
    knowledge = keep(await anyio.to_thread.run_sync(kept_knowledge, settings))
    providers = [model_link(index, link, models) for index, link in enumerate(settings.llm.links)]
    for provider in providers:
        await keep(provider).warm()
    await spaces.active().vectors.tried()
    return _Opened(
        ledger,
        keys,
        capacity,
        traces,
        blobs,
        broker,
        models,
        search,
        spaces,
        parsers,
        recognition,
        page_renderer,
        knowledge,
        await open_preferences(settings, ledger),
        providers,
    )


async def _open_traces(settings: Settings, folder: Path, ledger: Ledger, stack: AsyncExitStack) -> Traces:
    """Open the file, keep spans, and send them where a collector is set; all is closed with the stack."""
    wanted = settings.traces
    file = await TelemetryFile.open(folder / FILE)
    stack.push_async_callback(file.aclose)
    tracing = Tracing(file, wanted, ledger, alone=not settings.broker.is_shared)
    if wanted.keep:
        await stack.enter_async_context(tracing.listening())
    if wanted.otlp_endpoint is not None:
        exporter = otlp_exporter(wanted.otlp_endpoint, wanted.otlp_timeout_s)
        export = TraceExport(exporter, wanted.queue_rows, on_drop=metrics.SPANS_DROPPED.inc)
        stack.push_async_callback(export.aclose)
        LISTENERS.add(export)
        stack.callback(LISTENERS.remove, export)
    return Traces(file, tracing)


def _disk_capacity(settings: Settings) -> DiskCapacity:
    return DiskCapacity(
        partial(disk_of, settings.data_dir),
        floor_bytes=settings.disk.floor_bytes,
        floor_ratio=settings.disk.floor_ratio,
    )


def _memory_guard(settings: Settings) -> MemoryGuard:
    memory = settings.memory
    return MemoryGuard(limit=lambda: memory.limit_bytes or limit_bytes(), settings=memory)


def _compose(settings: Settings, opened: _Opened, opening: Opening) -> Services:
    ledger, capacity = opened.ledger, opened.capacity
    dispatcher = Dispatcher(ledger.documents, opened.broker, clock=time.time, may_work=capacity.may_start)

    def work_changed() -> None:
        dispatcher.wake()
        opened.spaces.wake()
        overviews.wake()

    library, admission = _library(settings, opened, work_changed), _admission(settings, opened)
    ingest = _ingest(settings, opened, library, work_changed)
    retrieval = opening.keep(_retrieval(settings, opened))
    page_images, reading = _page_images(settings, opened)
    embedder = opened.spaces.embedder
    backups = opening.keep(schedule_of(settings))
    answering = answering_over(
        settings,
        ledger,
        retrieval,
        embedder,
        opened.providers,
        opened.knowledge,
        defaults=opened.preferences.answers,
    )
    overviews = overviews_over(ledger, answering.chain, embedder)
    turns = opening.keep(RunningTurns(answering, ledger.turns, ledger.answers, ConversationChanges()))
    return Services(
        settings=settings,
        ledger=ledger,
        broker=opened.broker,
        dispatcher=dispatcher,
        spaces=opened.spaces,
        model_change=opening.keep(_model_change(opened, ingest)),
        knowledge=opened.knowledge,
        ingest=ingest,
        library=library,
        folders=opening.keep(_folders(settings, opened, library, admission)),
        sharing=Sharing(ledger.collections, clock=time.time),
        access=ledger.access,
        changes=DocumentChanges(ledger.access, shortage=capacity.shortage),
        page_images=page_images,
        reading=reading,
        recognition=opened.recognition,
        history=History(),
        keys=opened.keys,
        retrieval=retrieval,
        answering=opening.keep(answering),
        links=Links(answering.chain, settings.llm.links),
        overviews=overviews,
        preferences=opened.preferences,
        turns=turns,
        answer_history=AnswerHistory(
            ledger.turns, ledger.conversations, ledger.feedback, ledger.access, turns
        ),
        admission=admission,
        doctor=doctor_on_duty(settings, ledger, opened.blobs, opened.spaces, work_changed),
        health=opening.health,
        memory=capacity.memory,
        models=opened.models,
        traces=opened.traces,
        incidents=_incidents(settings, opening, ledger, opened.traces.file, list(answering.links())),
        loop_lag=opening.keep(LoopLag()),
        maintenance=maintenance_of(settings, ledger, opened.blobs, backups, capacity.memory.may_start),
        backups=backups,
        audit=AuditTrail(ledger.audit),
        started=anyio.Event(),
        stopping=anyio.Event(),
    )


def _page_images(settings: Settings, opened: _Opened) -> tuple[PageImages, Reading]:
    ledger = opened.ledger
    drawing = Drawing(ledger.documents, opened.blobs.path, opened.page_renderer, _office(settings))
    images = PageImages(ledger.access, ledger.answers, drawing)
    reading = Reading(ledger.access, ledger.documents, ledger.reading, images, drawing)
    _release_under_pressure(opened, images, reading)
    return images, reading


def _library(settings: Settings, opened: _Opened, enqueue: Callable[[], None]) -> Library:
    return Library(
        opened.ledger,
        opened.blobs,
        enqueue=enqueue,
        clock=time.time,
        max_attempts=settings.ingest.max_attempts,
        shortage=opened.capacity.shortage,
        quota=Quota(settings.limits.documents_per_user, settings.limits.bytes_per_user),
    )


def _folders(settings: Settings, opened: _Opened, library: Library, admission: Admission) -> FolderWatch:
    data_dir, identities = settings.data_dir.resolve(), Identities(settings.http, opened.keys)
    for one in settings.library.watch:
        if one.path.resolve().is_relative_to(data_dir):
            raise Misconfigured(
                f"library.watch: {one.path} lies in data_dir, whose files are the service's own."
            )
    return FolderWatch(
        opened.ledger,
        library,
        admission,
        settings=settings.library,
        max_bytes=settings.http.max_upload_bytes,
        data_dir=settings.data_dir.absolute(),
        # Where no key is asked for everybody may read what lies there, else those whom an admin lets.
        caller=lambda: EVERYBODY if identities.mode == "open" else SERVICE,
    )


def _ingest(settings: Settings, opened: _Opened, library: Library, on_step: Callable[[], None]) -> Ingest:
    return Ingest(
        opened.ledger,
        opened.blobs,
        opened.parsers,
        opened.spaces.embedder,
        library=library,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        on_step=on_step,
        commits=opened.spaces.commits,
        may_work=opened.capacity.disk.may_work,
        may_start=opened.capacity.may_start,
        settings=settings.ingest,
        recognition=opened.recognition,
    )


def _model_change(opened: _Opened, ingest: Ingest) -> ModelChange:
    return ModelChange(
        opened.ledger.models,
        opened.spaces,
        opened.search,
        wanted=wanted_model(opened.search),
        shortage=opened.capacity.shortage,
        is_busy=lambda: ingest.active > 0,
    )


def _retrieval(settings: Settings, opened: _Opened) -> Retrieval:
    return Retrieval(
        documents=opened.ledger.documents,
        keywords=opened.ledger.keywords,
        space=opened.spaces.active,
        settings=settings.retrieval,
    )


def _admission(settings: Settings, opened: _Opened) -> Admission:
    return Admission(
        settings.http.max_concurrent_uploads,
        capacity=opened.capacity.disk,
        may_start=opened.capacity.memory.may_start,
        queue=Queue(opened.ledger.documents.queued, settings.ingest.max_queued),
        wait_s=settings.http.upload_wait_s,
    )


def _incidents(
    settings: Settings, opening: Opening, ledger: Ledger, file: TelemetryFile, links: Sequence[str]
) -> IncidentParts:
    wanted = settings.incidents
    webhook = None
    if wanted.webhook_url:
        # httpx, which nothing else of the service needs, takes a tenth of a second to import.
        from kotaemon_async.operations.incidents.webhook import Webhook  # noqa: PLC0415

        webhook = opening.keep(Webhook(wanted.webhook_url))
    incidents = Incidents(signals_of(links), links, sensitivity=wanted.sensitivity_ratio)
    watch = IncidentWatch(
        SignalReader(opening.health, ledger.check).read,
        incidents,
        IncidentStore(file, IncidentBounds(wanted.keep_rows, wanted.keep_s)),
        every_s=wanted.every_s,
        notify=() if webhook is None else (webhook.notify,),
    )
    return IncidentParts(opening.keep(watch), webhook, wanted.enabled)


def _office(settings: Settings) -> LibreOffice | None:
    """Return what draws pages of office files as they are printed, where it is installed."""
    program = program_of(settings.parser.libreoffice)
    folder = settings.data_dir.absolute() / "cache" / "office"
    return LibreOffice(program, folder, settings.parser) if program else None


def _release_under_pressure(opened: _Opened, page_images: PageImages, reading: Reading) -> None:
    """Have the memory guard ask for all that is only there for speed."""
    guard = opened.capacity.memory
    guard.on_pressure("caches", forget)
    guard.on_pressure("sentences", opened.spaces.forget)
    guard.on_pressure("ledger", opened.ledger.database.shrink)
    guard.on_pressure("parsers", opened.parsers.release_idle)
    guard.on_pressure("ocr", opened.recognition.release_idle)
    guard.on_pressure("models", opened.models.release_idle)
    guard.on_pressure("pictures", page_images.release_memory)
    guard.on_pressure("outlines", reading.release_memory)


def _writable_folder(settings: Settings) -> Path:
    """Return the data folder, made when it is not there. Raises: Misconfigured when it cannot be written."""
    folder = settings.data_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _close_to_others(folder)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Misconfigured(f"data_dir: {folder} cannot be written: {error.strerror}.") from error
    return folder


def _close_to_others(folder: Path) -> None:
    """Let nobody else enter the folder; one that is another user's stays as he has made it."""
    found = folder.stat()
    if not found.st_mode & 0o077:
        return
    if found.st_uid != os.geteuid():
        logger.bind(detail=f"{found.st_mode & 0o777:o}").warning("data_folder_open")
        return
    folder.chmod(found.st_mode & 0o700)
    logger.bind(detail=f"{found.st_mode & 0o777:o}").warning("data_folder_closed")


async def _clear_up(ledger: Ledger, blobs: Blobs) -> None:
    """Free what earlier processes left half done; only while no other process uses the folder."""
    await ledger.claims.drop_leases()
    await ledger.idempotency.release_all()
    await ledger.turns.interrupt_left()
    await blobs.sweep(await ledger.documents.blobs())
    await ledger.documents.start_stale_anew(RECIPE, time.time())
