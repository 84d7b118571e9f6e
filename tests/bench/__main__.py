"""`make bench`: what one run of the real process reaches, as a table and as JSON."""

import argparse
import os
import platform
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import anyio
import apsw
import httpx
from rich.table import Table

from kotaemon_async.app.settings import load_settings
from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.demo import write_documents
from kotaemon_async.cli.render import print_json
from kotaemon_async.cli.terminal import out
from kotaemon_async.cli.throwaway import Throwaway, throwaway_service
from kotaemon_async.domain.model import FINAL_STATUSES
from kotaemon_async.resilience.memory import usage
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.embedding.models import choose

_BUCKET: Final = re.compile(r'^kotaemon_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)
_QUERIES: Final = (
    "pressure of the pump",
    "how is it measured",
    "cause of the disease",
    "设备 稳定",
    "who decided",
)
SEARCHES_IDLE: Final = 100
METRICS_IDLE: Final = 100
STARTS_AGAIN: Final = 5
#: The measuring takes its share of the same two cores, so it is done sparingly.
MEMORY_EVERY_S: Final = 0.5
SEARCH_EVERY_S: Final = 0.5
POLL_S: Final = 1.0
INGEST_LIMIT_S: Final = 900.0

Lag = dict[float, float]


@dataclass
class Background:
    """What goes on beside the ingest: memory sampled, searches timed."""

    pid: int
    url: str
    peak_bytes: int = 0
    searches_s: list[float] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def sample_memory(self) -> None:
        """Keeps the largest sum of PSS over the process tree."""
        while not self._stop.wait(MEMORY_EVERY_S):
            total_bytes = sum(part.memory_bytes for part in usage(pid=self.pid).values())
            self.peak_bytes = max(self.peak_bytes, total_bytes)

    def search(self) -> None:
        """About two searches a second."""
        client, turn = Client(self.url), 0
        while not self._stop.wait(SEARCH_EVERY_S):
            self.searches_s.append(_timed(_search_of(client, turn)))
            turn += 1
        client.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Both go on while the block runs."""
        threads = [threading.Thread(target=work) for work in (self.sample_memory, self.search)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def measure(folder: Path) -> Json:
    """All figures of one run over the PDFs (or other files) of the folder."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    with throwaway_service() as service:
        client = Client(service.url)
        beside = Background(service.process.pid, service.url)
        lag_before = lag_of(service)
        with beside.running():
            documents, ingest_s = _ingest(client, files)
            lag_after, largest_s = lag_of(service), lag_max_s(client)
        idle_s = [_timed(_search_of(client, turn)) for turn in range(SEARCHES_IDLE)]
        client.close()
        metrics_s = _metrics_s(service)
        texts = _texts(service)
        starts_s = _starts_s(service)
    alone_s = anyio.run(_embed_alone, texts)
    ready = sum(document["status"] == "ready" for document in documents)
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "documents": {"sent": len(files), "ready": ready, "chunks": len(texts)},
        "ingest": {
            "end_to_end_chunks_per_s": round(len(texts) / ingest_s, 1),
            "embedder_alone_chunks_per_s": round(len(texts) / alone_s, 1),
            "ratio": round(alone_s / ingest_s, 3),
        },
        "loop_lag_ms": lag_figures(lag_before, lag_after) | {"max": round(1000 * largest_s, 1)},
        "search_idle_ms": quantiles_ms(idle_s),
        "search_during_ingest_ms": quantiles_ms(beside.searches_s),
        "metrics_ms": quantiles_ms(metrics_s),
        "peak_pss_mb": round(beside.peak_bytes / 1e6),
        "start_to_ready_s": starts_s,
    }


def _ingest(client: Client, files: list[Path]) -> tuple[list[Json], float]:
    """The documents in their final states, and the time from the first upload to the last `ready`."""
    began_at_s, began_s = time.time(), time.monotonic()
    ids = [client.upload(file, "bench")["id"] for file in files]
    ended: list[Json] = []
    for document_id in ids:
        document = client.document(document_id)
        while document["status"] not in FINAL_STATUSES:
            if time.monotonic() - began_s > INGEST_LIMIT_S:
                raise TimeoutError(f"{document['name']} is still {document['status']} ({document['stage']}).")
            time.sleep(POLL_S)
            document = client.document(document_id)
        ended.append(document)
    ready_at_s = [datetime.fromisoformat(one["ready_at"]).timestamp() for one in ended if one["ready_at"]]
    return ended, max(ready_at_s, default=time.time()) - began_at_s


