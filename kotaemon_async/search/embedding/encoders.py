"""The prepared models once loaded: one text at a time; pooling and unit length are in the graph.

What fastembed would wrap around them takes half a second to import, and does nothing for these models.
"""

import os
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

# onnxruntime reports its use to its maker unless this stands in the environment before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime

from kotaemon_async.search.embedding.models import MODEL_FILE, MULTILINGUAL, PreparedModel
from kotaemon_async.search.embedding.weights import Array, unit

PIECES_FILE: Final = "pieces.model"
TOKENIZER_FILE: Final = "tokenizer.json"
_IGNORED: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]")
_BLANKS: Final = re.compile(r"[\s\u200b-\u200f\u2581\ufeff\ufffd]+")


def load_encoder(folder: Path, model: PreparedModel) -> "PreparedEncoder":
    """Load a model from its folder."""
    return MultilingualE5(folder, model) if model is MULTILINGUAL else MiniLM(folder, model)


def session_of(graph: Path) -> Any:
    """Open a graph that computes in the thread of its caller."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"], sess_options=options)


class PreparedEncoder(ABC):
    """Embeds one text at a time, one that is longer than the window in parts that count alike."""

    def __init__(self, folder: Path, model: PreparedModel) -> None:
        self._session = session_of(folder / MODEL_FILE)
        self._window = model.window

    @abstractmethod
    def pieces(self, text: str) -> list[int]:
        """Return the tokens of a text, without marks."""

    def query_embed(self, texts: list[str]) -> list[Array]:
        """Return one row for each question."""
        return [self._embed(text, query=True) for text in texts]

    def passage_embed(self, texts: list[str]) -> list[Array]:
        """Return one row for each passage."""
        return [self._embed(text, query=False) for text in texts]

    @abstractmethod
    def _marks(self, *, query: bool) -> tuple[list[int], int]:
        """Return what stands before the tokens, and the token behind them."""

    def _embed(self, text: str, *, query: bool) -> Array:
        before, end = self._marks(query=query)
        parts = in_parts(self.pieces(text), self._window - len(before) - 1)
        rows = [self._run([*before, *part, end]) for part in parts]
        return rows[0] if len(rows) == 1 else unit(np.mean(rows, axis=0))

    def _run(self, ids: list[int]) -> Array:
        row: Array = self._session.run(None, {"input_ids": np.array([ids], np.int64)})[0][0]
        return row


class MiniLM(PreparedEncoder):
    """all-MiniLM-L6-v2."""

    def __init__(self, folder: Path, model: PreparedModel) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415 - 30 MB that the default model does not need

        super().__init__(folder, model)
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._first, self._last = self._tokenizer.encode("").ids

    def pieces(self, text: str) -> list[int]:
        """Return the tokens of a text, without marks."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _marks(self, *, query: bool) -> tuple[list[int], int]:  # noqa: ARG002 - it tells them not apart
        return [self._first], self._last


class MultilingualE5(PreparedEncoder):
    """multilingual-e5-small; sentencepiece, since the same pieces take 280 MB in tokenizers."""

    def __init__(self, folder: Path, model: PreparedModel) -> None:
        super().__init__(folder, model)
        self._pieces = open_pieces(folder / PIECES_FILE)
        first, self._end = self._pieces.bos_id(), self._pieces.eos_id()
        self._before = {query: [first, *self.pieces(role)] for query, role in ROLES.items()}

    def pieces(self, text: str) -> list[int]:
        """Return the tokens of a text, without marks."""
        ids: list[int] = self._pieces.encode(plain(text))
        return ids

    def _marks(self, *, query: bool) -> tuple[list[int], int]:
        return self._before[query], self._end


#: What stands before a question, and before a passage.
ROLES: Final = {True: "query:", False: "passage:"}


def open_pieces(path: Path) -> Any:
    """Load a file of sentencepiece."""
    import sentencepiece  # noqa: PLC0415 - only the multilingual model needs it

    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def plain(text: str) -> str:
    """Return the text as multilingual-e5 was trained to see it.

    Compatibility forms composed, but U+FF5E; no controls; one space for any that are blank.
    """
    kept = _BLANKS.sub(" ", _IGNORED.sub("", text))
    return "～".join(unicodedata.normalize("NFKC", part) for part in kept.split("～")).strip()


def in_parts(ids: Sequence[int], most: int) -> list[Sequence[int]]:
    """Return the tokens in as few parts of about equal length as hold at most so many each."""
    count = max(1, -(-len(ids) // most))
    edges = [len(ids) * number // count for number in range(count + 1)]
    return [ids[start:stop] for start, stop in pairwise(edges)]
