"""Puts a doctor together: for the parts of a running service, or over the folder of a stopped one."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio

from kotaemon_async.app.settings import Settings
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.doctor.derived import Derived
from kotaemon_async.operations.doctor.doctor import Doctor, Stores
from kotaemon_async.search.embedding.models import choose
from kotaemon_async.search.spaces import VectorSpaces
from kotaemon_async.search.vectors.folders import location_of
from kotaemon_async.search.vectors.follower import Follower
from kotaemon_async.search.vectors.pipe import IndexLocation, probe
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.folder_lock import FILE
from kotaemon_async.stores.ledger import Ledger

#: Nobody waits for an answer meanwhile.
SLOW_CALL_S: Final = 120.0
FOLLOW_TRIES: Final = 5


def doctor_on_duty(
    settings: Settings,
    ledger: Ledger,
    blobs: Blobs,
    spaces: VectorSpaces,
    there_is_news: Callable[[], None],
) -> Doctor:
    """Return the doctor of a running service; its workers and follower take up what was mended."""
    folder = settings.data_dir.absolute()
    name = name_of(folder)

    def stores() -> Stores:
        index = spaces.active().vectors
        model, dimension = index.model, index.dimension
        return Stores(ledger, blobs, folder, model, dimension, index, is_alone=False, name=name)

    async def resume() -> None:
        there_is_news()

    return Doctor(stores, resume=resume)


@asynccontextmanager
async def doctor_alone(settings: Settings, *, repair: bool) -> AsyncIterator[Doctor]:
    """Yield a doctor for a folder that no service uses; with `repair` the vector index is complete then.

    Raises: Misconfigured when the ledger cannot be opened; Unavailable.
    """
    folder = settings.data_dir.absolute()
    async with AsyncExitStack() as stack:
        ledger = await Ledger.open(folder / "ledger.db")
        stack.push_async_callback(ledger.aclose)
        model, dimension = await _model_of(settings, ledger)
        trouble = vectors = None
        if dimension is not None:
            location = location_of(folder, model, dimension)
            trouble = await probe(location)
            if repair or trouble is None:
                vectors = await _open_vectors(location, settings)
                stack.push_async_callback(vectors.aclose)
        blobs = Blobs(folder / "blobs", settings.http.max_upload_bytes)
        stores = Stores(ledger, blobs, folder, model, dimension, vectors, is_alone=True, trouble=trouble)
        yield Doctor(lambda: stores, resume=partial(follow_to_the_end, ledger, vectors))


def name_of(folder: Path) -> str:
    """Return the data folder's own name, wherever it is mounted; empty when no service ever used it."""
    try:
        return (folder / FILE).read_text("ascii", "replace").strip()
    except OSError:
        return ""


async def _open_vectors(location: IndexLocation, settings: Settings) -> VectorStore:
    unhurried = settings.vectors.model_copy(update={"call_timeout_s": SLOW_CALL_S})
    return await VectorStore.open(
        location.folder, unhurried, model=location.model, dimension=location.dimension
    )


async def follow_to_the_end(ledger: Ledger, vectors: VectorStore | None) -> None:
    """Apply the whole log to the index; one that cannot be used is found by the next examination."""
    if vectors is None:
        return
    follower = Follower(ledger.vector_log, vectors, clock=time.time, on_ready=_note)
    for _ in range(FOLLOW_TRIES):
        try:
            while await follower.step():
                pass
        except Unavailable as error:
            await anyio.sleep(error.retry_after_s or 0.0)
        else:
            return


async def _note(_: list[str]) -> None:
    return None


async def _model_of(settings: Settings, ledger: Ledger) -> tuple[str, int | None]:
    """Return the model that answers, or will when there are vectors, and their length if there are any."""
    active = (await ledger.models.roles()).active
    if active is not None and await ledger.models.has_vectors(active.name):
        return active.name, active.dimension
    name = choose(settings.embedding.model, settings.embedding.folder).name
    return name, await Derived(ledger.database).usual_dimension(name)
