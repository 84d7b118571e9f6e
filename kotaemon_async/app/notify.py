"""Tells the service manager how the process is: systemd's notification protocol, one datagram a message.

Source: sd_notify(3), sd_watchdog_enabled(3). Outside of systemd every message goes nowhere.
"""

import os
import socket
from collections.abc import Mapping
from typing import Self

from loguru import logger

_SILENT_AFTER = 3


class Notifier:
    """The manager's socket, and how often it wants to hear that the process is alive."""

    def __init__(self, address: str, watchdog_s: float | None) -> None:
        self._address = address
        self._failures = 0
        #: After this long without `alive` the manager ends the process; None when it does not watch.
        self.watchdog_s = watchdog_s

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Self:
        """What NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID ask of this process."""
        microseconds = env.get("WATCHDOG_USEC", "")
        is_meant = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watched = is_meant and microseconds.isdecimal() and int(microseconds) > 0
        return cls(env.get("NOTIFY_SOCKET", ""), int(microseconds) / 1e6 if watched else None)

    @property
    def is_heard(self) -> bool:
        """Whether somebody listens at all."""
        return bool(self._address)

    def ready(self) -> None:
        """The service takes work from now on."""
        self._send("READY=1")

    def status(self, sentence: str) -> None:
        """A sentence for `systemctl status`."""
        self._send("STATUS=" + " ".join(sentence.split()))

    def alive(self) -> None:
        """The process is well; to be said at least every `watchdog_s`."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The service is on its way out."""
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
