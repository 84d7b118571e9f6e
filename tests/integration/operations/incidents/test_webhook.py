"""News of incidents posted to a server on the loopback address."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import pytest

from kotaemon_async.operations.incidents.incidents import Incident
from kotaemon_async.operations.incidents.webhook import RetryLimits, Webhook

QUICK = RetryLimits(attempts=5, first_wait_s=0.01, longest_wait_s=0.02, in_all_s=120, call_s=30)
#: For a receiver that says nothing.
IMPATIENT = replace(QUICK, call_s=1.0)


@dataclass
class Receiver:
    """Answers with the statuses in turn, the last one for good; 0 says nothing at all."""

    statuses: list[int]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):  # the webhook was ended in the middle of a post
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        self.bodies.append(json.loads(await reader.readexactly(length)))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status:
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
            await writer.drain()
        else:
            await reader.read()


@asynccontextmanager
async def receiving(*statuses: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(statuses))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield receiver


def incident(number: int) -> Incident:
    return Incident(f"inc_{number}", 1000.0, 1010.0, (), ())


async def received(
    receiver: Receiver, posts: int, *, news: int = 1, limits: RetryLimits = QUICK
) -> list[str]:
    """The ids in the order of the posts, once there were so many."""
    webhook = Webhook(receiver.url, limits=limits)
    async with anyio.create_task_group() as group:
        group.start_soon(webhook.run)
        for number in range(news):
            webhook.notify("opened", incident(number))
        with anyio.fail_after(60):
            while len(receiver.bodies) < posts:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    await webhook.aclose()
    return [body["incident"]["id"] for body in receiver.bodies[:posts]]  # more may have come since


async def test_each_change_is_posted_once_and_in_order() -> None:
    async with receiving(204) as receiver:
        assert await received(receiver, 3, news=3) == ["inc_0", "inc_1", "inc_2"]
    body = receiver.bodies[0]
    assert (body["event"], body["incident"]["cause"]) == ("incident_opened", "unknown")
    assert body["incident"]["since"] == "1970-01-01T00:16:40Z"


@pytest.mark.parametrize("status", [429, 500, 503, 0])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    async with receiving(status, status, 200) as receiver:
        limits = QUICK if status else IMPATIENT
        posts = await received(receiver, 4, news=2, limits=limits)
        assert posts == ["inc_0", "inc_0", "inc_0", "inc_1"]


@pytest.mark.parametrize("status", [302, 400, 404])
async def test_what_will_not_change_is_given_up_at_once(status: int) -> None:
    async with receiving(status, 200) as receiver:
        assert await received(receiver, 2, news=2) == ["inc_0", "inc_1"]


async def test_a_receiver_that_stays_away_costs_a_few_attempts_and_the_next_news_goes_on() -> None:
    async with receiving(500) as receiver:
        assert await received(receiver, 6, news=2) == ["inc_0"] * 5 + ["inc_1"]


async def test_telling_never_waits_and_drops_what_does_not_fit() -> None:
    webhook = Webhook("http://127.0.0.1:9/hook", queue=3)
    for number in range(10):
        webhook.notify("opened", incident(number))
    assert webhook.dropped == 7
    await webhook.aclose()
