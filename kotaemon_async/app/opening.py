"""Opens the parts that hold files, children or connections, in order; they are closed in reverse."""

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import anyio.to_thread

from kotaemon_async.answers.knowledge import Knowledge
from kotaemon_async.answers.llm.base import ModelProvider
from kotaemon_async.app.capacity import WorkCapacity, disk_capacity, memory_guard
from kotaemon_async.app.data_folder import clear_up
from kotaemon_async.app.keys import open_keys
from kotaemon_async.app.links import kept_knowledge, model_link
from kotaemon_async.app.preferences import open_preferences
from kotaemon_async.app.search import SearchParts, open_search, remove_left_over
from kotaemon_async.app.settings import Settings
from kotaemon_async.app.traces import Traces, open_traces
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.queue.broker import Broker
from kotaemon_async.documents.recognition import Recognition
from kotaemon_async.operations.preferences import Preferences
from kotaemon_async.resilience.fences import Fences
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.search.spaces import VectorSpaces
from kotaemon_async.search.vectors.pipe import VectorChild
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.folder_lock import FolderLock, share_folder
from kotaemon_async.stores.known_keys import KnownKeys
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.health import Health, Watched

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
class Opened:
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


async def open_parts(
    settings: Settings, lock: FolderLock, opening: Opening, vector_child: VectorChild | None
) -> Opened:
    """Open the parts in order: the files first, then the children, then the connections."""
    keep, folder = opening.keep, settings.data_dir.absolute()
    ledger = keep(await Ledger.open(folder / "ledger.db"))
    keys = keep(await open_keys(folder, ledger, time.time()))
    capacity = WorkCapacity(keep(disk_capacity(settings)), keep(memory_guard(settings)))
    traces = keep(await open_traces(settings, folder, ledger, opening.stack))
    blobs = Blobs(folder / "blobs", settings.http.max_upload_bytes)
    broker = keep(Broker.open(settings.broker.url, name=lock.name))
    models = keep(ModelRegistry(settings.models))
    search = SearchParts(settings, ledger, models, capacity.disk.may_work)
    spaces = keep(await open_search(search, opening.stack, vector_child))
    if lock.alone:
        await clear_up(ledger, blobs)
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
    return Opened(
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
