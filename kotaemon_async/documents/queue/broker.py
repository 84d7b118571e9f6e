"""Wakes workers: arq over a real Redis or over one inside of this process.

A wake-up only says that a document is due. One that is answered starts a job and is over at once, so that
arq's locks last for seconds, a job goes on when the broker fails under it, and nothing in the broker is
missed. arq polls: a Redis 20 times a second; in this process a look waits for the bell that a wake-up rings.
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
from fakeredis import FakeAsyncRedis, FakeServer
from fakeredis._commands import SUPPORTED_COMMANDS, command
from fakeredis._socket import AsyncFakeSocket
from loguru import logger
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from kotaemon_async.domain.errors import KotaemonError, Misconfigured, Unavailable
from kotaemon_async.resilience.breaker import Breaker
from kotaemon_async.resilience.supervisor import supervise
from kotaemon_async.telemetry.health import Health

POLL_S: Final = 0.05
#: Where there is a bell, so long a look waits for it; what is not told, like a lock's end, is found then.
UNTOLD_S: Final = 1.0
#: So long arq tries one answer, and so long a wake-up is locked that a dying worker has taken.
ANSWER_S: Final = 3.0
HEALTH_S: Final = 60
CONNECT_TIMEOUT_S: Final = 1.0
CALL_TIMEOUT_S: Final = 2.0
#: A health report does not wait for a broker as long as work does.
CHECK_TIMEOUT_S: Final = 1.0
#: One look for wake-ups takes many calls; one that takes longer than this hangs.
LOOK_TIMEOUT_S: Final = 60.0
#: A worker that has not looked for wake-ups for so long is reported as down.
STALE_S: Final = 15.0
END_S: Final = 0.5
#: Wait between two tries to reach a broker that is away.
MAX_WAIT_S: Final = 0.5
#: A wake-up that nobody receives is of no use after an hour: it was sent again.
EXPIRES_MS: Final = 3600 * 1000

Job = Callable[..., Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class WakeUp:
    """One message to the workers; an `id` is used once."""

    id: str
    document_id: str
    traceparent: str
    user_id: str = ""


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str).encode()


class Broker:
    """Wakes workers for documents and makes workers that answer; the ledger does all the remembering."""

    def __init__(self, calls: ArqRedis, worker: ArqRedis, name: str, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._worker = worker
        self._queue = f"kotaemon:{name}:queue"
        self._epoch = f"kotaemon:{name}:epoch"
        self._clock = clock
        self._looked_at_s: float | None = None
        self._rests = False
        # Rung when a wake-up comes or a slot is free; a broker that others send to as well cannot ring it.
        self._bell = asyncio.Event() if calls is worker else None
        # The broker of this process cannot be away: a call that is late there tells of a busy loop alone.
        self._call_timeout_s = None if calls is worker else CALL_TIMEOUT_S
        self.breaker = Breaker("broker", clock=clock)

    @classmethod
    def open(cls, url: str, *, name: str = "", clock: Callable[[], float] = time.monotonic) -> "Broker":
        """Return a broker for `memory://`, `redis://…` or `unix://…`, not connected; `name` parts its users.

        Raises: Misconfigured.
        """
        if url.startswith("memory://"):
            both = ArqRedis(_memory_pool())
            return cls(both, both, name, clock)
        try:
            # Connecting locks a pool: with one of its own, the worker never waits behind others for that.
            pools = [_redis_pool(url, connect_s=CONNECT_TIMEOUT_S, call_s=CALL_TIMEOUT_S) for _ in range(2)]
            return cls(ArqRedis(pools[0]), ArqRedis(pools[1]), name, clock)
        except ValueError as error:
            # Not the address itself: it may hold a password.
            raise Misconfigured("broker.url is not a memory://, redis:// or unix:// address.") from error

    async def notify(self, wake_ups: Sequence[WakeUp]) -> None:
        """Let a worker learn of the documents, in this order. Raises Unavailable."""
        now_ms = int(time.time() * 1000)
        async with self._asking() as redis, redis.pipeline(transaction=True) as pipe:
            for wake_up in wake_ups:
                args = (wake_up.document_id, wake_up.traceparent, wake_up.user_id)
                job = serialize_job("ingest_document", args, {}, None, now_ms, serializer=_encode)
                pipe.psetex(job_key_prefix + wake_up.id, EXPIRES_MS, job)
                pipe.zadd(self._queue, {wake_up.id: now_ms})
            await pipe.execute()
        self._ring()

    async def pending(self, wake_up_ids: Sequence[str]) -> set[str]:
        """Return those of the wake-ups that no worker has answered yet. Raises Unavailable."""
        async with self._asking() as redis, redis.pipeline(transaction=False) as pipe:
            for wake_up_id in wake_up_ids:
                pipe.zscore(self._queue, wake_up_id)
            scores = await pipe.execute()
        return {
            wake_up_id for wake_up_id, score in zip(wake_up_ids, scores, strict=True) if score is not None
        }

    async def epoch(self) -> str:
        """Return the same text until the broker is restarted or emptied. Raises Unavailable."""
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
        """Add two checks to the report: whether it takes messages, and whether its worker receives them."""
        health.register("broker", self.check, status=self.breaker.status)
        health.register("worker", self.check_worker)

    async def check(self) -> None:
        """Ask whether the broker takes messages, also while it is left alone. Raises Unavailable."""
        with _translated(), anyio.fail_after(CHECK_TIMEOUT_S):
            await self._ask_epoch(self._calls)
        self._note_return()

    async def check_worker(self) -> dict[str, object]:
        """Report how long ago the worker looked for wake-ups; raises Unavailable when that is too long."""
        age_s = None if self._looked_at_s is None else self._clock() - self._looked_at_s
        if age_s is None or age_s > STALE_S:
            raise Unavailable("The worker hears nothing from the broker.", code="broker_unavailable")
        return {"looked_age_s": round(age_s, 3)}

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.set()

    def rest(self) -> None:
        """Answer no further wake-up here; jobs that run go on."""
        self._rests = True

    async def work(self, jobs: Sequence[Job], context: dict[str, Any], *, max_jobs: int) -> None:
        """Answer wake-ups until cancelled, also after failures of the broker; no job runs on after it."""
        self._looked_at_s = self._clock()
        async with anyio.create_task_group() as group:
            slots = _JobSlots(group, max_jobs, is_open=lambda: not self._rests, on_free=self._ring)
            await supervise("worker", lambda: self._listen(jobs, context, slots), max_wait_s=MAX_WAIT_S)

    async def _listen(self, jobs: Sequence[Job], context: dict[str, Any], slots: "_JobSlots") -> None:
        """Run one arq worker until the first error of its broker. Raises: Unavailable."""
        self._ring()  # the first look waits for nobody
        worker = _WakeUpWorker(
            [func(slots.answering(job), name=job.__name__) for job in jobs],
            queue_name=self._queue,
            redis_pool=self._worker,
            handle_signals=False,
            max_jobs=slots.total,
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
        worker.slots, worker.bell = slots, self._bell
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
        """Close the breaker: the broker has just answered, so nobody waits for its pause to end."""
        if self.breaker.state != "closed":
            self.breaker.reset()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[ArqRedis]:
        """Yield the connection, with a deadline for the block; raises at once while the breaker is open."""
        if not self.breaker.allow():
            raise Unavailable("The broker failed and is left alone for a while.", code="broker_unavailable")
        with self.breaker.watching(), _translated(), anyio.fail_after(self._call_timeout_s):
            yield self._calls

    async def aclose(self) -> None:
        """Close the connections."""
        for redis in {self._calls, self._worker}:
            await redis.aclose(close_connection_pool=True)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        reason = str(error).rpartition("caused error: ")[2] or type(error).__name__  # without the command
        raise Unavailable(f"The broker does not answer: {reason}", code="broker_unavailable") from error


class _JobSlots:
    """Runs jobs, at most `total` at once; they outlive the arq worker that began them."""

    def __init__(
        self, group: TaskGroup, total: int, *, is_open: Callable[[], bool], on_free: Callable[[], None]
    ) -> None:
        self.total = total
        self._taken = 0
        self._group = group
        self._is_open = is_open
        self._on_free = on_free

    @property
    def free(self) -> int:
        """Return how many more jobs may begin now."""
        return self.total - self._taken if self._is_open() else 0

    def answering(self, job: Job) -> Job:
        """Return what arq runs for a wake-up: it starts the job and is done."""

        async def answer(context: dict[str, Any], *given: str) -> None:
            # A wake-up too many is dropped: as long as its document is due, it is sent again.
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
            self._on_free()


class _WakeUpWorker(Worker):
    """arq's worker, which takes no more wake-ups than there are slots, and whose looks have a deadline."""

    slots: _JobSlots
    bell: asyncio.Event | None
    on_look: Callable[..., None]
    _has_looked = False

    @property
    def max_jobs(self) -> int:
        """Return the free slots; arq counts the wake-ups that it is about to answer by itself."""
        return self.slots.free

    @max_jobs.setter
    def max_jobs(self, _given: int) -> None:
        """Return the number of slots; arq sets it once, which is ignored."""

    async def _poll_iteration(self) -> None:
        if self.bell is not None:
            with anyio.move_on_after(UNTOLD_S):
                await self.bell.wait()
            self.bell.clear()
        with anyio.fail_after(LOOK_TIMEOUT_S):
            await super()._poll_iteration()
        self.on_look(first=not self._has_looked)
        self._has_looked = True

    def _release_sem_dec_counter_on_complete(self) -> None:
        super()._release_sem_dec_counter_on_complete()
        if self.bell is not None:
            self.bell.set()  # a slot may have become free before arq thought so


