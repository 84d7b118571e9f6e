"""Wake-ups over the broker in this process and over a real redis-server that comes and goes."""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from arq import func
from arq.connections import ArqRedis
from arq.worker import Worker
from redis.asyncio import ConnectionPool

from kotaemon_async.documents.queue.broker import POLL_S, Broker, WakeUp, _cancel
from kotaemon_async.domain.errors import Misconfigured, Unavailable
from tests.support.redis_server import RedisServer, Wire, wire

#: It takes two seconds; without its next look at the broker the worker would never hear.
SOON_S = 20


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@asynccontextmanager
async def opened(url: str, name: str = "") -> AsyncIterator[Broker]:
    broker = Broker.open(url, name=name)
    try:
        yield broker
    finally:
        await broker.aclose()


@pytest.fixture(params=["memory", "redis"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis").url
    async with opened(url) as made:
        yield made


def wake_up(number: int, document_id: str, traceparent: str = "") -> WakeUp:
    return WakeUp(f"{document_id}:0:here:{number}", document_id, traceparent)


async def soon(look: Callable[[], Awaitable[bool]], within_s: float = 60) -> None:
    """Returns when `look` says yes: what another process does has no event of ours."""
    with anyio.fail_after(within_s):
        while not await look():  # noqa: ASYNC110
            await anyio.sleep(0.01)


class Receiver:
    """Hears wake-ups; a job notes its arguments and stays until it is let go."""

    def __init__(self, *, busy: bool = False, error: Exception | None = None) -> None:
        self.received: list[tuple[str, str]] = []
        self._error = error
        self.gone: list[str] = []
        self._free = anyio.Event()
        if not busy:
            self._free.set()

    async def ingest_document(
        self, _context: dict[str, Any], document_id: str, traceparent: str, user_id: str
    ) -> None:
        self.received.append((document_id, traceparent))
        try:
            await self._free.wait()
            if self._error is not None:
                raise self._error
        finally:
            self.gone.append(document_id)

    def let_go(self) -> None:
        self._free.set()

    async def until(self, done: Callable[["Receiver"], bool], within_s: float = 60) -> None:
        with anyio.fail_after(within_s):
            while not done(self):  # noqa: ASYNC110
                await anyio.sleep(0.01)

    @asynccontextmanager
    async def at(self, broker: Broker, max_jobs: int = 2) -> AsyncIterator["Receiver"]:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: broker.work([self.ingest_document], {}, max_jobs=max_jobs))
            yield self
            group.cancel_scope.cancel()


def names(receiver: Receiver) -> list[str]:
    return [document_id for document_id, _ in receiver.received]


async def test_a_worker_hears_each_wake_up_once_and_in_order(broker: Broker) -> None:
    await broker.notify([wake_up(1, "a", "trace-a"), wake_up(2, "b", "trace-b")])
    async with Receiver().at(broker) as receiver:
        await receiver.until(lambda one: len(one.received) == 2)
    assert receiver.received == [("a", "trace-a"), ("b", "trace-b")]


async def test_a_wake_up_is_unheard_until_a_worker_has_answered_it(broker: Broker) -> None:
    first, second = wake_up(1, "a"), wake_up(2, "b")
    await broker.notify([first, second])
    assert await broker.pending([first.id, second.id, "other"]) == {first.id, second.id}
    async with Receiver(busy=True).at(broker, max_jobs=1) as receiver:
        await receiver.until(lambda one: len(one.received) == 1)

        async def only_the_second_waits() -> bool:
            return await broker.pending([first.id, second.id]) == {second.id}

        await soon(only_the_second_waits)


async def test_no_more_jobs_run_than_there_are_places(broker: Broker) -> None:
    await broker.notify([wake_up(number, f"d{number}") for number in range(20)])
    async with Receiver(busy=True).at(broker, max_jobs=3) as receiver:
        await receiver.until(lambda one: len(one.received) == 3)
        await anyio.sleep(6 * POLL_S)
        assert len(receiver.received) == 3
        receiver.let_go()
        await receiver.until(lambda one: len(one.gone) == 20)
    assert sorted(names(receiver)) == sorted(f"d{number}" for number in range(20))


async def test_in_this_process_a_worker_hears_by_a_bell_and_does_not_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kotaemon_async.documents.queue.broker.UNTOLD_S", 1000.0)
    async with opened("memory://") as broker, Receiver().at(broker, max_jobs=1) as receiver:

        async def hear(*documents: str) -> None:
            await broker.notify([wake_up(1, one) for one in documents])
            await receiver.until(lambda it: documents[-1] in it.gone)

        await hear("a", "b")
        await hear("c")
        await hear("d", "e")
    assert names(receiver) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("error", [Unavailable("away", code="ledger_unavailable"), ValueError("a bug")])
async def test_a_job_that_fails_does_not_take_its_place_with_it(broker: Broker, error: Exception) -> None:
    receiver = Receiver(error=error)
    await broker.notify([wake_up(number, f"d{number}") for number in range(5)])
    async with receiver.at(broker, max_jobs=1):
        await receiver.until(lambda one: len(one.gone) == 5)
    assert names(receiver) == [f"d{number}" for number in range(5)]


async def test_no_job_runs_on_after_work_is_cancelled(broker: Broker) -> None:
    await broker.notify([wake_up(1, "a")])
    async with Receiver(busy=True).at(broker) as receiver:
        await receiver.until(lambda one: len(one.received) == 1)
    assert receiver.gone == ["a"]


async def test_a_cancellation_that_a_library_forgets_is_repeated() -> None:
    async def forgetful() -> None:
        with suppress(asyncio.CancelledError):
            await anyio.sleep_forever()
        await anyio.sleep_forever()

    task = asyncio.create_task(forgetful())
    await anyio.lowlevel.checkpoint()
    with anyio.fail_after(60):
        await _cancel({task})
    assert task.cancelled()


async def test_nothing_is_left_in_the_broker_by_an_answered_wake_up(redis: RedisServer) -> None:
    async with opened(redis.url) as broker:
        await broker.epoch()
        await broker.notify([wake_up(number, f"d{number}") for number in range(50)])
        async with Receiver().at(broker) as receiver:
            await receiver.until(lambda one: len(one.received) == 50)

            async def is_clean() -> bool:
                return "arq:" not in redis.cli("KEYS", "*")

            await soon(is_clean)
        left = {key.split(":")[-1] for key in redis.cli("KEYS", "*").split()}
    # the worker's sign of life, for a minute
    assert left - {"epoch"} == {key for key in left if len(key) == 32}


async def test_services_with_folders_of_their_own_share_a_redis_without_hearing_each_other(
    redis: RedisServer,
) -> None:
    async with opened(redis.url, "one") as one, opened(redis.url, "two") as two:
        await one.notify([wake_up(1, "a")])
        await two.notify([wake_up(1, "b")])
        async with Receiver().at(two) as receiver:
            await receiver.until(lambda it: len(it.received) == 1)
            await anyio.sleep(4 * POLL_S)
    assert names(receiver) == ["b"]


async def test_a_broker_that_is_away_is_unavailable(tmp_path: Path) -> None:
    async with opened(f"unix://{tmp_path}/nobody") as broker:
        with pytest.raises(Unavailable) as caught:
            await broker.notify([wake_up(1, "a")])
        with pytest.raises(Unavailable):
            await broker.check_worker()
    assert caught.value.code == "broker_unavailable"


def test_an_unknown_kind_of_broker_is_a_wrong_setting() -> None:
    with pytest.raises(Misconfigured, match=r"broker\.url"):
        Broker.open("kafka://here")


async def test_the_epoch_changes_with_every_restart_and_flush_and_never_else(redis: RedisServer) -> None:
    async with opened(redis.url) as broker, opened(redis.url) as other:
        first = await broker.epoch()
        assert await broker.epoch() == await other.epoch() == first
        redis.cli("FLUSHALL")
        second = await broker.epoch()
        redis.stop()
        with pytest.raises(Unavailable):
            await broker.epoch()
        redis.start()
        assert len({first, second, await broker.epoch()}) == 3


async def test_a_job_runs_on_while_the_broker_is_away_and_the_worker_is_back_at_once(
    redis: RedisServer,
) -> None:
    async with opened(redis.url) as broker, Receiver(busy=True).at(broker) as receiver:
        await broker.notify([wake_up(1, "a")])
        await receiver.until(lambda one: len(one.received) == 1)
        redis.stop()
        await anyio.sleep(1)
        redis.start()
        await broker.notify([wake_up(2, "b")])
        await receiver.until(lambda one: len(one.received) == 2, within_s=SOON_S)
        assert receiver.gone == []


@pytest.mark.parametrize("outage", ["stop", "freeze", "flush", "full", "readonly", "busy", "cut"])
async def test_the_worker_hears_soon_after_the_end_of_an_outage(
    outage: str, redis: RedisServer, tmp_path: Path
) -> None:
    async with (
        wire(tmp_path / "wire.sock", redis.socket) as line,
        opened(line.url) as broker,
        Receiver().at(broker) as receiver,
    ):
        await broker.notify([wake_up(1, "before")])
        await receiver.until(lambda one: len(one.received) == 1)
        await suffer(outage, redis, line, broker)
        await broker.notify([wake_up(2, "after")])
        await receiver.until(lambda one: names(one) == ["before", "after"], within_s=SOON_S)


async def test_a_broker_that_fails_is_left_alone_until_its_worker_hears_it_again(redis: RedisServer) -> None:
    async with opened(redis.url) as broker, Receiver().at(broker) as receiver:
        await notify_in_vain_without(redis, broker)
        assert broker.breaker.status()["code"] == "broker_unavailable"
        redis.start()
        await soon(lambda: closed(broker), within_s=SOON_S)
        await broker.notify([wake_up(9, "after")])
        await receiver.until(lambda one: names(one) == ["after"], within_s=SOON_S)


async def test_a_check_asks_also_a_broker_that_is_left_alone(redis: RedisServer) -> None:
    async with opened(redis.url) as broker:
        await notify_in_vain_without(redis, broker)
        with pytest.raises(Unavailable):
            await broker.check()
        assert broker.breaker.state == "open"
        redis.start()
        await broker.check()
        assert await closed(broker)


async def test_a_loop_that_is_busy_for_long_is_no_fault_of_the_broker_in_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kotaemon_async.documents.queue.broker.CALL_TIMEOUT_S", 0.0)
    async with opened("memory://") as broker:
        for number in range(6):
            await broker.notify([wake_up(number, "a")])
        assert broker.breaker.state == "closed"


async def notify_in_vain_without(redis: RedisServer, broker: Broker) -> None:
    """The server stops, and the broker's breaker has opened."""
    redis.stop()
    for number in range(6):
        with pytest.raises(Unavailable):
            await broker.notify([wake_up(number, "vain")])
    assert broker.breaker.state == "open"


async def closed(broker: Broker) -> bool:
    return broker.breaker.state == "closed"


async def suffer(outage: str, redis: RedisServer, line: Wire, broker: Broker) -> None:
    """An outage, over when this returns, in which the broker is asked for something."""
    begin: dict[str, Callable[[], object]] = {
        "stop": redis.stop,
        "freeze": redis.freeze,
        "flush": lambda: redis.cli("FLUSHALL"),
        "full": lambda: redis.cli("CONFIG", "SET", "maxmemory", "1"),
        "readonly": lambda: redis.cli("REPLICAOF", "127.0.0.1", "1"),
        "busy": redis.begin_endless_script,
        "cut": line.cut,
    }
    end: dict[str, Callable[[], object]] = {
        "stop": redis.start,
        "freeze": redis.thaw,
        "full": lambda: redis.cli("CONFIG", "SET", "maxmemory", "0"),
        "readonly": lambda: redis.cli("REPLICAOF", "NO", "ONE"),
        "busy": redis.end_endless_script,
    }
    begin[outage]()
    with suppress(Unavailable):
        await broker.check()
        assert outage in ("flush", "cut")
    await anyio.sleep(0.5)
    end.get(outage, lambda: None)()


async def test_a_slow_broker_is_unavailable_and_the_worker_hears_when_it_is_quick_again(
    redis: RedisServer, tmp_path: Path
) -> None:
    async with (
        wire(tmp_path / "wire.sock", redis.socket) as line,
        opened(line.url) as broker,
        Receiver().at(broker) as receiver,
    ):
        line.delay_s = 2.3
        with pytest.raises(Unavailable):
            await broker.notify([wake_up(1, "slow")])
        await anyio.sleep(1)
        line.delay_s = 0.0
        await broker.notify([wake_up(2, "quick")])
        await receiver.until(lambda one: "quick" in names(one), within_s=SOON_S)


async def test_a_wake_up_is_locked_for_seconds_only_should_the_worker_die_while_it_answers(
    redis: RedisServer, tmp_path: Path
) -> None:
    async with (
        wire(tmp_path / "wire.sock", redis.socket) as line,
        opened(line.url) as broker,
        Receiver().at(broker),
    ):
        await broker.notify([wake_up(1, "a")])
        line.delay_s = 0.2
        left_ms: list[int] = []

        async def is_locked() -> bool:
            left_ms[:] = [int(redis.cli("PTTL", f"arq:in-progress:{wake_up(1, 'a').id}"))]
            return left_ms[0] > 0

        await soon(is_locked)
        assert left_ms[0] <= 3000


async def test_a_worker_that_has_not_looked_for_wake_ups_for_long_is_down() -> None:
    now_s = [0.0]
    broker = Broker.open("memory://", clock=lambda: now_s[0])
    async with Receiver().at(broker) as receiver:
        await broker.notify([wake_up(1, "a")])
        await receiver.until(lambda one: len(one.received) == 1)
        assert await broker.check_worker() == {"looked_age_s": 0.0}
    now_s[0] = 16.0
    with pytest.raises(Unavailable):
        await broker.check_worker()
    await broker.aclose()


async def test_of_wake_ups_that_were_answered_nothing_stays_behind(broker: Broker) -> None:
    receiver, sizes, sent = Receiver(), list[int](), list[WakeUp]()

    async def all_are_heard() -> bool:
        return not await broker.pending([one.id for one in sent])

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: broker.work([receiver.ingest_document], {}, max_jobs=3))
        for _ in range(2):
            sent.extend(wake_up(len(sent) + number, "doc") for number in range(30))
            await broker.notify(sent[-30:])
            await soon(all_are_heard)
            sizes.append(await broker._calls.dbsize())
        group.cancel_scope.cancel()
    # arq removes what it knows of a wake-up a moment after it took it from the queue
    assert max(sizes) < 30


