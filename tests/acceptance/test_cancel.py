"""Cancel and delete take effect at once, whatever the document is at, and leave nothing behind."""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf, write
from tests.support.invariants import Expected, violations
from tests.support.service import (
    SLOW,
    Start,
    book,
    eventually,
    ledger_rows,
    logged,
    one_child,
    parser_of,
    ready,
)

#: One parser for two workers, so that it can be waited for.
ENV = {**SLOW, "KOTAEMON_INGEST__CONCURRENCY": "2", "KOTAEMON_PARSER__CHILDREN": "1"}
#: It takes half a second; without being told a worker would go on for its lease of 30 s, or to the end.
LIMIT_S = 10.0
#: Other programs can only add time, so the quickest of some rounds shows what the service takes.
ROUNDS = 3
LEFT = """SELECT (SELECT count(*) FROM pages WHERE document_id = ?1)
    + (SELECT count(*) FROM chunks WHERE document_id = ?1)
    + (SELECT count(*) FROM vector_log WHERE op = 'upsert' AND document_id = ?1),
    (SELECT count(*) FROM keywords_docsize) - (SELECT count(*) FROM chunks)"""


class Uploads:
    """Documents of which no two are the same, handed in to one service."""

    def __init__(self, service: Throwaway, client: Client, folder: Path) -> None:
        self.service, self.client, self._folder = service, client, folder
        self._numbers = itertools.count(1)

    def small(self) -> Json:
        path = write(self._folder, "small.pdf", english_pdf(texts=[f"Small document {next(self._numbers)}."]))
        return self.client.upload(path, "default")

    def large(self) -> Json:
        return self.client.upload(book(self._folder, f"large {next(self._numbers)}", 120), "default")

    def once(self, document: Json, holds: Callable[[Json], bool]) -> Json:
        """The document, which holds by now what is asked."""
        eventually(lambda: holds(self.client.document(document["id"])))
        return document

    def end(self, how: str, document: Json) -> None:
        """Cancels or deletes it; its status says so when the reply comes."""
        url = f"{self.service.url}/api/v1/documents/{document['id']}"
        if how == "cancel":
            assert httpx.post(f"{url}/cancel", trust_env=False, timeout=60).status_code == 200
            assert self.client.document(document["id"])["status"] == "cancelled"
        else:
            assert httpx.delete(url, trust_env=False, timeout=60).status_code == 204
            assert httpx.get(url, trust_env=False, timeout=60).status_code == 404


@contextmanager
def hanging(service: Throwaway, role: str) -> Iterator[None]:
    """The child of this role does nothing during the block, and goes on if it still lives then."""
    pid = one_child(service, role)
    os.kill(pid, signal.SIGSTOP)
    yield
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


@contextmanager
def parsing(uploads: Uploads) -> Iterator[Json]:
    with hanging(uploads.service, "parser"):
        yield uploads.once(uploads.small(), lambda one: one["stage"] == "parsing")


@contextmanager
def waiting_for_a_parser(uploads: Uploads) -> Iterator[Json]:
    with parsing(uploads) as first:
        yield uploads.once(uploads.small(), lambda one: one["stage"] == "parsing")
        uploads.end("cancel", first)


@contextmanager
def queued(uploads: Uploads) -> Iterator[Json]:
    with waiting_for_a_parser(uploads) as second:
        yield uploads.once(uploads.small(), lambda one: one["status"] == "queued")
        uploads.end("cancel", second)


@contextmanager
def embedding(uploads: Uploads) -> Iterator[Json]:
    yield uploads.once(uploads.large(), lambda one: one["stage"] == "embedding")


@contextmanager
def indexing(uploads: Uploads) -> Iterator[Json]:
    with hanging(uploads.service, "vectors"):
        yield uploads.once(uploads.small(), lambda one: one["stage"] == "indexing")


@contextmanager
def waiting_to_be_retried(uploads: Uploads) -> Iterator[Json]:
    document = uploads.large()
    for crashes in (1, 2):  # the wait after the second one is long enough to be met
        os.kill(parser_of(uploads.service, document["sha256"]), signal.SIGKILL)
        uploads.once(document, lambda one: one["attempts"]["crash"] == crashes)  # noqa: B023 - called at once
    yield uploads.once(document, lambda one: waits_for(one) == "retry")


def waits_for(document: Json) -> str:
    waits: Json = document["waiting_for"] or {}
    return str(waits.get("kind", ""))


HELD = (parsing, waiting_for_a_parser, embedding)
ALL = (*HELD, queued, indexing, waiting_to_be_retried)


@pytest.fixture
def uploads(start: Start, tmp_path: Path) -> Iterator[Uploads]:
    service = start(ENV)
    with closing(Client(service.url)) as client:
        yield Uploads(service, client, tmp_path)


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_a_document_ends_at_once_in_any_stage_and_leaves_nothing(
    uploads: Uploads, tmp_path: Path, how: str
) -> None:
    ended: list[str] = []
    for stage in ALL:
        with stage(uploads) as document:
            ended.append(document["id"])
            began_s = time.monotonic()
            uploads.end(how, document)
            if stage in HELD:
                eventually(lambda: logged(uploads.service, "lease_lost", doc_id=ended[-1]))
            assert time.monotonic() - began_s < LIMIT_S, stage.__name__
        ready(uploads.client, uploads.small()["id"])  # there is a worker free
    check_that_nothing_is_left(uploads, how, ended, tmp_path)


@pytest.mark.alone
def test_a_worker_notices_within_two_seconds_where_nothing_else_runs(uploads: Uploads) -> None:
    noticed_s: list[float] = []
    for _ in range(ROUNDS):
        with embedding(uploads) as document:
            began_s = time.monotonic()
            uploads.end("cancel", document)
            lost = partial(logged, uploads.service, "lease_lost", doc_id=document["id"])
            eventually(lost)
            noticed_s.append(time.monotonic() - began_s)
    assert min(noticed_s) < 2


def check_that_nothing_is_left(uploads: Uploads, how: str, ended: list[str], scratch: Path) -> None:
    uploads.service.stop()
    for document_id in ended:
        assert ledger_rows(uploads.service, scratch / document_id, LEFT, document_id) == [(0, 0)]
    deleted = Expected(frozenset(), "yes")
    kept = Expected(frozenset({"cancelled"}))
    others = {row[0] for row in ledger_rows(uploads.service, scratch / "ids", "SELECT id FROM documents")}
    expected = {one: Expected(frozenset({"ready", "cancelled"})) for one in others}
    expected |= dict.fromkeys(ended, deleted if how == "delete" else kept)
    assert violations(uploads.service.data_dir, expected) == []
