"""Redis goes away and comes back while documents are uploaded and read: they are ready a little later."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.redis_server import RedisServer
from tests.support.service import (
    book,
    eventually,
    logged,
    moment_of,
    pages_committed,
    ready,
    seconds_after,
    serving,
)

PAGES = 12
#: A bell that is lost is noticed by the lease or the next look at the ledger, much later than this.
SOON_S = 15
NUMBERS = count()
#: Small batches on one thread, one document at a time, so that the outage meets work in all states.
SLOW = {
    "KOTAEMON_INGEST__BATCH_PAGES": "2",
    "KOTAEMON_INGEST__CONCURRENCY": "1",
    "KOTAEMON_EMBEDDING__THREADS": "1",
}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, model_folder: Path, redis: RedisServer
) -> Iterator[Throwaway]:
    """One for all outages: it has to go on after each of them."""
    env = {"KOTAEMON_BROKER__URL": redis.url, **SLOW}
    with serving(tmp_path_factory.mktemp("broker"), model_folder, env) as service:
        yield service


@pytest.fixture
def upload(service: Throwaway, tmp_path: Path) -> Callable[[], str]:
    """Uploads a new document and gives its id; it is accepted at once, whatever the broker does."""

    def send() -> str:
        path = book(tmp_path, f"book-{next(NUMBERS)}", PAGES, lines=6)
        files = {"file": (path.name, path.read_bytes())}
        reply = httpx.post(f"{service.url}/api/v1/documents", files=files, timeout=60, trust_env=False)
        assert reply.status_code == 202
        return str(reply.json()["id"])

    return send


def broker_of(client: Client) -> Json:
    """What the health report says of the broker."""
    found: Json = client.health()[1]["components"]["broker"]
    return found


def is_after(moment: float, lines: list[dict[str, Any]]) -> bool:
    return seconds_after(moment, lines) < float("inf")


@pytest.mark.parametrize("outage", ["stopped", "frozen"])
def test_an_outage_of_redis_costs_nothing_but_its_own_time(
    outage: str, redis: RedisServer, service: Throwaway, client: Client, upload: Callable[[], str]
) -> None:
    ids = [upload() for _ in range(2)]
    eventually(lambda: pages_committed(service, ids[0]))
    gone_s = time.time()
    (redis.stop if outage == "stopped" else redis.freeze)()
    ids += [upload() for _ in range(3)]
    eventually(lambda: client.document(ids[0])["status"] == "ready")
    eventually(lambda: is_after(gone_s, logged(service, "component_restarting", component="worker")))
    eventually(lambda: broker_of(client).get("code") == "broker_unavailable")
    assert client.health()[0]

    back_s = time.time()
    (redis.start if outage == "stopped" else redis.thaw)()
    for document_id in ids:
        ready(client, document_id)
    assert seconds_after(back_s, logged(service, "worker_listens")) <= SOON_S
    assert seconds_after(back_s, logged(service, "batch_committed")) <= SOON_S
    for document_id in ids:
        assert pages_committed(service, document_id) == list(range(1, PAGES + 1))


def test_documents_whose_bells_were_flushed_are_read_as_if_nothing_had_been(
    redis: RedisServer, service: Throwaway, client: Client, upload: Callable[[], str]
) -> None:
    ids = [upload() for _ in range(3)]
    eventually(lambda: pages_committed(service, ids[0]))
    redis.cli("FLUSHALL")
    for document_id in ids:
        ready(client, document_id)
        assert pages_committed(service, document_id) == list(range(1, PAGES + 1))
    ends_s = sorted(moment_of(end) for one in ids for end in logged(service, "document_embedded", doc_id=one))
    for end_s in ends_s[:-1]:
        assert seconds_after(end_s, logged(service, "batch_committed")) <= SOON_S


def test_an_idle_service_leaves_no_trace_of_finished_work_in_redis(
    redis: RedisServer, client: Client, upload: Callable[[], str]
) -> None:
    for document_id in [upload() for _ in range(2)]:
        ready(client, document_id)
    eventually(lambda: "arq:" not in redis.cli("KEYS", "*"))
    assert len(redis.cli("KEYS", "*").split()) <= 3
