"""The doorbell: arq over a real Redis or over one inside of this process."""

import asyncio
import json
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio
from arq import func
from arq.connections import ArqRedis
from arq.worker import Worker
from fakeredis import FakeAsyncRedis, FakeServer
from fakeredis._commands import SUPPORTED_COMMANDS, command
from fakeredis._socket import AsyncFakeSocket
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from kotaemon_async.errors import Misconfigured, Unavailable

QUEUE = "kotaemon:queue"
JOB_TIMEOUT_S = 24 * 3600
POLL_S = 0.05
HEALTH_S = 60
END_S = 5.0
CALL_TIMEOUT_S = 2.0
# A job that waited longer than arq's own day is still wanted; the ledger decides, not the queue.
EXPIRES_EXTRA_MS = 30 * 24 * 3600 * 1000

Job = Callable[..., Coroutine[Any, Any, None]]


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode()


@command((), (bytes,))
def _info(_socket: object, *_section: bytes) -> bytes:
    return b"redis_version:memory\r\nused_memory_human:0B\r\nconnected_clients:1\r\n"


# fakeredis has no INFO, which arq's worker asks for at its start.
SUPPORTED_COMMANDS["info"] = SUPPORTED_COMMANDS.pop("_info")
AsyncFakeSocket._info = _info  # type: ignore[attr-defined]


class Broker:
    """Rings for documents and makes workers that answer; the ledger does all the remembering."""

    def __init__(self, pool: ArqRedis) -> None:
        self._pool = pool

    @classmethod
    def open(cls, url: str) -> "Broker":
        """A broker for `memory://`, `redis://…` or `unix://…`, not connected yet. Raises Misconfigured."""
        options: dict[str, Any] = {
            "job_serializer": _encode,
            "job_deserializer": json.loads,
            "default_queue_name": QUEUE,
            "expires_extra_ms": EXPIRES_EXTRA_MS,
        }
        if url.startswith("memory://"):
            return cls(ArqRedis(FakeAsyncRedis(server=FakeServer()).connection_pool, **options))
        try:
            pool = ConnectionPool.from_url(
                url, socket_timeout=CALL_TIMEOUT_S, socket_connect_timeout=CALL_TIMEOUT_S
            )
        except ValueError as error:
            raise Misconfigured(
                f"broker.url: {url!r} is not a memory://, redis:// or unix:// address."
            ) from error
        return cls(ArqRedis(pool, **options))

    async def ring(self, job_id: str, document_id: str, traceparent: str) -> None:
        """A worker will hear of the document; twice under one id is once. Raises Unavailable."""
        try:
            with anyio.fail_after(CALL_TIMEOUT_S):
                await self._pool.enqueue_job("ingest_document", document_id, traceparent, _job_id=job_id)
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(f"The broker does not answer: {error}.", code="broker_unavailable") from error

    async def check(self) -> None:
        """Nothing, when the broker answers; raises Unavailable."""
        try:
            with anyio.fail_after(CALL_TIMEOUT_S):
                await self._pool.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise Unavailable(f"The broker does not answer: {error}.", code="broker_unavailable") from error

    async def work(self, jobs: Sequence[Job], context: dict[str, Any], *, max_jobs: int) -> None:
        """Answers bells until cancelled or the broker fails; no job runs on after it. Raises Unavailable."""
        worker = self._worker(jobs, context, max_jobs)
        try:
            await worker.async_run()
        except (RedisError, OSError) as error:
            raise Unavailable(f"The broker does not answer: {error}.", code="broker_unavailable") from error
        finally:
            # arq's own close() passes on the cancellation of the first job and leaves the others behind.
            with anyio.CancelScope(shield=True):
                await _end(worker)

    def _worker(self, jobs: Sequence[Job], context: dict[str, Any], max_jobs: int) -> Worker:
        return Worker(
            [
                func(job, name=job.__name__, timeout=JOB_TIMEOUT_S, keep_result=0, max_tries=1_000_000)
                for job in jobs
            ],
            queue_name=QUEUE,
            redis_pool=self._pool,
            handle_signals=False,
            max_jobs=max_jobs,
            poll_delay=POLL_S,
            health_check_key=f"{QUEUE}:{uuid.uuid4().hex}",
            health_check_interval=HEALTH_S,
            ctx=dict(context),
            job_serializer=_encode,
            job_deserializer=json.loads,
            expires_extra_ms=EXPIRES_EXTRA_MS,
            log_results=False,
        )

    async def aclose(self) -> None:
        """Connections are closed."""
        await self._pool.aclose(close_connection_pool=True)


async def _end(worker: Worker) -> None:
    """Every job is cancelled, and what arq still had to write about it is written or given up."""
    for job in list(worker.job_tasks.values()):
        job.cancel()
    # arq shields its last words on a job from cancellation: its own tasks are waited for first.
    if running := set(worker.tasks.values()):
        _, late = await asyncio.wait(running, timeout=END_S)
        for task in late:
            task.cancel()
        await asyncio.wait(running)
