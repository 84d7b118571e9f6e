"""`make bench-scale PASSAGES=100000`: what searches, answers, memory and disk cost as a collection grows.

The ledger is filled with documents of recombined real sentences in both languages, whose vectors are the mean
of those of their sentences; the real service makes its indexes of it, and answers. CPU time stands beside
the time on the clock, since a busy neighbour does not change it. Ends with 1 when a bound is missed by more
than its noise.
"""

import argparse
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import anyio
import apsw
import httpx
import numpy as np
from numpy.typing import NDArray

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.errors import CommandError
from kotaemon_async.cli.render import print_json
from kotaemon_async.cli.throwaway import Throwaway, free_port
from kotaemon_async.resilience.memory import usage
from kotaemon_async.stores.ledger import FILE, Ledger
from tests.bench import scale_report
from tests.bench.bounds import print_bounds
from tests.bench.figures import cpu_s, lag_figures, lag_max_s, lag_of, machine, quantiles_ms, timed
from tests.bench.scale_fill import (
    SMALL_COLLECTIONS,
    Filler,
    Questions,
    document_id,
    embedded,
    sentences_of,
)
from tests.bench.scale_recall import Truth, recall, vectors_of

FIRST: Final = 1000
STEP: Final = 10
#: As many as a request may name.
MOST_DOCUMENTS: Final = 1000
REPEATS: Final = 60
AT_ONCE: Final = 8
ANSWERS: Final = 20
RECALL_QUESTIONS: Final = 20
EQUAL_PASSAGES: Final = 10_000
LISTED_AT_ONCE: Final = 100
INDEX_LIMIT_S: Final = 1800.0
BACKUPS: Final = "backups"

Scope = dict[str, Any]
MAIN: Final[Scope] = {"collection": "main"}


