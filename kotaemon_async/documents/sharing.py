"""Use cases on collections: list them, make, share, give away and delete one."""

from collections.abc import Callable
from dataclasses import replace

from loguru import logger

from kotaemon_async.domain.callers import Caller, shown_collection
from kotaemon_async.stores.collections import Change, Collection, Collections


class Sharing:
    """Collections as each caller calls and sees them."""

    def __init__(self, collections: Collections, *, clock: Callable[[], float]) -> None:
        self._collections = collections
        self._clock = clock

    async def names(self, caller: Caller, limit: int) -> list[Collection]:
        """Return up to `limit` collections by name, which costs less than to count their documents."""
        return _as_called(await self._collections.page(caller, limit), caller)

    async def counted(self, caller: Caller, limit: int) -> list[Collection]:
        """Return up to `limit` collections by name, with their documents counted."""
        return _as_called(await self._collections.counted(caller, limit), caller)

    async def get(self, caller: Caller, name: str) -> Collection:
        """Return the collection. Raises: Refused `not_found`."""
        return _called(await self._collections.get(caller, name), caller)

    async def put(self, caller: Caller, name: str, change: Change) -> tuple[Collection, bool]:
        """Return the collection as it shall be, and whether it was made. Raises: Refused."""
        found, is_new = await self._collections.put(caller, name, change, self._clock())
        logger.bind(is_new=is_new).info("collection_changed")
        return _called(found, caller), is_new

    async def change(self, caller: Caller, name: str, change: Change) -> Collection:
        """Change the collection and return it. Raises: Refused."""
        found = await self._collections.change(caller, name, change)
        logger.bind(is_new=False).info("collection_changed")
        return _called(found, caller)

    async def delete(self, caller: Caller, name: str) -> None:
        """Delete a collection without documents. Raises: Refused."""
        await self._collections.delete(caller, name)
        logger.info("collection_deleted")


def _called(found: Collection, caller: Caller) -> Collection:
    return replace(found, name=shown_collection(found.name, caller))


def _as_called(found: list[Collection], caller: Caller) -> list[Collection]:
    """Return the collections by the caller's names; two that he calls `default` are one for him."""
    shown: dict[str, Collection] = {}
    for one in (_called(one, caller) for one in found):
        other = shown.get(one.name)
        shown[one.name] = one if other is None else _together(other, one)
    return list(shown.values())


def _together(one: Collection, other: Collection) -> Collection:
    more = max(one, other, key=lambda each: each.rights)
    since_s = min(one.since_s, other.since_s)
    documents, ready = one.documents + other.documents, one.ready + other.ready
    return replace(more, documents=documents, ready=ready, since_s=since_s)
