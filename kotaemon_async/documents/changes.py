"""What happens to documents, for all who watch them, by one look at the ledger however many they are."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import anyio
from loguru import logger

from kotaemon_async.domain.callers import Caller
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Document
from kotaemon_async.resilience.capacity import Shortage, shown

EVERY_S: Final = 0.2


#: Which documents each caller watches, None for all that he may see -> the numbers of their last events.
EventsOf = Callable[[Mapping[Caller, Sequence[str] | None]], Awaitable[dict[Caller, dict[str, int]]]]


class EventPoller:
    """Knows the numbers of the last events of watched documents, as of the last poll.

    `events_of` gives them, of what a caller may see at that time. Each poll is made by one of those who wait
    for it: nothing runs while nobody watches.
    """

    def __init__(
        self, events_of: EventsOf, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    ) -> None:
        self._events_of = events_of
        self._sleep = sleep
        self._watched: dict[Caller, Counter[str | None]] = {}
        self._events: dict[Caller, dict[str, int]] = {}
        self._coming: anyio.Event | None = None

    @contextmanager
    def watching(self, caller: Caller, document_id: str | None = None) -> Iterator[None]:
        """Include the document, or all that the caller may see, in polls during the block."""
        watched = self._watched.setdefault(caller, Counter())
        watched[document_id] += 1
        try:
            yield
        finally:
            watched[document_id] -= 1
            self._watched[caller] = +watched
            if not self._watched[caller]:
                del self._watched[caller]

    def events(self, caller: Caller) -> dict[str, int] | None:
        """Return the numbers of the last events at the last poll; None when the caller did not watch then."""
        return self._events.get(caller)

    def last_event(self, caller: Caller, document_id: str) -> int | None:
        """Return the number of its last event at the last poll; None when he did not watch or see it."""
        return self._events.get(caller, {}).get(document_id)

    async def poll(self) -> None:
        """Return after the next poll, or early when the one who makes it goes away."""
        if self._coming is not None:
            await self._coming.wait()
            return
        self._coming = coming = anyio.Event()
        try:
            await self._sleep(EVERY_S)
            self._events = await self._events_of(
                {
                    caller: None if None in ids else [one for one in ids if one]
                    for caller, ids in self._watched.items()
                }
            )
        except Unavailable as error:
            # Streams outlast a ledger that is away for a while; they say what comes when it is back.
            logger.bind(code=error.code).warning("watching_waits")
        finally:
            self._coming = None
            coming.set()


class Events(Protocol):
    """What numbers that which happens to the documents that a caller may see."""

    async def events(self, wanted: Mapping[Caller, Sequence[str] | None]) -> dict[Caller, dict[str, int]]: ...
    async def several(self, caller: Caller, document_ids: Sequence[str]) -> list[Document]: ...


@dataclass(frozen=True, slots=True)
class Deleted:
    """A document that was deleted, or is not to be seen any more."""

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

        self._poller = EventPoller(changes.events, sleep=sleep)

    async def listen(self, caller: Caller) -> AsyncIterator[Document | Deleted | None]:
        """Yield None once it listens, then every changed document as it is, and Deleted, of what he may see.

        Who reads a list after the None misses nothing. May raise Unavailable before that.
        """
        seen = (await self._changes.events({caller: None}))[caller]
        yield None
        with self._poller.watching(caller):
            while True:
                await self._poller.poll()
                now = self._poller.events(caller)
                if now is seen or now is None:
                    continue
                for document_id in await self._gone(caller, list(seen.keys() - now.keys())):
                    yield Deleted(document_id)
                changed = {one for one, number in now.items() if seen.get(one) != number}
                for document in await self._changes.several(caller, list(changed)) if changed else ():
                    yield shown(document, self._shortage())
                seen = now

    async def _gone(self, caller: Caller, missing: Sequence[str]) -> set[str]:
        """Return those that are really gone: the poll may have been made before this listener came."""
        found = await self._changes.several(caller, missing) if missing else ()
        return set(missing) - {document.id for document in found}
