"""What happens to documents, for all who watch them, by one look at the ledger however many they are."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Document
from kotaemon_async.resilience.capacity import Shortage, shown

EVERY_S: Final = 0.2


class EventPoller:
    """Knows the numbers of the last events of watched documents, as of the last poll.

    `events_of` gives them for ids. Each poll is made by one of those who wait for it: nothing runs while
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
        self.has_polled = False
        self._coming: anyio.Event | None = None

    @contextmanager
    def watching(self, document_id: str) -> Iterator[None]:
        """Include the document in polls during the block."""
        self._watched[document_id] += 1
        try:
            yield
        finally:
            self._watched[document_id] -= 1
            if not self._watched[document_id]:
                del self._watched[document_id]

    def last_event(self, document_id: str) -> int | None:
        """Return the number of its last event at the last poll; None when it was not there or not watched."""
        return self._events.get(document_id)

    @property
    def events(self) -> dict[str, int]:
        """Return the numbers of all last events as of the last poll."""
        return self._events

    async def poll(self) -> None:
        """Return after the next poll, or early when the one who makes it goes away."""
        if self._coming is not None:
            await self._coming.wait()
            return
        self._coming = coming = anyio.Event()
        try:
            await self._sleep(EVERY_S)
            self._events = await self._events_of(list(self._watched))
            self.has_polled = True
        except Unavailable as error:
            # Streams outlast a ledger that is away for a while; they say what comes when it is back.
            logger.bind(code=error.code).warning("watching_waits")
        finally:
            self._coming = None
            coming.set()


class Events(Protocol):
    """The part of the ledger that numbers what happens."""

    async def all_events(self) -> dict[str, int]: ...
    async def several(self, document_ids: Sequence[str]) -> list[Document]: ...


@dataclass(frozen=True, slots=True)
class Deleted:
    """A document that was deleted."""

    document_id: str


class DocumentChanges:
    """Reports the changes of documents from the moment on that somebody listens."""

    def __init__(
        self,
        changes: Events,
        *,
        shortage: Callable[[], Shortage | None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._changes = changes
        self._shortage = shortage

        async def look(_: Sequence[str]) -> dict[str, int]:
            return await changes.all_events()

        self._poller = EventPoller(look, sleep=sleep)

    async def listen(self) -> AsyncIterator[Document | Deleted | None]:
        """Yield None once it listens, then every changed document as it is, and Deleted.

        Who reads a list after the None misses nothing. May raise Unavailable before that.
        """
        seen = await self._changes.all_events()
        yield None
        while True:
            await self._poller.poll()
            now = self._poller.events
            if now is seen or not self._poller.has_polled:
                continue
            for document_id in await self._deleted(list(seen.keys() - now.keys())):
                yield Deleted(document_id)
            changed = {document_id for document_id, number in now.items() if seen.get(document_id) != number}
            for document in await self._changes.several(list(changed)) if changed else ():
                yield shown(document, self._shortage())
            seen = now

    async def _deleted(self, missing: Sequence[str]) -> set[str]:
        """Return those that are really gone: the poll may have been made before this listener came."""
        found = await self._changes.several(missing) if missing else ()
        return set(missing) - {document.id for document in found}
