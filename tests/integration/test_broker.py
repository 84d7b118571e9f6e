"""The doorbell over the broker in this process and over a real redis-server."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from kotaemon_async.broker import Broker
from kotaemon_async.errors import Misconfigured, Unavailable


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    socket = tmp_path_factory.mktemp("redis") / "s"
    command = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--save",
        "",
        "--dir",
        str(socket.parent),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        yield f"unix://{socket}"
        process.terminate()


@pytest.fixture(params=["memory", "redis"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    opened = Broker.open(url)
    with anyio.fail_after(5):
        while True:
            try:
                await opened.check()
                break
            except Unavailable:
                await anyio.lowlevel.checkpoint()
    yield opened
    await opened.aclose()


class Doorman:
    """Hears the bell: a job that notes its arguments."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.news = anyio.Event()

    async def answer(self, broker: Broker, bells: int) -> None:
        async def ingest_document(_context: dict[str, Any], document_id: str, traceparent: str) -> None:
            self.heard.append((document_id, traceparent))
            if len(self.heard) == bells:
                self.news.set()

        async with anyio.create_task_group() as group:
            group.start_soon(lambda: broker.work([ingest_document], {}, max_jobs=2))
            with anyio.fail_after(5):
                await self.news.wait()
            group.cancel_scope.cancel()


async def test_a_worker_hears_each_bell_once(broker: Broker) -> None:
    await broker.ring("a:0", "a", "trace-a")
    await broker.ring("a:0", "a", "trace-a")
    await broker.ring("b:0", "b", "trace-b")
    doorman = Doorman()
    await doorman.answer(broker, bells=2)
    assert sorted(doorman.heard) == [("a", "trace-a"), ("b", "trace-b")]


async def test_an_answered_bell_can_ring_again(broker: Broker) -> None:
    await broker.ring("c:0", "c", "")
    await Doorman().answer(broker, bells=1)
    await broker.ring("c:0", "c", "")
    doorman = Doorman()
    await doorman.answer(broker, bells=1)
    assert doorman.heard == [("c", "")]


async def test_a_broker_that_is_away_is_unavailable(tmp_path: Path) -> None:
    broker = Broker.open(f"unix://{tmp_path}/nobody")
    with pytest.raises(Unavailable) as caught:
        await broker.ring("a:0", "a", "")
    assert caught.value.code == "broker_unavailable"


def test_an_unknown_kind_of_broker_is_a_wrong_setting() -> None:
    with pytest.raises(Misconfigured, match=r"broker\.url"):
        Broker.open("kafka://here")
