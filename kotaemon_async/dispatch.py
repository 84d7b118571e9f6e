"""Tells workers what is due: the ledger knows, the broker only carries the message."""

from collections.abc import Callable

import anyio
from loguru import logger

from kotaemon_async.broker import Broker
from kotaemon_async.errors import Unavailable
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.telemetry import metrics

EVERY_S = 1.0
AGAIN_AFTER_S = 20.0
AT_ONCE = 100


class Dispatcher:
    """Rings for every due document, again after a while when nobody came, whatever happened to the queue."""

    def __init__(self, ledger: Ledger, broker: Broker, *, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._broker = broker
        self._clock = clock
        self._wake = anyio.Event()
        self._rung: dict[str, float] = {}

    def wake(self) -> None:
        """There may be work; call it on the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """For ever: ring, then wait for wake() or a second."""
        while True:
            self._wake = anyio.Event()
            try:
                await self.ring_due()
            except Unavailable as error:
                logger.bind(code=error.code).warning("dispatch_waits")
            with anyio.move_on_after(EVERY_S):
                await self._wake.wait()

    async def ring_due(self) -> int:
        """How many documents were rung for."""
        now_s = self._clock()
        await self._count(now_s)
        due = await self._ledger.due(now_s, AT_ONCE)
        bells = {f"{one.document_id}:{one.token}": one for one in due}
        self._rung = {
            name: at for name, at in self._rung.items() if name in bells and now_s - at < AGAIN_AFTER_S
        }
        fresh = [name for name in bells if name not in self._rung]
        for name in fresh:
            await self._broker.ring(name, bells[name].document_id, bells[name].traceparent)
            self._rung[name] = now_s
        return len(fresh)

    async def _count(self, now_s: float) -> None:
        counts, oldest_s = await self._ledger.counts()
        for status in ("queued", "processing", "ready", "failed", "cancelled"):
            metrics.DOCUMENTS.labels(status=status).set(counts.get(status, 0))
        metrics.QUEUE_DEPTH.set(counts.get("queued", 0))
        metrics.QUEUE_OLDEST_AGE.set(now_s - oldest_s if oldest_s is not None else 0)
