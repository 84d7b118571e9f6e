import os
import socket
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from kotaemon_async.app.systemd import Notifier, Systemd
from kotaemon_async.domain.errors import Unavailable


class Stop(BaseException):
    """Ends an endless loop from inside."""


class Queue:
    """Counts documents, or cannot."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away = is_away

    async def counts(self) -> tuple[dict[str, int], float | None]:
        if self.is_away:
            raise Unavailable("no disk", code="ledger_unavailable")
        return {"queued": 3, "ready": 40}, None


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket that a service manager listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(tmp_path / "notify"))
        yield listener


def heard(listener: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(listener.recv(4096).decode())
        except BlockingIOError:
            return found


def notifier(listener: socket.socket, **env: str) -> Notifier:
    return Notifier.from_environment({"NOTIFY_SOCKET": listener.getsockname(), **env})


def test_every_message_is_one_datagram(manager: socket.socket) -> None:
    ours = notifier(manager)
    ours.ready()
    ours.status("3 queued,\n1 processing")
    ours.alive()
    ours.stopping()
    assert heard(manager) == ["READY=1", "STATUS=3 queued, 1 processing", "WATCHDOG=1", "STOPPING=1"]


def test_a_socket_without_a_file_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(f"\0kotaemon-test-{os.getpid()}")
        Notifier(f"@kotaemon-test-{os.getpid()}", None).ready()
        assert heard(listener) == ["READY=1"]


@pytest.mark.parametrize(
    ("env", "wanted_s"),
    [
        ({"WATCHDOG_USEC": "15000000"}, 15.0),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watch_is_the_one_that_the_manager_keeps_over_this_process(
    env: dict[str, str], wanted_s: float | None
) -> None:
    assert Notifier.from_environment(env).watchdog_s == wanted_s


def test_without_a_manager_nothing_is_said_and_nothing_fails() -> None:
    ours = Notifier.from_environment({})
    ours.ready()
    assert not ours.is_listening


def test_a_manager_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    for _ in range(5):
        Notifier(str(tmp_path / "gone"), None).alive()


async def told(manager: socket.socket, queue: Queue, *, looks: int, **env: str) -> list[str]:
    """What the manager hears of a service that is ready at the given look, until its second status."""
    left = looks

    async def is_ready() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    async def sleep(wait_s: float) -> None:
        if wait_s == 5.0:
            raise Stop
        await anyio.lowlevel.checkpoint()

    with pytest.raises(BaseExceptionGroup):
        await Systemd(notifier(manager, **env), queue, sleep=sleep).run(is_ready)
    return heard(manager)


async def test_ready_is_said_once_and_only_when_it_is_true(manager: socket.socket) -> None:
    found = await told(manager, Queue(), looks=3)
    assert found == ["READY=1", "STATUS=documents: 3 queued, 0 processing, 40 ready, 0 failed"]


async def test_a_ledger_that_is_away_is_told_instead_of_numbers(manager: socket.socket) -> None:
    found = await told(manager, Queue(is_away=True), looks=0)
    assert found[-1] == "STATUS=the ledger cannot be read (ledger_unavailable)"


async def test_the_loop_says_that_it_turns_three_times_in_the_watchdogs_time(manager: socket.socket) -> None:
    waits: list[float] = []

    async def sleep(wait_s: float) -> None:
        waits.append(wait_s)
        if len(waits) == 4:
            raise Stop
        await anyio.lowlevel.checkpoint()

    async def never() -> bool:
        return False

    ours = notifier(manager, WATCHDOG_USEC="15000000")
    with pytest.raises(BaseExceptionGroup):
        await Systemd(ours, Queue(), sleep=sleep).run(never)
    assert 5.0 in waits
    assert "WATCHDOG=1" in heard(manager)
