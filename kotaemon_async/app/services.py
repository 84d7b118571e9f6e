"""The composition root: every part is made here and beside it, from the settings, and nowhere else.

It is as long as the list of the parts is.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import anyio

from kotaemon_async.answers.answering import Answering
from kotaemon_async.answers.document_overviews import DocumentOverviews
from kotaemon_async.answers.history import AnswerHistory
from kotaemon_async.answers.knowledge import Knowledge
from kotaemon_async.answers.links import Links
from kotaemon_async.answers.turns import RunningTurns
from kotaemon_async.app.answers import answers_over
from kotaemon_async.app.backups import maintenance_of, schedule_of
from kotaemon_async.app.data_folder import writable_folder
from kotaemon_async.app.doctor import doctor_on_duty
from kotaemon_async.app.documents import documents_over
from kotaemon_async.app.incidents import IncidentParts, incidents_over
from kotaemon_async.app.opening import Opened, Opening, open_parts
from kotaemon_async.app.settings import Settings
from kotaemon_async.app.traces import Traces
from kotaemon_async.documents.changes import DocumentChanges
from kotaemon_async.documents.folders.watching import FolderWatch
from kotaemon_async.documents.ingest import Ingest
from kotaemon_async.documents.library import Library
from kotaemon_async.documents.page_images import PageImages
from kotaemon_async.documents.queue.broker import Broker
from kotaemon_async.documents.queue.dispatcher import Dispatcher
from kotaemon_async.documents.reading import Reading
from kotaemon_async.documents.recognition import Recognition
from kotaemon_async.documents.sharing import Sharing
from kotaemon_async.operations.audit import AuditTrail
from kotaemon_async.operations.backup.schedule import BackupSchedule
from kotaemon_async.operations.doctor.doctor import Doctor
from kotaemon_async.operations.maintenance import Maintenance
from kotaemon_async.operations.preferences import Preferences
from kotaemon_async.operations.traces.keeper import Tracing
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.admission import Admission
from kotaemon_async.resilience.memory_guard import MemoryGuard
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.resilience.supervisor import LoopLag
from kotaemon_async.search.model_change import ModelChange
from kotaemon_async.search.retrieval import Retrieval, forget
from kotaemon_async.search.spaces import VectorSpaces
from kotaemon_async.search.vectors.pipe import VectorChild
from kotaemon_async.stores.access import Access
from kotaemon_async.stores.folder_lock import lock_folder
from kotaemon_async.stores.known_keys import KnownKeys
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.health import Health
from kotaemon_async.telemetry.history import History


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
        folder = writable_folder(settings.data_dir)
        lock = await lock_folder(folder, shared=settings.broker.is_shared)
        stack.callback(lock.release)
        opening = Opening(stack)
        opened = await open_parts(settings, lock, opening, vector_child)
        faults.hit("services.opened")
        yield _compose(settings, opened, opening)
    finally:
        with anyio.CancelScope(shield=True):
            await stack.aclose()


def _compose(settings: Settings, opened: Opened, opening: Opening) -> Services:
    ledger, capacity = opened.ledger, opened.capacity
    dispatcher = Dispatcher(ledger.documents, opened.broker, clock=time.time, may_work=capacity.may_start)
    answers = answers_over(settings, opened, opening)
    work_changed = _all_of(dispatcher.wake, opened.spaces.wake, answers.overviews.wake)
    documents = documents_over(settings, opened, opening, work_changed)
    backups = opening.keep(schedule_of(settings))
    _release_under_pressure(opened, documents.page_images, documents.reading)
    return Services(
        settings=settings,
        ledger=ledger,
        broker=opened.broker,
        dispatcher=dispatcher,
        spaces=opened.spaces,
        model_change=documents.model_change,
        knowledge=opened.knowledge,
        ingest=documents.ingest,
        library=documents.library,
        folders=documents.folders,
        sharing=Sharing(ledger.collections, clock=time.time),
        access=ledger.access,
        changes=DocumentChanges(ledger.access, shortage=capacity.shortage),
        page_images=documents.page_images,
        reading=documents.reading,
        recognition=opened.recognition,
        history=History(),
        keys=opened.keys,
        retrieval=answers.retrieval,
        answering=answers.answering,
        turns=answers.turns,
        links=answers.links,
        overviews=answers.overviews,
        preferences=opened.preferences,
        answer_history=answers.history,
        admission=documents.admission,
        doctor=doctor_on_duty(settings, ledger, opened.blobs, opened.spaces, work_changed),
        health=opening.health,
        memory=capacity.memory,
        models=opened.models,
        traces=opened.traces,
        incidents=incidents_over(settings, opened, opening, list(answers.answering.links())),
        loop_lag=opening.keep(LoopLag()),
        maintenance=maintenance_of(settings, ledger, opened.blobs, backups, capacity.memory.may_start),
        backups=backups,
        audit=AuditTrail(ledger.audit),
        started=anyio.Event(),
        stopping=anyio.Event(),
    )


def _all_of(*wakes: Callable[[], None]) -> Callable[[], None]:
    def wake_all() -> None:
        for wake in wakes:
            wake()

    return wake_all


def _release_under_pressure(opened: Opened, page_images: PageImages, reading: Reading) -> None:
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
