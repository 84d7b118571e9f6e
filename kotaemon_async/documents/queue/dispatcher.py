"""Tells workers what is due: the ledger knows, the broker only carries the message."""

import itertools
import math
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, get_args

import anyio
from loguru import logger

from kotaemon_async.documents.queue.broker import WakeUp
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import WarningCode
from kotaemon_async.resilience import faults
from kotaemon_async.stores.documents import Due
from kotaemon_async.telemetry import metrics

EVERY_S: Final = 1.0
_WARNINGS_EVERY_S: Final = 30.0
#: After this long a wake-up that was received and led to nothing is sent again.
AGAIN_AFTER_S: Final = 5.0
#: arq reads only the first ids of its queue: it is kept short, the rest waits in the ledger.
AT_ONCE: Final = 100


class DueDocuments(Protocol):
    """What the dispatcher needs of the ledger."""

    async def due(self, now_s: float, limit: int) -> list[Due]: ...
    async def counts(self) -> tuple[dict[str, int], float | None]: ...
    async def warned(self) -> dict[str, int]: ...


class WakeUpQueue(Protocol):
    """What the dispatcher needs of the broker."""

    async def notify(self, wake_ups: Sequence[WakeUp]) -> None: ...
    async def pending(self, wake_up_ids: Sequence[str]) -> set[str]: ...
    async def epoch(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Sent:
    wake_up_id: str
    at_s: float


class Dispatcher:
    """Wakes workers for every due document, and again when a wake-up was lost with the broker or on its way.

    The id of a wake-up is used once: arq never mistakes it for an earlier one that it still holds locks of.
    One too many is harmless, because a claim is a compare-and-set.
    """

    def __init__(
        self,
        documents: DueDocuments,
        broker: WakeUpQueue,
        *,
        clock: Callable[[], float],
        may_work: Callable[[], bool] = lambda: True,
    ) -> None:
        self._documents = documents
        self._broker = broker
        self._clock = clock
        self._may_work = may_work
        self._wake = anyio.Event()
        self._sent: dict[tuple[str, int], _Sent] = {}
        self._epoch = ""
        self._process = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._warned_at_s = -math.inf
        self.waiting_code: str | None = None

    def wake(self) -> None:
        """Look for work at once; call it on the event loop."""
        self._wake.set()

    async def run(self, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """Notify for ever, after each wake() or second; an outage is visible in `waiting_code`."""
        while True:
            self._wake = anyio.Event()
            try:
                await self.notify_due()
            except Unavailable as error:
                self._note_waiting(error.code)
                await sleep(EVERY_S)  # a wake() does not bring the broker back
                continue
            self._note_waiting(None)
            with anyio.move_on_after(EVERY_S):
                await self._wake.wait()

    async def notify_due(self) -> int:
        """Wake workers for what is due and return for how many; none while there is no capacity to work."""
        now_s = self._clock()
        await self._count(now_s)
        due = await self._documents.due(now_s, AT_ONCE) if self._may_work() else []
        if not due:
            self._sent.clear()
            return 0
        await self._forget_lost({(one.document_id, one.token) for one in due}, now_s)
        wake_ups = {
            (one.document_id, one.token): WakeUp(
                self._new_id(one), one.document_id, one.traceparent, one.user_id
            )
            for one in due
            if (one.document_id, one.token) not in self._sent
        }
        if wake_ups:
            await self._broker.notify(list(wake_ups.values()))
            faults.hit("dispatch.after_ring")
        self._sent.update((key, _Sent(wake_up.id, now_s)) for key, wake_up in wake_ups.items())
        return len(wake_ups)

    def _new_id(self, due: Due) -> str:
        return f"{due.document_id}:{due.token}:{self._process}:{next(self._numbers)}"

    async def _forget_lost(self, due: set[tuple[str, int]], now_s: float) -> None:
        """Keep in `_sent` what is still due and, as far as we know, still in the broker."""
        epoch = await self._broker.epoch()
        kept = {key: sent for key, sent in self._sent.items() if key in due}
        self._sent = kept if epoch == self._epoch else {}
        self._epoch = epoch
        old = {sent.wake_up_id: key for key, sent in self._sent.items() if now_s - sent.at_s >= AGAIN_AFTER_S}
        if not old:
            return
        pending = await self._broker.pending(list(old))
        for wake_up_id, key in old.items():
            del self._sent[key]
            if wake_up_id in pending:
                self._sent[key] = _Sent(wake_up_id, now_s)

    def _note_waiting(self, code: str | None) -> None:
        if code != self.waiting_code:
            self.waiting_code = code
            log = logger.bind(code=code)
            log.info("dispatch_goes_on") if code is None else log.warning("dispatch_waits")

    async def _count_warnings(self, now_s: float) -> None:
        """Count now and then: each warning is looked at."""
        if now_s - self._warned_at_s < _WARNINGS_EVERY_S:
            return
        self._warned_at_s = now_s
        counts = await self._documents.warned()
        for code in get_args(WarningCode):
            metrics.DOCUMENT_WARNINGS.labels(code=code).set(counts.get(code, 0))

    async def _count(self, now_s: float) -> None:
        await self._count_warnings(now_s)
        counts, oldest_s = await self._documents.counts()
        for status in ("queued", "processing", "ready", "failed", "cancelled"):
            metrics.DOCUMENTS.labels(status=status).set(counts.get(status, 0))
        metrics.QUEUE_DEPTH.set(counts.get("queued", 0))
        metrics.QUEUE_OLDEST_AGE.set(now_s - oldest_s if oldest_s is not None else 0)
