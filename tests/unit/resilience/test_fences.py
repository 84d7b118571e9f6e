"""The fences that are told are those that hold, and a process with closed memory still knows its size."""

import subprocess
import sys

import pytest

from kotaemon_async.resilience import child_paths, fences
from tests.support.log_records import logged

CLOSED = """
import ctypes
from kotaemon_async.resilience import fences, memory
fences.close_memory()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), memory.usage()["main"].memory_bytes > 10**6)
"""


def made_by(version: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(child_paths, "version", lambda: version)
    return fences.known()


def test_the_report_names_what_makes_each_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert made_by(0, monkeypatch) == {"files": "none", "signals": "seccomp", "calls": "seccomp"}
    assert made_by(5, monkeypatch) == {"files": "landlock 5", "signals": "seccomp", "calls": "seccomp"}
    assert made_by(7, monkeypatch) == {"files": "landlock 7", "signals": "landlock", "calls": "seccomp"}


@pytest.mark.parametrize(("version", "event"), [(0, "fences_lacking"), (6, "fences_up")])
def test_the_start_says_which_fences_there_are(
    version: int, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_paths, "version", lambda: version)
    with logged("fences_up", "fences_lacking") as records:
        fences.tell()
    assert [record["message"] for record in records] == [event]


@pytest.mark.parametrize(("user", "warned"), [(0, 1), (1000, 0)])
def test_a_service_of_root_says_so(user: int, warned: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    with logged("runs_as_root") as records:
        fences.tell()
    assert len(records) == warned


def test_a_process_with_closed_memory_still_knows_how_much_it_takes() -> None:
    done = subprocess.run([sys.executable, "-c", CLOSED], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["0", "True"]
