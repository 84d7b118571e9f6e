"""Services that are forked from a process that has imported everything: half of what a start takes is spared.

`python -m tests.chaos.nursery` is that process: it forks a service for each line of its input, and tells on
its output when one has ended. Whoever kills services all the time starts them all the time.
"""

import atexit
import concurrent.futures.thread  # its fork handler has to come before that of OpenTelemetry, which uses it
import gc
import json
import os
import select
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, cast

from kotaemon_async.cli.throwaway import Throwaway

_ROOT: Final = Path(__file__).parents[2]
_LOOK_S: Final = 0.02
#: Every line that is told has this length, so that the end of none has to be looked for.
_LINE: Final = 64


class Nursery:
    """That process, as its users see it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.chaos.nursery"]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._orders, self._told = (
            cast("IO[bytes]", self._process.stdin),
            cast("IO[bytes]", self._process.stdout),
        )
        self._ended: dict[int, int] = {}
        atexit.register(self._process.kill)

    def fork(self, env: dict[str, str], log: Path) -> int:
        """Start a service in this environment; return its process id."""
        self._orders.write(json.dumps({"env": env, "log": str(log)}).encode() + b"\n")
        self._orders.flush()
        while (pid := self._hear()) is None:
            pass
        return pid

    def ended(self, pid: int) -> int | None:
        """Return how that service has ended, None while it runs."""
        while pid not in self._ended and select.select([self._told], [], [], 0)[0]:
            self._hear()
        return self._ended.get(pid)

    def _hear(self) -> int | None:
        """Return the id of a new service, or note the end of one."""
        line = os.read(self._told.fileno(), _LINE)
        assert line, "the nursery has ended"
        told: dict[str, int] = json.loads(line)
        if "ended" in told:
            self._ended[told["ended"]] = told["status"]
        return told.get("pid")


@cache
def shared() -> Nursery:
    """Return the one of this process."""
    return Nursery()


class _Forked:
    """What is used of a `subprocess.Popen`, of a service from the nursery."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        return shared().ended(self.pid)

    def wait(self, timeout: float = float("inf")) -> int:
        end_s = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > end_s:
                raise subprocess.TimeoutExpired("a forked service", timeout)
            time.sleep(_LOOK_S)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class WarmThrowaway(Throwaway):
    """A service for one occasion that starts quickly."""

    def spawn(self) -> None:
        """Start the process, in a group of its own, without waiting for it."""
        self._process = cast("Any", _Forked(shared().fork(self._environment(), self.log_path)))


def _tell(**said: int) -> None:
    os.write(1, json.dumps(said).ljust(_LINE - 1).encode() + b"\n")


def _serve(order: dict[str, Any]) -> None:
    """Be the service that was ordered, to its end."""
    from kotaemon_async.cli.main import main

    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["kotaemon-async", "serve"]
    main()


def run() -> None:
    """Fork what is ordered, line by line, and tell what has ended, until nobody orders any more."""
    gc.disable()
    import kotaemon_async.app.process
    import kotaemon_async.cli.main  # noqa: F401

    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    while True:
        for ready in select.select([0, wakes], [], [])[0]:
            if ready == wakes:
                os.read(wakes, 4096)
                _tell_ended()
            elif not (line := sys.stdin.buffer.readline()):
                return
            elif (pid := os.fork()) == 0:
                _serve(json.loads(line))
            else:
                _tell(pid=pid)


def _tell_ended() -> None:
    """Tell of each service that has ended since."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(ended=pid, status=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    assert concurrent.futures.thread
    run()
