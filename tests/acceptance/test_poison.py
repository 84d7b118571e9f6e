"""A document that kills its parser: tried in fresh ones, given up after three, and nobody waits for it."""

import os
import signal
from contextlib import closing
from pathlib import Path

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf, write
from tests.support.invariants import Expected, violations
from tests.support.service import SLOW, Start, book, eventually, logged, parser_of, ready


def crash(service: Throwaway, client: Client, poison: Json, number: int) -> Json:
    """The document after its parser was killed for the `number`-th time."""
    os.kill(parser_of(service, poison["sha256"]), signal.SIGSEGV)

    eventually(lambda: client.document(poison["id"])["attempts"]["crash"] == number)
    return client.document(poison["id"])


def test_a_document_that_kills_three_parsers_is_failed_and_its_neighbours_are_ready(
    start: Start, tmp_path: Path
) -> None:
    service = start(SLOW)
    with closing(Client(service.url)) as client:
        poison = client.upload(book(tmp_path, "poison", 200), "default")
        crash(service, client, poison, 1)
        files = [write(tmp_path, f"{n}.pdf", english_pdf(texts=[f"Healthy page {n}."])) for n in range(3)]
        healthy = [client.upload(file, "default")["id"] for file in files]
        crash(service, client, poison, 2)
        assert [ready(client, one)["attempt"] for one in healthy] == [1, 1, 1]
        failed = crash(service, client, poison, 3)
    assert (failed["status"], failed["error"]["code"], failed["attempt"]) == ("failed", "corrupt", 3)
    assert failed["error"]["message"].endswith("3 times over this file, the last time by SIGSEGV.")
    waits = logged(service, "document_waits", doc_id=poison["id"], cause="crash")
    assert 0.5 <= waits[0]["wait_s"] <= 1 and 1.5 <= waits[1]["wait_s"] <= 3
    service.stop()
    expected = dict.fromkeys(healthy, Expected(frozenset({"ready"})))
    expected[poison["id"]] = Expected(frozenset({"failed"}))
    assert violations(service.data_dir, expected) == []
