"""The vector index, in its real child process, compared with the ledger and mended."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from kotaemon_async.app.doctor import doctor_alone
from kotaemon_async.app.settings import Settings
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.model import Scope
from kotaemon_async.operations.doctor.report import Report
from kotaemon_async.search.settings import EmbeddingSettings
from kotaemon_async.search.vectors.store import VectorStore
from kotaemon_async.stores.vector_log import LogEntry, Vector
from tests.support.damage import DIMENSION, MODEL, DamagedFolder, open_folder, open_vectors


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[DamagedFolder]:
    """Two documents, three chunks each, all of them followed."""
    async with open_folder(tmp_path) as opened, open_vectors(opened):
        for words in ("one", "two"):
            await opened.indexing(words=words)
        await opened.follow()
        yield opened


@pytest.fixture
def index(data: DamagedFolder) -> VectorStore:
    assert data.vectors is not None
    return data.vectors


def chunks(data: DamagedFolder) -> list[str]:
    return [str(chunk_id) for (chunk_id,) in data.sql("SELECT id FROM chunks ORDER BY row")]


def other(chunk_id: str) -> LogEntry:
    """Something that the ledger knows nothing of."""
    vector = np.linspace(-1, 1, DIMENSION, dtype=np.float32)
    return LogEntry(1, "upsert", chunk_id, chunk_id.partition(".")[0], "default", vector)


async def test_an_index_that_has_followed_differs_in_nothing(data: DamagedFolder) -> None:
    assert (await data.run(deep=True)).findings == {}


async def test_a_graph_that_overlooks_what_is_near_is_told_and_no_fault(
    data: DamagedFolder, index: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def first(vector: Vector, *, limit: int, scope: Scope) -> list[tuple[str, float]]:
        return await index.search(vector, limit=1, scope=scope)

    monkeypatch.setattr(index, "search_graph", first)
    report = await data.run()
    assert (report.verdict, list(report.findings)) == ("well", ["vectors_overlooked"])
    assert report.findings["vectors_overlooked"].examples == ["80% of the nearest to 2"]


async def test_an_index_that_lacks_vectors_is_rebuilt(data: DamagedFolder, index: VectorStore) -> None:
    lost, before = chunks(data)[1:3], index.generation
    await index.apply([], lost)
    assert await data.repaired() == {"vectors_missing": lost}
    assert await index.present(lost) == set(lost) and index.generation != before


async def test_an_index_with_unknown_vectors_is_rebuilt(data: DamagedFolder, index: VectorStore) -> None:
    await index.apply([other("doc_gone.1.1.0")], [])
    assert await data.repaired() == {"vectors_unknown": ["doc_gone.1.1.0"]}
    assert await index.present(["doc_gone.1.1.0"]) == set()


async def test_a_vector_that_is_not_the_ledgers_shows_in_a_deep_look(
    data: DamagedFolder, index: VectorStore
) -> None:
    swapped = chunks(data)[4]
    await index.apply([other(swapped)], [])
    assert (await data.repaired(deep=True))["vectors_differ"] == [swapped]


async def test_what_the_index_has_yet_to_follow_is_only_noted(
    data: DamagedFolder, index: VectorStore
) -> None:
    await data.indexing(words="three")
    await data.library.delete(EVERYBODY, (await data.accept("one")).id)
    report = await data.run()
    assert (report.verdict, list(report.findings)) == ("well", ["vectors_behind"])
    assert report.findings["vectors_behind"].examples == ["6 entries"]


async def test_an_index_that_differs_in_several_ways_is_rebuilt_once(
    data: DamagedFolder, index: VectorStore
) -> None:
    starts = index.starts
    await index.apply([other("doc_gone.1.1.0")], chunks(data)[:3])
    report = await data.run(repair=True)
    assert {kind: one.mended for kind, one in report.findings.items()} == {
        "vectors_missing": 3,
        "vectors_unknown": 1,
    }
    assert (report.verdict, index.starts, await index.count()) == ("mended", starts + 1, 6)


async def test_an_index_that_claims_to_be_ahead_of_the_log_begins_anew(
    data: DamagedFolder, index: VectorStore
) -> None:
    data.sql("UPDATE followers SET position = 999")
    assert await data.repaired() == {"vectors_wrong": ["entry 999 of 6"]}
    assert await index.count() == 6


async def test_an_index_whose_folder_is_taken_away_under_it_is_filled_again(data: DamagedFolder) -> None:
    shutil.rmtree(data.folder / "vectors")
    assert await data.found() == {"vectors_behind": ["6 entries"]}
    assert (await data.run(repair=True)).verdict == "well"
    assert await data.found(deep=True) == {}


async def test_an_index_that_does_not_answer_is_a_finding_and_stays_one(
    data: DamagedFolder, index: VectorStore
) -> None:
    await index.aclose()
    report = await data.run(repair=True)
    assert report.findings["vectors_unreadable"].examples == ["vectors_unavailable"]
    assert report.verdict == "differs"


# The folder of a stopped service


async def alone(folder: Path, *, repair: bool = False) -> Report:
    """What a doctor says that opens everything itself."""
    settings = Settings(data_dir=folder, embedding=EmbeddingSettings(model=MODEL))
    async with doctor_alone(settings, repair=repair) as doctor:
        return await doctor.run(repair=repair, deep=False)


@pytest.fixture
async def stopped(tmp_path: Path) -> Path:
    """The data folder of two documents, used by nobody."""
    async with open_folder(tmp_path) as data, open_vectors(data):
        for words in ("one", "two"):
            await data.indexing(words=words)
        await data.follow()
    return tmp_path


def flip(path: Path) -> None:
    """Changes some bytes in the middle."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xa5" * 64)


def remains(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("vectors*") if path.is_dir())


async def test_a_stopped_service_that_is_well_stays_as_it_is(stopped: Path) -> None:
    before = (stopped / "vectors" / "generation").read_text()
    assert (await alone(stopped)).findings == {}
    assert (await alone(stopped, repair=True)).verdict == "well"
    assert (stopped / "vectors" / "generation").read_text() == before


async def test_a_damaged_index_is_put_aside_and_filled_again_by_a_repair_only(stopped: Path) -> None:
    flip(stopped / "vectors" / "chroma.sqlite3")
    report = await alone(stopped)
    assert (report.verdict, list(report.findings)) == ("differs", ["vectors_unreadable"])
    assert remains(stopped) == ["vectors"]
    assert (await alone(stopped, repair=True)).verdict == "mended"
    assert remains(stopped) == ["vectors", "vectors.broken-1"]
    assert (await alone(stopped)).findings == {}


async def test_an_index_that_was_deleted_is_filled_again(stopped: Path) -> None:
    shutil.rmtree(stopped / "vectors")
    assert (await alone(stopped)).findings["vectors_unreadable"].examples == ["lost"]
    assert remains(stopped) == []
    assert (await alone(stopped, repair=True)).verdict == "mended"
    assert (await alone(stopped)).findings == {}


async def test_a_repair_follows_the_log_to_its_end(stopped: Path) -> None:
    async with open_folder(stopped) as data:
        document = await data.indexing(words="three")
    assert (await alone(stopped, repair=True)).verdict == "well"
    async with open_folder(stopped) as data:
        assert (await data.ledger.documents.get(document.id)).status == "ready"
    assert (await alone(stopped)).findings == {}


async def test_a_folder_without_any_passage_needs_no_index(tmp_path: Path) -> None:
    async with open_folder(tmp_path) as data:
        await data.accept()
    assert (await alone(tmp_path, repair=True)).findings == {}
    assert remains(tmp_path) == []
