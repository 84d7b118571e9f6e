"""A data folder and its service that dies and comes back, with the one visitor who uses it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from kotaemon_async.cli.throwaway import StartError, Throwaway, free_port
from kotaemon_async.resilience.memory import processes
from tests.chaos.nursery import WarmThrowaway
from tests.chaos.visitor import FAILED, File, GoneError, Look, Visitor
from tests.support.documents import chinese_pdf, english_pdf

#: Small batches, and no waits that a test would have to sit out.
ENV: Final = {
    "KOTAEMON_INGEST__BATCH_PAGES": "2",
    "KOTAEMON_INGEST__BACKOFF_BASE_S": "0.2",
    "KOTAEMON_INGEST__BACKOFF_CAP_S": "1",
    "KOTAEMON_EMBEDDING__THREADS": "1",
    "KOTAEMON_HTTP__DRAIN_S": "5",
}
END_LIMIT_S: Final = 120.0
STOP_LIMIT_S: Final = 60.0
#: The number of the event that tells of the first batch: accepted, claimed, counted, committed.
IN_WORK: Final = 4
KILLED: Final = -signal.SIGKILL


@cache
def files() -> dict[str, File]:
    """Return files: some batches of pages, one page, other formats, and one that cannot be read."""
    return {
        "book": File("book.pdf", english_pdf(pages=7)),
        "chinese": File("guide.pdf", chinese_pdf(pages=3)),
        "notes": File("notes.md", b"# Notes\n\nThe lighthouse of Arnholm is closed on Mondays.\n"),
        "page": File("page.html", b"<html><body><h1>Ferry</h1><p>It leaves at noon.</p></body></html>"),
        "broken": File("broken.pdf", b"%PDF-1.7\nnothing of this is a PDF\n%%EOF\n", FAILED),
        "victim": File("victim.pdf", english_pdf(pages=16)),
        "doomed": File("doomed.pdf", english_pdf(pages=15)),
        "late": File("late.pdf", english_pdf(pages=24)),
    }


@dataclass
class Run:
    """A data folder, its service and its visitor, over several lives of the process."""

    folder: Path
    env: Mapping[str, str]
    service: Throwaway = field(init=False)
    visitor: Visitor = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.service = WarmThrowaway(self.folder, free_port(), {**ENV, **self.env})
        self.visitor = Visitor(self.service.url)

    @property
    def look(self) -> Look:
        return Look(self.service.data_dir)

    def start(self, faults: str = "") -> bool:
        """Start the service; return False when a fault killed it before it was ready. Raises: StartError."""
        self.service.env = {**self.service.env, "KOTAEMON_FAULTS": faults}
        self.service.port = free_port()
        self.visitor.move(self.service.url)
        try:
            self.service.start()
        except StartError:
            if self.service.process.returncode != KILLED:
                raise
            return False
        return True

    def wait(self, within_s: float = END_LIMIT_S) -> list[str]:
        """Wait until every document is final and followed; return what is not. Raises: GoneError."""
        return self.look.wait(within_s, self.is_alive)

    def wait_for_progress(self, before: Mapping[str, int], within_s: float) -> float:
        """Return after how many seconds one of the documents went on. Raises: GoneError."""
        return self.look.wait_for_progress(before, within_s, self.is_alive)

    def wait_for_events(self, number: int, within_s: float) -> None:
        """Wait for so many events of documents, or so long. Raises: GoneError."""
        end_s, wanted = time.monotonic() + within_s, self.look.events() + number
        while self.look.events() < wanted and time.monotonic() < end_s:
            if not self.is_alive():
                raise GoneError("it died at its work")
            time.sleep(0.01)

    def wait_for_end(self, within_s: float) -> None:
        """Return when the process has ended, or after so long."""
        with suppress(subprocess.TimeoutExpired):
            self.service.process.wait(within_s)

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self.service.process.poll() is None

    def begin(self, name: str, collection: str, key: str | None = None) -> str:
        """Upload one of the files; return its id once it is in work. Raises: GoneError."""
        document_id = self.visitor.upload(files()[name], collection, key)
        if document_id is None:
            raise GoneError(f"{name} is refused")
        while self.look.unfinished().get(document_id, IN_WORK) < IN_WORK:
            if not self.is_alive():
                raise GoneError("it died at its work")
            time.sleep(0.002)
        return document_id

    def end(self, within_s: float = STOP_LIMIT_S) -> int | None:
        """Return how the process ended, None when it did not in time (it is killed then)."""
        try:
            return self.service.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.service.kill()
            return None

    def kill_child(self, role: str) -> bool:
        """Kill a child of that role and tell whether there was one."""
        family = processes(pid=self.service.process.pid)
        pids = [pid for pid, name in family.items() if name == role]
        for pid in pids[-1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(pids)

    def lose_vectors(self) -> None:
        """Delete the folder of the index."""
        shutil.rmtree(self.service.data_dir / "vectors", ignore_errors=True)

    def terminate(self, within_s: float = STOP_LIMIT_S) -> int | None:
        """Send SIGTERM; return how the process ended, None when it did not in time."""
        self.service.process.send_signal(signal.SIGTERM)
        return self.end(within_s)

    def kill(self) -> None:
        """Send SIGKILL, if the process is not dead yet."""
        if self.service._process is not None:
            self.service.kill()

    def close(self) -> None:
        """Leave nothing of it running."""
        self.visitor.close()
        self.kill()
