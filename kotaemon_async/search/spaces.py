"""Embedding models with the index of their vectors: the one that answers, and how another takes its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio

from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.vectors.follower import Follower
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.telemetry.health import Health


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """A model, the index of its vectors, which mean nothing to another model, and what fills that."""

    embedder: Embedder
    vectors: VectorStore
    follower: Follower
    replaced: anyio.Event = field(default_factory=anyio.Event)

    @property
    def status(self) -> Follower:
        """Return what is known of the index without asking it."""
        return self.follower

    async def aclose(self) -> None:
        """End the index's child and release the model."""
        await self.vectors.aclose()
        await self.embedder.aclose()


class VectorSpaces:
    """The space that answers; whoever embeds and searches asks for it once, and keeps to it meanwhile.

    Vectors are committed under the lock `commits`, so that whoever has it can bring another index up to date.
    """

    def __init__(self, active: VectorSpace) -> None:
        self.commits = anyio.Lock()
        self._active = active

    def active(self) -> VectorSpace:
        """Return the space that answers at present."""
        return self._active

    def embedder(self) -> Embedder:
        """Return the model that answers at present."""
        return self._active.embedder

    def replace(self, space: VectorSpace) -> VectorSpace:
        """Have another space answer from now on; return the former one, which its users still need."""
        former, self._active = self._active, space
        space.follower.serve()
        former.replaced.set()
        return former

    def wake(self) -> None:
        """Have the index take over new entries of the log now."""
        self._active.follower.wake()

    async def forget(self) -> None:
        """Drop vectors that the model keeps only for speed."""
        await self._active.embedder.forget()

    async def follow(self) -> None:
        """Keep the index of the active space in step with the ledger, until cancelled."""
        while True:
            space = self._active
            async with anyio.create_task_group() as group:
                group.start_soon(space.follower.run)
                await space.replaced.wait()
                group.cancel_scope.cancel()

    def register_in(self, health: Health) -> None:
        """Make the state of model and index part of the report."""
        health.register("embedder", self._embedder_report)
        health.register("vectors", self._index_report)

    async def aclose(self) -> None:
        """Close the active space."""
        await self._active.aclose()

    async def _embedder_report(self) -> Mapping[str, object]:
        return await self._active.embedder.check()

    async def _index_report(self) -> Mapping[str, object]:
        return await self._active.follower.report()
