"""SIGKILL in the middle of an ingest: nothing is lost, nothing is done twice."""

from pathlib import Path

import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.service import Start, book, crash, eventually, ledger_rows, pages_committed, ready

PAGES = 60
#: Small batches on one thread, so that the kill meets the ingest in its middle.
SLOW = {"KOTAEMON_INGEST__BATCH_PAGES": "4", "KOTAEMON_EMBEDDING__THREADS": "1"}
CHUNKS = "SELECT page, ordinal, id FROM chunks WHERE document_id = ? ORDER BY page, ordinal"


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    return book(tmp_path, "book", PAGES)


def kill_in_the_middle(service: Throwaway, client: Client, pdf: Path) -> str:
    """Return the id of the document that the killed process was working on."""
    document_id: str = client.upload(pdf, "default")["id"]

    def begun() -> Json | None:
        document = client.document(document_id)
        return document if document["progress"]["pages_done"] >= 8 else None

    eventually(begun)
    crash(service)
    return document_id


@pytest.fixture
def service(start: Start) -> Throwaway:
    return start(SLOW)


def test_a_killed_ingest_goes_on_from_its_checkpoint(
    service: Throwaway, client: Client, pdf: Path, tmp_path: Path
) -> None:
    document_id = kill_in_the_middle(service, client, pdf)
    query = "SELECT pages_done FROM documents WHERE id = ?"
    [(pages_done,)] = ledger_rows(service, tmp_path / "killed", query, document_id)
    assert 8 <= pages_done < PAGES
    before = len(pages_committed(service, document_id))
    service.start()
    assert ready(client, document_id)["progress"]["pages_done"] == PAGES
    assert pages_committed(service, document_id)[before:] == list(range(pages_done + 1, PAGES + 1))


def test_a_killed_ingest_ends_with_the_chunks_of_an_undisturbed_one(
    service: Throwaway, client: Client, pdf: Path, tmp_path: Path
) -> None:
    document_id = kill_in_the_middle(service, client, pdf)
    early = ledger_rows(service, tmp_path / "killed", CHUNKS, document_id)
    service.start()
    undisturbed_id = client.upload(pdf, "undisturbed")["id"]
    for one in (document_id, undisturbed_id):
        ready(client, one)
    service.stop()
    late = ledger_rows(service, tmp_path / "late", CHUNKS, document_id)
    undisturbed = ledger_rows(service, tmp_path / "undisturbed", CHUNKS, undisturbed_id)
    assert late[: len(early)] == early
    assert [chunk_id.removeprefix(document_id) for *_, chunk_id in late] == [
        chunk_id.removeprefix(undisturbed_id) for *_, chunk_id in undisturbed
    ]
