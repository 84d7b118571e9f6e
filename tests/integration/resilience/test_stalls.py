import threading
import time
from collections.abc import Callable

import anyio
import pytest

from kotaemon_async.resilience.stalls import StallDetector
from kotaemon_async.telemetry import traces
from tests.support.log_records import logged


def hold_the_loop_up(seconds: float, until: Callable[[], object] = lambda: True) -> None:
    end_s = time.monotonic() + 60
    time.sleep(seconds)
    while not until() and time.monotonic() < end_s:
        time.sleep(0.05)


async def test_what_holds_the_loop_up_is_named_while_it_does_with_its_trace() -> None:
    with logged("loop_stalled") as records:
        async with anyio.create_task_group() as group:
            group.start_soon(StallDetector().run)
            await anyio.wait_all_tasks_blocked()
            with traces.span("guilty"):
                trace_id = traces.current().trace_id
                hold_the_loop_up(1.0, until=lambda: records)
            group.cancel_scope.cancel()
    (record,) = records
    assert record["extra"]["place"].endswith("test_stalls.py:hold_the_loop_up")
    assert record["extra"]["stack"][-1].endswith(" hold_the_loop_up")
    assert record["extra"]["trace_id"] == trace_id


async def test_the_thread_ends_with_the_watch() -> None:
    with anyio.move_on_after(0.05):
        await StallDetector().run()
    assert "stall-watch" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("busy_s", [0.02, 0.1])
async def test_short_work_is_no_stall(busy_s: float) -> None:
    with logged("loop_stalled") as records:
        async with anyio.create_task_group() as group:
            group.start_soon(StallDetector(limit_s=20.0).run)
            for _ in range(5):
                hold_the_loop_up(busy_s)
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    assert records == []
