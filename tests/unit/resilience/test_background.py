"""Long work beside the loop: what it returns, and how it is called off."""

import threading
from collections.abc import Callable

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.background import in_background


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
