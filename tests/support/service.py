"""The real service process: how a test starts it, waits for what it does, and looks at what it left."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway, free_port
from kotaemon_async.resilience.memory import processes
from tests.support.documents import ENGLISH, english_pdf, write

T = TypeVar("T")
Start = Callable[[Mapping[str, str]], Throwaway]
Ended = subprocess.CompletedProcess[str]

PATIENT: Final = {"KOTAEMON_RETRIEVAL__VECTOR_TIMEOUT_S": "20", "KOTAEMON_RETRIEVAL__KEYWORD_TIMEOUT_S": "20"}
#: One page at a time on one thread, so that a document takes a while.
SLOW: Final = {"KOTAEMON_INGEST__BATCH_PAGES": "1", "KOTAEMON_EMBEDDING__THREADS": "1"}


def eventually(
    look: Callable[[], T], *, within_s: float = 120.0, every_s: float = 0.02, seen: object = None
) -> T:
    """Return the first true value that `look` gives; fail, showing `seen`, when none comes in time."""
    end_s = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end_s:
            pytest.fail(f"nothing came within {within_s:g} s; last seen: {seen or found!r}")
        time.sleep(every_s)


def made(folder: Path, model_folder: Path, env: Mapping[str, str] | None = None) -> Throwaway:
    """Return a service that is not started yet, on a free port; its searches are patient."""
    given = {"KOTAEMON_EMBEDDING__FOLDER": str(model_folder), **PATIENT, **(env or {})}
    return Throwaway(folder, free_port(), given)


@contextmanager
def serving(folder: Path, model_folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Throwaway]:
    """Run a ready service during the block, for several tests to share."""
    service = made(folder, model_folder, env)
    try:
        service.start()
        yield service
    finally:
        kill(service)


def kill(service: Throwaway) -> float:
    """Kill the process and all of its children; return when (Unix seconds) it was killed."""
    family = family_of(service)
    killed_s = time.time()
    service.kill()
    for pid in filter(is_alive, family):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return killed_s


def crash(service: Throwaway) -> float:
    """Kill the process alone; return when (Unix seconds), once its children have ended by themselves."""
    family = family_of(service)
    crashed_s = time.time()
    service.kill()
    wait_for_end(family)
    return crashed_s


def family_of(service: Throwaway) -> set[int]:
    """Return the ids of the process and of everything below it."""
    return set(processes(pid=service.process.pid)) if service.process.poll() is None else set()


def wait_for_end(family: set[int]) -> None:
    """Return once none of the processes runs."""
    eventually(lambda: not any(map(is_alive, family)))


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs; a zombie that nobody has collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(service: Throwaway, role: str) -> list[int]:
    """Return the process ids of all children of one role: parser or vectors."""
    return [pid for pid, name in processes(pid=service.process.pid).items() if name == role]


def one_child(service: Throwaway, role: str) -> int:
    """Return the child of that role, once there is one."""
    return eventually(lambda: children(service, role))[0]


def parser_of(service: Throwaway, sha256: str) -> int:
    """Return the parser that has the document with this hash open, once one has."""

    def found() -> list[int]:
        return [pid for pid in children(service, "parser") if sha256 in _open_files(pid)]

    return eventually(found)[0]


def _open_files(pid: int) -> set[str]:
    names = set()
    with suppress(OSError):  # it may end meanwhile
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                names.add(link.readlink().name)
    return names


def command(service: Throwaway, *words: str | Path, **env: str) -> Ended:
    """Run one of the commands against the service and its folder."""
    given = {"KOTAEMON_DATA_DIR": str(service.data_dir), "KOTAEMON_URL": service.url, **env}
    return package(*map(str, words), **given)


def package(*words: str, **env: str) -> Ended:
    """Run `kotaemon-async` with these words and settings."""
    line = [sys.executable, "-m", "kotaemon_async", *words]
    given = os.environ | env
    return subprocess.run(line, env=given, check=False, capture_output=True, text=True, timeout=180)


def upload_all(
    service: Throwaway, folder: Path, files: Mapping[str, bytes], to: str = "default"
) -> list[str]:
    """Upload the files and return the ids of their documents, once they are ready."""
    with closing(Client(service.url)) as client:
        ids = [client.upload(write(folder, name, data), to)["id"] for name, data in files.items()]
        return [ready(client, one)["id"] for one in ids]


def ready(client: Client, document_id: str) -> Json:
    """Return the document once it is ready."""
    seen: list[Json] = []

    def is_ready() -> bool:
        seen[:] = [client.document(document_id)]
        assert seen[0]["status"] not in {"failed", "cancelled"}, seen[0]
        return bool(seen[0]["status"] == "ready")

    eventually(is_ready, seen=seen)
    return seen[0]


def book(folder: Path, name: str, pages: int, lines: int = 12) -> Path:
    """Write a PDF that keeps a slow service busy for about a tenth of a second a page."""
    texts = [
        " ".join(ENGLISH.format(number=f"{name} {n * 100 + m}") for m in range(lines)) for n in range(pages)
    ]
    return write(folder, f"{name}.pdf", english_pdf(texts=texts))


def logged(service: Throwaway, event: str, **fields: object) -> list[dict[str, Any]]:
    """Return the log lines of an event with these fields, oldest first."""
    whole, _, _ = service.log_path.read_text("utf8").rpartition("\n")  # the last line may still be written
    lines = [line for line in whole.splitlines() if line.startswith("{")]
    records = [json.loads(line) for line in lines]
    return [r for r in records if r["event"] == event and fields.items() <= r.items()]


def moment_of(line: dict[str, Any]) -> float:
    """Return when a line of the log was written, in Unix seconds."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def seconds_after(moment: float, lines: list[dict[str, Any]]) -> float:
    """Return how long after a moment the first line came that came after it."""
    late = [moment_of(line) - moment for line in lines]
    return min((s for s in late if s >= 0), default=float("inf"))


def pages_committed(service: Throwaway, document_id: str) -> list[int]:
    """Return every page that the service has committed, as often as it has."""
    batches = logged(service, "batch_committed", doc_id=document_id)
    return [page for b in batches for page in range(b["first_page"], b["first_page"] + b["pages"])]


def ledger_rows(service: Throwaway, scratch: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Return rows of the ledger as it lies on the disk, read from a copy so that nothing of it is changed."""
    scratch.mkdir()
    for file in service.data_dir.glob("ledger.db*"):
        shutil.copy(file, scratch)
    connection = apsw.Connection(str(scratch / "ledger.db"))
    rows = list(connection.execute(query, values))
    connection.close()
    return rows
