"""Waiting only so long for work that cannot be cancelled, such as a write that hangs on its disk."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: Nobody else may hold on to a task that goes on by itself.
_going_on: Final[set["asyncio.Task[Any]"]] = set()


async def in_time(work: Coroutine[Any, Any, T], limit_s: float) -> T:
    """What the work gives; late, or without its caller, it goes on by itself. Raises TimeoutError."""
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
        task.exception()  # seen: a late failure has nobody left to hear it
