"""The folder under the real vector child: shared, damaged, exchanged, of another model, put aside."""

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.search.vectors import child_files
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.vector_log import LogEntry
from kotaemon_async.telemetry import metrics
from tests.support.vectors import entries, opened, vector_of

#: Chroma writes its HNSW files after every thousand.
ENOUGH_FOR_FILES = 1024


class Clock:
    """Time in which no restart has to be waited for."""

    now_s = 1_000_000.0

    def __call__(self) -> float:
        self.now_s += 0.1
        return self.now_s


async def fill(store: VectorStore, count: int = ENOUGH_FOR_FILES) -> None:
    for start in range(0, count, 256):
        await store.apply(entries(256, start), [])


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


async def test_long_work_across_the_sync_threshold_never_looks_like_a_foreign_hand(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors", clock=Clock()) as store:
        generation = store.generation
        for start in range(0, 2560, 32):
            batch = entries(32, start)
            await store.apply(batch, [f"c{n}" for n in range(start - 20, start - 10)])
            await store.search(vector_of(batch[0]), limit=50, scope=Scope(("a",)))
            assert await store.compare(batch) == (set(), set())
            await store.ids(start // 2, 10)
        assert await store.count() == 2560 - 79 * 10
    assert (store.generation, store.starts) == (generation, 1)


async def test_an_index_opened_at_any_point_of_its_log_stays_what_it_is(tmp_path: Path) -> None:
    generations = set()
    for start, end in ((0, 64), (64, 960), (960, 1024), (1024, 1056)):
        async with opened(tmp_path / "vectors", clock=Clock()) as store:
            for begin in range(start, end, 32):
                await store.apply(entries(32, begin), [])
            await store.search(vector_of(entries(1)[0]), limit=5, scope=Scope())
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
    async with opened(tmp_path / "vectors", clock=Clock()) as store:
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
    async with opened(tmp_path / "vectors", clock=Clock()) as store:
        await fill(store)
    damage(file_in(tmp_path / "vectors", name))
    async with opened(tmp_path / "vectors", clock=Clock()) as again:
        assert await until_counted(again) == 0
        assert again.generation != store.generation
    assert (tmp_path / "vectors.broken-1").is_dir()


async def test_a_lost_segment_is_noticed_after_a_crash_too(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors", clock=Clock()) as store:
        await fill(store)
        assert store.pid is not None
        os.kill(store.pid, signal.SIGKILL)
        shutil.rmtree(file_in(tmp_path / "vectors", "data_level0.bin").parent)
        old = store.generation
        while store.generation in ("", old):
            with suppress(Unavailable):
                await store.compare(entries(256))
        assert await until_counted(store) == 0


@pytest.mark.parametrize("change", [{"model": "other"}, {"dimension": 8}], ids=["model", "length"])
async def test_vectors_of_another_model_or_length_begin_a_new_generation(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    async with opened(tmp_path / "vectors") as store:
        await store.apply(entries(5), [])
    before = rebuilds("model")
    async with opened(tmp_path / "vectors", **change) as other:
        assert (await other.count(), other.generation != store.generation) == (0, True)
        assert other.generation.endswith(f"-{other.dimension}")
    assert rebuilds("model") == before + 1


async def test_two_services_never_open_one_folder_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors", clock=Clock()) as first:
        await first.apply(entries(5), [])
        async with opened(tmp_path / "vectors", clock=Clock()) as second:
            with pytest.raises(Unavailable):
                await second.count()
            assert (second.generation, second.outage) == ("", "vectors_unavailable")
            await first.aclose()
            assert await until_counted(second) == 5
            assert second.generation == first.generation
    assert not (tmp_path / "vectors.broken-1").exists()


async def test_a_second_service_does_not_put_aside_what_the_first_one_uses(tmp_path: Path) -> None:
    async with (
        opened(tmp_path / "vectors", clock=Clock()) as first,
        opened(tmp_path / "vectors", clock=Clock()) as second,
    ):
        await first.apply(entries(5), [])
        with pytest.raises(Unavailable, match="cannot be put aside"):
            await second.discard("asked")
        assert (await first.count(), first.starts) == (5, 1)


async def test_what_is_missing_or_different_is_told(store: VectorStore) -> None:
    first, second, third, fourth = entries(4)
    moved = LogEntry(2, "upsert", third.chunk_id, third.document_id, "other", third.vector)
    turned = LogEntry(3, "upsert", fourth.chunk_id, fourth.document_id, "a", -vector_of(fourth))
    await store.apply([first, moved, turned], [])
    assert await store.compare([first, second, third, fourth]) == ({"c1"}, {"c2", "c3"})


async def test_a_vector_of_another_length_is_as_good_as_none(store: VectorStore) -> None:
    short = LogEntry(1, "upsert", "short", "d", "a", np.ones(3, np.float32))
    await store.apply([short, *entries(2)], [])
    assert await store.compare([short, *entries(2)]) == (set(), set())
    assert sorted(await store.ids(0, 10)) == ["c0", "c1"]


async def test_a_question_about_nothing_is_no_complaint_about_the_index(store: VectorStore) -> None:
    await store.apply([], [])
    await store.apply(entries(1), [])
    assert await store.compare([]) == (set(), set())
    assert (await store.present([]), await store.present(["c0", "c0"])) == (set(), {"c0"})
    assert store.starts == 1


async def test_ids_come_in_pages(store: VectorStore) -> None:
    await store.apply(entries(25), [])
    pages = [await store.ids(offset, 10) for offset in (0, 10, 20, 30)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert {one for page in pages for one in page} == {f"c{n}" for n in range(25)}


async def test_a_discarded_index_is_empty_and_kept_aside(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors", clock=Clock()) as store:
        await store.apply(entries(5), [])
        old, before = store.generation, rebuilds("asked")
        await store.discard("asked")
        assert (await store.count(), store.generation != old) == (0, True)
    assert (tmp_path / "vectors.broken-1" / "generation").read_text().strip() == old
    assert rebuilds("asked") == before + 1


async def test_deleted_vectors_are_counted_as_long_as_they_take_room(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors", clock=Clock()) as store:
        await fill(store, 2048)
        await store.apply([], [f"c{number}" for number in range(1536)])
        await store.apply(entries(1024, 4096), [])
        deleted, before = await store.deleted(), rebuilds("worn")
        await store.discard("worn")
        assert (await store.deleted(), rebuilds("worn")) == (0, before + 1)
        assert 1024 <= deleted <= 1536


async def test_a_sealed_index_is_there_before_its_graph_is_loaded_and_put_aside_if_that_fails(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "vectors"
    async with opened(folder, clock=Clock()) as store:
        await fill(store)
        generation = store.generation
    file_in(folder, "index_metadata.pickle").write_bytes(b"no pickle")
    child_files.seal(folder)
    async with opened(folder, clock=Clock()) as store:
        assert store.generation == generation
        assert await until_counted(store) == 0
        assert store.generation != generation


async def test_what_chroma_writes_when_it_loads_its_graph_is_no_foreign_hand(tmp_path: Path) -> None:
    async with opened(tmp_path / "vectors") as store:
        await fill(store)
    async with opened(tmp_path / "vectors") as store:
        generation, count = store.generation, await store.count()
        await store.apply(entries(32, 0), [])
        assert (await store.count(), store.generation, store.starts) == (count, generation, 1)
