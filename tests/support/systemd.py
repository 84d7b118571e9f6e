"""What systemd does for a unit with Type=notify, WatchdogSec and Restart=always, for one service."""

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Life:
    """One run of the process, and what it said."""

    began_s: float
    said: list[str] = field(default_factory=list)
    ready_s: float | None = None
    ended_by: int | None = None


@dataclass
class StandIn:
    """Starts the command, hears it, ends it with SIGABRT when it is silent, and starts it again."""

    command: Sequence[str]
    env: Mapping[str, str]
    watchdog_s: float
    log: Path
    listener: socket.socket
    restart_s: float = 1.0
    lives: list[Life] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """A new life begins."""
        self.lives.append(Life(time.monotonic()))
        address = {"NOTIFY_SOCKET": self.listener.getsockname()}
        watch = {"WATCHDOG_USEC": str(int(self.watchdog_s * 1e6))}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**self.env, **address, **watch},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def receive(self, within_s: float) -> str | None:
        """The next message, None when none comes in time."""
        if not select.select([self.listener], [], [], max(0.0, within_s))[0]:
            return None
        message = self.listener.recv(4096).decode()
        self.lives[-1].said.append(message)
        if message == "READY=1" and self.lives[-1].ready_s is None:
            self.lives[-1].ready_s = time.monotonic()
        return message

    def keep(self, until_ready: int, within_s: float) -> bool:
        """Whether the life with this number, from 1 on, became ready in time; silent ones are ended."""
        end_s = time.monotonic() + within_s
        heard_s = time.monotonic()
        while time.monotonic() < end_s:
            message = self.receive(0.2)
            if len(self.lives) == until_ready and self.lives[-1].ready_s is not None:
                return True
            if message == "WATCHDOG=1" or self.lives[-1].ready_s is None:
                heard_s = time.monotonic()  # before READY=1 systemd does not watch
            if time.monotonic() - heard_s > self.watchdog_s:
                self.end(signal.SIGABRT)
                time.sleep(self.restart_s)  # RestartSec
                self.start()
                heard_s = time.monotonic()
        return False

    def end(self, number: signal.Signals) -> None:
        """The process ends by this signal, and all of its group with it."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(45)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.lives[-1].ended_by = self.process.returncode


@contextmanager
def stand_in(
    command: Sequence[str], env: Mapping[str, str], *, watchdog_s: float, folder: Path
) -> Iterator[StandIn]:
    """The manager with the command started; what is left of it is ended."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(folder / "notify"))
        manager = StandIn(command, env, watchdog_s, folder / "service.log", listener)
        manager.start()
        try:
            yield manager
        finally:
            manager.end(signal.SIGTERM)
