"""Which models are in memory: a bounded number, least recently used out first, idle ones are given back."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.memory import give_back
from kotaemon_async.telemetry import metrics

#: How soon a model that finds no room looks again whether another one is idle by now.
AGAIN_S: Final = 0.05
LOOK_EVERY_S: Final = 10.0

Why = Literal["idle", "room", "pressure", "closed"]


class Model(Protocol):
    """Something large that comes again when it is needed; `release` says whether it went, never in use."""

    @property
    def is_loaded(self) -> bool: ...
    @property
    def in_use(self) -> bool: ...
    async def release(self) -> bool: ...


@dataclass(slots=True)
class _Seat:
    model: Model
    used_s: float
    loads: bool = False

    @property
    def is_taken(self) -> bool:
        return self.loads or self.model.is_loaded

    @property
    def is_idle(self) -> bool:
        return self.model.is_loaded and not self.loads and not self.model.in_use


class ModelRegistry:
    """All models of the process by name; nobody's model is released while it is in use."""

    def __init__(
        self,
        *,
        max_loaded: int = 8,
        idle_release_s: float = 1800.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        trim: Callable[[], Awaitable[object]] = give_back,
    ) -> None:
        self._max_loaded = max_loaded
        self._idle_release_s = idle_release_s
        self._clock = clock
        self._sleep = sleep
        self._trim = trim
        self._seats: dict[str, _Seat] = {}
        self._turn = anyio.Lock()
        self._closed = False

    @property
    def loaded(self) -> tuple[str, ...]:
        """The models in memory, least recently used first."""
        seats = sorted(self._seats.items(), key=lambda item: item[1].used_s)
        return tuple(name for name, seat in seats if seat.model.is_loaded)

    def add(self, name: str, model: Model) -> None:
        """The model is one of those that are counted; it may be loaded already."""
        self._seats[name] = _Seat(model, self._clock())
        self._count()

    def used(self, name: str) -> None:
        """The model is in use at this moment."""
        self._seats[name].used_s = self._clock()

    @asynccontextmanager
    async def loading(self, name: str) -> AsyncIterator[None]:
        """There is room for the model, which is loaded in the block; waits while all others are in use.

        Raises: Unavailable when the registry is closed.
        """
        seat = self._seats[name]
        async with self._turn:
            while not self._closed and self._others(seat) >= self._max_loaded:
                if not await self._release_first():
                    await self._sleep(AGAIN_S)
            if self._closed:
                raise Unavailable("The models are released for good.", code="shutting_down")
            seat.loads = True
        try:
            yield
        finally:
            seat.loads = False
            seat.used_s = self._clock()
            self._count()

    async def release_idle(self, *, idle_s: float = 0.0, why: Why = "pressure") -> tuple[str, ...]:
        """The names of those that nobody has used for so long; their memory is given back."""
        due_s = self._clock() - idle_s
        seats = [(name, seat) for name, seat in self._seats.items() if seat.is_idle and seat.used_s <= due_s]
        released = [name for name, seat in seats if await self._release(name, seat, why)]
        if released:
            await self._trim()
        return tuple(released)

    async def run(self, *, every_s: float = LOOK_EVERY_S) -> None:
        """Releases what has been idle for too long, until cancelled."""
        while True:
            await self._sleep(every_s)
            for seat in self._seats.values():
                if seat.model.in_use:
                    seat.used_s = self._clock()
            await self.release_idle(idle_s=self._idle_release_s, why="idle")

    async def aclose(self) -> None:
        """Every model that is not in use is released, and none is loaded any more."""
        self._closed = True
        await self.release_idle(why="closed")

    def _others(self, seat: _Seat) -> int:
        return sum(other.is_taken for other in self._seats.values() if other is not seat)

    async def _release_first(self) -> bool:
        """Whether the one that was idle for longest could be released."""
        idle = [(seat.used_s, name) for name, seat in self._seats.items() if seat.is_idle]
        if not idle:
            return False
        _, name = min(idle)
        return await self._release(name, self._seats[name], "room")

    async def _release(self, name: str, seat: _Seat, why: Why) -> bool:
        if not await seat.model.release():
            return False
        self._count()
        idle_s = round(self._clock() - seat.used_s, 3)
        logger.bind(model=name, reason=why, idle_s=idle_s).info("model_released")
        return True

    def _count(self) -> None:
        metrics.MODELS_LOADED.set(len(self.loaded))
