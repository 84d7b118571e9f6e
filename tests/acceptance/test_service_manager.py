"""The real process under a stand-in for systemd that takes its times from the unit."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kotaemon_async.cli.systemd import unit
from kotaemon_async.cli.throwaway import free_port
from tests.support.service import eventually
from tests.support.systemd import StandIn, stand_in

#: Shorter than the unit's, so that a test need not wait as long.
WATCHDOG_S = 6.0
#: Where nothing else runs it takes 9 s.
RECOVERED_S = 60
COMMAND = [sys.executable, "-m", "kotaemon_async", "serve"]
#: prctl(PR_SET_MDWE): what MemoryDenyWriteExecute= of the unit asks of the kernel; kept across exec.
NO_WRITABLE_CODE = "import ctypes, os, sys; assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0; "
GO_ON = "os.execv(sys.executable, [sys.executable, '-m', 'kotaemon_async', *sys.argv[1:]])"


def unit_s(key: str) -> float:
    """A time of the unit, in seconds."""
    match = re.search(rf"^{key}=(\d+)s$", unit(Path("/x")), re.MULTILINE)
    assert match is not None
    return float(match[1])


@pytest.fixture
def env(tmp_path: Path, model_folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KOTAEMON_")}
    return clean | {
        "KOTAEMON_DATA_DIR": str(tmp_path / "data"),
        "KOTAEMON_HTTP__PORT": str(free_port()),
        "KOTAEMON_EMBEDDING__FOLDER": str(model_folder),
    }


@pytest.fixture
def frozen(env: dict[str, str], tmp_path: Path) -> Iterator[StandIn]:
    """A service whose loop freezes some seconds after its start, and the one that follows does, too."""
    env["KOTAEMON_FAULTS"] = "stalls.beat:40:hang"
    with stand_in(COMMAND, env, watchdog_s=WATCHDOG_S, folder=tmp_path) as manager:
        yield manager


def test_a_frozen_loop_is_ended_and_works_again(frozen: StandIn) -> None:
    assert frozen.keep(until_ready=1, within_s=120)
    assert frozen.keep(until_ready=2, within_s=120)
    first, second = frozen.lives
    recovery_s = (second.ready_s or 0) - (first.ready_s or 0) - WATCHDOG_S  # its good seconds included
    sys.stdout.write(f"frozen loop: works again {recovery_s:.1f} s after the silence was noticed\n")
    assert (first.ended_by, recovery_s + unit_s("WatchdogSec") <= RECOVERED_S) == (-signal.SIGABRT, True)
    assert '"event": "loop_stalled"' in frozen.log.read_text("utf8")


def test_a_service_tells_its_manager_when_it_can_work_how_it_is_and_that_it_stops(
    env: dict[str, str], tmp_path: Path
) -> None:
    with stand_in(COMMAND, env, watchdog_s=3, folder=tmp_path) as manager:
        assert manager.keep(until_ready=1, within_s=120)
        assert (
            httpx.get(f"http://127.0.0.1:{env['KOTAEMON_HTTP__PORT']}/readyz", timeout=60).status_code == 200
        )
        said = manager.lives[0].said
        eventually(lambda: manager.receive(1) and said.count("WATCHDOG=1") >= 3, seen=said)
        assert "STATUS=documents: 0 queued, 0 processing, 0 ready, 0 failed" in said
        manager.end(signal.SIGTERM)
        while manager.receive(0) is not None:
            pass
        assert ("STOPPING=1" in said, manager.lives[0].ended_by) == (True, 0)


def test_nothing_of_the_service_needs_memory_that_is_written_and_run(
    env: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", NO_WRITABLE_CODE + GO_ON, "serve"]
    url = f"http://127.0.0.1:{env['KOTAEMON_HTTP__PORT']}/api/v1"
    with stand_in(command, env, watchdog_s=60, folder=tmp_path) as manager:
        assert manager.keep(until_ready=1, within_s=120)
        sent = httpx.post(
            f"{url}/documents", files={"file": ("a.txt", b"The seal is replaced every year.")}, timeout=60
        )
        document = f"{url}/documents/{sent.json()['id']}"
        eventually(lambda: httpx.get(document, timeout=60).json()["status"] == "ready")
        found = httpx.post(f"{url}/search", json={"query": "seal replaced"}, timeout=60).json()
        assert (len(found["passages"]), found["degraded"]) == (1, [])