# What the broker takes from inside of its libraries; an upgrade that moves it fails here, by name.


async def test_fakeredis_answers_info_by_the_command_that_is_put_into_its_table() -> None:
    broker = Broker.open("memory://")
    assert (await broker.epoch()).startswith("memory:")
    await broker.aclose()


async def test_arq_reads_a_wake_up_as_a_job_of_its_own(redis: RedisServer) -> None:
    broker = Broker.open(redis.url, name="here")
    await broker.notify([WakeUp("d:0:here:1", "d", "trace")])
    pool = ConnectionPool.from_url(redis.url)
    (job,) = await ArqRedis(pool, job_deserializer=json.loads).queued_jobs(queue_name="kotaemon:here:queue")
    assert (job.function, list(job.args), job.job_id) == ("ingest_document", ["d", "trace", ""], "d:0:here:1")
    await broker.aclose()
    await pool.disconnect()


async def test_arqs_worker_polls_and_counts_by_what_is_overridden() -> None:
    worker = Worker([func("asyncio.sleep", name="job")], redis_pool=ArqRedis(), handle_signals=False)
    assert {"max_jobs", "in_progress_timeout_s", "tasks"} <= vars(worker).keys()
    assert "self._poll_iteration()" in inspect.getsource(Worker.main)
    assert "self.max_jobs" in inspect.getsource(Worker._poll_iteration)
    assert "self.in_progress_timeout_s" in inspect.getsource(Worker.start_jobs)
