"""Equal questions at the same time are coalesced: the work is done once, and everyone gets all of it.

The first to ask starts the work. Whoever joins gets what came so far and then the rest. The work goes on as
long as one subscriber is left and is cancelled when the last one has gone.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

#: Work is joined that may last this much longer than one's own deadline, not longer.
SLACK_S = 1.0


@dataclass(eq=False)
class _SharedWork(Generic[T]):
    ends_at_s: float
    items: list[T] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    subscribers: int = 0
    is_over: bool = False
    error: BaseException | None = None
    task: "asyncio.Task[None] | None" = None

    def notify(self) -> None:
        """Wake every subscriber."""
        self.changed.set()
        self.changed = asyncio.Event()


class RequestCoalescing(Generic[T]):
    """Runs at most one piece of work for each key at a time."""

    def __init__(self) -> None:
        self._running: dict[Hashable, _SharedWork[T]] = {}

    @property
    def running(self) -> int:
        """Return how many pieces of work are under way."""
        return len(self._running)

    async def share(
        self, key: Hashable, ends_at_s: float, start: Callable[[], AsyncGenerator[T]]
    ) -> AsyncGenerator[T]:
        """Yield everything that the work for `key` yields; `start` begins it when nobody did.

        `ends_at_s` is the caller's deadline: work that may last longer is not joined. What the work raises,
        every subscriber raises.
        """
        work = self._running.get(key)
        if work is None or work.ends_at_s > ends_at_s + SLACK_S:
            work = self._begin(key, ends_at_s, start)
        work.subscribers += 1
        try:
            received = 0
            while True:
                while received < len(work.items):
                    received += 1
                    yield work.items[received - 1]
                if work.is_over:
                    break
                await work.changed.wait()
            if work.error is not None:
                raise work.error
        finally:
            work.subscribers -= 1
            if not work.subscribers and work.task is not None:
                await self._cancel(key, work)

    def _begin(
        self, key: Hashable, ends_at_s: float, start: Callable[[], AsyncGenerator[T]]
    ) -> _SharedWork[T]:
        work: _SharedWork[T] = _SharedWork(ends_at_s)
        self._running[key] = work
        work.task = asyncio.create_task(self._run(key, work, start), name="shared_answer")
        return work

    async def _run(self, key: Hashable, work: _SharedWork[T], start: Callable[[], AsyncGenerator[T]]) -> None:
        try:
            async with aclosing(start()) as items:
                async for item in items:
                    work.items.append(item)
                    work.notify()
        except Exception as error:  # it belongs to the subscribers
            work.error = error
        finally:
            work.is_over = True
            self._close(key, work)
            work.notify()

    def _close(self, key: Hashable, work: _SharedWork[T]) -> None:
        """Let nobody join any more; newer work under the same key stays."""
        if self._running.get(key) is work:
            del self._running[key]

    async def _cancel(self, key: Hashable, work: _SharedWork[T]) -> None:
        """Cancel the work that nobody waits for, which closes its connections."""
        self._close(key, work)
        task, work.task = work.task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
