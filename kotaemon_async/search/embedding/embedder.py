"""Texts into unit-length vectors: one onnxruntime session, lanes for documents, questions and sentences.

With one thread inside the session, onnxruntime computes in the calling thread and releases Python's
lock, so all lanes share one session and one copy of the weights, and a lane's priority is its threads'.
Texts go one by one: no padding, even lanes, and no large batch whose memory onnxruntime would keep.
A session that nobody needs for long is given back and loaded again by whoever needs it next.
"""

import asyncio
import json
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from kotaemon_async.domain.errors import Misconfigured, Unavailable
from kotaemon_async.resilience.models import LeasedModel, ModelRegistry
from kotaemon_async.resilience.settings import ModelSettings
from kotaemon_async.search.embedding.encoders import load_encoder
from kotaemon_async.search.embedding.models import (
    GOLDEN_FILE,
    PREPARE,
    Choice,
    PreparedModel,
    full_name,
    prepared_model,
)

Vector = NDArray[np.float32]

_INGEST_NICENESS: Final = 10
#: int8 reaches 0.985 and more against the fp32 reference; wrong weights or a wrong tokenizer stay far below.
_GOLDEN_COSINE: Final = 0.97
#: Sentences whose vectors are kept: 3 MB of vectors, and the sentences.
_SENTENCES_KEPT: Final = 2048


class Encoder(Protocol):
    """A loaded model: the default one, or any of fastembed's."""

    def query_embed(self, texts: list[str], /) -> Iterable[Any]:
        """Yield one row for each question."""
        ...

    def passage_embed(self, texts: list[str], /) -> Iterable[Any]:
        """Yield one row for each passage."""
        ...


class _Session(NamedTuple):
    """A loaded model and the length of its vectors."""

    model: Encoder
    dimension: int


class Embedder:
    """Vectors of one model; a question never waits behind a document."""

    def __init__(
        self,
        session: LeasedModel[_Session],
        questions: ThreadPoolExecutor,
        *,
        choice: Choice,
        dimension: int,
        threads: int,
    ) -> None:
        self.name = choice.name
        self.dimension = dimension
        self._instead_of = choice.instead_of
        self._session = session
        self._questions = questions
        self._sentences = ThreadPoolExecutor(threads, "embed-sentence")
        self._documents = ThreadPoolExecutor(threads, "embed-document", initializer=_step_back)
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self._closed = False

    @classmethod
    async def open(
        cls, folder: Path, *, model: str | Choice, threads: int, models: ModelRegistry | None = None
    ) -> Self:
        """Return a warm embedder; a prepared model's golden vectors were found again.

        `folder` is that of all prepared models, or for a model of fastembed the cache it is kept in.
        Raises: Misconfigured naming `embedding.folder` or `embedding.model`.
        """
        choice = model if isinstance(model, Choice) else Choice(full_name(model))
        load = partial(_loaded, folder, choice.name)
        # Always loaded by the same thread: the C library keeps memory for each one that ever asked for much.
        questions = ThreadPoolExecutor(1, "embed-question")
        try:
            loaded = await asyncio.get_running_loop().run_in_executor(questions, load)
        except BaseException:
            questions.shutdown(wait=False)
            raise
        again = partial(_again, questions, load)
        session = LeasedModel("embedder", models or ModelRegistry(ModelSettings()), again, loaded=loaded)
        logger.bind(model=choice.name).info("embedder_opened")
        if choice.instead_of:
            logger.bind(model=choice.instead_of).warning("embedding_model_missing")
        return cls(session, questions, choice=choice, dimension=loaded.dimension, threads=max(1, threads))

    @property
    def calibrated(self) -> bool:
        """Return whether its cosines are what thresholds and weights were chosen with."""
        model = prepared_model(self.name)
        return model is not None and model.is_calibrated

    @property
    def is_loaded(self) -> bool:
        """Return whether the model is in memory; if not, the next text brings it back."""
        return self._session.is_loaded

    async def embed_query(self, text: str) -> Vector:
        """Return the vector of a question, shape (dimension,).

        Raises: Unavailable.
        """
        self._check_open()
        async with self._session.lease() as session:
            (vector,) = await _in(self._questions, [partial(_run, session.model, text, query=True)])
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> Vector:
        """Return one row for each text, in the given order, shape (n, dimension).

        Equal texts, of which forms and logs are full, are embedded once. Raises: Unavailable.
        """
        self._check_open()
        different = list(dict.fromkeys(texts))
        rows = await self._rows(different, self._documents)
        if len(different) == len(texts):
            return rows
        places = {text: place for place, text in enumerate(different)}
        return rows[[places[text] for text in texts]]

    async def embed_sentences(self, texts: Sequence[str]) -> Vector:
        """Return one row for each sentence, in the given order, shape (n, dimension).

        For what a question looks at: it does not wait behind documents, nor is it computed again soon.
        Raises: Unavailable.
        """
        self._check_open()
        rows = {text: self._kept[text] for text in texts if text in self._kept}
        new = [text for text in dict.fromkeys(texts) if text not in rows]
        rows |= zip(new, await self._rows(new, self._sentences), strict=True)
        for text, row in rows.items():
            self._kept[text] = row
            self._kept.move_to_end(text)
        while len(self._kept) > _SENTENCES_KEPT:
            self._kept.popitem(last=False)
        return np.stack([rows[text] for text in texts]) if texts else self._none()

    async def _rows(self, texts: Sequence[str], lane: ThreadPoolExecutor) -> Vector:
        if not texts:
            return self._none()
        async with self._session.lease() as session:
            return np.stack(await _in(lane, [partial(_run, session.model, text) for text in texts]))

    def _none(self) -> Vector:
        return np.empty((0, self.dimension), np.float32)

    async def forget(self) -> None:
        """Drop the vectors of sentences."""
        self._kept.clear()

    async def check(self) -> dict[str, object]:
        """Try the model if it is loaded; return `model`, `dimension`, `loaded`, a message if it stands in.

        Raises: Unavailable.
        """
        async with self._session.peek() as session:
            if session is not None:
                await _in(self._questions, [partial(_run, session.model, "health", query=True)])
        known: dict[str, object] = {
            "model": self.name,
            "dimension": self.dimension,
            "loaded": session is not None,
        }
        if self._instead_of:
            known["message"] = f"{self.name} runs in place of {self._instead_of}, which is missing: {PREPARE}"
        return known

    async def aclose(self) -> None:
        """Stop all lanes, drop what waits in them, and release the model."""
        self._closed = True
        for pool in (self._questions, self._sentences, self._documents):
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        await self._session.release()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The embedder is closed.", code="embedder_unavailable")


