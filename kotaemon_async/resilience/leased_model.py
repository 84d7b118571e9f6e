"""A model that is loaded when somebody needs it, once for all who wait, and stays while somebody has it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from loguru import logger

from kotaemon_async.domain.errors import KotaemonError
from kotaemon_async.resilience.models import ModelRegistry

T = TypeVar("T")


async def _dropped(_model: object) -> None:
    """What nobody refers to any more is freed."""


class LeasedModel(Generic[T]):
    """Holds one model of the registry; `load` makes it, `unload` ends what is not ended by dropping it."""

    def __init__(
        self,
        name: str,
        registry: ModelRegistry,
        load: Callable[[], Awaitable[T]],
        unload: Callable[[T], Awaitable[None]] = _dropped,
        *,
        loaded: T | None = None,
    ) -> None:
        self._name = name
        self._registry = registry
        self._load = load
        self._unload = unload
        self._model = loaded
        self._leases = 0
        self._coming: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        registry.add(name, self)

    @property
    def is_loaded(self) -> bool:
        """Whether it is in memory."""
        return self._model is not None

    @property
    def in_use(self) -> bool:
        """Whether somebody has it, or waits for it."""
        return self._leases > 0 or self._coming is not None

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[T]:
        """The model for the block, loaded first if need be; who stops waiting does not stop the loading.

        Raises: what `load` raises, and Unavailable.
        """
        self._leases += 1
        try:
            while self._model is None:
                await asyncio.shield(self._coming or self._begin())
            self._registry.used(self._name)
            yield self._model
            self._registry.used(self._name)
        finally:
            self._leases -= 1

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[T | None]:
        """The model for the block if it is loaded; a look that does not count as use."""
        self._leases += 1
        try:
            yield self._model
        finally:
            self._leases -= 1

    async def release(self) -> bool:
        """Whether it was in memory and is not any more; it stays while it is in use."""
        async with self._turn:
            if self.in_use or self._model is None:
                return False
            model, self._model = self._model, None
            await self._unload(model)
            return True

    def _begin(self) -> "asyncio.Task[None]":
        self._coming = asyncio.create_task(self._fetch(), name=f"model:{self._name}")
        self._coming.add_done_callback(self._came)
        return self._coming

    async def _fetch(self) -> None:
        began_s = time.monotonic()
        async with self._registry.loading(self._name), self._turn:
            self._model = await self._load()
        log = logger.bind(model=self._name, duration_s=round(time.monotonic() - began_s, 3))
        log.info("model_loaded")

    def _came(self, task: "asyncio.Task[None]") -> None:
        self._coming = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            code = error.code if isinstance(error, KotaemonError) else "internal"
            logger.bind(model=self._name, code=code).warning("model_not_loaded")
