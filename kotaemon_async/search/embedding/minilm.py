"""The default model, all-MiniLM-L6-v2: its shape, its prepared folder, and the model itself once loaded."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# onnxruntime reports its use to its maker unless this stands in the environment before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

Array = NDArray[np.float32]
Weights = Mapping[str, Array]

MODEL: Final = "all-MiniLM-L6-v2"
LAYERS: Final = 6
HEADS: Final = 12
WIDTH: Final = 384
MAX_TOKENS: Final = 256
EPSILON: Final = 1e-12

MODEL_FILE: Final = "model.onnx"
GOLDEN_FILE: Final = "golden.json"
#: Raised whenever the graph or the files of the folder change, so that an old folder is made anew.
FORMAT: Final = 3


def is_default(model: str) -> bool:
    """Return whether the name is this model's, in any case of its letters."""
    return model.casefold() == MODEL.casefold()


def is_prepared(folder: Path) -> bool:
    """Return whether the folder is whole and of this version's format."""
    try:
        golden = json.loads((folder / GOLDEN_FILE).read_bytes())
        same = bool(golden["format"] == FORMAT)
        return same and all((folder / name).stat().st_size == size for name, size in golden["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


class MiniLM:
    """Embeds one text at a time; pooling and unit length are in the graph.

    What fastembed would wrap around it takes half a second to import, and does nothing for this model.
    """

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / MODEL_FILE), providers=["CPUExecutionProvider"], sess_options=options
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def passage_embed(self, texts: list[str]) -> list[Array]:
        """Return one row for each text."""
        return [self._embed(text) for text in texts]

    query_embed = passage_embed

    def _embed(self, text: str) -> Array:
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        row: Array = self._session.run(None, {"input_ids": ids})[0][0]
        return row
