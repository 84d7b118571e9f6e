"""Vector spaces over a real ledger and real Chroma, with models that hash words and understand nothing."""

import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.lowlevel
import numpy as np

from kotaemon_async.app.search import SearchParts, open_search, remove_left_over, wanted_model
from kotaemon_async.app.settings import Settings
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.domain.model import Found, Mode, Page, Scope
from kotaemon_async.resilience.models import ModelRegistry
from kotaemon_async.resilience.settings import ModelSettings
from kotaemon_async.search.embedding.embedder import Embedder, Vector
from kotaemon_async.search.embedding.models import Choice
from kotaemon_async.search.model_change import ModelChange
from kotaemon_async.search.retrieval import Retrieval
from kotaemon_async.search.settings import EmbeddingSettings, RetrievalSettings
from kotaemon_async.search.spaces import VectorSpace, VectorSpaces
from kotaemon_async.stores.claims import Batch
from kotaemon_async.stores.ledger import Ledger
from tests.support.ledger import batch_of, claimed, new_document
from tests.support.vectors import PATIENT

#: Models that there are weights for, with their dimensions.
WEIGHTS = {"old": 16, "new": 24}


class WordEmbedder(Embedder):
    """A text's vector is the sum of its words' random ones, which are others for each model."""

    def __init__(self, name: str, dimension: int) -> None:
        self.name, self.dimension = name, dimension
        self.is_closed = False
        self.before: Callable[[], None] = lambda: None

    async def embed_query(self, text: str) -> Vector:
        rows = await self.embed_passages([text])
        return rows.reshape(self.dimension)

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        assert not self.is_closed, f"{self.name} is closed, and somebody still uses it"
        await anyio.lowlevel.checkpoint()
        self.before()
        return np.stack([self.vector(text) for text in texts])

    def vector(self, text: str) -> Vector:
        seeds = [zlib.crc32(f"{self.name} {word}".encode()) for word in text.lower().split()]
        total = np.sum([np.random.default_rng(seed).normal(size=self.dimension) for seed in seeds], axis=0)
        return np.asarray(total / np.linalg.norm(total), np.float32)

    async def check(self) -> dict[str, object]:
        return {"model": self.name}

    async def aclose(self) -> None:
        self.is_closed = True


@dataclass(frozen=True, slots=True)
class WordParts(SearchParts):
    """The real parts, but for the models; `opened` are those that were."""

    weights: dict[str, int] = field(default_factory=lambda: dict(WEIGHTS))
    opened: list[WordEmbedder] = field(default_factory=list)

    async def embedder(self, name: str | Choice) -> Embedder:
        wanted = name.name if isinstance(name, Choice) else name
        if wanted not in self.weights:
            raise Misconfigured(f"embedding.folder: there is no {wanted}.", hint="Prepare it.")
        self.opened.append(WordEmbedder(wanted, self.weights[wanted]))
        return self.opened[-1]


@dataclass
class Searching:
    """A running service's search side, and what a test does with it."""

    ledger: Ledger
    parts: WordParts
    spaces: VectorSpaces
    change: ModelChange
    retrieval: Retrieval
    shortage: str | None = None

    @property
    def model(self) -> str:
        """The model that answers."""
        return self.spaces.embedder().name

    async def search(self, words: str, mode: Mode = "vector") -> Found:
        return await self.retrieval.search(words, Scope(), mode=mode, top_k=3)

    async def ready(self, name: str, text: str) -> None:
        """A document that was read and can be found by vector."""
        await self.ledger.documents.accept(new_document(name), 1.0)
        await self.read(name, text)
        await self.until(lambda: self.is_ready(name))

    async def read(self, name: str, text: str) -> None:
        """A document's pages are embedded by the model that answers, and it waits for the index."""
        claim = await claimed(self.ledger, name)
        async with self.spaces.commits:
            await self.ledger.claims.commit_batch(claim, self.batch(text), 3.0)
        await self.ledger.claims.to_indexing(claim, 4.0)
        self.spaces.wake()

    def batch(self, text: str) -> Batch:
        cut = batch_of([Page(1, text)])
        model = next(one for one in self.parts.opened if one.name == self.model)
        vectors = np.stack([model.vector(chunk.text) for chunk in cut.chunks])
        return Batch(cut.pages, cut.chunks, vectors, cut.terms, cut.pages_total, model.name)

    @property
    def second_index(self) -> VectorSpace:
        """The space that is built beside the one that answers."""
        assert self.change._next is not None
        assert self.change._next.space is not None
        return self.change._next.space

    async def is_ready(self, name: str) -> bool:
        return (await self.ledger.documents.get(name)).status == "ready"

    async def until(self, look: Callable[[], object]) -> None:
        """Something that tasks and children do by themselves has come to pass."""
        with anyio.fail_after(60):
            while not await _value(look()):  # noqa: ASYNC110 - children and other tasks have no event of ours
                await anyio.sleep(0.01)

    async def until_switched(self, model: str = "new") -> None:
        await self.until(lambda: self.model == model and self.change.status.state == "idle")


async def _value(found: object) -> object:
    return await found if hasattr(found, "__await__") else found


@asynccontextmanager
async def searching(
    folder: Path,
    ledger: Ledger,
    *,
    wanted: str,
    weights: dict[str, int] | None = None,
    runs: bool = True,
    retire_s: float = 0.0,
) -> AsyncIterator[Searching]:
    """A service over the folder whose settings want this model; its tasks end with the block."""
    settings = Settings(data_dir=folder, embedding=EmbeddingSettings(model=wanted), vectors=PATIENT)
    registry = ModelRegistry(ModelSettings())
    parts = WordParts(settings, ledger, registry, lambda: True, weights or dict(WEIGHTS))
    async with AsyncExitStack() as stack:
        spaces = await open_search(parts, stack)
        stack.push_async_callback(spaces.aclose)
        await remove_left_over(parts, spaces)
        found: Searching

        async def sleep(seconds: float) -> None:
            await anyio.sleep(min(seconds, retire_s))

        change = ModelChange(
            ledger.models,
            spaces,
            parts,
            wanted=wanted_model(parts),
            batch=1,
            shortage=lambda: found.shortage,
            sleep=sleep,
        )
        stack.push_async_callback(change.aclose)
        retrieval = Retrieval(
            documents=ledger.documents,
            keywords=ledger.keywords,
            space=spaces.active,
            settings=RetrievalSettings(vector_timeout_s=60, keyword_timeout_s=60),
        )
        found = Searching(ledger, parts, spaces, change, retrieval)
        async with anyio.create_task_group() as group:
            group.start_soon(spaces.follow)
            await found.until(lambda: spaces.active().follower.outage is None)
            if runs:
                group.start_soon(change.run)
            yield found
            group.cancel_scope.cancel()
