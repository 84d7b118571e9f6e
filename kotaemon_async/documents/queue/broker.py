"""The doorbell: arq over a real Redis or over one inside of this process.

A bell only says that a document is due. An answered bell starts a job and is over at once, so that arq's
locks last for seconds, a job goes on when the broker fails under it, and nothing in the broker is missed.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup
from arq import func
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from arq.worker import Worker
from loguru import logger
from redis.exceptions import RedisError

from kotaemon_async.documents.queue.connections import memory_pool, redis_pool
from kotaemon_async.domain.errors import KotaemonError, Misconfigured, Unavailable
from kotaemon_async.resilience.breaker import Breaker
from kotaemon_async.resilience.supervisor import supervise
from kotaemon_async.telemetry.health import Health

POLL_S: Final = 0.05
#: So long arq tries one answer to a bell, and so long a bell is locked that a dying worker has heard.
ANSWER_S: Final = 3.0
HEALTH_S: Final = 60
CONNECT_TIMEOUT_S: Final = 1.0
CALL_TIMEOUT_S: Final = 2.0
#: A health report does not wait for a broker as long as work does.
CHECK_TIMEOUT_S: Final = 1.0
#: One look for bells takes many calls; one that takes longer than this hangs.
LOOK_TIMEOUT_S: Final = 60.0
#: A worker that has not looked for bells for so long is reported as down.
STALE_S: Final = 15.0
END_S: Final = 0.5
#: Wait between two tries to reach a broker that is away.
MAX_WAIT_S: Final = 0.5
#: A bell that nobody hears is of no use after an hour: it was rung again.
EXPIRES_MS: Final = 3600 * 1000

Job = Callable[..., Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Bell:
    """One message to the workers; an `id` is used once."""

    id: str
    document_id: str
    traceparent: str


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode()


class Broker:
    """Rings for documents and makes workers that answer; the ledger does all the remembering."""

    def __init__(self, calls: ArqRedis, worker: ArqRedis, name: str, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._worker = worker
        self._queue = f"kotaemon:{name}:queue"
        self._epoch = f"kotaemon:{name}:epoch"
        self._clock = clock
        self._looked_at_s: float | None = None
        self._rests = False
        # The broker of this process cannot be away: a call that is late there tells of a busy loop alone.
        self._call_timeout_s = None if calls is worker else CALL_TIMEOUT_S
        self.breaker = Breaker("broker", clock=clock)

    @classmethod
    def open(cls, url: str, *, name: str = "", clock: Callable[[], float] = time.monotonic) -> "Broker":
        """A broker for `memory://`, `redis://…` or `unix://…`, not connected yet; `name` parts its users.

        Raises: Misconfigured.
        """
        if url.startswith("memory://"):
            both = ArqRedis(memory_pool())
            return cls(both, both, name, clock)
        try:
            # Connecting locks a pool: with one of its own, the worker never waits behind others for that.
            pools = [redis_pool(url, connect_s=CONNECT_TIMEOUT_S, call_s=CALL_TIMEOUT_S) for _ in range(2)]
            return cls(ArqRedis(pools[0]), ArqRedis(pools[1]), name, clock)
        except ValueError as error:
            raise Misconfigured(
                f"broker.url: {url!r} is not a memory://, redis:// or unix:// address."
            ) from error

    async def ring(self, bells: Sequence[Bell]) -> None:
        """A worker will hear of the documents, in this order. Raises Unavailable."""
        now_ms = int(time.time() * 1000)
        async with self._asking() as redis, redis.pipeline(transaction=True) as pipe:
            for bell in bells:
                args = (bell.document_id, bell.traceparent)
                job = serialize_job("ingest_document", args, {}, None, now_ms, serializer=_encode)
                pipe.psetex(job_key_prefix + bell.id, EXPIRES_MS, job)
                pipe.zadd(self._queue, {bell.id: now_ms})
            await pipe.execute()

    async def unheard(self, bell_ids: Sequence[str]) -> set[str]:
        """Those of the bells that no worker has answered yet. Raises Unavailable."""
        async with self._asking() as redis, redis.pipeline(transaction=False) as pipe:
            for bell_id in bell_ids:
                pipe.zscore(self._queue, bell_id)
            scores = await pipe.execute()
        return {bell_id for bell_id, score in zip(bell_ids, scores, strict=True) if score is not None}

    async def epoch(self) -> str:
        """The same text as long as the broker has not been restarted or emptied. Raises Unavailable."""
        async with self._asking() as redis:
            return await self._ask_epoch(redis)

    async def _ask_epoch(self, redis: ArqRedis) -> str:
        async with redis.pipeline(transaction=True) as pipe:
            pipe.set(self._epoch, uuid.uuid4().hex, nx=True)
            pipe.get(self._epoch)
            pipe.info("server")
            _, marker, info = await pipe.execute()
        return f"{info.get('run_id')}:{marker.decode()}"

    def register_in(self, health: Health) -> None:
        """Two checks of the report: whether it takes messages, and whether its worker hears them."""
        health.register("broker", self.check, status=self.breaker.status)
        health.register("worker", self.check_worker)

    async def check(self) -> None:
        """Nothing, when the broker takes messages; asked also while it is left alone. Raises Unavailable."""
        with _translated(), anyio.fail_after(CHECK_TIMEOUT_S):
            await self._ask_epoch(self._calls)
        self._note_return()

    async def check_worker(self) -> dict[str, object]:
        """How long ago the worker looked for bells; raises Unavailable when that is too long."""
        age_s = None if self._looked_at_s is None else self._clock() - self._looked_at_s
        if age_s is None or age_s > STALE_S:
            raise Unavailable("The worker hears nothing from the broker.", code="broker_unavailable")
        return {"looked_age_s": round(age_s, 3)}

    def rest(self) -> None:
        """No further bell is answered here; jobs that run go on."""
        self._rests = True

    async def work(self, jobs: Sequence[Job], context: dict[str, Any], *, max_jobs: int) -> None:
        """Answers bells until cancelled, also after failures of the broker; no job runs on after it."""
        self._looked_at_s = self._clock()
        async with anyio.create_task_group() as group:
            places = _Places(group, max_jobs, is_open=lambda: not self._rests)
            await supervise("worker", lambda: self._listen(jobs, context, places), max_wait_s=MAX_WAIT_S)

    async def _listen(self, jobs: Sequence[Job], context: dict[str, Any], places: "_Places") -> None:
        """One arq worker's life, which ends at the first error of its broker. Raises Unavailable."""
        worker = _BellWorker(
            [func(places.answering(job), name=job.__name__) for job in jobs],
            queue_name=self._queue,
            redis_pool=self._worker,
            handle_signals=False,
            max_jobs=places.total,
            job_timeout=ANSWER_S,
            keep_result=0,
            max_tries=1_000_000,
            poll_delay=POLL_S,
            health_check_key=f"{self._queue}:{uuid.uuid4().hex}",
            health_check_interval=HEALTH_S,
            ctx=dict(context),
            job_serializer=_encode,
            job_deserializer=json.loads,
            log_results=False,
        )
        worker.in_progress_timeout_s = ANSWER_S
        worker.places = places
        worker.on_look = self._note_look
        running = asyncio.create_task(worker.async_run(), name="arq")
        try:
            # Waited for from outside: anyio cancels again and again, and arq's connections want it once.
            await asyncio.wait({running})
            with _translated():
                await running
        finally:
            with anyio.CancelScope(shield=True):
                await _end(worker, running)

    def _note_look(self, *, first: bool) -> None:
        self._looked_at_s = self._clock()
        if first:
            logger.info("worker_listens")
            self._note_return()

    def _note_return(self) -> None:
        """The broker has just answered, so nobody waits for the breaker's pause to end."""
        if self.breaker.state != "closed":
            self.breaker.reset()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[ArqRedis]:
        """The connection, with a deadline on what is done with it; left alone while its breaker is open."""
        if not self.breaker.allow():
            raise Unavailable("The broker failed and is left alone for a while.", code="broker_unavailable")
        with self.breaker.watching(), _translated(), anyio.fail_after(self._call_timeout_s):
            yield self._calls

    async def aclose(self) -> None:
        """Connections are closed."""
        for redis in {self._calls, self._worker}:
            await redis.aclose(close_connection_pool=True)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        reason = str(error).rpartition("caused error: ")[2] or type(error).__name__  # without the command
        raise Unavailable(f"The broker does not answer: {reason}", code="broker_unavailable") from error


