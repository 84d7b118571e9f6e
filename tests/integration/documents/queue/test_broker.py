"""The doorbell over the broker in this process and over a real redis-server that comes and goes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from kotaemon_async.documents.queue.broker import Bell, Broker
from kotaemon_async.domain.errors import Misconfigured, Unavailable
from tests.support.redis_server import RedisServer, Wire, wire


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


def bell(number: int, document_id: str, traceparent: str = "") -> Bell:
    return Bell(f"{document_id}:0:here:{number}", document_id, traceparent)


async def soon(look: Callable[[], Awaitable[bool]], within_s: float = 5) -> None:
    """Returns when `look` says yes: what another process does has no event of ours."""
    with anyio.fail_after(within_s):
        while not await look():  # noqa: ASYNC110
            await anyio.sleep(0.01)


class Doorman:
    """Hears bells; a job notes its arguments and stays until it is let go."""

    def __init__(self, *, busy: bool = False, error: Exception | None = None) -> None:
        self.heard: list[tuple[str, str]] = []
        self._error = error
        self.gone: list[str] = []
        self._free = anyio.Event()
        if not busy:
            self._free.set()

    async def ingest_document(self, _context: dict[str, Any], document_id: str, traceparent: str) -> None:
        self.heard.append((document_id, traceparent))
        try:
            await self._free.wait()
            if self._error is not None:
                raise self._error
        finally:
            self.gone.append(document_id)

    def let_go(self) -> None:
        self._free.set()

    async def until(self, done: Callable[["Doorman"], bool], within_s: float = 5) -> None:
        async def is_done() -> bool:
            return done(self)

        await soon(is_done, within_s)

    @asynccontextmanager
    async def at(self, broker: Broker, max_jobs: int = 2) -> AsyncIterator["Doorman"]:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: broker.work([self.ingest_document], {}, max_jobs=max_jobs))
            yield self
            group.cancel_scope.cancel()


def names(doorman: Doorman) -> list[str]:
    return [document_id for document_id, _ in doorman.heard]


async def test_a_worker_hears_each_bell_once_and_in_order(broker: Broker) -> None:
    await broker.ring([bell(1, "a", "trace-a"), bell(2, "b", "trace-b")])
    async with Doorman().at(broker) as doorman:
        await doorman.until(lambda one: len(one.heard) == 2)
    assert doorman.heard == [("a", "trace-a"), ("b", "trace-b")]


async def test_a_bell_is_unheard_until_a_worker_has_answered_it(broker: Broker) -> None:
    first, second = bell(1, "a"), bell(2, "b")
    await broker.ring([first, second])
    assert await broker.unheard([first.id, second.id, "other"]) == {first.id, second.id}
    async with Doorman(busy=True).at(broker, max_jobs=1) as doorman:
        await doorman.until(lambda one: len(one.heard) == 1)

        async def only_the_second_waits() -> bool:
            return await broker.unheard([first.id, second.id]) == {second.id}

        await soon(only_the_second_waits)


async def test_no_more_jobs_run_than_there_are_places(broker: Broker) -> None:
    await broker.ring([bell(number, f"d{number}") for number in range(20)])
    async with Doorman(busy=True).at(broker, max_jobs=3) as doorman:
        await doorman.until(lambda one: len(one.heard) == 3)
        await anyio.sleep(0.3)
        assert len(doorman.heard) == 3
        doorman.let_go()
        await doorman.until(lambda one: len(one.gone) == 20)
    assert sorted(names(doorman)) == sorted(f"d{number}" for number in range(20))


@pytest.mark.parametrize("error", [Unavailable("away", code="ledger_unavailable"), ValueError("a bug")])
async def test_a_job_that_fails_does_not_take_its_place_with_it(broker: Broker, error: Exception) -> None:
    doorman = Doorman(error=error)
    await broker.ring([bell(number, f"d{number}") for number in range(5)])
    async with doorman.at(broker, max_jobs=1):
        await doorman.until(lambda one: len(one.gone) == 5)
    assert names(doorman) == [f"d{number}" for number in range(5)]


async def test_no_job_runs_on_after_work_is_cancelled(broker: Broker) -> None:
    await broker.ring([bell(1, "a")])
    async with Doorman(busy=True).at(broker) as doorman:
        await doorman.until(lambda one: len(one.heard) == 1)
    assert doorman.gone == ["a"]


async def test_nothing_is_left_in_the_broker_by_an_answered_bell(redis: RedisServer) -> None:
    async with opened(redis.url) as broker:
        await broker.epoch()
        await broker.ring([bell(number, f"d{number}") for number in range(50)])
        async with Doorman().at(broker) as doorman:
            await doorman.until(lambda one: len(one.heard) == 50)

            async def is_clean() -> bool:
                return "arq:" not in redis.cli("KEYS", "*")

            await soon(is_clean)
        left = {key.split(":")[-1] for key in redis.cli("KEYS", "*").split()}
    assert left - {"epoch"} == {
        key for key in left if len(key) == 32
    }  # the worker's sign of life, for a minute


async def test_services_with_folders_of_their_own_share_a_redis_without_hearing_each_other(
    redis: RedisServer,
) -> None:
    async with opened(redis.url, "one") as one, opened(redis.url, "two") as two:
        await one.ring([bell(1, "a")])
        await two.ring([bell(1, "b")])
        async with Doorman().at(two) as doorman:
            await doorman.until(lambda it: len(it.heard) == 1)
            await anyio.sleep(0.2)
    assert names(doorman) == ["b"]


async def test_a_broker_that_is_away_is_unavailable(tmp_path: Path) -> None:
    async with opened(f"unix://{tmp_path}/nobody") as broker:
        with pytest.raises(Unavailable) as caught:
            await broker.ring([bell(1, "a")])
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
    async with opened(redis.url) as broker, Doorman(busy=True).at(broker) as doorman:
        await broker.ring([bell(1, "a")])
        await doorman.until(lambda one: len(one.heard) == 1)
        redis.stop()
        await anyio.sleep(1)
        redis.start()
        await broker.ring([bell(2, "b")])
        await doorman.until(lambda one: len(one.heard) == 2, within_s=3)
        assert doorman.gone == []


@pytest.mark.parametrize("outage", ["stop", "freeze", "flush", "full", "readonly", "busy", "cut"])
async def test_the_worker_hears_within_three_seconds_of_the_end_of_an_outage(
    outage: str, redis: RedisServer, tmp_path: Path
) -> None:
    async with (
        wire(tmp_path / "wire.sock", redis.socket) as line,
        opened(line.url) as broker,
        Doorman().at(broker) as doorman,
    ):
        await broker.ring([bell(1, "before")])
        await doorman.until(lambda one: len(one.heard) == 1)
        await suffer(outage, redis, line, broker)
        await broker.ring([bell(2, "after")])
        await doorman.until(lambda one: names(one) == ["before", "after"], within_s=3)


async def ring_in_vain(broker: Broker, times: int) -> None:
    for number in range(times):
        with pytest.raises(Unavailable):
            await broker.ring([bell(number, "vain")])


async def test_a_broker_that_fails_is_left_alone_until_its_worker_hears_it_again(redis: RedisServer) -> None:
    async with opened(redis.url) as broker, Doorman().at(broker) as doorman:
        await ring_in_vain_without(redis, broker)
        assert broker.breaker.status()["code"] == "broker_unavailable"
        redis.start()
        await soon(lambda: closed(broker), within_s=3)
        await broker.ring([bell(9, "after")])
        await doorman.until(lambda one: names(one) == ["after"], within_s=3)


async def test_a_check_asks_also_a_broker_that_is_left_alone(redis: RedisServer) -> None:
    async with opened(redis.url) as broker:
        await ring_in_vain_without(redis, broker)
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
            await broker.ring([bell(number, "a")])
        assert broker.breaker.state == "closed"


async def ring_in_vain_without(redis: RedisServer, broker: Broker) -> None:
    """The server stops, and the broker's breaker has opened."""
    redis.stop()
    await ring_in_vain(broker, 6)
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
        Doorman().at(broker) as doorman,
    ):
        line.delay_s = 2.3
        with pytest.raises(Unavailable):
            await broker.ring([bell(1, "slow")])
        await anyio.sleep(1)
        line.delay_s = 0.0
        await broker.ring([bell(2, "quick")])
        await doorman.until(lambda one: "quick" in names(one), within_s=3)


