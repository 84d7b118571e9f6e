"""A data folder with documents in it, to be damaged and examined."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from kotaemon_async.app.doctor import follow_to_the_end
from kotaemon_async.documents.chunking import chunks_of
from kotaemon_async.documents.ingest import RECIPE
from kotaemon_async.documents.library import Arrival, Library
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.index_terms import segment
from kotaemon_async.domain.model import Document, Page
from kotaemon_async.operations.doctor.doctor import Doctor, Stores
from kotaemon_async.operations.doctor.report import Report
from kotaemon_async.search.settings import VectorSettings
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.claims import Batch, Claim
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.traces import TraceContext
from tests.support.documents import ENGLISH
from tests.support.ledger import run_sql

MODEL = "model"
DIMENSION = 8
RNG = np.random.default_rng(11)


class DamagedFolder:
    """Ledger and files of one folder, a clock that stands still, and the doctor for them."""

    def __init__(self, folder: Path, ledger: Ledger, *, is_alone: bool = True) -> None:
        self.folder, self.ledger, self.is_alone = folder, ledger, is_alone
        self.blobs = Blobs(folder / "blobs", 10**6)
        self.library = Library(
            ledger, self.blobs, enqueue=lambda: None, clock=lambda: self.now_s, max_attempts=6
        )
        self.now_s = 1_000_000.0
        self.vectors: VectorStore | None = None

    async def accept(self, words: str = "words") -> Document:
        """A queued document whose file holds the words."""
        self.now_s += 1
        async with self.library.incoming() as incoming:
            await incoming.write(words.encode())
            document, _ = await self.library.accept(
                incoming,
                name="a.txt",
                collection="default",
                trace=TraceContext("a" * 32, ""),
                arrival=Arrival(EVERYBODY),
            )
        return document

    async def claim(self, document: Document) -> Claim:
        claim = await self.ledger.claims.claim(document.id, "me", self.now_s, 30, recipe=RECIPE)
        assert claim is not None
        return claim

    async def commit(self, claim: Claim, pages: list[Page], total: int) -> None:
        chunks = chunks_of(pages)
        vectors = RNG.normal(size=(len(chunks), DIMENSION)).astype(np.float32)
        batch = Batch(pages, chunks, vectors, [segment(chunk.text) for chunk in chunks], total, MODEL)
        await self.ledger.claims.commit_batch(claim, batch, self.now_s)

    async def indexing(self, pages: int = 3, words: str = "words") -> Document:
        """A document whose pages are all committed."""
        claim = await self.claim(await self.accept(words))
        texts = [f"{words} {ENGLISH.format(number=number)}" for number in range(1, pages + 1)]
        await self.commit(claim, [Page(number, text) for number, text in enumerate(texts, 1)], pages)
        await self.ledger.claims.to_indexing(claim, self.now_s)
        return await self.ledger.documents.get(claim.document.id)

    async def ready(self, pages: int = 3, words: str = "words") -> Document:
        """A document that can be searched."""
        document = await self.indexing(pages, words)
        await self.ledger.vector_log.advance(
            "generation", MODEL, await self.ledger.vector_log.end(), self.now_s
        )
        return await self.ledger.documents.get(document.id)

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return run_sql(self.folder / "ledger.db", statement, *values)

    def file(self, document: Document) -> Path:
        return self.blobs.path(document.sha256)

    def doctor(self) -> Doctor:
        stores = Stores(
            ledger=self.ledger,
            blobs=self.blobs,
            folder=self.folder,
            model=MODEL,
            dimension=DIMENSION,
            vectors=self.vectors,
            is_alone=self.is_alone,
        )
        return Doctor(lambda: stores, resume=self.follow, clock=lambda: self.now_s)

    async def run(self, *, repair: bool = False, deep: bool = False) -> Report:
        return await self.doctor().run(repair=repair, deep=deep)

    async def found(self, *, deep: bool = False) -> dict[str, list[str]]:
        """The examples of every finding."""
        return {kind: found.examples for kind, found in (await self.run(deep=deep)).findings.items()}

    async def mended(self, *, deep: bool = False) -> str:
        """The verdict of a repair; afterwards nothing differs."""
        verdict = (await self.run(repair=True, deep=deep)).verdict
        assert await self.found(deep=True) == {}
        return verdict

    async def repaired(self, *, deep: bool = False) -> dict[str, list[str]]:
        """What was found, all of which a repair mended."""
        found = await self.found(deep=deep)
        assert await self.mended(deep=deep) == "mended"
        return found

    async def follow(self) -> None:
        """The index has all that the log has."""
        await follow_to_the_end(self.ledger, self.vectors)


@asynccontextmanager
async def open_vectors(data: DamagedFolder) -> AsyncIterator[VectorStore]:
    """Open the folder's index in its child process."""
    data.vectors = await VectorStore.open(
        data.folder / "vectors", VectorSettings(call_timeout_s=20), model=MODEL, dimension=DIMENSION
    )
    try:
        yield data.vectors
    finally:
        await data.vectors.aclose()
        data.vectors = None


@asynccontextmanager
async def open_folder(folder: Path) -> AsyncIterator[DamagedFolder]:
    ledger = await Ledger.open(folder / "ledger.db")
    try:
        yield DamagedFolder(folder, ledger)
    finally:
        await ledger.aclose()
