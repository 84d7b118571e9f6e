"""A service for one occasion: the real process on a free port with a data folder that is deleted afterwards.

`python -m kotaemon_async.cli.throwaway COMMAND…` runs the command with the service's URL as its last word.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

START_LIMIT_S: Final = 120.0
STOP_LIMIT_S: Final = 45.0
#: Below those that systems give to connections that go out: one of them could take it meanwhile.
_PORTS: Final = range(10_240, 16_000)
#: Settings of the machine that a throwaway service keeps; all others start from their defaults.
_KEPT: Final = ("KOTAEMON_EMBEDDING__", "KOTAEMON_PARSER__", "KOTAEMON_INGEST__")


class StartError(Exception):
    """The process did not become ready; the message holds the end of its log."""


@dataclass
class Throwaway:
    """A service process that can be started again on the same data."""

    folder: Path
    port: int
    env: Mapping[str, str] = field(default_factory=dict)
    start_s: float = 0.0
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def log_path(self) -> Path:
        return self.folder / "service.log"

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise StartError("The service was not started.")
        return self._process

    def start(self) -> None:
        """Start and return once /readyz says yes; `start_s` is how long that took."""
        began_s = time.monotonic()
        self.spawn()
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() - began_s > START_LIMIT_S:
                self.stop()
                raise StartError(f"The service did not become ready:\n{self.log_tail()}")
            time.sleep(0.02)
        self.start_s = time.monotonic() - began_s

    def spawn(self) -> None:
        """Start the process, in a group of its own, without waiting for it."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kotaemon_async", "serve"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Return what /readyz says; False as long as nobody listens."""
        # Asked again and again beside a service that starts: an httpx.get costs 20 ms of CPU.
        connection = HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> int:
        """Send SIGTERM, kill what does not stop in time, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def kill(self) -> None:
        """Send SIGKILL to the service process alone, as a crash would be."""
        self.process.kill()
        self.process.wait()

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log_path.read_text("utf8", "replace").splitlines()[-lines:])

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("KOTAEMON_") or name.startswith(_KEPT)
        }
        return inherited | {
            "KOTAEMON_DATA_DIR": str(self.data_dir),
            "KOTAEMON_HTTP__HOST": "127.0.0.1",
            "KOTAEMON_HTTP__PORT": str(self.port),
            **self.env,
        }


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def throwaway_service(env: Mapping[str, str] | None = None) -> Iterator[Throwaway]:
    """Yield a ready service; it is stopped and its folder deleted at the end."""
    # Without this a killed demo would leave its service behind: SIGTERM runs no `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="kotaemon-") as folder:
        service = Throwaway(Path(folder), free_port(), env or {})
        try:
            service.start()
            yield service
        finally:
            service.stop()


def main(command: Sequence[str]) -> int:
    """Run the command with the service's URL as its last word and return its exit code."""
    with throwaway_service() as service:
        return subprocess.run([*command, service.url], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