async def _end(worker: Worker, main: "asyncio.Task[None]") -> None:
    """End the worker: it answers no wake-up any more."""
    await _cancel({main})
    # arq shields its last words on a wake-up from cancellation: they get a moment before they are given up.
    if answers := set(worker.tasks.values()):
        await asyncio.wait(answers, timeout=END_S)
        await _cancel(answers)
    for task in answers | {main}:
        _ = task.cancelled() or task.exception()  # seen: the broker's failure is known


async def _cancel(tasks: "set[asyncio.Task[None]]") -> None:
    """Cancel the tasks until they have ended.

    Python 3.11's `wait_for`, which redis-py has around each write, forgets a cancellation that comes as the
    write ends: once would leave arq polling, and its end awaited, for ever.
    """
    while running := {task for task in tasks if not task.done()}:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=END_S)


@command((), (bytes,))
def _info(_socket: object, *_section: bytes) -> bytes:
    return b"redis_version:memory\r\nrun_id:memory\r\nused_memory_human:0B\r\nconnected_clients:1\r\n"


# fakeredis has no INFO, which arq's worker asks for at its start.
SUPPORTED_COMMANDS["info"] = SUPPORTED_COMMANDS.pop("_info")
AsyncFakeSocket._info = _info  # type: ignore[attr-defined]


def _memory_pool() -> ConnectionPool:
    """Connect to a new Redis in this process, which is empty and forgets everything at its end."""
    pool: ConnectionPool = FakeAsyncRedis(server=FakeServer()).connection_pool
    return pool


def _redis_pool(url: str, *, connect_s: float, call_s: float) -> ConnectionPool:
    """Connect to a server when that is needed; raises ValueError for what is no address."""
    # Without a library name a new connection needs no reply before its first command.
    return ConnectionPool.from_url(
        url,
        socket_timeout=call_s,
        socket_connect_timeout=connect_s,
        lib_name=None,
        lib_version=None,
    )
