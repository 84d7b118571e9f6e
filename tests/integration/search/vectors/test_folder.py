"""The folder under the real vector child: shared, damaged, exchanged, of another model, put aside."""

import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.search.settings import VectorSettings
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.vector_log import LogEntry, Vector
from kotaemon_async.telemetry import metrics

DIMENSION = 16
#: Chroma writes its HNSW files after every thousand.
ENOUGH_FOR_FILES = 1024

PATIENT = VectorSettings(call_timeout_s=20)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        self.now_s += 0.1
        return self.now_s


@asynccontextmanager
async def opened(folder: Path, model: str = "m") -> AsyncIterator[VectorStore]:
    store = await VectorStore.open(folder, PATIENT, model=model, dimension=DIMENSION, clock=Clock())
    try:
        yield store
    finally:
        await store.aclose()


def entries(start: int, count: int) -> list[LogEntry]:
    drawn = np.random.default_rng(start).normal(size=(count, DIMENSION)).astype(np.float32)
    return [LogEntry(n, "upsert", f"c{n}", f"d{n // 50}", "a", v) for n, v in enumerate(drawn, start)]


def vector_of(entry: LogEntry) -> Vector:
    assert entry.vector is not None
    return entry.vector


async def fill(store: VectorStore, count: int = ENOUGH_FOR_FILES) -> None:
    for start in range(0, count, 256):
        await store.apply(entries(start, 256), [])


async def until_counted(store: VectorStore) -> int:
    while True:
        try:
            return await store.count()
        except Unavailable:
            continue


def file_in(folder: Path, name: str) -> Path:
    return next(folder.rglob(name))


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def rebuilds(reason: str) -> float:
    return metrics.REGISTRY.get_sample_value("kotaemon_vector_rebuilds_total", {"reason": reason}) or 0.0


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VectorStore]:
    """An index in a child that tests share to whom it does not matter which one it is."""
    async with opened(tmp_path_factory.mktemp("shared") / "vectors") as store:
        yield store


@pytest.fixture
async def store(running: VectorStore) -> VectorStore:
    """The shared index, empty again."""
    await running.apply([], await running.ids(0, 5000))
    return running


