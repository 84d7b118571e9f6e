"""Tells a web address about incidents; whatever that does, nothing waits for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio
import httpx
import msgspec
import stamina
from loguru import logger

from kotaemon_async.operations.incidents.incidents import Change, Incident
from kotaemon_async.operations.incidents.report import body_of

#: News that may wait; further ones are dropped, which the log says.
QUEUE: Final = 100
#: A reply that says "not now".
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long one message is tried, with growing pauses between."""

    attempts: int = 8
    first_wait_s: float = 1.0
    longest_wait_s: float = 120.0
    in_all_s: float = 900.0
    call_s: float = 10.0


class Webhook:
    """Posts one JSON object for each change, in order, from a bounded queue."""

    def __init__(self, url: str, *, patience: Patience = Patience(), queue: int = QUEUE) -> None:
        self._url = url
        self._patience = patience
        self._send, self._receive = anyio.create_memory_object_stream[bytes](queue)
        self.dropped = 0

    def tell(self, change: Change, incident: Incident) -> None:
        """The change is on its way, or dropped when too many are."""
        news = {"event": f"incident_{change}", "at_s": round(time.time(), 3), "incident": body_of(incident)}
        try:
            self._send.send_nowait(msgspec.json.encode(news))
        except anyio.WouldBlock:
            self.dropped += 1
            logger.bind(incident_id=incident.id, dropped=self.dropped).warning("webhook_dropped")

    async def run(self) -> None:
        """Sends until cancelled."""
        async with httpx.AsyncClient(timeout=self._patience.call_s, follow_redirects=False) as client:
            while True:
                await self._deliver(client, await self._receive.receive())

    async def aclose(self) -> None:
        """What still waits is dropped."""
        self._send.close()
        self._receive.close()

    async def _deliver(self, client: httpx.AsyncClient, body: bytes) -> None:
        patience = self._patience
        try:
            async for attempt in stamina.retry_context(
                on=_may_help,
                attempts=patience.attempts,
                timeout=patience.in_all_s,
                wait_initial=patience.first_wait_s,
                wait_max=patience.longest_wait_s,
                wait_jitter=patience.first_wait_s,
            ):
                with attempt:
                    await self._post(client, body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Neither the address nor its reply is logged: webhook addresses carry their secret in them.
            logger.bind(error=type(error).__name__).warning("webhook_failed")

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        async with client.stream("POST", self._url, content=body, headers=headers) as reply:
            if not reply.is_success:
                reply.raise_for_status()
                raise httpx.HTTPStatusError("not taken", request=reply.request, response=reply)


def _may_help(error: Exception) -> bool:
    """Whether another attempt may go better."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _AGAIN
    return isinstance(error, httpx.TransportError)


Tell = Callable[[Change, Incident], None]
