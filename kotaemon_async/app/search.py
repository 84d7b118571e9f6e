"""Puts the search side together: embedding models, the indexes of their vectors, and what changes them."""

import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
from loguru import logger

from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.ready import ReadyNews
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.embedding.models import Choice, choose, prepared_model
from kotaemon_async.search.spaces import VectorSpace, VectorSpaces
from kotaemon_async.search.vectors import folders, supervisor
from kotaemon_async.search.vectors.audit import IndexAudit
from kotaemon_async.search.vectors.exact_fill import ExactFill
from kotaemon_async.search.vectors.follower import Follower
from kotaemon_async.search.vectors.pipe import IndexLocation, VectorChild
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.models import EmbeddingModel


@dataclass(frozen=True, slots=True)
class SearchParts:
    """Opens what vector spaces are made of; `may_write` says whether the disk lets an index grow."""

    settings: Settings
    ledger: Ledger
    models: ModelRegistry
    may_write: Callable[[], bool]

    @property
    def folder(self) -> Path:
        """Return the data folder."""
        return self.settings.data_dir.absolute()

    @property
    def choice(self) -> Choice:
        """Return the name of the model that is set, or of the one that stands in for it."""
        return choose(self.settings.embedding.model, self.settings.embedding.folder)

    async def embedder(self, name: str | Choice) -> Embedder:
        """Return the model, loaded. Raises: Misconfigured when its weights cannot be had."""
        wanted = self.settings.embedding
        return await Embedder.open(wanted.folder, model=name, threads=wanted.threads, models=self.models)

    def space(self, embedder: Embedder, *, beside: VectorSpace | None) -> VectorSpace:
        """Return the model with its index, in a folder where that of the other space is not."""
        former = None if beside is None else beside.vectors.location
        location = folders.location_of(self.folder, embedder.name, embedder.dimension, beside=former)
        return self.filled(embedder, self.index(location), serving=False)

    async def remove(self, space: VectorSpace) -> None:
        """Delete the index of a closed space, unless another process uses it."""
        await remove([space.vectors.location.folder])

    def index(self, location: IndexLocation, launched: VectorChild | None = None) -> VectorStore:
        """Return the index, whose child opens it while the caller goes on."""
        store = VectorStore(location, self.settings.vectors, clock=time.monotonic, launched=launched)
        store.begin()
        return store

    def filled(self, embedder: Embedder, vectors: VectorStore, *, serving: bool = True) -> VectorSpace:
        """Return the two with what keeps the index in step with the ledger."""
        log, news = self.ledger.vector_log, ReadyNews(self.ledger)
        follower = Follower(
            log,
            vectors,
            clock=time.time,
            on_ready=news.ready,
            on_applied=news.applied,
            audit=IndexAudit(log, vectors, every_s=self.settings.vectors.audit_every_s),
            exact=ExactFill(log, vectors),
            may_write=self.may_write,
            serving=serving,
        )
        return VectorSpace(embedder, vectors, follower)


async def open_search(
    parts: SearchParts, stack: AsyncExitStack, launched: VectorChild | None = None
) -> VectorSpaces:
    """Load the model that answers and let its index open, side by side where its dimension is known.

    It is the one whose vectors the ledger has, whatever the settings want; that is changed to afterwards.
    Without its weights, or without vectors, the one that the settings want answers at once.
    Raises: Misconfigured.
    """
    models, choice = parts.ledger.models, parts.choice
    active = (await models.roles()).active
    if active is not None and not await models.has_vectors(active.name):
        active = None
    known = active or _known(choice.name)

    def begun(model: EmbeddingModel) -> VectorStore:
        store = parts.index(folders.location_of(parts.folder, model.name, model.dimension), launched)
        stack.push_async_callback(store.aclose)
        return store

    early = begun(known) if known is not None else None
    embedder = await _answering(parts, active, choice)
    stack.push_async_callback(embedder.aclose)
    present = EmbeddingModel(embedder.name, embedder.dimension)
    if active != present:
        await models.activate(present)
    if early is not None and known != present:
        await early.aclose()
        early, launched = None, None
    return VectorSpaces(parts.filled(embedder, early or begun(present)))


async def _answering(parts: SearchParts, active: EmbeddingModel | None, choice: Choice) -> Embedder:
    """Return the model whose vectors are there, or else the one that is set. Raises: Misconfigured."""
    if active is None or active.name == choice.name:
        return await parts.embedder(choice)
    try:
        return await parts.embedder(active.name)
    except Misconfigured as error:
        logger.bind(model=active.name, detail=error.message).warning("model_without_weights")
        return await parts.embedder(choice)


def _known(name: str) -> EmbeddingModel | None:
    """Return a model of which the dimension is known without loading it."""
    prepared = prepared_model(name)
    return None if prepared is None else EmbeddingModel(prepared.name, prepared.dimension)


def wanted_model(parts: SearchParts) -> str:
    """Return the name of the model that is set, as chunks carry it, whether it can be had or not."""
    return parts.choice.instead_of or parts.choice.name


async def remove_left_over(parts: SearchParts, spaces: VectorSpaces) -> None:
    """Delete indexes that neither the active model nor the one that is changed to can use."""
    used = [spaces.active().vectors.location]
    if (target := (await parts.ledger.models.roles()).target) is not None:
        used.append(folders.location_of(parts.folder, target.name, target.dimension, beside=used[0]))
    await remove(folders.left_over(parts.folder, used))


async def remove(found: Sequence[Path]) -> None:
    """Delete these indexes; one that cannot be deleted now is left for the next start."""
    for folder in found:
        try:
            await anyio.to_thread.run_sync(supervisor.remove, folder)
        except OSError as error:
            logger.bind(detail=str(error)).warning("vector_folder_not_removed")