async def _again(pool: ThreadPoolExecutor, load: Callable[[], _Session]) -> _Session:
    """Load the model while the service runs; raises Unavailable for what would have stopped the start."""
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, load)
    except Misconfigured as error:
        raise Unavailable(error.message, code="embedder_unavailable", hint=error.hint) from error


async def _in(pool: ThreadPoolExecutor, work: Sequence[Callable[[], Vector]]) -> list[Vector]:
    loop = asyncio.get_running_loop()
    try:
        futures = [loop.run_in_executor(pool, piece) for piece in work]
    except RuntimeError as error:  # the pool was shut down
        raise Unavailable("The embedder is closed.", code="embedder_unavailable") from error
    try:
        return await asyncio.gather(*futures)
    finally:
        for future in futures:
            future.cancel()  # what still waits in the lane has nobody left to want it


def _run(model: Encoder, text: str, *, query: bool = False) -> Vector:
    embed = model.query_embed if query else model.passage_embed
    try:
        (row,) = embed([text])
    except Exception as error:  # onnxruntime's errors share no base of their own
        raise Unavailable(f"The embedding model failed: {error}", code="embedder_unavailable") from error
    vector: Vector = np.array(row, np.float32)
    vector /= max(float(np.linalg.norm(vector)), 1e-12)
    return vector


def _loaded(folder: Path, name: str) -> _Session:
    prepared = prepared_model(name)
    return _load_prepared(folder, prepared) if prepared else _load_named(folder, name)


def _load_prepared(models: Path, prepared: PreparedModel) -> _Session:
    folder = prepared.folder_in(models)
    command = f"{PREPARE} --model {prepared.short}"
    if not prepared.is_in(folder):
        raise Misconfigured(
            f"embedding.folder: {folder} holds no prepared model {prepared.name}.", hint=f"Run: {command}"
        )
    model: Encoder = _load("embedding.folder", prepared.name, lambda: load_encoder(folder, prepared))
    cosine = _golden_cosine(model, folder)
    if cosine < _GOLDEN_COSINE:
        raise Misconfigured(
            f"embedding.folder: the model in {folder} gives wrong vectors (cosine {cosine:.3f}).",
            hint=f"Delete the folder and run: {command}",
        )
    return _Session(model, prepared.dimension)


def _load_named(cache: Path, name: str) -> _Session:
    from fastembed import TextEmbedding  # noqa: PLC0415 - half a second that the default model does not need

    make = partial(TextEmbedding, name, str(cache), threads=1, providers=["CPUExecutionProvider"])
    model = _load("embedding.model", name, make)
    return _Session(model, model.embedding_size)


def _load(setting: str, name: str, make: Callable[[], Any]) -> Any:
    # A pool of threads inside the tokenizer would take the cores behind the lanes' backs.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        return make()
    except Exception as error:  # a hub, a disk and onnxruntime fail in ways that share no base
        raise Misconfigured(f"{setting}: the model {name} cannot be loaded: {error}") from error


def _golden_cosine(model: Encoder, folder: Path) -> float:
    golden = json.loads((folder / GOLDEN_FILE).read_bytes())["texts"][0]
    return float(_run(model, golden["text"]) @ np.asarray(golden["vector"], np.float32))


def _step_back() -> None:
    # Linux gives every thread a niceness of its own, so documents yield to questions and to the loop. It adds
    # to that of the service, which may be higher already: nobody but root may lower it. 19 is the highest.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        niceness = os.getpriority(os.PRIO_PROCESS, thread) + _INGEST_NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, niceness)
