"""What happens to all documents, told to everyone who listens by one look at the ledger for all of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio

from kotaemon_async.documents.watching import Lookout
from kotaemon_async.domain.model import Document
from kotaemon_async.resilience.capacity import Shortage, shown


class Events(Protocol):
    """The part of the ledger that numbers what happens."""

    async def all_events(self) -> dict[str, int]: ...
    async def several(self, document_ids: Sequence[str]) -> list[Document]: ...


@dataclass(frozen=True, slots=True)
class Gone:
    """A document that was deleted."""

    document_id: str


class Feed:
    """Changes of documents from the moment on that somebody listens."""

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

        self._lookout = Lookout(look, sleep=sleep)

    async def listen(self) -> AsyncIterator[Document | Gone | None]:
        """None once it listens, then every changed document as it is, and Gone; raises Unavailable at first.

        Who reads a list after the None misses nothing.
        """
        seen = await self._changes.all_events()
        yield None
        while True:
            await self._lookout.look()
            now = self._lookout.events
            if now is seen or not self._lookout.has_looked:
                continue
            for document_id in await self._gone(list(seen.keys() - now.keys())):
                yield Gone(document_id)
            changed = {document_id for document_id, number in now.items() if seen.get(document_id) != number}
            for document in await self._changes.several(list(changed)) if changed else ():
                yield shown(document, self._shortage())
            seen = now

    async def _gone(self, missing: Sequence[str]) -> set[str]:
        """Those that are really gone: the look may have been taken before this listener came."""
        found = await self._changes.several(missing) if missing else ()
        return set(missing) - {document.id for document in found}
