"""Which models are in memory: a bounded number, least recently used out first, idle ones are given back.

A model is loaded when somebody needs it, once for all who wait, and stays while somebody has it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, Literal, TypeVar

import anyio
from loguru import logger

from kotaemon_async.domain.errors import KotaemonError, Unavailable
from kotaemon_async.resilience.memory import trim_in_thread
from kotaemon_async.resilience.settings import ModelSettings
from kotaemon_async.telemetry import metrics

#: How soon a model that finds no capacity looks again whether another one is idle by now.
AGAIN_S: Final = 0.05
LOOK_EVERY_S: Final = 10.0

T = TypeVar("T")
Why = Literal["idle", "room", "pressure", "closed", "died"]


class ModelRegistry:
    """All models of the process; nobody's model is released while it is in use."""

    def __init__(
        self,
        settings: ModelSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        trim: Callable[[], Awaitable[object]] = trim_in_thread,
    ) -> None:
        self.clock = clock
        self._max_loaded = settings.max_loaded
        self._idle_release_s = settings.idle_release_s
        self._sleep = sleep
        self._trim = trim
        self._models: list[LeasedModel[Any]] = []
        self._turn = anyio.Lock()
        self._closed = False

    @property
    def loaded(self) -> tuple[str, ...]:
        """Return the names of the models in memory, least recently used first."""
        models = sorted(self._models, key=lambda model: model.used_s)
        return tuple(model.name for model in models if model.is_loaded)

    def add(self, model: "LeasedModel[Any]") -> None:
        """Count the model from now on; it may be loaded already."""
        self._models.append(model)
        self.count()

    def count(self) -> None:
        """Set the metric of loaded models."""
        metrics.MODELS_LOADED.set(len(self.loaded))

    @asynccontextmanager
    async def loading(self, model: "LeasedModel[Any]") -> AsyncIterator[None]:
        """Make room for the model, which is loaded in the block; wait while all others are in use.

        Raises: Unavailable when the registry is closed.
        """
        async with self._turn:
            while not self._closed and self._others(model) >= self._max_loaded:
                if not await self._release_first():
                    await self._sleep(AGAIN_S)
            if self._closed:
                raise _released_for_good()
            model.loads = True
        try:
            yield
        finally:
            model.loads = False
            model.used_s = self.clock()
            self.count()

    async def release_idle(self) -> tuple[str, ...]:
        """Release what nobody uses at the moment and return its names; their memory is given back."""
        return await self._release_all(self._models, "pressure")

    async def run(self, *, every_s: float = LOOK_EVERY_S) -> None:
        """Release what has been idle for too long, until cancelled."""
        while True:
            await self._sleep(every_s)
            await self.release_due()

    async def release_due(self) -> tuple[str, ...]:
        """Release what has been idle for its time and return its names."""
        now_s = self.clock()
        for model in self._models:
            if model.is_leased:
                model.used_s = now_s
        due = [
            one for one in self._models if now_s - one.used_s >= (one.idle_release_s or self._idle_release_s)
        ]
        return await self._release_all(due, "idle")

    async def aclose(self) -> None:
        """Release every model that is not in use; none is loaded any more."""
        self._closed = True
        await self._release_all(self._models, "closed")

    async def _release_all(self, models: "list[LeasedModel[Any]]", why: Why) -> tuple[str, ...]:
        released = [model.name for model in models if await model.release(why)]
        if released:
            await self._trim()
        return tuple(released)

    def _others(self, model: "LeasedModel[Any]") -> int:
        return sum(other.loads or other.is_loaded for other in self._models if other is not model)

    async def _release_first(self) -> bool:
        """Release the one that was idle for longest; return whether there was one."""
        idle = [model for model in self._models if model.is_idle]
        return bool(idle) and await min(idle, key=lambda model: model.used_s).release("room")


def _released_for_good() -> Unavailable:
    return Unavailable("The model is released for good.", code="shutting_down")


async def _dropped(_model: object) -> None:
    """Do nothing: what nobody refers to any more is freed."""


