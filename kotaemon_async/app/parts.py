"""Single parts of the service, made from its settings."""

import time
from functools import partial
from pathlib import Path

from kotaemon_async.app.memory import WorkCapacity
from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.ingest import recipe_of
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.resilience.admission import Admission, Queue
from kotaemon_async.resilience.capacity import DiskCapacity, disk_of
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger


def writable_folder(settings: Settings) -> Path:
    """The data folder, made when it is not there; raises Misconfigured when it cannot be written."""
    folder = settings.data_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Misconfigured(f"data_dir: {folder} cannot be written: {error.strerror}.") from error
    return folder


def sandbox_of(settings: Settings) -> Sandbox:
    """The parser children, none of them started."""
    return Sandbox(settings.parser, max_pages=settings.ingest.max_pages)


def drawers_of(settings: Settings) -> Sandbox:
    """The child that draws pages: one of its own, so that a reader does not wait for documents."""
    one = settings.parser.model_copy(update={"children": 1})
    return Sandbox(one, max_pages=settings.ingest.max_pages)


async def embedder_of(settings: Settings, models: ModelRegistry) -> Embedder:
    """The embedder, warm; its model is one of those that are counted."""
    wanted = settings.embedding
    return await Embedder.open(wanted.folder, model=wanted.model, threads=wanted.threads, models=models)


async def vectors_of(settings: Settings, folder: Path, embedder: Embedder) -> VectorStore:
    """The index of the embedder's vectors, whose child was tried once."""
    return await VectorStore.open(
        folder / "vectors", settings.vectors, model=embedder.name, dimension=embedder.dimension
    )


def disk_capacity_of(settings: Settings) -> DiskCapacity:
    """The room on the data disk."""
    return DiskCapacity(
        partial(disk_of, settings.data_dir),
        floor_bytes=settings.disk.floor_bytes,
        floor_ratio=settings.disk.floor_ratio,
    )


def admission_of(settings: Settings, capacity: WorkCapacity, ledger: Ledger) -> Admission:
    """The door that uploads wait at."""
    return Admission(
        settings.http.max_concurrent_uploads,
        capacity=capacity.disk,
        may_start=capacity.memory.may_start,
        queue=Queue(ledger.documents.queued, settings.ingest.max_queued),
        wait_s=settings.http.upload_wait_s,
    )


def is_shared(settings: Settings) -> bool:
    """Whether other processes may work in the same data folder: only over a broker that they share."""
    return not settings.broker.url.startswith("memory://")


async def clear_up(ledger: Ledger, blobs: Blobs, embedder: Embedder) -> None:
    """What earlier processes left half done is free; only while no other process uses the folder."""
    await ledger.claims.drop_leases()
    await ledger.idempotency.release_all()
    await blobs.sweep(await ledger.documents.blobs())
    await ledger.documents.start_stale_anew(recipe_of(embedder), embedder.name, time.time())