async def test_long_work_across_the_sync_threshold_never_looks_like_a_foreign_hand(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        generation = store.generation
        for start in range(0, 2560, 32):
            batch = entries(start, 32)
            await store.apply(batch, [f"c{n}" for n in range(start - 20, start - 10)])
            await store.search(vector_of(batch[0]), limit=50, scope=Scope(collection="a"))
            assert await store.compare(batch) == (set(), set())
            await store.ids(start // 2, 10)
        assert await store.count() == 2560 - 79 * 10
    assert (store.generation, store.starts) == (generation, 1)


async def test_an_index_opened_at_any_point_of_its_log_stays_what_it_is(tmp_path: Path) -> None:
    generations = set()
    for start, end in ((0, 64), (64, 960), (960, 1024), (1024, 1056)):
        async with opened(tmp_path / "vectors") as store:
            for begin in range(start, end, 32):
                await store.apply(entries(begin, 32), [])
            await store.search(vector_of(entries(0, 1)[0]), limit=5, scope=Scope())
            await store.count()
            generations.add((store.generation, store.starts))
    assert len(generations) == 1


@pytest.mark.parametrize(
    ("name", "damage"),
    [("chroma.sqlite3", flip), ("data_level0.bin", truncate), ("index_metadata.pickle", Path.unlink)],
)
async def test_a_file_that_changes_under_the_child_ends_the_generation(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    async with opened(tmp_path / "vectors") as store:
        await fill(store)
        old = store.generation
        damage(file_in(tmp_path / "vectors", name))
        with pytest.raises(Unavailable, match=r"changed by somebody|taken away"):
            await store.count()
        assert store.outage == "vectors_unavailable"
        assert await until_counted(store) == 0
        assert store.generation != old


@pytest.mark.parametrize(
    ("name", "damage"), [("data_level0.bin", flip), ("header.bin", flip), ("chroma.sqlite3", Path.unlink)]
)
async def test_a_file_that_changes_while_the_index_is_closed_ends_the_generation(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    async with opened(tmp_path / "vectors") as store:
        await fill(store)
    damage(file_in(tmp_path / "vectors", name))
    async with opened(tmp_path / "vectors") as again:
        assert await until_counted(again) == 0
        assert again.generation != store.generation
    assert (tmp_path / "vectors.broken-1").is_dir()


async def test_a_lost_segment_is_noticed_after_a_crash_too(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        await fill(store)
        assert store.pid is not None
        os.kill(store.pid, signal.SIGKILL)
        shutil.rmtree(file_in(tmp_path / "vectors", "data_level0.bin").parent)
        old = store.generation
        while store.generation in ("", old):
            with suppress(Unavailable):
                await store.compare(entries(0, 256))
        assert await until_counted(store) == 0


async def test_vectors_of_another_model_begin_a_new_generation(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        await store.apply(entries(0, 5), [])
    before = rebuilds("model")
    async with opened(tmp_path / "vectors", model="other") as other:
        assert (await other.count(), other.generation != store.generation) == (0, True)
    assert rebuilds("model") == before + 1


async def test_two_services_never_open_one_folder_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as first:
        await first.apply(entries(0, 5), [])
        async with opened(tmp_path / "vectors") as second:
            with pytest.raises(Unavailable):
                await second.count()
            assert (second.generation, second.outage) == ("", "vectors_unavailable")
            await first.aclose()
            assert await until_counted(second) == 5
            assert second.generation == first.generation
    assert not (tmp_path / "vectors.broken-1").exists()


async def test_a_second_service_does_not_put_aside_what_the_first_one_uses(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as first, opened(tmp_path / "vectors") as second:
        await first.apply(entries(0, 5), [])
        with pytest.raises(Unavailable, match="cannot be put aside"):
            await second.discard("asked")
        assert (await first.count(), first.starts) == (5, 1)


async def test_what_is_missing_or_different_is_told(store: VectorStore) -> None:
    first, second, third, fourth = entries(0, 4)
    moved = LogEntry(2, "upsert", third.chunk_id, third.document_id, "other", third.vector)
    turned = LogEntry(3, "upsert", fourth.chunk_id, fourth.document_id, "a", -vector_of(fourth))
    await store.apply([first, moved, turned], [])
    assert await store.compare([first, second, third, fourth]) == ({"c1"}, {"c2", "c3"})


async def test_a_vector_of_another_length_is_as_good_as_none(store: VectorStore) -> None:
    short = LogEntry(1, "upsert", "short", "d", "a", np.ones(3, np.float32))
    await store.apply([short, *entries(0, 2)], [])
    assert await store.compare([short, *entries(0, 2)]) == (set(), set())
    assert sorted(await store.ids(0, 10)) == ["c0", "c1"]


async def test_a_question_about_nothing_is_no_complaint_about_the_index(store: VectorStore) -> None:
    await store.apply([], [])
    await store.apply(entries(0, 1), [])
    assert await store.compare([]) == (set(), set())
    assert (await store.present([]), await store.present(["c0", "c0"])) == (set(), {"c0"})
    assert store.starts == 1


async def test_ids_come_in_pages(store: VectorStore) -> None:
    await store.apply(entries(0, 25), [])
    pages = [await store.ids(offset, 10) for offset in (0, 10, 20, 30)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert {one for page in pages for one in page} == {f"c{n}" for n in range(25)}


async def test_a_discarded_index_is_empty_and_kept_aside(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        await store.apply(entries(0, 5), [])
        old, before = store.generation, rebuilds("asked")
        await store.discard("asked")
        assert (await store.count(), store.generation != old) == (0, True)
    assert (tmp_path / "vectors.broken-1" / "generation").read_text().strip() == old
    assert rebuilds("asked") == before + 1


async def test_deleted_vectors_are_counted_as_long_as_they_take_room(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        await fill(store, 2048)
        await store.apply([], [f"c{number}" for number in range(1536)])
        await store.apply(entries(4096, 1024), [])
        deleted, before = await store.deleted(), rebuilds("worn")
        await store.discard("worn")
        assert (await store.deleted(), rebuilds("worn")) == (0, before + 1)
        assert 1024 <= deleted <= 1536
