"""What is made once, however many want it at once, and kept as long as there is room."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import anyio

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Keeps the latest values, `most_bytes` of them at most, as `size_of` counts each."""

    def __init__(self, most_bytes: int, size_of: Callable[[V], int]) -> None:
        self._most_bytes = most_bytes
        self._size_of = size_of
        self._values: OrderedDict[K, V] = OrderedDict()
        self._making: dict[K, anyio.Event] = {}
        self.size_bytes = 0

    def forget(self) -> None:
        """Drop what is kept."""
        self._values.clear()
        self.size_bytes = 0

    async def get(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        """Return the value of a key; who wants one that is being made waits for it."""
        while (found := self._values.get(key)) is None:
            if key not in self._making:
                return await self._made(key, make)
            await self._making[key].wait()
        self._values.move_to_end(key)
        return found

    async def _made(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        self._making[key] = done = anyio.Event()
        try:
            value = await make()
        finally:
            del self._making[key]
            done.set()
        self._keep(key, value)
        return value

    def _keep(self, key: K, value: V) -> None:
        size = self._size_of(value)
        if size > self._most_bytes:
            return
        self._values[key] = value
        self.size_bytes += size
        while self.size_bytes > self._most_bytes:
            _, oldest = self._values.popitem(last=False)
            self.size_bytes -= self._size_of(oldest)
