"""Wrong keys wait, each address for itself."""

from collections.abc import AsyncIterator

import anyio
import pytest

from kotaemon_async.domain.errors import Refused
from kotaemon_async.http.sign_in_attempts import (
    ANOTHER_EVERY_S,
    AT_ONCE,
    MOST_ADDRESSES,
    MOST_WAITING,
    PAUSE_S,
    SignInAttempts,
)
from tests.support.clock import Clock
from tests.support.log_records import logged


class Waits:
    """A sleep that ends when the test lets it."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []
        self.may_end = anyio.Event()

    async def __call__(self, for_s: float) -> None:
        self.asked_s.append(for_s)
        await self.may_end.wait()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
async def attempts(clock: Clock, waits: Waits) -> AsyncIterator[SignInAttempts]:
    made = SignInAttempts(clock=clock, sleep=waits)
    for _ in range(AT_ONCE):
        await made.refused("10.0.0.1")
    yield made


async def test_the_first_ones_are_told_at_once_and_written_down(waits: Waits) -> None:
    with logged("sign_in_refused") as lines:
        await SignInAttempts(sleep=waits).refused("10.0.0.9")
    assert [line["extra"]["address"] for line in lines] == ["10.0.0.9"]
    assert waits.asked_s == []


async def test_further_ones_wait_and_leave_no_line(attempts: SignInAttempts, waits: Waits) -> None:
    waits.may_end.set()
    with logged("sign_in_refused") as lines:
        await attempts.refused("10.0.0.1")
    assert (waits.asked_s, lines) == ([PAUSE_S], [])


async def test_so_many_wait_at_a_time_and_no_more(attempts: SignInAttempts, waits: Waits) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(MOST_WAITING):
            tasks.start_soon(attempts.refused, "10.0.0.1")
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(Refused, match="Too many") as refused:
            await attempts.refused("10.0.0.1")
        waits.may_end.set()
    assert (refused.value.code, refused.value.retry_after_s) == ("rate_limited", PAUSE_S)


async def test_another_address_does_not_wait(attempts: SignInAttempts, waits: Waits) -> None:
    await attempts.refused("10.0.0.2")
    assert waits.asked_s == []


async def test_after_a_while_one_is_told_at_once_again(
    attempts: SignInAttempts, waits: Waits, clock: Clock
) -> None:
    clock.now_s += ANOTHER_EVERY_S
    await attempts.refused("10.0.0.1")
    assert waits.asked_s == []


async def test_of_very_many_addresses_the_quietest_is_forgotten(attempts: SignInAttempts) -> None:
    for number in range(MOST_ADDRESSES):
        await attempts.refused(f"10.1.{number // 256}.{number % 256}")
    assert len(attempts._addresses) == MOST_ADDRESSES
    assert "10.0.0.1" not in attempts._addresses
