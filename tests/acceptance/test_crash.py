"""SIGKILL in the middle of an ingest: nothing is lost, nothing is done twice."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.service import (
    book,
    crash,
    eventually,
    ledger_rows,
    pages_committed,
    ready,
    serving,
)

PAGES = 60
#: Small batches on one thread, so that the kill meets the ingest in its middle.
SLOW = {"KOTAEMON_INGEST__BATCH_PAGES": "4", "KOTAEMON_EMBEDDING__THREADS": "1"}
CHUNKS = "SELECT page, ordinal, id FROM chunks WHERE document_id = ? ORDER BY page, ordinal"
Rows = list[tuple[object, ...]]


@dataclass(frozen=True)
class Killed:
    """A document that was read in two lives of the service, and what the first of them left."""

    service: Throwaway
    client: Client
    pdf: Path
    document_id: str
    pages_done: int
    batches_before: int
    chunks: Rows


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Killed]:
    folder = tmp_path_factory.mktemp("crash")
    pdf = book(folder, "book", PAGES)
    with serving(folder, model_folder, SLOW) as service, closing(Client(service.url)) as client:
        document_id: str = client.upload(pdf, "default")["id"]

        def has_begun() -> bool:
            document: Json = client.document(document_id)
            return bool(document["progress"]["pages_done"] >= 8)

        eventually(has_begun)
        crash(service)
        query = "SELECT pages_done FROM documents WHERE id = ?"
        [(pages_done,)] = ledger_rows(service, folder / "pages", query, document_id)
        chunks = ledger_rows(service, folder / "chunks", CHUNKS, document_id)
        before = len(pages_committed(service, document_id))
        service.start()
        yield Killed(service, client, pdf, document_id, pages_done, before, chunks)


def test_a_killed_ingest_goes_on_from_its_checkpoint(killed: Killed) -> None:
    assert 8 <= killed.pages_done < PAGES
    assert ready(killed.client, killed.document_id)["progress"]["pages_done"] == PAGES
    pages = pages_committed(killed.service, killed.document_id)[killed.batches_before :]
    assert pages == list(range(killed.pages_done + 1, PAGES + 1))


def test_a_killed_ingest_ends_with_the_chunks_of_an_undisturbed_one(killed: Killed, tmp_path: Path) -> None:
    undisturbed_id = killed.client.upload(killed.pdf, "undisturbed")["id"]
    for one in (killed.document_id, undisturbed_id):
        ready(killed.client, one)
    late = ledger_rows(killed.service, tmp_path / "late", CHUNKS, killed.document_id)
    undisturbed = ledger_rows(killed.service, tmp_path / "undisturbed", CHUNKS, undisturbed_id)
    assert late[: len(killed.chunks)] == killed.chunks
    assert [chunk_id.removeprefix(killed.document_id) for *_, chunk_id in late] == [
        chunk_id.removeprefix(undisturbed_id) for *_, chunk_id in undisturbed
    ]
