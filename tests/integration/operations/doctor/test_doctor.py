"""Every sort of damage is found with its id, and nothing differs after a repair."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Page, Scope
from kotaemon_async.stores.blobs import Blobs
from tests.support.damage import DamagedFolder, open_folder

FAR_S = 1_000_000 + 10 * 86_400


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[DamagedFolder]:
    async with open_folder(tmp_path) as opened:
        yield opened


async def test_a_healthy_folder_gives_nothing(data: DamagedFolder) -> None:
    for words in ("one", "two"):
        await data.ready(words=words)
    await data.indexing(words="three")
    await data.accept("four")
    await data.commit(await data.claim(await data.accept("five")), [Page(1, "The first page.")], 2)
    report = await data.run(deep=True)
    assert (report.findings, report.verdict) == ({}, "well")


async def test_an_empty_folder_gives_nothing(data: DamagedFolder) -> None:
    assert await data.found(deep=True) == {}


# Documents


async def test_contents_of_an_older_version_are_removed(data: DamagedFolder) -> None:
    document = await data.ready()
    data.sql("UPDATE documents SET version = 7, searchable_version = 7")
    data.sql(
        "INSERT INTO pages (document_id, version, number, text)"
        " SELECT document_id, 7, number, text FROM pages"
    )
    data.sql(
        "INSERT INTO chunks (row, id, document_id, version, page, ordinal, start, stop, vector, model)"
        " SELECT row + 100, id || '.7', document_id, 7, page, ordinal, start, stop, vector, model FROM chunks"
    )
    assert (await data.repaired())["stray_contents"] == [f"{document.id}.1"]
    assert data.sql("SELECT DISTINCT version FROM chunks") == [(7,)]


async def test_contents_of_a_document_that_is_gone_are_removed_also_from_the_log(data: DamagedFolder) -> None:
    document = await data.ready()
    kept = await data.ready(words="kept")
    data.sql("DELETE FROM documents WHERE id = ?", document.id)
    assert (await data.repaired())["stray_contents"] == [f"{document.id}.1"]
    assert data.sql("SELECT DISTINCT document_id FROM vector_log WHERE op = 'upsert'") == [(kept.id,)]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_contents_of_a_document_that_came_to_nothing_are_removed(
    data: DamagedFolder, status: str
) -> None:
    document = await data.ready()
    data.sql("UPDATE documents SET status = ?, error_code = 'no_text'", status)
    found = await data.found()
    assert found["stray_contents"] == [f"{document.id}.1"] and found["counters_differ"] == [document.id]
    assert await data.mended() == "mended"
    assert data.sql("SELECT pages_done, chunks_done FROM documents") == [(0, 0)]


async def test_the_version_that_a_failed_one_has_left_searchable_is_kept(data: DamagedFolder) -> None:
    document = await data.ready()
    await data.ledger.documents.start_anew(document.id, data.now_s, force=True)
    data.sql("UPDATE documents SET status = 'failed', error_code = 'corrupt'")
    assert await data.found(deep=True) == {}


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM pages WHERE number = 2",
        "DELETE FROM pages",
        "DELETE FROM chunks WHERE page = 2",
        "UPDATE documents SET searchable_version = 9",
        "UPDATE documents SET pages_total = 9",
    ],
)
async def test_a_ready_document_that_lacks_something_is_read_anew(data: DamagedFolder, damage: str) -> None:
    document = await data.ready()
    data.sql(damage)
    assert (await data.repaired())["document_incomplete"] == [document.id]
    assert (await data.ledger.documents.get(document.id)).status == "queued"


async def test_what_is_left_of_an_incomplete_document_stays_searchable_meanwhile(data: DamagedFolder) -> None:
    await data.ready()
    data.sql("DELETE FROM pages WHERE number = 2")
    await data.run(repair=True)
    found = await data.ledger.keywords.search("lighthouse", Scope(), 10)
    assert sorted(
        passage.page for passage in (await data.ledger.documents.passages([i for i, _ in found])).values()
    ) == [1, 3]


async def test_an_unfinished_document_that_lacks_a_page_is_read_anew(data: DamagedFolder) -> None:
    document = await data.accept()
    await data.commit(await data.claim(document), [Page(1, "The first page."), Page(2, "The second.")], 3)
    data.sql("DELETE FROM pages WHERE number = 1")
    assert (await data.repaired())["document_incomplete"] == [document.id]
    assert (await data.ledger.documents.get(document.id)).pages_done == 0


@pytest.mark.parametrize("damage", ["pages_done = 1", "chunks_done = 99", "chunks_done = 1"])
async def test_wrong_counters_are_corrected_without_reading_the_file(
    data: DamagedFolder, damage: str
) -> None:
    document = await data.ready()
    data.sql(f"UPDATE documents SET {damage}")
    assert await data.repaired() == {"counters_differ": [document.id]}
    after = await data.ledger.documents.get(document.id)
    assert (after.status, after.pages_done, after.chunks_done) == ("ready", 3, document.chunks_done)


async def test_a_chunk_that_is_not_what_its_page_gives_shows_in_a_deep_look(data: DamagedFolder) -> None:
    document = await data.ready()
    data.sql("UPDATE chunks SET stop = stop - 20 WHERE page = 2")
    assert "document_incomplete" not in await data.found()
    assert (await data.found(deep=True))["document_incomplete"] == [document.id]


@pytest.mark.parametrize(
    "damage",
    [
        "lease_until = NULL",
        "stage = NULL",
        f"lease_until = {FAR_S}",
        "status = 'queued', waiting_until = 4000000000",
        "stage = 'indexing', last_log_seq = 999, pages_total = 1",
    ],
)
async def test_a_document_that_nobody_would_go_on_with_is_released(data: DamagedFolder, damage: str) -> None:
    document = await data.accept()
    await data.commit(await data.claim(document), [Page(1, "The first page.")], 2)
    data.sql(f"UPDATE documents SET {damage}")
    assert await data.found() == {"document_stuck": [document.id]}
    assert (await data.run(repair=True)).verdict == "mended"
    ready = await data.ledger.vector_log.advance(
        "generation", "model", await data.ledger.vector_log.end(), data.now_s
    )
    assert [due.document_id for due in await data.ledger.documents.due(data.now_s, 9)] + ready == [
        document.id
    ]


async def test_a_lease_that_is_over_is_only_noted(data: DamagedFolder) -> None:
    document = await data.accept()
    await data.claim(document)
    data.now_s += 60
    report = await data.run(repair=True)
    assert (report.verdict, report.findings["lease_over"].examples) == ("well", [document.id])


# Files


@pytest.mark.parametrize(("make", "kind"), [("ready", "file_missing"), ("indexing", "file_missing")])
async def test_a_complete_document_without_its_file_is_beyond_mending(
    data: DamagedFolder, make: str, kind: str
) -> None:
    document = await getattr(data, make)()
    data.file(document).unlink()
    assert await data.found() == {kind: [document.id]}
    assert (await data.run(repair=True)).verdict == "beyond_mending"


async def test_the_same_upload_brings_a_lost_file_back(data: DamagedFolder) -> None:
    document = await data.ready(words="the words")
    data.file(document).unlink()
    again = await data.accept("the words")
    assert again.id == document.id and await data.found(deep=True) == {}


async def test_a_truncated_file_shows_by_its_size_and_flipped_bytes_in_a_deep_look(
    data: DamagedFolder,
) -> None:
    one, two = await data.ready(words="one"), await data.ready(words="two")
    data.file(one).write_bytes(b"o")
    data.file(two).write_bytes(b"tww")
    assert await data.found() == {"file_damaged": [one.id]}
    assert await data.found(deep=True) == {"file_damaged": [one.id, two.id]}


@pytest.mark.parametrize("status", ["queued", "cancelled", "failed"])
async def test_an_unread_document_without_its_file_is_failed_with_a_hint(
    data: DamagedFolder, status: str
) -> None:
    document = await data.accept()
    data.sql("UPDATE documents SET status = ?, error_code = 'embedder_unavailable'", status)
    data.file(document).unlink()
    assert await data.repaired() == {"file_lost": [document.id]}
    failed = await data.ledger.documents.get(document.id)
    assert failed.status == "failed" and failed.error is not None
    assert (failed.error.code, failed.error.hint) == ("corrupt", "Upload the file again.")


async def test_a_document_that_is_read_anew_without_its_file_fails_and_stays_searchable(
    data: DamagedFolder,
) -> None:
    document = await data.ready()
    await data.ledger.documents.start_anew(document.id, data.now_s, force=True)
    data.file(document).unlink()
    assert await data.mended() == "mended"
    assert (await data.ledger.documents.get(document.id)).status == "failed"
    assert len(await data.ledger.keywords.search("lighthouse", Scope(), 10)) == 3


async def test_an_incomplete_document_without_its_file_keeps_what_it_has(data: DamagedFolder) -> None:
    document = await data.ready()
    data.sql("DELETE FROM pages WHERE number = 2")
    data.file(document).unlink()
    report = await data.run(repair=True)
    assert report.verdict == "beyond_mending" and report.findings["document_incomplete"].left == 1
    assert (await data.ledger.documents.get(document.id)).status == "ready"


async def test_files_that_nobody_uses_and_uploads_that_never_ended_go(data: DamagedFolder) -> None:
    document = await data.ready()
    stray = data.blobs.path("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")
    misplaced = stray.with_name(document.sha256)
    misplaced.write_bytes(b"words")
    (data.folder / "blobs" / "incoming" / "torn").write_bytes(b"half")
    found = await data.found()
    assert sorted(found["file_unused"]) == sorted([stray.name, misplaced.name])
    assert found["upload_left_over"] == ["torn"]
    assert await data.mended() == "mended"
    assert [path for path in (data.folder / "blobs").rglob("*") if path.is_file()] == [data.file(document)]


async def test_uploads_on_their_way_in_are_let_alone_while_the_service_runs(data: DamagedFolder) -> None:
    (data.folder / "blobs" / "incoming" / "under-way").write_bytes(b"half")
    data.is_alone = False
    assert await data.found() == {}


async def test_a_file_whose_row_is_about_to_be_written_is_not_called_unused(data: DamagedFolder) -> None:
    """An upload keeps its turn from the moment its file lies there until its row does."""
    data.is_alone = False
    async with data.library.incoming() as incoming:
        await incoming.write(b"just now")
        await data.blobs.keep(incoming)
        data.blobs = _AfterAnUpload(data)
        assert await data.found() == {}


class _AfterAnUpload(Blobs):
    """Files whose next turn comes when an upload has had its own."""

    def __init__(self, data: DamagedFolder) -> None:
        super().__init__(data.folder / "blobs", 1000)
        self._ward = data

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        await self._ward.accept("just now")
        yield


# Keywords


async def found_words(data: DamagedFolder, words: str = "lighthouse keeper") -> int:
    return len(await data.ledger.keywords.search(words, Scope(), 10))


async def test_an_index_that_lacks_keywords_is_filled_anew(data: DamagedFolder) -> None:
    await data.ready()
    rows = [row for (row,) in data.sql("SELECT row FROM chunks")]
    data.sql("DELETE FROM keywords WHERE rowid = ?", rows[1])
    assert list(await data.repaired()) == ["keywords_missing"]
    assert await found_words(data) == 3


async def test_an_index_with_keywords_of_chunks_that_are_gone_is_filled_anew(data: DamagedFolder) -> None:
    await data.ready()
    data.sql("INSERT INTO keywords (rowid, terms) VALUES (77, 'lighthouse')")
    assert await data.repaired() == {"keywords_orphaned": ["77"]}
    assert data.sql("SELECT count(*) FROM keywords_docsize") == [(3,)]


async def test_a_damaged_keyword_index_is_emptied_and_filled(data: DamagedFolder) -> None:
    await data.ready()
    data.sql("DELETE FROM keywords_data WHERE id > 10")
    assert list(await data.repaired()) == ["keywords_damaged", "keywords_wrong"]
    assert await found_words(data) == 3


async def test_keywords_that_belong_to_other_chunks_are_noticed_by_searching(data: DamagedFolder) -> None:
    await data.ready()
    [(row, chunk_id)] = data.sql("SELECT row, id FROM chunks WHERE page = 2")
    data.sql("DELETE FROM keywords WHERE rowid = ?", row)
    data.sql("INSERT INTO keywords (rowid, terms) VALUES (?, 'quite other words')", row)
    assert await data.repaired() == {"keywords_wrong": [chunk_id]}
    assert await found_words(data, "quite other") == 0


async def test_an_index_that_was_filled_behind_our_back_is_not_called_damaged(data: DamagedFolder) -> None:
    await data.ready()
    assert await data.found() == {}
    data.sql("INSERT INTO keywords (keywords) VALUES ('delete-all')")
    assert list(await data.repaired()) == ["keywords_missing"]


# The vector log


async def test_a_chunk_without_an_entry_is_appended_to_the_log(data: DamagedFolder) -> None:
    await data.ready()
    [(chunk_id,)] = data.sql("DELETE FROM vector_log WHERE seq = 2 RETURNING chunk_id")
    assert await data.repaired() == {"log_missing": [chunk_id]}
    [last] = await data.ledger.vector_log.after(3, 10, "model")
    assert (last.op, last.chunk_id) == ("upsert", chunk_id)


async def test_a_document_that_is_indexed_waits_for_entries_that_are_appended(data: DamagedFolder) -> None:
    document = await data.indexing()
    data.sql("DELETE FROM vector_log WHERE seq = 2")
    await data.run(repair=True)
    assert await data.ledger.vector_log.advance("generation", "model", 3, data.now_s) == []
    assert await data.ledger.vector_log.advance("generation", "model", 4, data.now_s) == [document.id]


async def test_an_entry_that_deletes_a_chunk_which_is_there_is_put_right(data: DamagedFolder) -> None:
    await data.ready()
    [(chunk_id,)] = data.sql("SELECT id FROM chunks WHERE page = 1")
    data.sql("INSERT INTO vector_log (op, chunk_id, document_id) VALUES ('delete', ?, 'doc')", chunk_id)
    assert await data.repaired() == {"log_missing": [chunk_id]}


async def test_an_entry_whose_chunk_is_gone_becomes_a_delete(data: DamagedFolder) -> None:
    document = await data.ready()
    data.sql("INSERT INTO vector_log (op, chunk_id, document_id) VALUES ('upsert', 'gone', ?)", document.id)
    assert await data.repaired() == {"log_orphaned": ["gone"]}
    assert [(entry.op, entry.chunk_id) for entry in await data.ledger.vector_log.after(3, 9, "model")] == [
        ("delete", "gone")
    ]


async def test_a_vector_of_the_wrong_length_leaves_the_log_and_its_document_is_read_anew(
    data: DamagedFolder,
) -> None:
    document = await data.ready()
    [(chunk_id,)] = data.sql("UPDATE chunks SET vector = x'0011' WHERE page = 2 RETURNING id")
    assert await data.repaired() == {"vector_malformed": [chunk_id]}
    assert (await data.ledger.documents.get(document.id)).status == "queued"
    upserts = [
        entry.chunk_id for entry in await data.ledger.vector_log.after(0, 9, "model") if entry.op == "upsert"
    ]
    assert len(upserts) == 2 and chunk_id not in upserts


# The whole


async def test_all_sorts_at_once_are_mended_in_one_go(data: DamagedFolder) -> None:
    documents = [await data.ready(words=words) for words in ("one", "two", "three", "four")]
    data.sql("DELETE FROM documents WHERE id = ?", documents[0].id)
    data.sql("DELETE FROM pages WHERE document_id = ? AND number = 1", documents[1].id)
    data.sql("UPDATE documents SET chunks_done = 0 WHERE id = ?", documents[2].id)
    data.sql("INSERT INTO keywords (keywords) VALUES ('delete-all')")
    data.sql("DELETE FROM vector_log")
    assert await data.mended() == "mended"


async def test_a_report_counts_everything_and_names_five(data: DamagedFolder) -> None:
    documents = [await data.ready(pages=1, words=f"number {number}") for number in range(7)]
    data.sql("UPDATE documents SET pages_done = 0")
    finding = (await data.run(repair=True)).findings["counters_differ"]
    assert finding.examples == [document.id for document in documents[:5]]
    assert (finding.count, finding.mended, finding.left) == (7, 7, 0)


async def test_looking_changes_nothing(data: DamagedFolder) -> None:
    await data.ready()
    data.sql("DELETE FROM pages WHERE number = 2")
    data.sql("DELETE FROM vector_log")
    before = data.sql("SELECT * FROM documents"), (data.folder / "ledger.db-wal").stat().st_size
    await data.run(deep=True)
    assert (data.sql("SELECT * FROM documents"), (data.folder / "ledger.db-wal").stat().st_size) == before


async def test_a_damaged_ledger_is_said_to_be_beyond_mending_and_let_alone(
    data: DamagedFolder, tmp_path: Path
) -> None:
    await data.ready(pages=40)
    data.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    [(root, size)] = data.sql(
        "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'pages'"
    )
    await data.ledger.aclose()
    assert isinstance(root, int) and isinstance(size, int)
    with (tmp_path / "ledger.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\x99" * size)
    async with open_folder(tmp_path) as damaged:
        report = await damaged.run(repair=True)
    assert (report.verdict, list(report.findings)) == ("beyond_mending", ["ledger_damaged"])


async def test_two_examinations_at_once_are_refused(data: DamagedFolder) -> None:
    doctor = data.doctor()
    running = doctor.run(repair=False, deep=False)
    running.send(None)  # begun, and waiting for the ledger
    with pytest.raises(Refused) as refused:
        await doctor.run(repair=False, deep=False)
    assert refused.value.code == "conflict"
    running.close()
