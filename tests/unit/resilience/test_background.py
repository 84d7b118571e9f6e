"""Work that nobody waits for without end: what it returns, how it is called off, and how it goes on."""

import threading
from collections.abc import Callable

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.background import in_background, wait_at_most


async def test_it_runs_beside_the_loop_and_its_result_comes_back() -> None:
    assert await in_background(lambda _: threading.current_thread()) is not threading.current_thread()


async def test_what_it_raises_is_raised() -> None:
    def work(_go_on: Callable[[], None]) -> None:
        raise Unavailable("full", code="disk_full")

    with pytest.raises(Unavailable, match="full"):
        await in_background(work)


async def test_called_off_it_has_ended_before_the_caller_goes_on() -> None:
    began, events = threading.Event(), []

    def work(go_on: Callable[[], None]) -> None:
        began.set()
        try:
            while True:
                go_on()
        finally:
            events.append("work ends")

    async with anyio.create_task_group() as group:
        group.start_soon(in_background, work)
        await anyio.to_thread.run_sync(began.wait)
        group.cancel_scope.cancel()
    events.append("caller goes on")
    assert events == ["work ends", "caller goes on"]


async def test_what_is_done_in_time_is_given() -> None:
    async def add() -> int:
        return 1 + 1

    assert await wait_at_most(add(), 1.0) == 2


async def test_what_fails_in_time_raises_its_own_error() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await wait_at_most(fail(), 1.0)


@pytest.mark.parametrize("leave", ["late", "cancelled"])
async def test_what_nobody_waits_for_any_more_goes_on(leave: str) -> None:
    go_on, done = anyio.Event(), anyio.Event()

    async def write() -> None:
        await go_on.wait()
        done.set()

    if leave == "late":
        with pytest.raises(TimeoutError):
            await wait_at_most(write(), 0.0)
    else:
        with anyio.move_on_after(0.0):
            await wait_at_most(write(), 60.0)
    go_on.set()
    await done.wait()