async def _embed_alone(texts: list[str]) -> float:
    """The time the embedder takes for the same texts in the same order, with the same threads."""
    settings = load_settings().embedding
    model = choose(settings.model, settings.folder)
    embedder = await Embedder.open(settings.folder, model=model, threads=settings.threads)
    began_s = time.monotonic()
    for start in range(0, len(texts), 32):
        await embedder.embed_passages(texts[start : start + 32])
    took_s = time.monotonic() - began_s
    await embedder.aclose()
    return took_s


def _texts(service: Throwaway) -> list[str]:
    """The text of every chunk, read from the service's ledger."""
    ledger = apsw.Connection(str(service.data_dir / "ledger.db"), flags=apsw.SQLITE_OPEN_READONLY)
    rows = ledger.execute(
        "SELECT substr(text, start + 1, stop - start) FROM chunks JOIN pages ON pages.number = chunks.page "
        "AND pages.document_id = chunks.document_id AND pages.version = chunks.version ORDER BY chunks.row"
    )
    texts = [str(text) for (text,) in rows]
    ledger.close()
    return texts


def _starts_s(service: Throwaway) -> Json:
    """Return the time of the first start, in an empty folder, and the median of later ones."""
    first_s, again_s = service.start_s, []
    for _ in range(STARTS_AGAIN):
        service.stop()
        service.start()
        again_s.append(service.start_s)
    return {"first": round(first_s, 2), "again": round(statistics.median(again_s), 2)}


def lag_of(service: Throwaway) -> Lag:
    """The cumulative histogram of loop lag: upper bound in seconds -> count."""
    page = httpx.get(f"{service.url}/metrics", timeout=10, trust_env=False).text
    return {float(bound): float(count) for bound, count in _BUCKET.findall(page)}


def _metrics_s(service: Throwaway) -> list[float]:
    """How long the page of metrics takes, asked again and again over one connection."""
    with httpx.Client(base_url=service.url, timeout=10, trust_env=False) as http:
        return [_timed(lambda: http.get("/metrics")) for _ in range(METRICS_IDLE)]


def lag_max_s(client: Client) -> float:
    """The largest lag of the last minute, from the health report."""
    _, report = client.health()
    return float(report["components"]["event_loop"]["max_s"])


def lag_figures(before: Lag, after: Lag) -> dict[str, float]:
    """p50 and p99 as the upper bounds of their buckets, so never better than the truth."""
    counts = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}
    total = max(counts.values(), default=0)
    return {
        name: next((1000 * bound for bound, count in counts.items() if count >= share * total), 0.0)
        for name, share in (("p50_at_most", 0.5), ("p99_at_most", 0.99))
    }


def quantiles_ms(seconds: list[float]) -> dict[str, float]:
    """p50 and p95 in milliseconds, and of how many."""
    if not seconds:
        return {"count": 0}
    ordered = sorted(seconds)
    p50_s, p95_s = (ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in (0.5, 0.95))
    return {"p50": round(1000 * p50_s, 1), "p95": round(1000 * p95_s, 1), "count": len(ordered)}


def _search_of(client: Client, turn: int) -> Callable[[], object]:
    return lambda: client.search(_QUERIES[turn % len(_QUERIES)], None, 10, "hybrid")


def _timed(work: Callable[[], object]) -> float:
    began_s = time.monotonic()
    work()
    return time.monotonic() - began_s


def print_table(figures: Json) -> None:
    """One line for each figure."""
    table = Table("figure", "value", box=None, pad_edge=False)
    for name, value in figures.items():
        if isinstance(value, dict):
            for inner, figure in value.items():
                table.add_row(f"{name}.{inner}", str(figure))
        else:
            table.add_row(name, str(value))
    out().print(table)


def main() -> int:
    """0 when every document became ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="real documents; without it, a few made here")
    given: Path | None = parser.parse_args().folder
    with tempfile.TemporaryDirectory(prefix="kotaemon-bench-") as made:
        if given is None or not given.is_dir():
            out().print("no folder of real documents: measuring with a few made here")
            write_documents(Path(made))
            given = Path(made)
        figures = measure(given)
    print_table(figures)
    print_json(figures)
    return 0 if figures["documents"]["ready"] == figures["documents"]["sent"] else 1


if __name__ == "__main__":
    sys.exit(main())
