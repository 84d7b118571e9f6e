"""The follower with the real vector store; the log is a list, since only its order matters here."""

import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from kotaemon_async.domain.model import Scope
from kotaemon_async.search.vectors.follower import Follower
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.vector_log import LogEntry
from tests.support.vector_log import ListLog
from tests.support.vectors import entries, opened, vector_of

ENTRIES = 400


class Log(ListLog):
    """A log that remembers from where it was read, and tells each position that the follower records."""

    def __init__(self) -> None:
        super().__init__(*entries(ENTRIES))
        self.reads: list[int] = []

    async def after(self, position: int, limit: int, model: str) -> list[LogEntry]:
        self.reads.append(position)
        return await super().after(position, limit, model)

    async def advance(self, generation: str, model: str, position: int, now_s: float) -> list[str]:
        await super().advance(generation, model, position, now_s)
        return [f"at {position}"]


class Scene:
    """A follower at work on a store."""

    def __init__(self, folder: Path, log: Log, store: VectorStore) -> None:
        self.folder, self.log, self.store = folder, log, store
        self.reached = 0
        self.moved = anyio.Event()
        self.follower = Follower(log, store, clock=time.time, on_ready=self.note, batch=50, rebuild_batch=50)

    async def note(self, ready: list[str]) -> None:
        self.reached = int(ready[0].removeprefix("at "))
        self.moved.set()

    async def until(self, position: int) -> None:
        with anyio.fail_after(60):
            while self.reached != position:
                await self.moved.wait()
                self.moved = anyio.Event()


@asynccontextmanager
async def following(folder: Path, log: Log) -> AsyncIterator[Scene]:
    async with opened(folder) as store, anyio.create_task_group() as group:
        scene = Scene(folder, log, store)
        group.start_soon(scene.follower.run)
        yield scene
        group.cancel_scope.cancel()


async def test_every_entry_of_the_log_can_be_found(tmp_path: Path) -> None:
    async with following(tmp_path / "vectors", Log()) as scene:
        await scene.until(ENTRIES)
        vector = vector_of(scene.log.entries[123])
        assert (await scene.store.search(vector, limit=1, scope=Scope()))[0][0] == "c123"
        assert await scene.store.count() == ENTRIES


async def test_a_child_killed_in_the_middle_costs_no_entry(tmp_path: Path) -> None:
    async with following(tmp_path / "vectors", Log()) as scene:
        await scene.until(100)
        assert scene.store.pid is not None
        os.kill(scene.store.pid, signal.SIGKILL)
        await scene.until(ENTRIES)
        assert await scene.store.count() == ENTRIES
    assert scene.log.reads.count(0) == 1


async def test_a_batch_whose_record_was_lost_is_applied_again_without_a_trace(tmp_path: Path) -> None:
    log = Log()
    async with following(tmp_path / "vectors", log) as scene:
        await scene.until(ENTRIES)
    log.positions[scene.store.generation] = 150
    async with following(tmp_path / "vectors", log) as again:
        await again.until(ENTRIES)
        assert await again.store.count() == ENTRIES
    assert again.store.generation == scene.store.generation


async def test_a_deleted_folder_is_rebuilt_from_the_start_while_the_service_runs(tmp_path: Path) -> None:
    async with following(tmp_path / "vectors", Log()) as scene:
        await scene.until(ENTRIES)
        shutil.rmtree(scene.folder)
        scene.follower.wake()
        await scene.until(50)
        await scene.until(ENTRIES)
        assert await scene.store.count() == ENTRIES
    assert sorted(scene.log.positions.values()) == [ENTRIES, ENTRIES]


async def test_deletes_in_the_log_reach_the_index(tmp_path: Path) -> None:
    log = Log()
    async with following(tmp_path / "vectors", log) as scene:
        await scene.until(ENTRIES)
        log.entries += [LogEntry(ENTRIES + 1, "delete", "c7", "d0", "a", None)]
        scene.follower.wake()
        await scene.until(ENTRIES + 1)
        assert await scene.store.present(["c6", "c7"]) == {"c6"}
