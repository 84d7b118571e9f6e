"""What happened waits here for its turn to be kept or sent: bounded, and nobody ever waits to put it in."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Buffer(Generic[T]):
    """Takes items from any thread, gives them to one task; what does not fit is dropped and told."""

    def __init__(self, capacity: int, *, on_drop: Callable[[int], None]) -> None:
        self._capacity = capacity
        self._on_drop = on_drop
        self._items: deque[T] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, *, urgent: bool = False, matters: bool = False) -> None:
        """It is given on soon, or at once; what matters finds twice as much room."""
        if len(self._items) >= (2 * self._capacity if matters else self._capacity):
            self._on_drop(1)
            return
        self._items.append(item)
        if urgent:
            self._ring(self._urgent)
        if len(self._items) == 1 or urgent:
            self._ring(self._news)

    async def wait(self, *, gather_s: float, at_most_s: float) -> None:
        """There is something, and `gather_s` passed in which more may have come; or `at_most_s` is over."""
        self._loop = asyncio.get_running_loop()
        if not self._items and not await _is_set(self._news, at_most_s):
            return
        await _is_set(self._urgent, gather_s)

    def take(self, most: int) -> list[T]:
        """The oldest items, `most` of them if there are so many."""
        taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
        if not self._items:
            self._news.clear()
            self._urgent.clear()
        return taken

    def _ring(self, bell: asyncio.Event) -> None:
        loop = self._loop
        if loop is None or loop.is_closed() or bell.is_set():
            return  # whoever waits first looks at what is there
        try:
            is_here = asyncio.get_running_loop() is loop
        except RuntimeError:
            is_here = False
        if is_here:
            bell.set()
        else:
            loop.call_soon_threadsafe(bell.set)


async def _is_set(bell: asyncio.Event, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await bell.wait()
    except TimeoutError:
        return False
    return True
