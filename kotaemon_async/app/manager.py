"""What the service manager hears: ready to take work, alive while the loop turns, and how the queue is."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import anyio

from kotaemon_async.app.notify import Notifier
from kotaemon_async.domain.errors import Unavailable

STATUS_EVERY_S: Final = 5.0
#: Beats within the time after which the manager loses patience.
_BEATS: Final = 3
_READY_POLL_S: Final = 0.05
_COUNTED: Final = ("queued", "processing", "ready", "failed")

Sleep = Callable[[float], Awaitable[None]]


class Counts(Protocol):
    """The part of the ledger that counts documents."""

    async def counts(self) -> tuple[dict[str, int], float | None]: ...


class Manager:
    """Talks to systemd, or to nobody, from inside of the event loop."""

    def __init__(self, notifier: Notifier, documents: Counts, *, sleep: Sleep = anyio.sleep) -> None:
        self._notifier = notifier
        self._documents = documents
        self._sleep = sleep

    async def run(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Says READY once `is_ready`, then how the queue is, until cancelled."""
        if not self._notifier.is_heard:
            return
        async with anyio.create_task_group() as group:
            group.start_soon(self._beat)
            while not await is_ready():
                await self._sleep(_READY_POLL_S)
            self._notifier.ready()
            while True:
                self._notifier.status(await self._sentence())
                await self._sleep(STATUS_EVERY_S)

    def stopping(self) -> None:
        """The service drains and ends."""
        self._notifier.stopping()

    async def _beat(self) -> None:
        """Only a loop that turns gets here; nothing else is asked, so that load never causes a restart."""
        if self._notifier.watchdog_s is None:
            return
        while True:
            self._notifier.alive()
            await self._sleep(self._notifier.watchdog_s / _BEATS)

    async def _sentence(self) -> str:
        try:
            counts, _ = await self._documents.counts()
        except Unavailable as error:
            return f"the ledger cannot be read ({error.code})"
        return "documents: " + ", ".join(f"{counts.get(status, 0)} {status}" for status in _COUNTED)
