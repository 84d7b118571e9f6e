"""The vector store with real Chroma in its real child."""

import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import numpy as np
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.resilience.child import FramedChild
from kotaemon_async.search.settings import VectorSettings
from kotaemon_async.search.vectors import supervisor as vector_supervisor
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.telemetry import metrics
from tests.support.clock import Clock
from tests.support.vectors import DIMENSION, entries, opened, vector_of

EVERYTHING = Scope()
#: A child of any size is too large.
SMALL = VectorSettings(call_timeout_s=20, recycle_bytes=1)


def is_alive(status: Path) -> bool:
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def folders_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def send_signal(store: VectorStore, number: int) -> int:
    """The process id of the child that got the signal."""
    assert store.pid is not None
    os.kill(store.pid, number)
    return store.pid


async def test_the_nearest_chunk_comes_first_with_its_cosine(store: VectorStore) -> None:
    chunks = entries(50)
    await store.apply(chunks, [])
    vectors = np.array([vector_of(one) for one in chunks])
    found = await store.search(vectors[7], limit=3, scope=EVERYTHING)
    expected = np.sort(vectors @ vectors[7])[::-1][:3]
    assert found[0][0] == "c7"
    assert [score for _, score in found] == pytest.approx(expected, abs=1e-3)


async def test_a_narrow_scope_finds_all_of_its_chunks(store: VectorStore) -> None:
    chunks = entries(600)
    for start in range(0, 600, 60):
        await store.apply(chunks[start : start + 60], [])
    scope = Scope(("b",), document_ids=("d3", "d4", "d57"))
    found = await store.search(vector_of(chunks[0]), limit=50, scope=scope)
    nothing = await store.search(vector_of(chunks[0]), limit=50, scope=Scope(document_ids=("other",)))
    assert {chunk for chunk, _ in found} == {f"c{n}" for n in (*range(30, 40), *range(570, 580))}
    assert nothing == []


async def test_applying_the_same_entries_twice_changes_nothing(store: VectorStore) -> None:
    chunks = entries(20)
    for _ in range(2):
        await store.apply(chunks[:15], ["c15", "never-there"])
    assert await store.count() == 15
    assert await store.present(["c3", "c15"]) == {"c3"}


