"""SIGKILL in the middle of an ingest: nothing is lost, nothing is done twice."""

from pathlib import Path

import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.acceptance.conftest import Start, eventually, family_of, is_alive, ledger_rows, logged, ready
from tests.support.documents import ENGLISH, english_pdf, write

PAGES = 60
#: Small batches on one thread, so that the kill meets the ingest in its middle.
SLOW = {"KOTAEMON_INGEST__BATCH_PAGES": "4", "KOTAEMON_EMBEDDING__THREADS": "1"}
CHUNKS = "SELECT page, ordinal, id FROM chunks WHERE document_id = ? ORDER BY page, ordinal"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    texts = [" ".join(ENGLISH.format(number=n * 100 + m) for m in range(12)) for n in range(1, PAGES + 1)]
    return write(tmp_path, "book.pdf", english_pdf(texts=texts))


def kill_in_the_middle(service: Throwaway, book: Path) -> str:
    """The id of the document that the killed process was working on."""
    client = Client(service.url)
    document_id: str = client.upload(book, "default")["id"]

    def begun() -> Json | None:
        document = client.document(document_id)
        return document if document["progress"]["pages_done"] >= 8 else None

    eventually(begun)
    family = family_of(service)
    service.kill()
    client.close()
    eventually(lambda: not any(map(is_alive, family)), within_s=10)
    return document_id


def test_a_killed_ingest_goes_on_from_its_checkpoint(start: Start, book: Path, tmp_path: Path) -> None:
    service = start(SLOW)
    document_id = kill_in_the_middle(service, book)
    query = "SELECT pages_done FROM documents WHERE id = ?"
    [(pages_done,)] = ledger_rows(service, tmp_path / "killed", query, document_id)
    assert 8 <= pages_done < PAGES
    before = len(logged(service, "batch_committed", doc_id=document_id))

    service.start()
    client = Client(service.url)
    assert ready(client, document_id)["progress"]["pages_done"] == PAGES
    client.close()
    batches = logged(service, "batch_committed", doc_id=document_id)[before:]
    pages = [page for b in batches for page in range(b["first_page"], b["first_page"] + b["pages"])]
    assert pages == list(range(pages_done + 1, PAGES + 1))


def test_a_killed_ingest_ends_with_the_chunks_of_an_undisturbed_one(
    start: Start, book: Path, tmp_path: Path
) -> None:
    service = start(SLOW)
    document_id = kill_in_the_middle(service, book)
    early = ledger_rows(service, tmp_path / "killed", CHUNKS, document_id)
    service.start()
    client = Client(service.url)
    undisturbed_id = client.upload(book, "undisturbed")["id"]
    for one in (document_id, undisturbed_id):
        ready(client, one)
    client.close()
    service.stop()
    late = ledger_rows(service, tmp_path / "late", CHUNKS, document_id)
    undisturbed = ledger_rows(service, tmp_path / "undisturbed", CHUNKS, undisturbed_id)
    assert late[: len(early)] == early
    assert [chunk_id.removeprefix(document_id) for *_, chunk_id in late] == [
        chunk_id.removeprefix(undisturbed_id) for *_, chunk_id in undisturbed
    ]
