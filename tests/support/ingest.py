"""A library and its workers over one folder, with a clock and ticks that a test drives."""

from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel

from kotaemon_async.documents.ingest import Ingest
from kotaemon_async.documents.library import Arrival, Library
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.recognition import Recognition
from kotaemon_async.documents.settings import IngestSettings
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Document
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.traces import TraceContext
from tests.support.clock import Clock

SETTINGS = IngestSettings(batch_pages=2)


class Ticks:
    """Sleep that lasts until the test lets it end; sleeps of different lengths are told apart."""

    def __init__(self) -> None:
        self._sleepers: dict[float, list[anyio.Event]] = {}
        self._came = anyio.Event()
        self._free: set[float] = set()

    async def sleep(self, seconds: float) -> None:
        if seconds in self._free:
            await anyio.lowlevel.checkpoint()
            return
        over = anyio.Event()
        self._sleepers.setdefault(seconds, []).append(over)
        self._came.set()
        try:
            await over.wait()
        finally:
            if not over.is_set():
                self._sleepers[seconds].remove(over)

    async def pass_by(self, seconds: float, times: int) -> None:
        """So many sleeps of this length have ended, and what followed all but the last of them is done."""
        for _ in range(times):
            while not self._sleepers.get(seconds):
                self._came = anyio.Event()
                await self._came.wait()
            self._sleepers[seconds].pop(0).set()

    def run_free(self, seconds: float) -> None:
        """Let sleeps of this length end at once from now on, whether one is waiting or has just passed."""
        self._free.add(seconds)
        for over in self._sleepers.pop(seconds, []):
            over.set()


class Broken(Embedder):
    """An embedder that is away, after a number of calls that went well."""

    def __init__(self, real: Embedder, good_calls: int, retry_after_s: float | None = None) -> None:
        self._real, self._good_calls, self._retry_after_s = real, good_calls, retry_after_s
        self.name = real.name

    async def embed_passages(self, texts):  # type: ignore[no-untyped-def]
        self._good_calls -= 1
        if self._good_calls < 0:
            raise Unavailable("away", code="embedder_unavailable", retry_after_s=self._retry_after_s)
        return await self._real.embed_passages(texts)


class Renamed(Embedder):
    """An embedder under another name, as another model would have."""

    def __init__(self, real: Embedder, name: str) -> None:
        self._real, self.name = real, name

    async def embed_passages(self, texts):  # type: ignore[no-untyped-def]
        return await self._real.embed_passages(texts)


class Stuck(Embedder):
    """An embedder that does not answer until it is let go; `asked` is set when it does not."""

    def __init__(self, real: Embedder, good_calls: int = 0) -> None:
        self._real, self._good_calls = real, good_calls
        self.name = real.name
        self.asked, self.let_go = anyio.Event(), anyio.Event()

    async def embed_passages(self, texts):  # type: ignore[no-untyped-def]
        self._good_calls -= 1
        if self._good_calls < 0:
            self.asked.set()
            await self.let_go.wait()
        return await self._real.embed_passages(texts)


class IngestFixture:
    """A library and workers over one folder."""

    def __init__(self, folder: Path, ledger: Ledger, sandbox: Sandbox, embedder: Embedder) -> None:
        self.ledger, self.sandbox, self.embedder = ledger, sandbox, embedder
        self.clock = Clock(1_000_000.0)
        self.blobs = Blobs(folder / "blobs", 10**7)
        self.library = Library(ledger, self.blobs, enqueue=lambda: None, clock=self.clock, max_attempts=6)

    def worker(
        self,
        *,
        embedder: Embedder | None = None,
        models: Callable[[], Embedder] | None = None,
        on_step: Callable[[], None] = lambda: None,
        may_work: Callable[[], bool] = lambda: True,
        may_start: Callable[[], bool] = lambda: True,
        ticks: Ticks | None = None,
        settings: IngestSettings = SETTINGS,
        recognition: Recognition | None = None,
    ) -> Ingest:
        used = embedder or self.embedder
        parts = (self.ledger, self.blobs, self.sandbox, models or (lambda: used))
        return Ingest(
            *parts,
            library=self.library,
            owner="me",
            on_step=on_step,
            settings=settings,
            recognition=recognition,
            may_work=may_work,
            may_start=may_start,
            clock=self.clock,
            sleep=ticks.sleep if ticks else anyio.sleep,
        )

    async def hand_in(self, data: bytes, name: str = "a.pdf") -> str:
        async with self.library.incoming() as incoming:
            await incoming.write(data)
            document, _ = await self.library.accept(
                incoming,
                name=name,
                collection="default",
                trace=TraceContext("a" * 32, ""),
                arrival=Arrival(EVERYBODY),
            )
        return document.id

    async def ingest(self, data: bytes, name: str = "a.pdf") -> Document:
        document_id = await self.hand_in(data, name)
        await self.worker().run(document_id)
        return await self.ledger.documents.get(document_id)

    async def waits_s(self, document_id: str) -> tuple[str, float]:
        """What a document waits for and how long from now on."""
        waiting_for = (await self.ledger.documents.get(document_id)).waiting_for
        assert waiting_for is not None
        return str(waiting_for["kind"]), float(waiting_for["at"]) - self.clock.now_s  # type: ignore[arg-type]

    async def contents(self, document_id: str) -> list[int]:
        """How many pages, chunks and log entries to upsert there are of the document."""
        tables = ("pages", "chunks", "vector_log")
        conditions = ("", "", " AND op = 'upsert'")
        return await self.ledger.database.read(
            lambda conn: [
                conn.execute(
                    f"SELECT count(*) FROM {table} WHERE document_id = ?{condition}", (document_id,)
                ).get
                for table, condition in zip(tables, conditions, strict=True)
            ]
        )
