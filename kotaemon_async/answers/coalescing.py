"""Equal questions at the same time share one flight: the work is done once, everyone hears all of it.

The first to ask starts the flight. Whoever joins gets what was said so far and then the rest. The flight goes
on as long as one listener is left and is cancelled when the last one has gone.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

#: A listener joins a flight that may last this much longer than its own deadline, not a longer one.
SLACK_S = 1.0


@dataclass(eq=False)
class _Flight(Generic[T]):
    ends_at_s: float
    said: list[T] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: int = 0
    over: bool = False
    error: BaseException | None = None
    task: "asyncio.Task[None] | None" = None

    def tell(self) -> None:
        """Wakes everyone who listens."""
        self.news.set()
        self.news = asyncio.Event()


class Flights(Generic[T]):
    """Runs at most one piece of work for each key at a time."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    @property
    def running(self) -> int:
        """How many flights are in the air."""
        return len(self._flights)

    async def share(
        self, key: Hashable, ends_at_s: float, start: Callable[[], AsyncGenerator[T]]
    ) -> AsyncGenerator[T]:
        """Everything that the work for `key` yields; `start` begins it when nobody did.

        `ends_at_s` is the asker's deadline: a flight that may last longer is not joined. What the work
        raises, every listener raises.
        """
        flight = self._flights.get(key)
        if flight is None or flight.ends_at_s > ends_at_s + SLACK_S:
            flight = self._begin(key, ends_at_s, start)
        flight.listeners += 1
        try:
            heard = 0
            while True:
                while heard < len(flight.said):
                    heard += 1
                    yield flight.said[heard - 1]
                if flight.over:
                    break
                await flight.news.wait()
            if flight.error is not None:
                raise flight.error
        finally:
            flight.listeners -= 1
            if not flight.listeners and flight.task is not None:
                await self._abandon(key, flight)

    def _begin(self, key: Hashable, ends_at_s: float, start: Callable[[], AsyncGenerator[T]]) -> _Flight[T]:
        flight: _Flight[T] = _Flight(ends_at_s)
        self._flights[key] = flight
        flight.task = asyncio.create_task(self._fly(key, flight, start), name="flight")
        return flight

    async def _fly(self, key: Hashable, flight: _Flight[T], start: Callable[[], AsyncGenerator[T]]) -> None:
        try:
            async with aclosing(start()) as work:
                async for one in work:
                    flight.said.append(one)
                    flight.tell()
        except Exception as error:  # it belongs to the listeners
            flight.error = error
        finally:
            flight.over = True
            self._land(key, flight)
            flight.tell()

    def _land(self, key: Hashable, flight: _Flight[T]) -> None:
        """Nobody joins any more; a newer flight under the same key stays."""
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def _abandon(self, key: Hashable, flight: _Flight[T]) -> None:
        """The last listener has gone: the work is cancelled and its connections are closed."""
        self._land(key, flight)
        task, flight.task = flight.task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
