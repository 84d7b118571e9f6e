"""Fills the matrix of exact vectors from the ledger: that of an old folder, and after a crash."""

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from loguru import logger

from kotaemon_async.stores.vector_log import LogEntry

WINDOW: Final = 256
#: A matrix that is not complete after all of the ledger was brought to it is not filled again at once.
REST_S: Final = 30.0


class FilledFrom(Protocol):
    """What is needed of the ledger."""

    async def window(
        self, after: int, limit: int, position: int, model: str
    ) -> tuple[list[LogEntry], int | None]: ...


class FilledIndex(Protocol):
    """What is needed of the vector store."""

    @property
    def generation(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def starts(self) -> int: ...
    @property
    def is_exact(self) -> bool: ...
    async def fill(self, entries: Sequence[LogEntry], *, done: bool) -> None: ...


class ExactFill:
    """Brings it in small steps; to be called by the task that also applies, so that nothing moves.

    Searches follow Chroma's graph until it is done.
    """

    def __init__(
        self, log: FilledFrom, vectors: FilledIndex, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._vectors = vectors
        self._clock = clock
        self._child: tuple[str, int] | None = None
        self._after_row = 0
        self._began_s = self._rests_until_s = 0.0

    async def step(self, position: int) -> bool:
        """Bring the next rows of an index that has followed the log up to `position`.

        Returns whether more is due. Raises: Unavailable.
        """
        child = self._vectors.generation, self._vectors.starts
        if child != self._child:
            self._child, self._after_row, self._rests_until_s = child, 0, 0.0
        if self._vectors.is_exact or self._clock() < self._rests_until_s:
            return False
        if not self._after_row:
            self._began_s = self._clock()
        entries, next_row = await self._log.window(self._after_row, WINDOW, position, self._vectors.model)
        await self._vectors.fill(entries, done=next_row is None)
        self._after_row = next_row or 0
        if next_row is not None:
            return True
        self._rests_until_s = self._clock() + REST_S
        duration_s = round(self._clock() - self._began_s, 3)
        logger.bind(duration_s=duration_s, complete=self._vectors.is_exact).info("exact_vectors_filled")
        return False
