"""Work that its caller does not wait for without end: on a thread of its own, or only so long.

The thread has the priority of the loop. One that steps back may hold Python's lock while the scheduler runs
others: with niceness 19 on a busy machine, a backup made the loop 5 ms late in the median and 70 ms at p99;
without, 1 and 30.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import anyio

from kotaemon_async.domain.errors import Unavailable

T = TypeVar("T")

#: Nobody else may hold on to a task that goes on by itself.
_going_on: Final[set["asyncio.Task[Any]"]] = set()


async def in_background(work: Callable[[Callable[[], None]], T]) -> T:
    """Run `work` on a thread; it is given a function that raises once nobody waits for it any more.

    Cancelled, this ends when the thread has.
    """
    unwanted = threading.Event()

    def go_on() -> None:
        if unwanted.is_set():
            raise Unavailable("The service is stopping.", code="shutting_down")

    pool = ThreadPoolExecutor(1, "background")
    try:
        future = asyncio.get_running_loop().run_in_executor(pool, work, go_on)
        try:
            return await asyncio.shield(future)
        finally:
            unwanted.set()
            with anyio.CancelScope(shield=True):
                await asyncio.wait({future})
            if not future.cancelled():
                future.exception()  # seen; whoever was cancelled does not want it
    finally:
        pool.shutdown(wait=False)


async def wait_at_most(work: Coroutine[Any, Any, T], limit_s: float) -> T:
    """Return what the work gives, such as a write that hangs on its disk and cannot be cancelled.

    Late, or without its caller, it goes on by itself. Raises TimeoutError.
    """
    task = asyncio.create_task(work)
    _going_on.add(task)
    task.add_done_callback(_ended)
    await asyncio.wait({task}, timeout=limit_s)
    if not task.done():
        raise TimeoutError
    return task.result()


def _ended(task: "asyncio.Task[Any]") -> None:
    _going_on.discard(task)
    if not task.cancelled():
        task.exception()  # seen: nobody is left who wants a late failure
