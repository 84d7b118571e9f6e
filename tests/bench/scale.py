"""`make bench-scale PASSAGES=100000`: what searches, answers, memory and disk cost as a collection grows.

The ledger is filled with documents of recombined real sentences in both languages, whose vectors are the mean
of those of their sentences; the real service makes its indexes of it, and answers. CPU time stands beside
the time on the clock, since a busy neighbour does not change it.
"""

import argparse
import os
import platform
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import anyio
import numpy as np
import pymupdf
from numpy.typing import NDArray
from rich.table import Table

from kotaemon_async.app.settings import load_settings
from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.render import print_json
from kotaemon_async.cli.terminal import out
from kotaemon_async.cli.throwaway import Throwaway, free_port
from kotaemon_async.documents.chunking import chunks_of
from kotaemon_async.documents.ingest import RECIPE
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.index_terms import segment
from kotaemon_async.domain.model import Page
from kotaemon_async.domain.text import is_mostly_cjk
from kotaemon_async.resilience.memory import usage
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.embedding.models import choose
from kotaemon_async.stores.claims import Batch
from kotaemon_async.stores.documents import NewDocument
from kotaemon_async.stores.ledger import Ledger
from tests.bench.__main__ import quantiles_ms

FIRST: Final = 1000
STEP: Final = 10
SENTENCES: Final = 2000
SENTENCES_A_PAGE: Final = 30
PAGES: Final = 5
#: So much of a sentence tells which one it is.
BEGINNING: Final = 20
#: Every tenth document stands in one of the small collections.
SMALL_COLLECTIONS: Final = 300
#: As many as a request may name.
MOST_DOCUMENTS: Final = 200
REPEATS: Final = 60
AT_ONCE: Final = 8
ANSWERS: Final = 20
INDEX_LIMIT_S: Final = 1800.0

_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|(?<=[。！？])")
Scope = dict[str, object]


