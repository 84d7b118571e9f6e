"""Two services on one data folder; one dies or sleeps: its work is taken over, and nothing is done twice."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.invariants import Expected, violations
from tests.support.redis_server import RedisServer
from tests.support.service import (
    Start,
    book,
    crash,
    eventually,
    ledger_rows,
    logged,
    moment_of,
    package,
    pages_committed,
    ready,
    seconds_after,
)

PAGES = 40
LEASE_S = 6
#: What a busy machine may add.
SLACK_S = 20
#: Small batches on one thread, so that there is time to do something to the worker.
SLOW = {
    "KOTAEMON_INGEST__BATCH_PAGES": "4",
    "KOTAEMON_EMBEDDING__THREADS": "1",
    "KOTAEMON_INGEST__LEASE_S": str(LEASE_S),
}
READY = Expected(frozenset({"ready"}))


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    return book(tmp_path, "book", PAGES)


@pytest.fixture
def first(start: Start, redis: RedisServer) -> Throwaway:
    return start({"KOTAEMON_BROKER__URL": redis.url, **SLOW})


@pytest.fixture
def join(start: Start, redis: RedisServer, first: Throwaway) -> Callable[[], Throwaway]:
    """Starts a second service on the folder of the first."""

    def begin() -> Throwaway:
        env = {"KOTAEMON_BROKER__URL": redis.url, "KOTAEMON_DATA_DIR": str(first.data_dir), **SLOW}
        return start(env)

    return begin


def begun(service: Throwaway, pdf: Path, idle: Throwaway | None = None) -> str:
    """The id of a document that the service has begun to read, and not the idle one on the same folder."""
    if idle is not None:
        freeze(idle, service.data_dir)
    client = Client(service.url)
    document_id: str = client.upload(pdf, "default")["id"]
    client.close()
    eventually(lambda: logged(service, "batch_committed", doc_id=document_id))
    if idle is not None:
        idle.process.send_signal(signal.SIGCONT)
    return document_id


def test_a_service_that_joins_disturbs_nobody_and_takes_over_when_the_other_dies(
    first: Throwaway, join: Callable[[], Throwaway], pdf: Path, tmp_path: Path
) -> None:
    early_id = begun(first, book(tmp_path, "early", 24))
    second = join()
    client = Client(second.url)
    ready(client, early_id)
    assert pages_committed(first, early_id) == list(range(1, 25))
    assert not any(logged(one, "document_recovered") + logged(one, "lease_lost") for one in (first, second))

    document_id = begun(first, pdf, idle=second)
    killed_s = crash(first)
    assert ready(client, document_id)["progress"]["pages_done"] == PAGES
    client.close()
    # With the default lease of 30 s this is at most 30 s + 1 s of the dispatcher: below 45 s.
    assert seconds_after(killed_s, logged(second, "document_recovered")) <= LEASE_S + SLACK_S
    # A kill between a commit and its line in the log may hide one batch, which the invariants would miss.
    committed = pages_committed(first, document_id) + pages_committed(second, document_id)
    assert committed == sorted(set(committed)) and committed[-1] == PAGES
    second.stop()
    assert violations(first.data_dir, dict.fromkeys((early_id, document_id), READY)) == []


def test_a_worker_that_slept_through_its_lease_writes_nothing_more(
    first: Throwaway, join: Callable[[], Throwaway], pdf: Path, tmp_path: Path
) -> None:
    second = join()
    document_id = begun(first, pdf, idle=second)
    freeze(first, first.data_dir)
    eventually(lambda: logged(second, "document_embedded", doc_id=document_id))
    first.process.send_signal(signal.SIGCONT)
    client = Client(second.url)
    ready(client, document_id)
    client.close()
    eventually(lambda: logged(first, "lease_lost", doc_id=document_id))

    def told_ready() -> int:
        return len(logged(first, "document_ready") + logged(second, "document_ready"))

    eventually(told_ready)  # the line comes after the status that was waited for
    committed = pages_committed(first, document_id) + pages_committed(second, document_id)
    assert committed == list(range(1, PAGES + 1))
    assert [first.stop(), second.stop()] == [0, 0]
    assert told_ready() == 1
    assert violations(first.data_dir, {document_id: READY}) == []
    query = "SELECT count(*), count(DISTINCT chunk_id) FROM vector_log"
    [(entries, chunks)] = ledger_rows(first, tmp_path / "rows", query)
    assert entries == chunks


def freeze(service: Throwaway, data_dir: Path) -> None:
    """Stops it, but not in the middle of a transaction: SQLite would wait for that as long as it takes."""
    while True:
        service.process.send_signal(signal.SIGSTOP)
        ledger = apsw.Connection(str(data_dir / "ledger.db"))
        ledger.set_busy_timeout(200)
        try:
            ledger.execute("BEGIN IMMEDIATE; ROLLBACK")
        except apsw.BusyError:
            service.process.send_signal(signal.SIGCONT)
            time.sleep(0.02)
        else:
            return
        finally:
            ledger.close()


@pytest.mark.parametrize("broker", ["memory", "redis"])
def test_a_lone_service_goes_on_at_once_after_a_crash(
    broker: str, start: Start, redis: RedisServer, pdf: Path
) -> None:
    url = "memory://" if broker == "memory" else redis.url
    service = start({**SLOW, "KOTAEMON_BROKER__URL": url, "KOTAEMON_INGEST__LEASE_S": "3600"})
    document_id = begun(service, pdf)
    crash(service)
    service.start()
    eventually(lambda: logged(service, "document_recovered", doc_id=document_id))
    started = moment_of(logged(service, "service_started")[-1])
    assert moment_of(logged(service, "document_recovered")[-1]) - started <= SLACK_S


def test_a_folder_that_another_service_keeps_to_itself_stops_the_start_with_78(service: Throwaway) -> None:
    done = package("serve", KOTAEMON_DATA_DIR=str(service.data_dir), KOTAEMON_HTTP__PORT="0")
    assert done.returncode == 78
    assert "data_dir" in done.stderr and str(service.data_dir) in done.stderr
    eventually(service.is_ready)