class _Places:
    """Where jobs run, at most `total` at once; they outlive the arq worker that began them."""

    def __init__(self, group: TaskGroup, total: int, *, is_open: Callable[[], bool]) -> None:
        self.total = total
        self._taken = 0
        self._group = group
        self._is_open = is_open

    @property
    def free(self) -> int:
        """How many more jobs may begin now."""
        return self.total - self._taken if self._is_open() else 0

    def answering(self, job: Job) -> Job:
        """What arq runs for a bell: it starts the job and is done."""

        async def answer(context: dict[str, Any], *given: str) -> None:
            # A bell too many is dropped: as long as its document is due, it is rung again.
            if self.free > 0:
                self._taken += 1
                self._group.start_soon(self._run, job, context, given)

        return answer

    async def _run(self, job: Job, context: dict[str, Any], given: tuple[str, ...]) -> None:
        try:
            await job(context, *given)
        except KotaemonError as error:
            logger.bind(job_id=context["job_id"], code=error.code).warning("job_broke_off")
        except Exception:  # the next job has to run all the same
            logger.bind(job_id=context["job_id"]).exception("job_bug")
        finally:
            self._taken -= 1


class _BellWorker(Worker):
    """arq's worker, which takes no more bells than there are places, and whose looks have a deadline."""

    places: _Places
    on_look: Callable[..., None]
    _has_looked = False

    @property
    def max_jobs(self) -> int:
        """Free places; arq counts the bells that it is about to answer by itself."""
        return self.places.free

    @max_jobs.setter
    def max_jobs(self, _given: int) -> None:
        """arq sets it once; it follows from the places."""

    async def _poll_iteration(self) -> None:
        with anyio.fail_after(LOOK_TIMEOUT_S):
            await super()._poll_iteration()
        self.on_look(first=not self._has_looked)
        self._has_looked = True


async def _end(worker: Worker, main: "asyncio.Task[None]") -> None:
    """No bell is answered by this worker any more."""
    main.cancel()
    await asyncio.wait({main})
    # arq shields its last words on a bell from cancellation: they get a moment before they are given up.
    if answers := set(worker.tasks.values()):
        _, late = await asyncio.wait(answers, timeout=END_S)
        for task in late:
            task.cancel()
        await asyncio.wait(answers)
    for task in answers | {main}:
        _ = task.cancelled() or task.exception()  # seen: the broker's failure is known
