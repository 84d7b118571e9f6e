"""A followed folder over a real library and a real ledger, with looks and a clock that a test drives."""

import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import anyio.lowlevel

from kotaemon_async.documents.folders.watching import FolderWatch
from kotaemon_async.documents.settings import LibrarySettings, WatchSettings
from kotaemon_async.domain.callers import EVERYBODY, SERVICE
from kotaemon_async.domain.model import Document
from kotaemon_async.resilience.admission import Admission
from kotaemon_async.stores.documents import ListQuery
from tests.support.clock import Clock
from tests.support.library import LibraryFixture

HOLD_S = 1000.0
Sleep = Callable[[float], Awaitable[None]]


async def no_time(_: float) -> None:
    """A sleep that only lets others run."""
    await anyio.lowlevel.checkpoint()


class Followed:
    """A folder `root`, and what follows it; files get times of their own, one second apart."""

    def __init__(self, folder: Path, lib: LibraryFixture, admission: Admission | None = None) -> None:
        self.lib, self.root, self.data = lib, folder / "docs", folder / "data"
        self.clock = Clock(10_000.0)
        self._mtime_s = 1_000_000
        self.admission = admission or Admission(4)
        for made in (self.root, self.data):
            made.mkdir(exist_ok=True)
        self.watch = self.fresh()

    def fresh(self, root: Path | None = None, sleep: Sleep = no_time, max_bytes: int = 1000) -> FolderWatch:
        """Another one over the same ledger, as after a restart."""
        settings = LibrarySettings(
            watch=(WatchSettings(path=root or self.root, collection="docs"),), watch_hold_s=HOLD_S
        )
        return FolderWatch(
            self.lib.ledger,
            self.lib.library,
            self.admission,
            settings=settings,
            max_bytes=max_bytes,
            data_dir=self.data,
            caller=lambda: SERVICE,
            clock=self.clock,
            sleep=sleep,
        )

    def write(self, name: str, text: str) -> Path:
        """A file with the text, written later than all before."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self._mtime_s += 1
        os.utime(path, (self._mtime_s, self._mtime_s))
        return path

    async def look(self, times: int = 2) -> None:
        """So many looks, ten seconds apart; two are enough for what stands still."""
        for _ in range(times):
            await self.watch.look()
            self.clock.now_s += 10
            self.lib.now_s += 0.01

    async def read(self) -> None:
        """All documents that wait have been read."""
        for document in await self.documents():
            if document.status == "queued":
                await self.lib.work(document.id)

    async def take(self, files: dict[str, str]) -> None:
        """The files are written, taken and ready."""
        for name, text in files.items():
            self.write(name, text)
        await self.look()
        await self.read()

    async def documents(self) -> Sequence[Document]:
        """All documents, oldest first."""
        found, _ = await self.lib.ledger.access.page(EVERYBODY, ListQuery(limit=200))
        return found[::-1]

    async def paths(self) -> list[str]:
        """The paths of all documents, in order."""
        return sorted(document.path for document in await self.documents())

    async def report(self) -> dict[str, object]:
        """What health says of the folder."""
        folders = (await self.watch.check())["folders"]
        assert isinstance(folders, list)
        found: dict[str, object] = folders[0]
        return found
