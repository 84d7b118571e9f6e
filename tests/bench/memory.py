"""`make budget`: memory of all processes, idle, while documents are read and after, as a table and JSON."""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pymupdf

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.render import print_json
from kotaemon_async.cli.throwaway import throwaway_service
from kotaemon_async.domain.model import FINAL_STATUSES
from kotaemon_async.resilience.memory import usage
from tests.bench.figures import machine, print_table

PAGES: Final = 1000
#: Words of a page, about as many as a printed one holds.
LINES_A_PAGE: Final = 45
#: Memory is looked at so often; each look costs 10 to 20 ms of the cores that are measured.
EVERY_S: Final = 0.5
#: So long the service is left alone before it counts as idle.
SETTLE_S: Final = 10.0
POLL_S: Final = 1.0


@dataclass
class Watch:
    """The sum of PSS over the process tree, and the parts of it when it was highest."""

    pid: int
    every_s: float = EVERY_S
    peak_bytes: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Keeps what is used now if that was never more."""
        parts = {name: part.memory_bytes for name, part in usage(pid=self.pid).items()}
        if sum(parts.values()) > self.peak_bytes:
            self.peak_bytes, self.parts = sum(parts.values()), parts

    def figures(self) -> Json:
        """Megabytes at the highest, together and of each kind of process."""
        return {
            "peak_mb": _mb(self.peak_bytes),
            **{name: _mb(one) for name, one in sorted(self.parts.items())},
        }

    @contextmanager
    def running(self) -> Iterator["Watch"]:
        """Looks again and again during the block, of which there may be several."""

        def run() -> None:
            while not self._stop.wait(self.every_s):
                self.look()

        self._stop.clear()
        thread = threading.Thread(target=run, name="watch")
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()


def long_pdf(path: Path, pages: int = PAGES) -> Path:
    """A PDF of so many full pages of text, no two alike."""
    with pymupdf.open() as document:  # type: ignore[no-untyped-call]
        for number in range(1, pages + 1):
            lines = [
                f"Line {line} of page {number}: pump {number * line % 977} turns {number + line} times"
                for line in range(1, LINES_A_PAGE + 1)
            ]
            page = document.new_page()
            page.insert_text((50, 50), "\n".join(lines), fontsize=9)
        document.save(path, deflate=True)
    return path


def measure(folder: Path, scratch: Path) -> Json:
    """Megabytes of PSS, of all processes together."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    with throwaway_service() as service, closing(Client(service.url)) as client:
        pid = service.process.pid
        figures: Json = {"idle": settled(pid)}
        for name, given in (("documents", files), ("long_pdf", [long_pdf(scratch / "long.pdf")])):
            began_s = time.monotonic()
            with Watch(pid).running() as watch:
                statuses = _ingest(client, given)
            took_s = round(time.monotonic() - began_s, 1)
            figures[name] = {**watch.figures(), "took_s": took_s, **statuses}
            figures[f"after_{name}"] = settled(pid)
    return machine() | figures


def settled(pid: int) -> Json:
    """Megabytes after the service was left alone for a while."""
    time.sleep(SETTLE_S)
    watch = Watch(pid)
    watch.look()
    return watch.figures()


def _ingest(client: Client, files: list[Path]) -> Json:
    """How many documents and pages became ready."""
    ids = [client.upload(file, "budget")["id"] for file in files]
    documents = [client.document(one) for one in ids]
    while any(one["status"] not in FINAL_STATUSES for one in documents):
        time.sleep(POLL_S)
        documents = [client.document(one) for one in ids]
    ready = [one for one in documents if one["status"] == "ready"]
    return {"ready": len(ready), "pages": sum(one["progress"]["pages_total"] or 0 for one in ready)}


def _mb(size_bytes: int) -> int:
    return round(size_bytes / 1e6)


def main() -> int:
    """0 when everything that was sent became ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="documents to read first")
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="kotaemon-budget-") as scratch:
        figures = measure(folder, Path(scratch))
    print_table(figures)
    print_json(figures)
    sent = sum(path.is_file() for path in folder.iterdir())
    return 0 if (figures["documents"]["ready"], figures["long_pdf"]["ready"]) == (sent, 1) else 1


if __name__ == "__main__":
    sys.exit(main())
