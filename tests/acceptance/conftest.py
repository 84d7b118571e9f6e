"""The real process on a free port, and how to wait for what it does."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import apsw
import pytest
from playwright.sync_api import Browser

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway, free_port
from kotaemon_async.resilience.memory import processes
from tests.support.browser import chromium

T = TypeVar("T")
Start = Callable[[Mapping[str, str]], Throwaway]


def eventually(
    look: Callable[[], T], *, within_s: float = 60.0, every_s: float = 0.02, seen: object = None
) -> T:
    """The first true value that `look` gives; fails, showing `seen`, when none comes in time."""
    end_s = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end_s:
            pytest.fail(f"nothing came within {within_s:g} s; last seen: {seen or found!r}")
        time.sleep(every_s)


@pytest.fixture
def start(tmp_path: Path, model_folder: Path) -> Iterator[Start]:
    """Starts a service with settings of its own; what is left of it is killed afterwards."""
    started: list[Throwaway] = []

    def begin(env: Mapping[str, str]) -> Throwaway:
        folder = tmp_path / f"service-{len(started)}"
        folder.mkdir()
        given = {"KOTAEMON_EMBEDDING__FOLDER": str(model_folder), **env}
        started.append(Throwaway(folder, free_port(), given))
        started[-1].start()
        return started[-1]

    yield begin
    for service in started:
        family = family_of(service)
        service.kill()
        for pid in filter(is_alive, family):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def service(start: Start) -> Throwaway:
    """A ready service with default settings."""
    return start({})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module."""
    with chromium() as found:
        yield found


@pytest.fixture
def client(service: Throwaway) -> Iterator[Client]:
    """Talks to it."""
    made = Client(service.url)
    yield made
    made.close()


def family_of(service: Throwaway) -> set[int]:
    """The process and everything below it."""
    return set(processes(pid=service.process.pid)) if service.process.poll() is None else set()


def is_alive(pid: int) -> bool:
    """Whether a process still runs; a zombie that nobody has collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ready(client: Client, document_id: str) -> Json:
    """The document once it is ready."""

    seen: list[Json] = []

    def is_ready() -> bool:
        seen[:] = [client.document(document_id)]
        assert seen[0]["status"] not in {"failed", "cancelled"}, seen[0]
        return bool(seen[0]["status"] == "ready")

    eventually(is_ready, seen=seen)
    return seen[0]


def logged(service: Throwaway, event: str, **fields: object) -> list[dict[str, Any]]:
    """Log lines of an event with these fields, oldest first."""
    whole, _, _ = service.log_path.read_text("utf8").rpartition("\n")  # the last line may still be written
    lines = [line for line in whole.splitlines() if line.startswith("{")]
    records = [json.loads(line) for line in lines]
    return [r for r in records if r["event"] == event and fields.items() <= r.items()]


def ledger_rows(service: Throwaway, scratch: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Rows of the ledger as it lies on the disk, read from a copy so that nothing of it is changed."""
    scratch.mkdir()
    for file in service.data_dir.glob("ledger.db*"):
        shutil.copy(file, scratch)
    connection = apsw.Connection(str(scratch / "ledger.db"))
    rows = list(connection.execute(query, values))
    connection.close()
    return rows
