"""A library over real files and a real ledger, with a clock that a test moves."""

from pathlib import Path

import anyio

from kotaemon_async.documents.library import Arrival, Library
from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.domain.model import Document, Failure, Page
from kotaemon_async.stores.blobs import Blobs
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.traces import TraceContext
from tests.support.ledger import batch_of, claimed, make_ready

TRACE = TraceContext("a" * 32, f"00-{'a' * 32}-{'b' * 16}-01")


class LibraryFixture:
    """A library with its folder, its ledger and a count of the wake-ups that it sent."""

    def __init__(self, folder: Path, ledger: Ledger, *, max_bytes: int = 1000) -> None:
        self.folder = folder / "blobs"
        self.ledger = ledger
        self.wake_ups = 0
        self.sleeps = 0
        self.asleep = 0
        self.most_asleep = 0
        self.last_sleep: int | None = None
        self.go_on = anyio.Event()
        self.may_work = True
        self.now_s = 1.0
        self.blobs = Blobs(self.folder, max_bytes, sleep=self._sleep)
        self.library = Library(
            ledger,
            self.blobs,
            enqueue=self._ring,
            max_attempts=6,
            clock=lambda: self.now_s,
            sleep=self._sleep,
            shortage=lambda: None if self.may_work else "disk",
        )

    def _ring(self) -> None:
        self.wake_ups += 1

    async def _sleep(self, _seconds: float) -> None:
        self.sleeps += 1
        self.asleep += 1
        self.most_asleep = max(self.most_asleep, self.asleep)
        try:
            if self.sleeps == self.last_sleep:
                await self.go_on.wait()
            await anyio.lowlevel.checkpoint()
        finally:
            self.asleep -= 1

    async def work(self, document_id: str, failure: Failure | None = None) -> None:
        """The document is ready, with its text as its only page, or has failed."""
        if failure is not None:
            await self.ledger.claims.fail(await claimed(self.ledger, document_id), failure, 1.0)
            return
        text = (await self.library.content(EVERYBODY, document_id))[1].read_text()
        await make_ready(self.ledger, document_id, batch_of([Page(1, text)]))

    async def ready(self, data: bytes) -> Document:
        """A document that can be searched."""
        document, _ = await self.hand_in(data)
        await self.work(document.id)
        return await self.library.get(EVERYBODY, document.id)

    async def rows(self, table: str) -> int:
        """How many rows a table has."""
        query = f"SELECT count(*) FROM {table}"
        return await self.ledger.database.read(lambda conn: conn.execute(query).get)

    async def hand_in(
        self,
        data: bytes,
        name: str = "a.txt",
        collection: str = "default",
        key: str | None = None,
        *,
        caller: Caller = EVERYBODY,
    ) -> tuple[Document, bool]:
        """The document and whether it is new, handed in as a request would."""
        async with self.library.reserved(caller, key) as reserved, self.library.incoming() as incoming:
            for start in range(0, len(data), 7):
                await incoming.write(data[start : start + 7])
            return await self.library.accept(
                incoming,
                name=name,
                collection=collection,
                trace=TRACE,
                key=reserved,
                arrival=Arrival(caller),
            )

    def files(self) -> list[str]:
        """The names of all files."""
        return [path.name for path in self.folder.rglob("*") if path.is_file()]
