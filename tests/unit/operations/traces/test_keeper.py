"""What waits to be written: bounded, from any thread."""

import threading
import time

import anyio
import anyio.lowlevel

from kotaemon_async.operations.traces.keeper import RowBuffer
from kotaemon_async.stores.traces import LineRow


def row(number: int) -> LineRow:
    return LineRow("t", "s", float(number), "info", "e", "", {})


def buffer(capacity: int, dropped: list[int]) -> RowBuffer:
    return RowBuffer(capacity, on_drop=dropped.append)


async def test_what_does_not_fit_is_dropped_and_told() -> None:
    dropped: list[int] = []
    filled = buffer(2, dropped)
    for number in range(5):
        filled.put(row(number))
    assert (filled.take(10), dropped) == ([row(0), row(1)], [1, 1, 1])
    filled.put(row(9))
    assert filled.take(10) == [row(9)]


async def test_an_item_from_another_thread_wakes_the_waiting_task() -> None:
    filled = buffer(10, [])
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: filled.wait(gather_s=0.0, at_most_s=60))
            await anyio.lowlevel.checkpoint()
            threading.Thread(target=filled.put, args=(row(1),)).start()
    assert filled.take(10) == [row(1)]


async def test_an_urgent_item_is_not_gathered_for() -> None:
    filled = buffer(10, [])
    began_s = time.monotonic()
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: filled.wait(gather_s=30, at_most_s=60))
        await anyio.lowlevel.checkpoint()
        filled.put(row(1), urgent=True)
    assert time.monotonic() - began_s < 10


async def test_a_wait_for_nothing_ends_after_its_time() -> None:
    filled = buffer(10, [])
    with anyio.fail_after(60):
        await filled.wait(gather_s=30, at_most_s=0.01)
    assert len(filled) == 0