class LeasedModel(Generic[T]):
    """One model of the registry.

    Args:
        load: makes it.
        unload: ends what is not ended by dropping it.
        is_alive: whether a loaded model can still be used; one that died is unloaded, and loaded anew by
            whoever needs it next.
        idle_release_s: in place of the registry's.
    """

    def __init__(  # noqa: PLR0913 - what a model is made of
        self,
        name: str,
        registry: ModelRegistry,
        load: Callable[[], Awaitable[T]],
        unload: Callable[[T], Awaitable[None]] = _dropped,
        *,
        loaded: T | None = None,
        is_alive: Callable[[T], bool] = lambda _model: True,
        idle_release_s: float | None = None,
    ) -> None:
        self.name = name
        self.idle_release_s = idle_release_s
        self.used_s = registry.clock()
        self.loads = False
        self._registry = registry
        self._load = load
        self._unload = unload
        self._is_alive = is_alive
        self._model = loaded
        self._leases = 0
        self._coming: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._closed = False
        registry.add(self)

    @property
    def is_loaded(self) -> bool:
        """Return whether it is in memory."""
        return self._model is not None

    @property
    def is_leased(self) -> bool:
        """Return whether somebody has it, or waits for it."""
        return self._leases > 0 or self._coming is not None

    @property
    def is_idle(self) -> bool:
        """Return whether it is in memory and could be released."""
        return self.is_loaded and not self.is_leased

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[T]:
        """Hold the model during the block, loaded first if need be; the loading goes on without its callers.

        Raises: what `load` raises, and Unavailable.
        """
        self._leases += 1
        try:
            if self._model is None or not self._is_alive(self._model):
                await self._fetched()
            if self._model is None:
                raise _released_for_good()
            self.used_s = self._registry.clock()
            yield self._model
        finally:
            self._leases -= 1
            self.used_s = self._registry.clock()
            if not self._leases:
                await self._drop_dead()

    @asynccontextmanager
    async def peek(self) -> AsyncIterator[T | None]:
        """Hold the model during the block if it is loaded; a look that does not count as use."""
        self._leases += 1
        try:
            yield self._model
        finally:
            self._leases -= 1

    async def release(self, why: Why = "closed") -> bool:
        """Release it unless it is in use; return whether it was in memory and is not any more."""
        async with self._turn:
            return self.is_idle and await self._drop(why)

    async def aclose(self) -> None:
        """Release it for good, also under the eyes of those who use it."""
        self._closed = True
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.wait({self._coming})
        async with self._turn:
            await self._drop("closed")

    async def _drop_dead(self) -> None:
        if self._model is not None and not self._is_alive(self._model):
            with anyio.CancelScope(shield=True):
                async with self._turn:
                    if self._model is not None and not self._is_alive(self._model):
                        await self._drop("died")

    async def _drop(self, why: Why) -> bool:
        model, self._model = self._model, None
        if model is None:
            return False
        await self._unload(model)
        self._registry.count()
        idle_s = round(self._registry.clock() - self.used_s, 3)
        logger.bind(model=self.name, reason=why, idle_s=idle_s).info("model_released")
        return True

    async def _fetched(self) -> None:
        """Wait for the one loading, which goes on without those who stop waiting."""
        coming = self._coming
        if coming is None and not self._closed:
            coming = self._coming = asyncio.create_task(self._fetch(), name=f"model:{self.name}")
            coming.add_done_callback(self._came)
        if coming is not None:
            await asyncio.wait({coming})
        if coming is None or coming.cancelled():
            raise _released_for_good()
        coming.result()

    async def _fetch(self) -> None:
        began_s = time.monotonic()
        await self._drop_dead()
        async with self._registry.loading(self), self._turn:
            self._model = await self._load()
        log = logger.bind(model=self.name, duration_s=round(time.monotonic() - began_s, 3))
        log.info("model_loaded")

    def _came(self, task: "asyncio.Task[None]") -> None:
        self._coming = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            code = error.code if isinstance(error, KotaemonError) else "internal"
            logger.bind(model=self.name, code=code).warning("model_not_loaded")
