"""Fills a ledger with recombined real sentences in both languages, and asks about them.

The vector of a passage is the mean of those of its sentences, with a little noise: like what a model makes,
and a thousand times as fast.
"""

import random
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pymupdf
from numpy.typing import NDArray

from kotaemon_async.app.settings import load_settings
from kotaemon_async.documents.chunking import chunks_of
from kotaemon_async.documents.ingest import RECIPE
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.index_terms import segment
from kotaemon_async.domain.model import Chunk, Page
from kotaemon_async.domain.overviews import DocumentOverview
from kotaemon_async.domain.text import is_mostly_cjk
from kotaemon_async.search.embedding.embedder import Embedder
from kotaemon_async.search.embedding.models import choose
from kotaemon_async.stores.claims import Batch
from kotaemon_async.stores.documents import NewDocument
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.overviews import Version

SENTENCES: Final = 2000
SENTENCES_A_PAGE: Final = 30
PAGES: Final = 5
#: So much of a sentence tells which one it is.
BEGINNING: Final = 20
#: Every tenth document stands in one of the small collections.
SMALL_COLLECTIONS: Final = 300

#: A passage, and how many of it make a page.
EQUAL: Final = "The maintenance log of station seven lists every check of the week. "
EQUAL_A_PAGE: Final = 50

_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|(?<=[。！？])")


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
            await self._commit(ledger, batch, self._collection())
            committing_s += time.process_time() - began_s
            self.passages += len(batch.chunks)
        return committing_s / max(1, self.passages - before)

    def _collection(self) -> str:
        small = f"small{self.documents // 10 % SMALL_COLLECTIONS}"
        return small if self.documents % 10 == 0 else "main"

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

    async def add_equal(self, ledger: Ledger, passages: int) -> None:
        """Put one document of equal passages beside the others."""
        pages = [Page(number, EQUAL * EQUAL_A_PAGE) for number in range(1, passages // EQUAL_A_PAGE + 1)]
        length = len(EQUAL)
        chunks = [
            Chunk(page.number, at, length * at, length * (at + 1), EQUAL)
            for page in pages
            for at in range(EQUAL_A_PAGE)
        ]
        made = np.tile(self._spare, (len(chunks), 1))
        batch = Batch(pages, chunks, made, [segment(EQUAL)] * len(chunks), len(pages), self._model)
        await self._commit(ledger, batch, "log")
        self.passages += len(chunks)

    async def _commit(self, ledger: Ledger, batch: Batch, collection: str) -> None:
        name, number = document_id(self.documents), self.documents
        self.documents += 1
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
        # The service would make them all beside what is measured.
        await ledger.overviews.keep(Version(name, 1), DocumentOverview(), time.time())


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
