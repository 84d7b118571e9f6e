"""Every sort of damage is found with its id, and nothing differs after a repair."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Page, Scope
from kotaemon_async.stores.blobs import Blobs
from tests.support.damage import Ward, open_ward

FAR_S = 1_000_000 + 10 * 86_400


@pytest.fixture
async def ward(tmp_path: Path) -> AsyncIterator[Ward]:
    async with open_ward(tmp_path) as opened:
        yield opened


async def test_a_healthy_folder_gives_nothing(ward: Ward) -> None:
    for words in ("one", "two"):
        await ward.ready(words=words)
    await ward.indexing(words="three")
    await ward.accept("four")
    await ward.commit(await ward.claim(await ward.accept("five")), [Page(1, "The first page.")], 2)
    report = await ward.run(deep=True)
    assert (report.findings, report.verdict) == ({}, "well")


async def test_an_empty_folder_gives_nothing(ward: Ward) -> None:
    assert await ward.found(deep=True) == {}


# Documents


async def test_contents_of_an_older_version_are_removed(ward: Ward) -> None:
    document = await ward.ready()
    ward.sql("UPDATE documents SET version = 7, searchable_version = 7")
    ward.sql("INSERT INTO pages SELECT document_id, 7, number, text FROM pages")
    ward.sql(
        "INSERT INTO chunks SELECT row + 100, id || '.7', document_id, 7, page, ordinal, start, stop, vector,"
        " model FROM chunks"
    )
    assert (await ward.found())["stray_contents"] == [f"{document.id}.1"]
    assert await ward.mended() == "mended"
    assert ward.sql("SELECT DISTINCT version FROM chunks") == [(7,)]


async def test_contents_of_a_document_that_is_gone_are_removed_also_from_the_log(ward: Ward) -> None:
    document = await ward.ready()
    kept = await ward.ready(words="kept")
    ward.sql("DELETE FROM documents WHERE id = ?", document.id)
    assert (await ward.found())["stray_contents"] == [f"{document.id}.1"]
    assert await ward.mended() == "mended"
    assert ward.sql("SELECT DISTINCT document_id FROM vector_log WHERE op = 'upsert'") == [(kept.id,)]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_contents_of_a_document_that_came_to_nothing_are_removed(ward: Ward, status: str) -> None:
    document = await ward.ready()
    ward.sql("UPDATE documents SET status = ?, error_code = 'no_text'", status)
    found = await ward.found()
    assert found["stray_contents"] == [f"{document.id}.1"] and found["counters_differ"] == [document.id]
    assert await ward.mended() == "mended"
    assert ward.sql("SELECT pages_done, chunks_done FROM documents") == [(0, 0)]


async def test_the_version_that_a_failed_one_has_left_searchable_is_kept(ward: Ward) -> None:
    document = await ward.ready()
    await ward.ledger.documents.start_anew(document.id, ward.now_s, force=True)
    ward.sql("UPDATE documents SET status = 'failed', error_code = 'corrupt'")
    assert await ward.found(deep=True) == {}


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
async def test_a_ready_document_that_lacks_something_is_read_anew(ward: Ward, damage: str) -> None:
    document = await ward.ready()
    ward.sql(damage)
    assert (await ward.found())["document_incomplete"] == [document.id]
    assert await ward.mended() == "mended"
    assert (await ward.ledger.documents.get(document.id)).status == "queued"


async def test_what_is_left_of_an_incomplete_document_stays_searchable_meanwhile(ward: Ward) -> None:
    await ward.ready()
    ward.sql("DELETE FROM pages WHERE number = 2")
    await ward.run(repair=True)
    found = await ward.ledger.keywords.search("lighthouse", Scope(), 10)
    assert sorted(
        passage.page for passage in (await ward.ledger.documents.passages([i for i, _ in found])).values()
    ) == [1, 3]


async def test_an_unfinished_document_that_lacks_a_page_is_read_anew(ward: Ward) -> None:
    document = await ward.accept()
    await ward.commit(await ward.claim(document), [Page(1, "The first page."), Page(2, "The second.")], 3)
    ward.sql("DELETE FROM pages WHERE number = 1")
    assert (await ward.found())["document_incomplete"] == [document.id]
    assert await ward.mended() == "mended"
    assert (await ward.ledger.documents.get(document.id)).pages_done == 0


@pytest.mark.parametrize("damage", ["pages_done = 1", "chunks_done = 99", "chunks_done = 1"])
async def test_wrong_counters_are_corrected_without_reading_the_file(ward: Ward, damage: str) -> None:
    document = await ward.ready()
    ward.sql(f"UPDATE documents SET {damage}")
    assert await ward.found() == {"counters_differ": [document.id]}
    assert await ward.mended() == "mended"
    after = await ward.ledger.documents.get(document.id)
    assert (after.status, after.pages_done, after.chunks_done) == ("ready", 3, document.chunks_done)


async def test_a_chunk_that_is_not_what_its_page_gives_shows_in_a_deep_look(ward: Ward) -> None:
    document = await ward.ready()
    ward.sql("UPDATE chunks SET stop = stop - 20 WHERE page = 2")
    assert "document_incomplete" not in await ward.found()
    assert (await ward.found(deep=True))["document_incomplete"] == [document.id]


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
async def test_a_document_that_nobody_would_go_on_with_is_released(ward: Ward, damage: str) -> None:
    document = await ward.accept()
    await ward.commit(await ward.claim(document), [Page(1, "The first page.")], 2)
    ward.sql(f"UPDATE documents SET {damage}")
    assert await ward.found() == {"document_stuck": [document.id]}
    assert (await ward.run(repair=True)).verdict == "mended"
    ready = await ward.ledger.vector_log.advance("generation", await ward.ledger.vector_log.end(), ward.now_s)
    assert [due.document_id for due in await ward.ledger.documents.due(ward.now_s, 9)] + ready == [
        document.id
    ]


async def test_a_lease_that_is_over_is_only_noted(ward: Ward) -> None:
    document = await ward.accept()
    await ward.claim(document)
    ward.now_s += 60
    report = await ward.run(repair=True)
    assert (report.verdict, report.findings["lease_over"].examples) == ("well", [document.id])


# Files


@pytest.mark.parametrize(("make", "kind"), [("ready", "file_missing"), ("indexing", "file_missing")])
async def test_a_complete_document_without_its_file_is_beyond_mending(
    ward: Ward, make: str, kind: str
) -> None:
    document = await getattr(ward, make)()
    ward.file(document).unlink()
    assert await ward.found() == {kind: [document.id]}
    assert (await ward.run(repair=True)).verdict == "beyond_mending"


async def test_the_same_upload_brings_a_lost_file_back(ward: Ward) -> None:
    document = await ward.ready(words="the words")
    ward.file(document).unlink()
    again = await ward.accept("the words")
    assert again.id == document.id and await ward.found(deep=True) == {}


async def test_a_truncated_file_shows_by_its_size_and_flipped_bytes_in_a_deep_look(ward: Ward) -> None:
    one, two = await ward.ready(words="one"), await ward.ready(words="two")
    ward.file(one).write_bytes(b"o")
    ward.file(two).write_bytes(b"tww")
    assert await ward.found() == {"file_damaged": [one.id]}
    assert await ward.found(deep=True) == {"file_damaged": [one.id, two.id]}


@pytest.mark.parametrize("status", ["queued", "cancelled", "failed"])
async def test_an_unread_document_without_its_file_is_failed_with_a_hint(ward: Ward, status: str) -> None:
    document = await ward.accept()
    ward.sql("UPDATE documents SET status = ?, error_code = 'embedder_unavailable'", status)
    ward.file(document).unlink()
    assert await ward.found() == {"file_lost": [document.id]}
    assert await ward.mended() == "mended"
    failed = await ward.ledger.documents.get(document.id)
    assert failed.status == "failed" and failed.error is not None
    assert (failed.error.code, failed.error.hint) == ("corrupt", "Upload the file again.")


async def test_a_document_that_is_read_anew_without_its_file_fails_and_stays_searchable(ward: Ward) -> None:
    document = await ward.ready()
    await ward.ledger.documents.start_anew(document.id, ward.now_s, force=True)
    ward.file(document).unlink()
    assert await ward.mended() == "mended"
    assert (await ward.ledger.documents.get(document.id)).status == "failed"
    assert len(await ward.ledger.keywords.search("lighthouse", Scope(), 10)) == 3


async def test_an_incomplete_document_without_its_file_keeps_what_it_has(ward: Ward) -> None:
    document = await ward.ready()
    ward.sql("DELETE FROM pages WHERE number = 2")
    ward.file(document).unlink()
    report = await ward.run(repair=True)
    assert report.verdict == "beyond_mending" and report.findings["document_incomplete"].left == 1
    assert (await ward.ledger.documents.get(document.id)).status == "ready"


async def test_files_that_nobody_uses_and_uploads_that_never_ended_go(ward: Ward) -> None:
    document = await ward.ready()
    stray = ward.blobs.path("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")
    misplaced = stray.with_name(document.sha256)
    misplaced.write_bytes(b"words")
    (ward.folder / "blobs" / "incoming" / "torn").write_bytes(b"half")
    found = await ward.found()
    assert sorted(found["file_unused"]) == sorted([stray.name, misplaced.name])
    assert found["upload_left_over"] == ["torn"]
    assert await ward.mended() == "mended"
    assert [path for path in (ward.folder / "blobs").rglob("*") if path.is_file()] == [ward.file(document)]


async def test_uploads_on_their_way_in_are_let_alone_while_the_service_runs(ward: Ward) -> None:
    (ward.folder / "blobs" / "incoming" / "under-way").write_bytes(b"half")
    ward.is_alone = False
    assert await ward.found() == {}


async def test_a_file_whose_row_is_about_to_be_written_is_not_called_unused(ward: Ward) -> None:
    """An upload keeps its turn from the moment its file lies there until its row does."""
    ward.is_alone = False
    async with ward.library.incoming() as incoming:
        await incoming.write(b"just now")
        await ward.blobs.keep(incoming)
        ward.blobs = _AfterAnUpload(ward)
        assert await ward.found() == {}


class _AfterAnUpload(Blobs):
    """Files whose next turn comes when an upload has had its own."""

    def __init__(self, ward: Ward) -> None:
        super().__init__(ward.folder / "blobs", 1000)
        self._ward = ward

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        await self._ward.accept("just now")
        yield


# Keywords


async def found_words(ward: Ward, words: str = "lighthouse keeper") -> int:
    return len(await ward.ledger.keywords.search(words, Scope(), 10))


async def test_an_index_that_lacks_keywords_is_filled_anew(ward: Ward) -> None:
    await ward.ready()
    rows = [row for (row,) in ward.sql("SELECT row FROM chunks")]
    ward.sql("DELETE FROM keywords WHERE rowid = ?", rows[1])
    assert list(await ward.found()) == ["keywords_missing"]
    assert await ward.mended() == "mended"
    assert await found_words(ward) == 3


async def test_an_index_with_keywords_of_chunks_that_are_gone_is_filled_anew(ward: Ward) -> None:
    await ward.ready()
    ward.sql("INSERT INTO keywords (rowid, terms) VALUES (77, 'lighthouse')")
    assert await ward.found() == {"keywords_orphaned": ["77"]}
    assert await ward.mended() == "mended"
    assert ward.sql("SELECT count(*) FROM keywords_docsize") == [(3,)]


async def test_a_damaged_keyword_index_is_emptied_and_filled(ward: Ward) -> None:
    await ward.ready()
    ward.sql("DELETE FROM keywords_data WHERE id > 10")
    assert list(await ward.found()) == ["keywords_damaged", "keywords_wrong"]
    assert await ward.mended() == "mended"
    assert await found_words(ward) == 3


async def test_keywords_that_belong_to_other_chunks_are_noticed_by_searching(ward: Ward) -> None:
    await ward.ready()
    [(row, chunk_id)] = ward.sql("SELECT row, id FROM chunks WHERE page = 2")
    ward.sql("DELETE FROM keywords WHERE rowid = ?", row)
    ward.sql("INSERT INTO keywords (rowid, terms) VALUES (?, 'quite other words')", row)
    assert await ward.found() == {"keywords_wrong": [chunk_id]}
    assert await ward.mended() == "mended"
    assert await found_words(ward, "quite other") == 0


async def test_an_index_that_was_filled_behind_our_back_is_not_called_damaged(ward: Ward) -> None:
    await ward.ready()
    assert await ward.found() == {}
    ward.sql("INSERT INTO keywords (keywords) VALUES ('delete-all')")
    assert list(await ward.found()) == ["keywords_missing"]
    assert await ward.mended() == "mended"


# The vector log


async def test_a_chunk_without_an_entry_is_appended_to_the_log(ward: Ward) -> None:
    await ward.ready()
    [(chunk_id,)] = ward.sql("DELETE FROM vector_log WHERE seq = 2 RETURNING chunk_id")
    assert await ward.found() == {"log_missing": [chunk_id]}
    assert await ward.mended() == "mended"
    [last] = await ward.ledger.vector_log.after(3, 10, "model")
    assert (last.op, last.chunk_id) == ("upsert", chunk_id)


async def test_a_document_that_is_indexed_waits_for_entries_that_are_appended(ward: Ward) -> None:
    document = await ward.indexing()
    ward.sql("DELETE FROM vector_log WHERE seq = 2")
    await ward.run(repair=True)
    assert await ward.ledger.vector_log.advance("generation", 3, ward.now_s) == []
    assert await ward.ledger.vector_log.advance("generation", 4, ward.now_s) == [document.id]


async def test_an_entry_that_deletes_a_chunk_which_is_there_is_put_right(ward: Ward) -> None:
    await ward.ready()
    [(chunk_id,)] = ward.sql("SELECT id FROM chunks WHERE page = 1")
    ward.sql("INSERT INTO vector_log (op, chunk_id, document_id) VALUES ('delete', ?, 'doc')", chunk_id)
    assert await ward.found() == {"log_missing": [chunk_id]}
    assert await ward.mended() == "mended"


async def test_an_entry_whose_chunk_is_gone_becomes_a_delete(ward: Ward) -> None:
    document = await ward.ready()
    ward.sql("INSERT INTO vector_log (op, chunk_id, document_id) VALUES ('upsert', 'gone', ?)", document.id)
    assert await ward.found() == {"log_orphaned": ["gone"]}
    assert await ward.mended() == "mended"
    assert [(entry.op, entry.chunk_id) for entry in await ward.ledger.vector_log.after(3, 9, "model")] == [
        ("delete", "gone")
    ]


async def test_a_vector_of_the_wrong_length_leaves_the_log_and_its_document_is_read_anew(ward: Ward) -> None:
    document = await ward.ready()
    [(chunk_id,)] = ward.sql("UPDATE chunks SET vector = x'0011' WHERE page = 2 RETURNING id")
    assert await ward.found() == {"vector_malformed": [chunk_id]}
    assert await ward.mended() == "mended"
    assert (await ward.ledger.documents.get(document.id)).status == "queued"
    upserts = [
        entry.chunk_id for entry in await ward.ledger.vector_log.after(0, 9, "model") if entry.op == "upsert"
    ]
    assert len(upserts) == 2 and chunk_id not in upserts


# The whole


async def test_all_sorts_at_once_are_mended_in_one_go(ward: Ward) -> None:
    documents = [await ward.ready(words=words) for words in ("one", "two", "three", "four")]
    ward.sql("DELETE FROM documents WHERE id = ?", documents[0].id)
    ward.sql("DELETE FROM pages WHERE document_id = ? AND number = 1", documents[1].id)
    ward.sql("UPDATE documents SET chunks_done = 0 WHERE id = ?", documents[2].id)
    ward.sql("INSERT INTO keywords (keywords) VALUES ('delete-all')")
    ward.sql("DELETE FROM vector_log")
    assert await ward.mended() == "mended"


async def test_a_report_counts_everything_and_names_five(ward: Ward) -> None:
    documents = [await ward.ready(pages=1, words=f"number {number}") for number in range(7)]
    ward.sql("UPDATE documents SET pages_done = 0")
    finding = (await ward.run(repair=True)).findings["counters_differ"]
    assert finding.examples == [document.id for document in documents[:5]]
    assert (finding.count, finding.mended, finding.left) == (7, 7, 0)


async def test_looking_changes_nothing(ward: Ward) -> None:
    await ward.ready()
    ward.sql("DELETE FROM pages WHERE number = 2")
    ward.sql("DELETE FROM vector_log")
    before = ward.sql("SELECT * FROM documents"), (ward.folder / "ledger.db-wal").stat().st_size
    await ward.run(deep=True)
    assert (ward.sql("SELECT * FROM documents"), (ward.folder / "ledger.db-wal").stat().st_size) == before


async def test_a_damaged_ledger_is_said_to_be_beyond_mending_and_let_alone(
    ward: Ward, tmp_path: Path
) -> None:
    await ward.ready(pages=40)
    ward.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    [(root, size)] = ward.sql(
        "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size WHERE name = 'pages'"
    )
    await ward.ledger.aclose()
    assert isinstance(root, int) and isinstance(size, int)
    with (tmp_path / "ledger.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\x99" * size)
    async with open_ward(tmp_path) as damaged:
        report = await damaged.run(repair=True)
    assert (report.verdict, list(report.findings)) == ("beyond_mending", ["ledger_damaged"])


async def test_two_examinations_at_once_are_refused(ward: Ward) -> None:
    doctor = ward.doctor()
    running = doctor.run(repair=False, deep=False)
    running.send(None)  # begun, and waiting for the ledger
    with pytest.raises(Refused) as refused:
        await doctor.run(repair=False, deep=False)
    assert refused.value.code == "conflict"
    running.close()
