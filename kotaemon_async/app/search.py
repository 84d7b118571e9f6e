"""Puts the search side together: embedding models, the indexes of their vectors, and what fills those."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.ready import ReadyNews
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.embedding.models import Choice, choose, prepared_model
from kotaemon_async.search.spaces import VectorSpace, VectorSpaces
from kotaemon_async.search.vectors.audit import IndexAudit
from kotaemon_async.search.vectors.follower import Follower
from kotaemon_async.search.vectors.pipe import IndexLocation, VectorChild
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.ledger import Ledger


@dataclass(frozen=True, slots=True)
class SearchParts:
    """What vector spaces are made of; `may_write` says whether the disk has room for an index to grow."""

    settings: Settings
    ledger: Ledger
    models: ModelRegistry
    may_write: Callable[[], bool]

    async def embedder(self) -> Embedder:
        """Return the model that is set, or the one that stands in for it, loaded. Raises: Misconfigured."""
        wanted = self.settings.embedding
        return await Embedder.open(
            wanted.folder, model=self.choice, threads=wanted.threads, models=self.models
        )

    @property
    def choice(self) -> Choice:
        """Return the name of the model that is set, or of the one that stands in for it."""
        return choose(self.settings.embedding.model, self.settings.embedding.folder)

    def index(self, model: str, dimension: int, launched: VectorChild | None) -> VectorStore:
        """Return the index of the model's vectors, whose child opens it while the caller goes on."""
        location = IndexLocation(self.settings.data_dir.absolute() / "vectors", model, dimension)
        store = VectorStore(location, self.settings.vectors, clock=time.monotonic, launched=launched)
        store.begin()
        return store

    def space(self, embedder: Embedder, vectors: VectorStore) -> VectorSpace:
        """Return the two with what keeps the index in step with the ledger."""
        log, news = self.ledger.vector_log, ReadyNews(self.ledger)
        follower = Follower(
            log,
            vectors,
            clock=time.time,
            on_ready=news.ready,
            on_applied=news.applied,
            audit=IndexAudit(log, vectors, every_s=self.settings.vectors.audit_every_s),
            may_write=self.may_write,
        )
        return VectorSpace(embedder, vectors, follower)


async def open_search(
    parts: SearchParts, stack: AsyncExitStack, launched: VectorChild | None = None
) -> VectorSpaces:
    """Load the model and let the index open, side by side for a model whose dimension is known.

    Raises: Misconfigured.
    """

    def begun(model: str, dimension: int) -> VectorStore:
        store = parts.index(model, dimension, launched)
        stack.push_async_callback(store.aclose)
        return store

    known = prepared_model(parts.choice.name)
    early = begun(known.name, known.dimension) if known else None
    embedder = await parts.embedder()
    stack.push_async_callback(embedder.aclose)
    return VectorSpaces(parts.space(embedder, early or begun(embedder.name, embedder.dimension)))
