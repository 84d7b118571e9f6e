"""The matrix beside Chroma in the real child: who answers, and how it is filled, kept and given up."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.search.settings import VectorSettings
from kotaemon_async.search.vectors.exact_fill import ExactFill
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.vector_log import LogEntry
from kotaemon_async.telemetry import metrics
from tests.support.vectors import entries, opened, vector_of

EVERYTHING = Scope()


class ListLedger:
    """A ledger that has these chunks, and hands them out a hundred at a time."""

    def __init__(self, chunks: list[LogEntry]) -> None:
        self.chunks = chunks

    async def window(
        self, after: int, limit: int, position: int, model: str
    ) -> tuple[list[LogEntry], int | None]:
        found = [one for one in self.chunks if one.seq > after][:100]
        return found, found[-1].seq if found else None


def searches(by: str) -> float:
    return metrics.REGISTRY.get_sample_value("kotaemon_vector_searches_total", {"by": by}) or 0.0


async def filled(store: VectorStore, chunks: list[LogEntry]) -> bool:
    fill = ExactFill(ListLedger(chunks), store)
    while await fill.step(len(chunks)):
        pass
    return store.is_exact


async def counted(store: VectorStore) -> int:
    with anyio.fail_after(20):
        while True:
            try:
                return await store.count()
            except Unavailable:
                await anyio.lowlevel.checkpoint()


async def nearest(store: VectorStore, chunk: LogEntry, scope: Scope = EVERYTHING) -> str:
    return (await store.search(vector_of(chunk), limit=1, scope=scope))[0][0]


async def test_a_new_index_answers_exactly_from_its_first_vector_on(store: VectorStore) -> None:
    chunks, before = entries(200), searches("exact")
    await store.apply(chunks, ["c5"])
    assert store.is_exact
    assert await nearest(store, chunks[6]) == "c6"
    assert await nearest(store, chunks[5], Scope(("a",), ("d0",))) != "c5"
    assert searches("exact") == before + 2


async def test_graph_and_matrix_find_the_same(store: VectorStore) -> None:
    chunks = entries(300)
    await store.apply(chunks, [])
    for scope in (EVERYTHING, Scope(("a",)), Scope(document_ids=("d3", "d7"))):
        exact = await store.search(vector_of(chunks[0]), limit=20, scope=scope)
        graph = await store.search_graph(vector_of(chunks[0]), limit=20, scope=scope)
        assert [key for key, _ in exact] == [key for key, _ in graph]
        assert [near for _, near in exact] == pytest.approx([near for _, near in graph], abs=5e-3)


async def test_many_equal_vectors_hide_no_other_in_its_own_collection(tmp_path: Path) -> None:
    others, same = entries(15), entries(1, 50)[0]
    flood = [LogEntry(n, "upsert", f"same{n}", "log", "b", same.vector) for n in range(2600)]
    async with opened(tmp_path / "vectors") as store:
        await store.apply(others, [])
        for at in range(0, len(flood), 260):
            await store.apply(flood[at : at + 260], [])
        assert [await nearest(store, one) for one in others] == [one.chunk_id for one in others]
        assert [await nearest(store, one, Scope((one.collection,))) for one in others] == [
            one.chunk_id for one in others
        ]


async def test_a_scope_of_more_passages_than_are_read_is_left_to_the_graph(tmp_path: Path) -> None:
    chunks, before = entries(300), (searches("graph"), searches("exact"))
    settings = VectorSettings(call_timeout_s=20, exact_passages=100)
    async with opened(tmp_path / "vectors", settings=settings) as store:
        await store.apply(chunks, [])
        assert await nearest(store, chunks[7]) == "c7"
        assert await nearest(store, chunks[12], Scope(("b",))) == "c12"
        assert await nearest(store, chunks[12], Scope(document_ids=("d1",))) == "c12"
    assert (searches("graph"), searches("exact")) == (before[0] + 2, before[1] + 1)


async def test_more_names_than_chroma_can_filter_by_are_no_trouble(store: VectorStore) -> None:
    chunks = entries(20)
    await store.apply(chunks, [])
    scope = Scope(document_ids=("d1", *(f"other{n}" for n in range(10_001))))
    assert await nearest(store, chunks[0], scope) != "c0"
    assert len(await store.search_graph(vector_of(chunks[0]), limit=20, scope=scope)) == 20
    assert store.starts == 1


async def test_the_matrix_of_an_index_that_is_closed_is_there_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        await store.apply(entries(50), [])
    async with opened(tmp_path / "vectors") as store:
        assert (store.is_exact, await nearest(store, entries(50)[9])) == (True, "c9")


def killed(store: VectorStore, folder: Path) -> None:
    assert store.pid is not None
    os.kill(store.pid, signal.SIGKILL)


def without_exact(store: VectorStore, folder: Path) -> None:
    killed(store, folder)
    shutil.rmtree(folder / "exact")


def bus_error(store: VectorStore, folder: Path) -> None:
    """What becomes of a child that reads a mapped page which the disk does not give."""
    assert store.pid is not None
    os.kill(store.pid, signal.SIGBUS)


def cut_short(store: VectorStore, folder: Path) -> None:
    os.truncate(folder / "exact" / "vectors", 10)


def scribbled(store: VectorStore, folder: Path) -> None:
    with (folder / "exact" / "vectors").open("r+b") as file:
        file.write(bytes(1000))


@pytest.mark.parametrize("accident", [killed, without_exact, bus_error, cut_short, scribbled])
async def test_after_an_accident_the_graph_answers_until_the_matrix_is_filled_from_the_ledger(
    tmp_path: Path, accident: Callable[[VectorStore, Path], None]
) -> None:
    chunks = entries(450)
    async with opened(tmp_path / "vectors") as store:
        await store.apply(chunks, [])
        generation = store.generation
        accident(store, tmp_path / "vectors")
        assert await counted(store) == 450
        assert (store.is_exact, await nearest(store, chunks[3])) == (False, "c3")
        assert await filled(store, chunks)
        assert (await nearest(store, chunks[400]), store.generation) == ("c400", generation)


async def test_a_matrix_damaged_while_it_was_closed_begins_anew_and_chroma_stays(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        await store.apply(entries(50), [])
        generation = store.generation
    kept = tmp_path / "vectors" / "exact" / "vectors"
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    async with opened(tmp_path / "vectors") as store:
        assert (store.is_exact, await store.count(), store.generation) == (False, 50, generation)


async def test_what_was_applied_while_it_was_filled_is_in_it(tmp_path: Path) -> None:
    chunks = entries(200)
    async with opened(tmp_path / "vectors") as store:
        await store.apply(chunks[:150], [])
        killed(store, tmp_path)
        assert await counted(store) == 150
        fill = ExactFill(ListLedger(chunks[:150]), store)
        assert await fill.step(150)
        await store.apply(chunks[150:], ["c120"])
        ledger = [one for one in chunks if one.chunk_id != "c120"]
        assert await filled(store, ledger)
        assert await nearest(store, chunks[170]) == "c170"


async def test_a_matrix_that_is_not_what_the_ledger_says_begins_anew(store: VectorStore) -> None:
    chunks = entries(50)
    await store.apply(chunks, [])
    turned = [LogEntry(one.seq, "upsert", one.chunk_id, "d0", "a", -vector_of(one)) for one in chunks]
    await store.compare(turned[:3])
    assert not store.is_exact
    assert await filled(store, chunks)