async def test_vectors_and_generation_outlive_the_process(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        await store.apply(entries(20), ["c1"])
        first = store.generation
    async with opened(tmp_path / "vectors") as store:
        assert (store.generation, await store.count()) == (first, 19)


async def test_closing_leaves_no_child_and_refuses_calls(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        pid = store.pid
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()  # noqa: ASYNC240 - /proc never blocks
    with pytest.raises(Unavailable, match="closed"):
        await store.count()


async def test_a_child_killed_while_idle_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors", clock=time.monotonic) as store:
        await store.apply(entries(5), [])
        killed = send_signal(store, signal.SIGKILL)
        with anyio.fail_after(60):
            counted = [n async for n in _counts_until(store, 5)]
        assert (counted[-1], store.pid != killed) == (5, True)


async def _counts_until(store: VectorStore, wanted: int) -> AsyncIterator[int]:
    counted = -1
    while counted != wanted:
        try:
            counted = await store.count()
        except Unavailable:
            await anyio.lowlevel.checkpoint()
        yield counted


async def test_a_stopped_child_is_killed_at_the_deadline_and_calls_fail_at_once(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(
        tmp_path / "vectors", settings=VectorSettings(call_timeout_s=1.0), clock=clock
    ) as store:
        # The first start may take longer than a call.
        assert [n async for n in _counts_until(store, 0)][-1] == 0
        stopped = send_signal(store, signal.SIGSTOP)
        for expected in ("did not answer", "being started again"):
            with pytest.raises(Unavailable, match=expected) as caught:
                await store.count()
            while store.pid == stopped:
                await anyio.lowlevel.checkpoint()
        assert caught.value.code == "vectors_unavailable"
        assert caught.value.retry_after_s == pytest.approx(0.2)
        clock.now_s += 0.2
        assert [n async for n in _counts_until(store, 0)][-1] == 0


async def test_a_cancelled_search_does_not_give_its_answer_to_the_next_caller(tmp_path: Path) -> None:
    chunks = entries(30)
    async with opened(tmp_path / "vectors") as store:
        await store.apply(chunks, [])
        pid = store.pid
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: store.search(vector_of(chunks[1]), limit=1, scope=EVERYTHING))
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        found = await store.search(vector_of(chunks[2]), limit=1, scope=EVERYTHING)
        assert (found[0][0], store.pid) == ("c2", pid)


async def test_a_search_goes_ahead_of_waiting_applies(tmp_path: Path) -> None:
    order: list[str] = []
    chunks = entries(40)
    async with opened(tmp_path / "vectors") as store, anyio.create_task_group() as group:

        async def apply(number: int) -> None:
            await store.apply(chunks[number * 10 : number * 10 + 10], [])
            order.append(f"apply {number}")

        for number in range(4):
            group.start_soon(apply, number)
        await anyio.lowlevel.checkpoint()
        await store.search(vector_of(chunks[0]), limit=1, scope=EVERYTHING)
        order.append("search")
    assert order.index("search") <= 1


async def test_an_unreadable_folder_is_put_aside_and_only_the_newest_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    (tmp_path / "vectors.broken-3").mkdir()
    folder.mkdir()
    (folder / "chroma.sqlite3").write_bytes(b"no database" * 500)
    (folder / "generation").write_text(f"old-{DIMENSION}\n")
    async with opened(folder) as store:
        assert await store.count() == 0
        assert store.generation not in ("", f"old-{DIMENSION}")
    assert folders_in(tmp_path) == ["vectors", "vectors.broken-4"]


async def test_a_folder_taken_away_under_the_child_is_noticed(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path / "vectors", clock=clock) as store:
        await store.apply(entries(5), [])
        old = store.generation
        shutil.rmtree(tmp_path / "vectors")
        with pytest.raises(Unavailable, match="taken away"):
            await store.count()
        clock.now_s += 1
        assert await store.count() == 0
        assert store.generation != old


def restarts() -> float:
    name = "kotaemon_child_restarts_total"
    return metrics.REGISTRY.get_sample_value(name, {"child": "vectors"}) or 0.0


async def test_a_child_that_has_grown_is_replaced_and_every_question_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_supervisor, "GROWTH", 0.5)  # any size counts as grown
    clock, chunks, found = Clock(), entries(30), list[str]()
    async with opened(tmp_path / "vectors", clock=clock, settings=SMALL) as store:
        await store.apply(chunks, [])
        before = store.pid, store.generation, restarts()
        clock.now_s += vector_supervisor.RECYCLE_EVERY_S

        async def ask(number: int) -> None:
            hits = await store.search(vector_of(chunks[number]), limit=1, scope=EVERYTHING)
            found.extend(key for key, _ in hits)

        while store.pid in (None, before[0]):
            async with anyio.create_task_group() as group:
                for number in range(30):
                    group.start_soon(ask, number)
        assert sorted(set(found)) == sorted(f"c{number}" for number in range(30))
        assert len(found) % 30 == 0
        assert (store.generation, restarts(), await store.count()) == (before[1], before[2] + 1, 30)


@pytest.mark.parametrize(("growth", "age_s"), [(2.0, 3600.0), (0.5, 599.0)], ids=["needs it", "young"])
async def test_a_child_that_needs_its_memory_or_is_young_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, growth: float, age_s: float
) -> None:
    monkeypatch.setattr(vector_supervisor, "GROWTH", growth)
    clock = Clock()
    async with opened(tmp_path / "vectors", clock=clock, settings=SMALL) as store:
        await store.apply(entries(5), [])
        pid = store.pid
        clock.now_s += age_s
        assert [await store.count() for _ in range(3)] == [5, 5, 5]
        assert store.pid == pid


SERVICE = """
import anyio, pathlib, sys
from kotaemon_async.search.settings import VectorSettings
from kotaemon_async.search.vectors import supervisor as vector_supervisor
from kotaemon_async.search.vectors.store import VectorStore
async def main():
    store = await VectorStore.open(pathlib.Path(sys.argv[1]), VectorSettings(), model="m", dimension=8)
    print(store.pid, flush=True)
    await anyio.sleep_forever()
anyio.run(main)
"""


async def test_the_child_does_not_outlive_a_killed_service(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVICE, str(tmp_path / "vectors")]
    service = await FramedChild.start(command, env=os.environ)
    pid = int(await service.replies.receive_until(b"\n", 20))
    child = Path(f"/proc/{pid}/status")
    service.kill()
    await service.aclose()
    with anyio.fail_after(60):
        while is_alive(child):
            await anyio.lowlevel.checkpoint()
