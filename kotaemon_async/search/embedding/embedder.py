"""Texts into unit-length vectors: one onnxruntime session, a lane for documents and a lane for questions.

With one thread inside the session, onnxruntime computes in the calling thread and releases Python's
lock, so both lanes share one session and one copy of the weights, and a lane's priority is its threads'.
Texts go one by one: no padding, even lanes, and no large batch whose memory onnxruntime would keep.
A session that nobody needs for long is given back and loaded again by whoever needs it next.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from kotaemon_async.domain.errors import Misconfigured, Unavailable
from kotaemon_async.resilience.models import LeasedModel, ModelRegistry
from kotaemon_async.resilience.settings import ModelSettings
from kotaemon_async.search.embedding import minilm
from kotaemon_async.telemetry.health import Health

Vector = NDArray[np.float32]

_INGEST_NICENESS: Final = 10
#: int8 reaches 0.987 and more against the fp32 reference; wrong weights or a wrong tokenizer stay far below.
_GOLDEN_COSINE: Final = 0.97


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
        name: str,
        dimension: int,
        threads: int,
    ) -> None:
        self.name = name
        self.dimension = dimension
        self._session = session
        self._questions = questions
        self._documents = ThreadPoolExecutor(threads, "embed-document", initializer=_step_back)
        self._closed = False

    @classmethod
    async def open(
        cls, folder: Path, *, model: str, threads: int, models: ModelRegistry | None = None
    ) -> Self:
        """Return a warm embedder; the prepared model's golden vectors were found again.

        `folder` is the prepared model's, or for any other model of fastembed the cache it is kept in.
        Raises: Misconfigured naming `embedding.folder` or `embedding.model`.
        """
        prepared = minilm.is_default(model)
        name = minilm.MODEL if prepared else model
        load = partial(_load_prepared, folder) if prepared else partial(_load_named, folder, model)
        # Always loaded by the same thread: the C library keeps memory for each one that ever asked for much.
        questions = ThreadPoolExecutor(1, "embed-question")
        try:
            loaded = await asyncio.get_running_loop().run_in_executor(questions, load)
        except BaseException:
            questions.shutdown(wait=False)
            raise
        again = partial(_again, questions, load)
        session = LeasedModel("embedder", models or ModelRegistry(ModelSettings()), again, loaded=loaded)
        return cls(session, questions, name=name, dimension=loaded.dimension, threads=max(1, threads))

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

        Raises: Unavailable.
        """
        self._check_open()
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        async with self._session.lease() as session:
            work = [partial(_run, session.model, text) for text in texts]
            return np.stack(await _in(self._documents, work))

    def register_in(self, health: Health) -> None:
        """Make its check part of the report."""
        health.register("embedder", self.check)

    async def check(self) -> dict[str, object]:
        """Try the model if it is loaded; return `model`, `dimension`, `loaded`. Raises: Unavailable."""
        async with self._session.peek() as session:
            if session is not None:
                await _in(self._questions, [partial(_run, session.model, "health", query=True)])
            return {"model": self.name, "dimension": self.dimension, "loaded": session is not None}

    async def aclose(self) -> None:
        """Stop both lanes, drop what waits in them, and release the model."""
        self._closed = True
        for pool in (self._questions, self._documents):
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


def _load_prepared(folder: Path) -> _Session:
    if not minilm.is_prepared(folder):
        raise Misconfigured(
            f"embedding.folder: {folder} holds no prepared model.", hint="Run: kotaemon-async models prepare"
        )
    model: Encoder = _load("embedding.folder", minilm.MODEL, lambda: minilm.MiniLM(folder))
    cosine = _golden_cosine(model, folder)
    if cosine < _GOLDEN_COSINE:
        raise Misconfigured(
            f"embedding.folder: the model in {folder} gives wrong vectors (cosine {cosine:.3f}).",
            hint="Delete the folder and run: kotaemon-async models prepare",
        )
    return _Session(model, minilm.WIDTH)


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
    golden = json.loads((folder / minilm.GOLDEN_FILE).read_bytes())["texts"][0]
    return float(_run(model, golden["text"]) @ np.asarray(golden["vector"], np.float32))


def _step_back() -> None:
    # Linux gives every thread a niceness of its own, so documents yield to questions and to the loop.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _INGEST_NICENESS)