def sentences_of(folders: Sequence[Path], random_: random.Random) -> list[str]:
    """Real sentences of the PDFs, as many of each folder, in the same order every time."""
    found: list[str] = []
    for folder in folders:
        pages = [text for path in sorted(folder.glob("*.pdf")) for text in _texts_of(path)]
        cut = {" ".join(one.split()) for page in pages for one in _END.split(page)}
        usable = sorted(one for one in cut if 15 <= len(one) <= 300)
        found += random_.sample(usable, min(len(usable), SENTENCES // len(folders)))
    return found


def _texts_of(path: Path) -> list[str]:
    with pymupdf.open(path) as document:  # type: ignore[no-untyped-call]
        return [str(page.get_text()) for page in document]


async def embedded(sentences: Sequence[str]) -> tuple[str, NDArray[np.float32]]:
    """The model's name, and a vector for each sentence."""
    settings = load_settings().embedding
    model = choose(settings.model, settings.folder)
    embedder = await Embedder.open(settings.folder, model=model, threads=settings.threads)
    vectors = [await embedder.embed_passages(sentences[at : at + 32]) for at in range(0, len(sentences), 32)]
    name = embedder.name
    await embedder.aclose()
    return name, np.concatenate([np.asarray(part, np.float32) for part in vectors])


class Filler:
    """Puts documents into a ledger that no service has open."""

    def __init__(self, sentences: Sequence[str], vectors: NDArray[np.float32], model: str) -> None:
        self._model = model
        begun = (one[:BEGINNING] for one in sentences)
        self._vectors = dict(zip(begun, vectors, strict=True))
        self._spare = vectors[0]
        self._noise = np.random.default_rng(13)
        self._by_language = [
            [one for one in sentences if is_mostly_cjk(one) is kind] for kind in (False, True)
        ]
        self._random = random.Random(7)
        self.documents = self.passages = 0

    async def fill(self, ledger: Ledger, passages: int) -> float:
        """Go on until there are so many; return the seconds of CPU that committing took for each."""
        before, committing_s = self.passages, 0.0
        while self.passages < passages:
            pages = self._pages()
            batch = self._batch(pages)
            began_s = time.process_time()
            await self._commit(ledger, batch)
            committing_s += time.process_time() - began_s
            self.passages += len(batch.chunks)
        return committing_s / max(1, self.passages - before)

    def _pages(self) -> list[Page]:
        pool = self._by_language[self.documents % 3 == 2]
        return [
            Page(number, " ".join(self._random.choices(pool, k=SENTENCES_A_PAGE)))
            for number in range(1, PAGES + 1)
        ]

    def _batch(self, pages: Sequence[Page]) -> Batch:
        chunks = chunks_of(pages)
        made = np.stack([self._vector(chunk.text) for chunk in chunks])
        terms = [segment(chunk.text) for chunk in chunks]
        return Batch(pages, chunks, made, terms, len(pages), self._model)

    def _vector(self, text: str) -> NDArray[np.float32]:
        begun = (one.strip()[:BEGINNING] for one in _END.split(text))
        held = [self._vectors[one] for one in begun if one in self._vectors] or [self._spare]
        made = np.mean(held, axis=0) + self._noise.normal(scale=0.01, size=len(self._spare))
        near: NDArray[np.float32] = (made / np.linalg.norm(made)).astype(np.float32)
        return near

    async def _commit(self, ledger: Ledger, batch: Batch) -> None:
        number = self.documents
        self.documents += 1
        small = f"small{number // 10 % SMALL_COLLECTIONS}"
        collection = small if number % 10 == 0 else "main"
        name = document_id(number)
        sha256, trace_id = f"{number:064}", "a" * 32
        kept = NewDocument(
            EVERYBODY,
            name,
            f"{number}.pdf",
            "application/pdf",
            1000,
            sha256,
            collection,
            6,
            trace_id,
            "",
        )
        await ledger.documents.accept(kept, time.time())
        claim = await ledger.claims.claim(name, "bench", time.time(), 600.0, recipe=RECIPE)
        if claim is None:
            raise RuntimeError(f"{name} cannot be claimed")
        await ledger.claims.commit_batch(claim, batch, time.time())
        await ledger.claims.to_indexing(claim, time.time())


def document_id(number: int) -> str:
    return f"doc_{number:020}"


class Questions:
    """Different ones every time, of words that stand together in a sentence."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._sentences = sentences
        self._random = random.Random(11)

    def next(self) -> str:
        sentence = self._random.choice(self._sentences)
        if is_mostly_cjk(sentence):
            at = self._random.randrange(max(1, len(sentence) - 12))
            return sentence[at : at + 12]
        words = sentence.split()
        at = self._random.randrange(max(1, len(words) - 7))
        return " ".join(words[at : at + 7])


class Stage:
    """One size: the service on the filled ledger, and what it costs."""

    def __init__(self, service: Throwaway, questions: Questions, documents: int) -> None:
        self._service = service
        self._client = Client(service.url)
        self._questions = questions
        self._documents = documents

    def until_indexed(self, passages: int) -> float:
        """Wait until the vector index holds them all and searches are exact; return the seconds."""
        began_s = time.monotonic()
        while time.monotonic() - began_s < INDEX_LIMIT_S:
            vectors = self._client.health()[1]["components"]["vectors"]
            if vectors.get("count") == passages and not vectors.get("behind") and "code" not in vectors:
                return time.monotonic() - began_s
            time.sleep(0.2)
        raise TimeoutError("The vector index is not complete.")

    def measured(self) -> Json:
        numbers = random.Random(5).sample(range(self._documents), min(MOST_DOCUMENTS, self._documents))
        ids = [document_id(number) for number in numbers]
        main: Scope = {"collection": "main"}
        figures: Json = {
            "everything": self._searches({}),
            "collection": self._searches(main),
            "collection_by_vector": self._searches(main, "vector"),
            "collection_by_keyword": self._searches(main, "keyword"),
            "small_collection": self._searches({"collection": "small0"}),
        }
        for count in (1, 10, MOST_DOCUMENTS):
            figures[f"documents_{count}"] = self._searches({"document_ids": ids[:count]})
        asked = [{**main, "question": self._questions.next()} for _ in range(ANSWERS)]
        figures["answer"] = self._timed([self._question("/api/v1/answers", one) for one in asked])
        figures["eight_at_once"] = self._at_once(main)
        parts = usage(pid=self._service.process.pid)
        figures["memory_mb"] = {name: round(part.memory_bytes / 1e6) for name, part in parts.items()}
        figures["memory_mb"]["all"] = sum(figures["memory_mb"].values())
        return figures

    def _question(self, path: str, body: Json) -> Callable[[], object]:
        return lambda: self._client.post(path, body)

    def _search(self, scope: Scope, mode: str = "hybrid") -> Callable[[], object]:
        body = {"query": self._questions.next(), "top_k": 10, "mode": mode, **scope}
        return self._question("/api/v1/search", body)

    def _searches(self, scope: Scope, mode: str = "hybrid") -> Json:
        for _ in range(5):
            self._search(scope, mode)()
        return self._timed([self._search(scope, mode) for _ in range(REPEATS)])

    def _timed(self, asked: Sequence[Callable[[], object]]) -> Json:
        cpu_s, seconds = self._cpu_s(), []
        for one in asked:
            began_s = time.monotonic()
            one()
            seconds.append(time.monotonic() - began_s)
        spent_ms = 1000 * (self._cpu_s() - cpu_s) / len(asked)
        return quantiles_ms(seconds) | {"cpu_ms": round(spent_ms, 1)}

    def _at_once(self, scope: Scope) -> Json:
        asked = [self._search(scope) for _ in range(4 * REPEATS)]
        seconds: list[float] = []

        def one(ask: Callable[[], object]) -> None:
            began_s = time.monotonic()
            ask()
            seconds.append(time.monotonic() - began_s)

        began_s = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, asked))
        return quantiles_ms(seconds) | {"a_second": round(len(asked) / (time.monotonic() - began_s), 1)}

    def _cpu_s(self) -> float:
        return sum(part.cpu_s for part in usage(pid=self._service.process.pid).values())


def sizes(most: int) -> Iterator[int]:
    """A thousand, ten thousand and so on."""
    size = FIRST
    while size < most:
        yield size
        size *= STEP
    yield most


def measure(folder: Path, pack: Path, most: int) -> Json:
    sentences = sentences_of([pack / "docs_en", pack / "docs_zh"], random.Random(3))
    model, vectors = anyio.run(embedded, sentences)
    filler, questions = Filler(sentences, vectors, model), Questions(sentences)
    service = Throwaway(folder, free_port())
    service.start()
    service.stop()
    stages: Json = {}
    for passages in sizes(most):
        stages[str(passages)] = _stage(service, filler, questions, passages)
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "model": model,
        "stages": stages,
    }


def _stage(service: Throwaway, filler: Filler, questions: Questions, passages: int) -> Json:
    committed_s = anyio.run(_filled, service.data_dir / "ledger.db", filler, passages)
    service.start()
    try:
        stage = Stage(service, questions, filler.documents)
        indexed_s = stage.until_indexed(filler.passages)
        service.stop()
        service.start()
        searchable_s = Stage(service, questions, filler.documents).until_indexed(filler.passages)
        figures = Stage(service, questions, filler.documents).measured()
    finally:
        service.stop()
    disk_bytes = sum(path.stat().st_size for path in service.data_dir.rglob("*") if path.is_file())
    return {
        "passages": filler.passages,
        "commit_cpu_ms_a_passage": round(1000 * committed_s, 3),
        "indexed_s": round(indexed_s, 1),
        "start_s": round(service.start_s, 2),
        "searchable_after_start_s": round(service.start_s + searchable_s, 2),
        "disk_kb_a_passage": round(disk_bytes / 1000 / filler.passages, 1),
        **figures,
    }


async def _filled(path: Path, filler: Filler, passages: int) -> float:
    ledger = await Ledger.open(path)
    try:
        return await filler.fill(ledger, passages)
    finally:
        await ledger.aclose()


def flat(figures: Json, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number under its path."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        elif name != "count":
            yield f"{prefix}{name}", float(value)


def print_table(figures: Json) -> None:
    """A column for each size, and at the end how much the largest costs beside the smallest."""
    stages = {size: dict(flat(stage)) for size, stage in figures["stages"].items()}
    first, last = (stages[size] for size in (next(iter(stages)), next(reversed(stages))))
    table = Table("cost", *stages, "growth", box=None, pad_edge=False)
    for name in last:
        growth = f"{last[name] / first[name]:.2f}" if first.get(name) else ""
        table.add_row(name, *(f"{stage.get(name, 0):g}" for stage in stages.values()), growth)
    out().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, required=True, help="folder with docs_en and docs_zh")
    parser.add_argument("--passages", type=int, default=100_000)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="kotaemon-scale-") as folder:
        figures = measure(Path(folder), given.pack, given.passages)
    print_table(figures)
    print_json(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