async def test_a_bell_is_locked_for_seconds_only_should_the_worker_die_while_it_answers(
    redis: RedisServer, tmp_path: Path
) -> None:
    async with (
        wire(tmp_path / "wire.sock", redis.socket) as line,
        opened(line.url) as broker,
        Doorman().at(broker),
    ):
        await broker.ring([bell(1, "a")])
        line.delay_s = 0.2
        left_ms: list[int] = []

        async def is_locked() -> bool:
            left_ms[:] = [int(redis.cli("PTTL", f"arq:in-progress:{bell(1, 'a').id}"))]
            return left_ms[0] > 0

        await soon(is_locked)
        assert left_ms[0] <= 3000


async def test_a_worker_that_has_not_looked_for_bells_for_long_is_down() -> None:
    now_s = [0.0]
    broker = Broker.open("memory://", clock=lambda: now_s[0])
    async with Doorman().at(broker) as doorman:
        await broker.ring([bell(1, "a")])
        await doorman.until(lambda one: len(one.heard) == 1)
        assert await broker.check_worker() == {"looked_age_s": 0.0}
    now_s[0] = 16.0
    with pytest.raises(Unavailable):
        await broker.check_worker()
    await broker.aclose()


async def test_of_bells_that_were_answered_nothing_stays_behind(broker: Broker) -> None:
    doorman, sizes, rung = Doorman(), list[int](), list[Bell]()

    async def all_are_heard() -> bool:
        return not await broker.unheard([one.id for one in rung])

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: broker.work([doorman.ingest_document], {}, max_jobs=3))
        for _ in range(2):
            rung.extend(bell(len(rung) + number, "doc") for number in range(30))
            await broker.ring(rung[-30:])
            await soon(all_are_heard, within_s=20)
            sizes.append(await broker._calls.dbsize())
        group.cancel_scope.cancel()
    # arq removes what it knows of a bell a moment after it took it from the queue
    assert max(sizes) < 30
