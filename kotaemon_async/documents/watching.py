"""One look at the ledger for all who watch documents, however many they are."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Unavailable

EVERY_S: Final = 0.2


class Lookout:
    """The numbers of the last events of watched documents, as of the last look.

    `events_of` gives them for ids. Each look is taken by one of those who wait for it: nothing runs while
    nobody watches.
    """

    def __init__(
        self,
        events_of: Callable[[Sequence[str]], Awaitable[dict[str, int]]],
        *,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._events_of = events_of
        self._sleep = sleep
        self._watched: Counter[str] = Counter()
        self._events: dict[str, int] = {}
        self.has_looked = False
        self._coming: anyio.Event | None = None

    @contextmanager
    def watching(self, document_id: str) -> Iterator[None]:
        """Looks taken during the block include the document."""
        self._watched[document_id] += 1
        try:
            yield
        finally:
            self._watched[document_id] -= 1
            if not self._watched[document_id]:
                del self._watched[document_id]

    def last_event(self, document_id: str) -> int | None:
        """The number of its last event at the last look; None when it was not there or not looked for."""
        return self._events.get(document_id)

    @property
    def events(self) -> dict[str, int]:
        """The numbers of all last events as of the last look."""
        return self._events

    async def look(self) -> None:
        """Returns after the next look, or early when who was to take it went away."""
        if self._coming is not None:
            await self._coming.wait()
            return
        self._coming = coming = anyio.Event()
        try:
            await self._sleep(EVERY_S)
            self._events = await self._events_of(list(self._watched))
            self.has_looked = True
        except Unavailable as error:
            # Streams outlast a ledger that is away for a while; they say what comes when it is back.
            logger.bind(code=error.code).warning("watching_waits")
        finally:
            self._coming = None
            coming.set()
