"""Post incidents to a web address; nothing waits for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio
import httpx
import msgspec
from loguru import logger

from kotaemon_async.operations.incidents.incidents import Change, Incident
from kotaemon_async.operations.incidents.report import body_of
from kotaemon_async.resilience.backoff import backoff_s

#: Messages that may wait; further ones are dropped, which the log says.
QUEUE: Final = 100
#: A reply that says "not now".
_RETRYABLE: Final = frozenset({408, 425, 429, 500, 502, 503, 504})

Notify = Callable[[Change, Incident], None]


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How often and how long one message is tried, with growing pauses between."""

    attempts: int = 8
    first_wait_s: float = 1.0
    longest_wait_s: float = 120.0
    in_all_s: float = 900.0
    call_s: float = 10.0


class Webhook:
    """Posts one JSON object for each change, in order, from a bounded queue."""

    def __init__(self, url: str, *, limits: RetryLimits = RetryLimits(), queue: int = QUEUE) -> None:
        self._url = url
        self._limits = limits
        self._send, self._receive = anyio.create_memory_object_stream[bytes](queue)
        self.dropped = 0

    def notify(self, change: Change, incident: Incident) -> None:
        """Queue the change, or drop it when too many wait."""
        message = {
            "event": f"incident_{change}", "at_s": round(time.time(), 3), "incident": body_of(incident),
        }  # fmt: skip
        try:
            self._send.send_nowait(msgspec.json.encode(message))
        except anyio.WouldBlock:
            self.dropped += 1
            logger.bind(incident_id=incident.id, dropped=self.dropped).warning("webhook_dropped")

    async def run(self) -> None:
        """Send until cancelled."""
        async with httpx.AsyncClient(timeout=self._limits.call_s, follow_redirects=False) as client:
            while True:
                await self._deliver(client, await self._receive.receive())

    async def aclose(self) -> None:
        """Drop what still waits."""
        self._send.close()
        self._receive.close()

    async def _deliver(self, client: httpx.AsyncClient, body: bytes) -> None:
        limits, began_s = self._limits, time.monotonic()
        for attempt in range(1, limits.attempts + 1):
            try:
                await self._post(client, body)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                wait_s = backoff_s(attempt, base_s=limits.first_wait_s, cap_s=limits.longest_wait_s)
                is_last = attempt == limits.attempts or time.monotonic() + wait_s > began_s + limits.in_all_s
                if is_last or not _may_help(error):
                    # The address and its reply carry secrets, so neither is logged.
                    logger.bind(error=type(error).__name__).warning("webhook_failed")
                    return
            else:
                return
            await anyio.sleep(wait_s)

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        async with client.stream("POST", self._url, content=body, headers=headers) as reply:
            if not reply.is_success:
                reply.raise_for_status()
                raise httpx.HTTPStatusError("not taken", request=reply.request, response=reply)


def _may_help(error: Exception) -> bool:
    """Tell whether another attempt may go better."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _RETRYABLE
    return isinstance(error, httpx.TransportError)
