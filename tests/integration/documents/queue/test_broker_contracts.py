"""What the broker takes from inside of its libraries; an upgrade that moves it fails here, by name."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from arq import func
from arq.connections import ArqRedis
from arq.worker import Worker
from redis.asyncio import ConnectionPool

from kotaemon_async.documents.queue.broker import Broker, WakeUp
from tests.support.redis_server import RedisServer


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


async def test_fakeredis_answers_info_by_the_command_that_is_put_into_its_table() -> None:
    broker = Broker.open("memory://")
    assert (await broker.epoch()).startswith("memory:")
    await broker.aclose()


async def test_arq_reads_a_wake_up_as_a_job_of_its_own(redis: RedisServer) -> None:
    broker = Broker.open(redis.url, name="here")
    await broker.notify([WakeUp("d:0:here:1", "d", "trace")])
    pool = ConnectionPool.from_url(redis.url)
    (job,) = await ArqRedis(pool, job_deserializer=json.loads).queued_jobs(queue_name="kotaemon:here:queue")
    assert (job.function, list(job.args), job.job_id) == ("ingest_document", ["d", "trace"], "d:0:here:1")
    await broker.aclose()
    await pool.disconnect()


async def test_arqs_worker_polls_and_counts_by_what_is_overridden() -> None:
    worker = Worker([func("asyncio.sleep", name="job")], redis_pool=ArqRedis(), handle_signals=False)
    assert {"max_jobs", "in_progress_timeout_s", "tasks"} <= vars(worker).keys()
    assert "self._poll_iteration()" in inspect.getsource(Worker.main)
    assert "self.max_jobs" in inspect.getsource(Worker._poll_iteration)
    assert "self.in_progress_timeout_s" in inspect.getsource(Worker.start_jobs)
