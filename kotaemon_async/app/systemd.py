"""What systemd gets to know: that the process takes work, is alive and ends, and how the queue is.

Source: sd_notify(3), sd_watchdog_enabled(3): one datagram a message. Outside of systemd they go nowhere.
"""

import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol, Self

import anyio
from loguru import logger

from kotaemon_async.domain.errors import Unavailable

_SILENT_AFTER = 3
STATUS_EVERY_S: Final = 5.0
#: Beats within the time after which systemd ends the process.
_BEATS: Final = 3
_READY_POLL_S: Final = 0.05
_COUNTED: Final = ("queued", "processing", "ready", "failed")

Sleep = Callable[[float], Awaitable[None]]


class Notifier:
    """systemd's socket, and how often it expects a sign of life."""

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        self._address = address
        self._failures = 0
        #: After this long without `alive` the manager ends the process; None when it does not watch.
        self.watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Read what NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID ask of this process."""
        microseconds = env.get("WATCHDOG_USEC", "")
        is_meant = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watched = is_meant and microseconds.isdecimal() and int(microseconds) > 0
        return cls(env.get("NOTIFY_SOCKET", ""), int(microseconds) / 1e6 if watched else None)

    @property
    def is_listening(self) -> bool:
        """Return whether systemd started the process, and listens."""
        return bool(self._address)

    def ready(self) -> None:
        """Tell that the service takes work from now on."""
        self._send("READY=1")

    def status(self, sentence: str) -> None:
        """Send a sentence for `systemctl status`."""
        self._send("STATUS=" + " ".join(sentence.split()))

    def alive(self) -> None:
        """Send a sign of life; due at least every `watchdog_s`."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Tell that the service ends."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ names a socket without a file.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.connect(address)
                sender.sendall(message.encode())
        except OSError as error:  # the manager's trouble must not become ours
            self._failures += 1
            if self._failures <= _SILENT_AFTER:
                logger.bind(component="notify", reason=error.strerror).warning("manager_not_notified")
        else:
            self._failures = 0


class Counts(Protocol):
    """The part of the ledger that counts documents."""

    async def counts(self) -> tuple[dict[str, int], float | None]: ...


class Systemd:
    """Tells systemd how the service is, from inside of the event loop."""

    def __init__(self, notifier: Notifier, documents: Counts, *, sleep: Sleep = anyio.sleep) -> None:
        self._notifier = notifier
        self._documents = documents
        self._sleep = sleep

    async def run(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Send READY once `is_ready`, then how the queue is, until cancelled."""
        if not self._notifier.is_listening:
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
        """Tell that the service drains and ends."""
        self._notifier.stopping()

    async def _beat(self) -> None:
        """Report to systemd that the loop turns; nothing else counts, so load never causes a restart."""
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
