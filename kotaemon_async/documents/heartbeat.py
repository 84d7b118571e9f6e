"""What happens beside the work on a document: its claim is kept and confirmed, its long waits are shown."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.stores.claims import Claim
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry.traces import event

#: How often the ledger is asked whether the claim still holds.
CONFIRM_EVERY_S: Final = 1.0
#: A wait that lasts longer is shown with the document.
SHOW_WAITING_AFTER_S: Final = 5.0
RENEWALS_PER_LEASE: Final = 6


@dataclass(slots=True)
class _Wait:
    """What the worker waits for at the moment, and for how long it has."""

    kind: str
    lasted_s: float = 0.0
    shown: bool = False


class Watch:
    """One claim; who cancels or deletes its document ends the work within two looks at the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        claim: Claim,
        lease_s: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._claim = claim
        self._lease_s = lease_s
        self._clock = clock
        self._sleep = sleep
        self._wait: _Wait | None = None
        self._renewed_s_ago = 0.0
        self._is_blind = False

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """The claim is kept while the block runs, which ends with LeaseLost (in a group) when it is lost."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep)
            yield
            group.cancel_scope.cancel()

    @contextmanager
    def waiting(self, kind: str) -> Iterator[None]:
        """The document shows `waiting_for` this kind when the block takes long."""
        self._wait = _Wait(kind)
        try:
            yield
        finally:
            self._wait = None

    async def _keep(self) -> None:
        while True:
            await self._sleep(CONFIRM_EVERY_S)
            try:
                await self._look()
                await self._show()
            except Unavailable as error:
                # Nobody can take the document over while the ledger is away; the work may still go well.
                if not self._is_blind:
                    logger.bind(code=error.code).warning("claim_not_confirmed")
                self._is_blind = True
            else:
                self._is_blind = False

    async def _look(self) -> None:
        """Raises LeaseLost; a renewal confirms the claim, too."""
        self._renewed_s_ago += CONFIRM_EVERY_S
        if self._renewed_s_ago < self._lease_s / RENEWALS_PER_LEASE:
            await self._ledger.claims.confirm(self._claim)
            return
        await self._ledger.claims.renew(self._claim, self._clock(), self._lease_s)
        self._renewed_s_ago = 0.0

    async def _show(self) -> None:
        wait = self._wait
        if wait is None or wait.shown:
            return
        wait.lasted_s += CONFIRM_EVERY_S
        if wait.lasted_s >= SHOW_WAITING_AFTER_S:
            await self._ledger.claims.show_waiting(self._claim, wait.kind, self._clock())
            wait.shown = True
            event("waits", kind=wait.kind, wait_s=wait.lasted_s)