class Stage:
    """One size: the service on the filled ledger, and what it costs."""

    def __init__(self, service: Throwaway, questions: Questions, documents: int) -> None:
        self._service = service
        self._client = Client(service.url)
        self._questions = questions
        numbers = random.Random(5).sample(range(documents), min(MOST_DOCUMENTS, documents))
        self._ids = [document_id(number) for number in numbers]

    def until_indexed(self, passages: int) -> float:
        """Wait until the vector index holds them all and searches are exact; return the seconds."""
        began_s = time.monotonic()
        while time.monotonic() - began_s < INDEX_LIMIT_S:
            vectors = self._client.health()[1]["components"]["vectors"]
            is_whole = vectors.get("count") == passages and not vectors.get("behind") and vectors["exact"]
            if is_whole and "code" not in vectors:
                return time.monotonic() - began_s
            time.sleep(0.2)
        raise TimeoutError("The vector index is not complete.")

    def measured(self) -> Json:
        """Searches in every scope, answers, eight at once, memory, and what stalls the loop."""
        small = [{"collection": f"small{number}"} for number in range(SMALL_COLLECTIONS)]
        named = {count: [{"document_ids": self._ids[:count]}] for count in (1, 10, MOST_DOCUMENTS)}
        figures: Json = {
            "everything": self._searches([{}]),
            "collection": self._searches([MAIN]),
            "collection_by_vector": self._searches([MAIN], "vector"),
            "collection_by_keyword": self._searches([MAIN], "keyword"),
            "small_collections": self._searches(small),
            **{f"documents_{count}": self._searches(scopes) for count, scopes in named.items()},
        }
        asked = [{**MAIN, "question": self._questions.next()} for _ in range(ANSWERS)]
        figures["answer"] = self._timed([self._question("/api/v1/answers", one) for one in asked])
        figures["eight_at_once"] = self._at_once()
        parts = usage(pid=self._service.process.pid)
        figures["memory_mb"] = {name: round(part.memory_bytes / 1e6) for name, part in parts.items()}
        figures["memory_mb"]["all"] = sum(figures["memory_mb"].values())
        return figures | {"loop_lag_ms": self._lag()}

    def recall(self, questions: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
        """What the vector lane finds in every scope of the nearest that the ledger has."""
        scopes: dict[str, Scope] = {
            "everything": {},
            "collection": MAIN,
            "small_collections": {"collection": "small0"},
            **{
                f"documents_{count}": {"document_ids": self._ids[:count]} for count in (1, 10, MOST_DOCUMENTS)
            },
        }
        truth = Truth(self._service.data_dir / FILE)
        return recall(truth, questions, scopes, self._found_by_vector)

    def delete_half(self) -> int:
        """Delete every other of the documents that scopes name; return how many passages are left."""
        with httpx.Client(base_url=self._service.url, timeout=60, trust_env=False) as http:
            for one in self._ids[::2]:
                http.delete(f"/api/v1/documents/{one}").raise_for_status()
        ledger = apsw.Connection(str(self._service.data_dir / FILE), flags=apsw.SQLITE_OPEN_READONLY)
        left = int(ledger.execute("SELECT count(*) FROM chunks").get)
        ledger.close()
        return left

    def _found_by_vector(self, question: str, scope: Scope) -> list[str]:
        body = {"query": question, "top_k": 10, "mode": "vector", **scope}
        return [str(one["id"]) for one in self._client.post("/api/v1/search", body)["passages"]]

    def _question(self, path: str, body: Json) -> Callable[[], object]:
        return lambda: self._client.post(path, body)

    def _search(self, scope: Scope, mode: str = "hybrid") -> Callable[[], object]:
        body = {"query": self._questions.next(), "top_k": 10, "mode": mode, **scope}
        return self._question("/api/v1/search", body)

    def _searches(self, scopes: Sequence[Scope], mode: str = "hybrid") -> Json:
        for _ in range(5):
            self._search(scopes[0], mode)()
        return self._timed([self._search(scopes[n % len(scopes)], mode) for n in range(REPEATS)])

    def _timed(self, asked: Sequence[Callable[[], object]]) -> Json:
        pid = self._service.process.pid
        before_s = cpu_s(pid)
        seconds = [timed(one) for one in asked]
        spent_ms = 1000 * (cpu_s(pid) - before_s) / len(asked)
        return quantiles_ms(seconds) | {"cpu_ms": round(spent_ms, 1)}

    def _at_once(self) -> Json:
        """Questions one at a time and eight at once, in turns, so that both have the same neighbours."""
        seconds, alone_s, together_s = list[float](), 0.0, 0.0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in range(4):
                alone_s += sum(timed(self._search(MAIN)) for _ in range(REPEATS))
                asked = [self._search(MAIN) for _ in range(REPEATS)]
                began_s = time.monotonic()
                seconds += pool.map(timed, asked)
                together_s += time.monotonic() - began_s
        gain = round(alone_s / together_s, 2)
        return quantiles_ms(seconds) | {"a_second": round(len(seconds) / together_s, 1), "gain": gain}

    def _lag(self) -> Json:
        """How late the loop is while all documents are listed and the doctor looks at everything."""
        before = lag_of(self._service)
        cursor: str | None = None
        while True:
            page = self._client.documents(limit=LISTED_AT_ONCE, cursor=cursor)
            if (cursor := page["next_cursor"]) is None:
                break
        self._client.post("/api/v1/doctor", {"repair": False, "deep": True}, timeout_s=None)
        figures = lag_figures(before, lag_of(self._service))
        return figures | {"max": round(1000 * lag_max_s(self._client), 1)}


class Asker:
    """Somebody who searches all the time, and counts what gets no reply."""

    def __init__(self, url: str, questions: Questions) -> None:
        self._client, self._questions = Client(url), questions
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.asked = self.lost = 0

    def __enter__(self) -> "Asker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(0.5):
            self.asked += 1
            try:
                self._client.search(self._questions.next(), "main", 10, "hybrid")
            except CommandError:
                self.lost += 1


class Bench:
    """A service whose ledger is filled while it is stopped."""

    def __init__(self, folder: Path, pack: Path) -> None:
        self._sentences = sentences_of([pack / "docs_en", pack / "docs_zh"], random.Random(3))
        self.model, vectors = anyio.run(embedded, self._sentences)
        self._filler = Filler(self._sentences, vectors, self.model)
        self._questions = Questions(self._sentences)
        self._service = Throwaway(folder, free_port())
        self._service.start()
        self._service.stop()

    def stages(self, most: int) -> dict[str, Json]:
        """The figures of each size; the index of the largest is lost, flooded and halved as well."""
        found = {str(passages): self._stage(passages) for passages in sizes(most)}
        found[str(most)] |= self._trials()
        return found

    def _stage(self, passages: int) -> Json:
        committed_s = anyio.run(self._in_ledger, self._filler.fill, passages)
        indexed_s = self._run(lambda stage: stage.until_indexed(self._filler.passages))
        disk_bytes = self._disk_bytes()

        def again(stage: Stage) -> Json:
            searchable_s = stage.until_indexed(self._filler.passages)
            return {
                "searchable_after_start_s": round(self._service.start_s + searchable_s, 2)
            } | stage.measured()

        figures = self._run(again)
        return {
            "passages": self._filler.passages,
            "commit_cpu_ms_a_passage": round(1000 * committed_s, 3),
            "indexed_s": round(indexed_s, 1),
            "start_s": round(self._service.start_s, 2),
            "disk_kb_a_passage": round(disk_bytes / 1000 / self._filler.passages, 1),
            **figures,
        }

    def _disk_bytes(self) -> int:
        """Return what ledger, index and traces take; the daily backup is a copy that may lie elsewhere."""
        files = (one for one in self._service.data_dir.rglob("*") if one.is_file())
        return sum(one.stat().st_size for one in files if BACKUPS not in one.parts)

    def _trials(self) -> Json:
        texts = [self._questions.next() for _ in range(RECALL_QUESTIONS)]
        vectors = anyio.run(vectors_of, texts)
        questions = dict(zip(texts, vectors, strict=True))
        before = self._run(lambda stage: stage.recall(questions))
        shutil.rmtree(self._service.data_dir / "vectors")
        rebuilt = self._run(self._rebuilt)
        anyio.run(self._in_ledger, self._filler.add_equal, EQUAL_PASSAGES)

        def halved(stage: Stage) -> dict[str, float]:
            stage.until_indexed(self._filler.passages)
            stage.until_indexed(stage.delete_half())
            return stage.recall(questions)

        after = self._run(halved)
        return {"recall": before, "rebuilt": rebuilt, "recall_with_equal_passages": after}

    def _rebuilt(self, stage: Stage) -> Json:
        with Asker(self._service.url, self._questions) as asker:
            seconds = stage.until_indexed(self._filler.passages)
        return {"seconds": round(seconds, 1), "replies": asker.asked, "replies_lost": asker.lost}

    def _run(self, look: Callable[[Stage], Any]) -> Any:
        """Return what is seen of the running service."""
        self._service.start()
        try:
            return look(Stage(self._service, self._questions, self._filler.documents))
        finally:
            self._service.stop()

    async def _in_ledger(self, work: Callable[[Ledger, int], Any], passages: int) -> Any:
        ledger = await Ledger.open(self._service.data_dir / FILE)
        try:
            return await work(ledger, passages)
        finally:
            await ledger.aclose()


def sizes(most: int) -> Iterator[int]:
    """A thousand, ten thousand and so on."""
    size = FIRST
    while size < most:
        yield size
        size *= STEP
    yield most


def measure(pack: Path, most: int) -> Json:
    """All figures of one run."""
    with TemporaryDirectory(prefix="kotaemon-scale-") as folder:
        bench = Bench(Path(folder), pack)
        stages = bench.stages(most)
    return machine() | {"model": bench.model, "stages": stages}


def main() -> int:
    """0 when every bound holds, but for its noise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, required=True, help="folder with docs_en and docs_zh")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--plot", type=Path, help="file for the times over the passages, as SVG")
    given = parser.parse_args()
    figures = measure(given.pack, given.passages)
    scale_report.print_table(figures["stages"])
    holds = print_bounds(scale_report.bounded(figures["stages"]), scale_report.BOUNDS)
    print_json(figures)
    if given.plot is not None:
        said = f"{figures['machine']}, {figures['at'][:10]}"
        given.plot.write_text(scale_report.plot(figures["stages"], said), "utf-8")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
