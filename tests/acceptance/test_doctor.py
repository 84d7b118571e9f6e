"""`kotaemon-async doctor` on a real service, stopped and running, and `kotaemon-async retry`."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf, write
from tests.support.service import command, eventually, ready, serving, upload_all

TEXTS = {
    "paris.md": b"# France\n\nThe capital of France is Paris, on the river Seine.\n",
    "oslo.md": b"# Norway\n\nThe capital of Norway is Oslo, at the end of a fjord.\n",
}
QUESTIONS = {
    "capital of France": "paris.md",
    "capital of Norway": "oslo.md",
    "lighthouse keeper of Arnholm": "lighthouse.pdf",
}


class Ended(NamedTuple):
    """A command's exit status and what it printed as JSON."""

    status: int
    said: Json


def run(service: Throwaway, *words: str) -> Ended:
    done = command(service, *words, "--json")
    return Ended(done.returncode, json.loads(done.stdout or done.stderr))


def kinds(ended: Ended) -> set[str]:
    return {found["kind"] for found in ended.said["findings"] if found["weight"] != "note"}


class Library(NamedTuple):
    """A service with three ready documents, and their ids by name."""

    service: Throwaway
    ids: dict[str, str]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Library]:
    """One for all: each test leaves it without any harm."""
    folder = tmp_path_factory.mktemp("doctor")
    with serving(folder, model_folder) as service:
        files = TEXTS | {"lighthouse.pdf": english_pdf(12)}
        yield Library(service, dict(zip(files, upload_all(service, folder, files), strict=True)))


def sql(service: Throwaway, *statements: str) -> None:
    connection = apsw.Connection(str(service.data_dir / "ledger.db"))
    connection.set_busy_timeout(5000)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def damage(service: Throwaway, ids: dict[str, str]) -> set[str]:
    """Harm that only a doctor mends; the kinds of it."""
    stray = service.data_dir / "blobs" / "ab" / ("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"nobody's")
    sql(
        service,
        "INSERT INTO keywords (keywords) VALUES ('delete-all')",
        "DELETE FROM vector_log WHERE seq % 2",
        f"DELETE FROM pages WHERE document_id = '{ids['lighthouse.pdf']}' AND number = 5",
        f"UPDATE documents SET chunks_done = 99 WHERE id = '{ids['oslo.md']}'",
    )
    return {"file_unused", "document_incomplete", "counters_differ", "keywords_missing", "log_missing"}


def found_names(service: Throwaway, query: str, mode: str) -> list[str]:
    client = Client(service.url)
    found = client.search(query, None, 3, mode)
    client.close()
    return [] if found["degraded"] else [passage["document_name"] for passage in found["passages"]]


def finds_everything(service: Throwaway, ids: dict[str, str]) -> None:
    """Both lanes find every document, also the one that was read anew."""
    client = Client(service.url)
    assert ready(client, ids["lighthouse.pdf"])["progress"]["pages_done"] == 12
    client.close()
    for mode in ("keyword", "vector"):
        for query, name in QUESTIONS.items():
            eventually(partial(_is_first, service, query, mode, name))


def _is_first(service: Throwaway, query: str, mode: str, name: str) -> bool:
    return found_names(service, query, mode)[:1] == [name]


def test_a_running_service_is_examined_and_mended_while_it_answers(library: Library) -> None:
    harm = damage(*library)
    examined = run(library.service, "doctor")
    assert (examined.status, kinds(examined)) == (1, harm)
    assert run(library.service, "doctor", "--repair").status == 3
    finds_everything(*library)
    assert run(library.service, "doctor", "--deep").status == 0


def test_a_lost_file_is_beyond_mending_until_it_is_uploaded_again(library: Library, tmp_path: Path) -> None:
    service, document_id = library.service, library.ids["paris.md"]
    with closing(Client(service.url)) as client:
        sha256 = client.document(document_id)["sha256"]
        (service.data_dir / "blobs" / sha256[:2] / sha256).unlink()
        examined = run(service, "doctor", "--repair")
        assert (examined.status, examined.said["findings"][0]["examples"]) == (4, [document_id])
        client.upload(write(tmp_path, "paris.md", TEXTS["paris.md"]), "default")
        assert run(service, "doctor", "--deep").status == 0
        assert run(service, "retry", "--force", document_id).said["documents"][0]["status"] == "queued"
        ready(client, document_id)


def test_what_has_not_failed_is_not_retried_and_what_has_is(library: Library) -> None:
    service, one, two = library.service, library.ids["paris.md"], library.ids["oslo.md"]
    sql(service, f"UPDATE documents SET status = 'failed', error_code = 'internal' WHERE id = '{two}'")
    refused = run(service, "retry", one)
    assert (refused.status, refused.said["refused"][0]["error"]["code"]) == (1, "conflict")
    assert run(service, "retry", "--all", "--collection", "other") == (0, {"retried": 0})
    assert run(service, "retry", "--all") == (0, {"retried": 1})
    with closing(Client(service.url)) as client:
        ready(client, two)


def test_a_stopped_service_is_examined_and_mended_and_finds_everything_again(library: Library) -> None:
    service = library.service
    service.stop()
    harm = damage(*library)
    shutil.rmtree(service.data_dir / "vectors")
    examined = run(service, "doctor")
    assert (examined.status, kinds(examined)) == (1, harm | {"vectors_unreadable"})
    assert run(service, "doctor", "--repair").status == 3
    assert run(service, "doctor", "--deep").status == 0
    service.start()
    finds_everything(*library)
