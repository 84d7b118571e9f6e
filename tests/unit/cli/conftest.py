"""Clients without a service, over a time that passes only by sleeping."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import httpx
import pytest

from kotaemon_async.cli.client import Client, Times
from tests.support.command import Connect, Reply


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, wait_s: float) -> None:
        self.now_s += wait_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connect(clock: Clock) -> Iterator[Connect]:
    with ExitStack() as stack:

        def to(reply: Reply) -> Client:
            times = Times(clock=lambda: clock.now_s, sleep=clock.sleep)
            client = Client("http://service", times=times, transport=httpx.MockTransport(reply))
            return stack.enter_context(closing(client))

        yield to
