"""The weights of a BERT encoder, under the names of the released checkpoints, and what it computes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Tensors = Mapping[str, Array]

WIDTH: Final = 384
HEADS: Final = 12
EPSILON: Final = 1e-12
#: Weights of a 4-bit row share a scale by so many.
BLOCK: Final = 32


@dataclass(frozen=True, slots=True)
class PackedTable:
    """Word vectors of 4 bits a number: byte j holds number j (low half) and number j + WIDTH / 2 (high).

    Args:
        halves: (words, WIDTH / 2) bytes.
        scales: (words, WIDTH / BLOCK) float16; a number is (half - 8) * the scale of its block.
    """

    halves: NDArray[np.uint8]
    scales: NDArray[np.float16]

    def rows(self, ids: Sequence[int]) -> Array:
        """Return the vectors of some words."""
        halves = self.halves[list(ids)]
        whole = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - 8
        blocks = whole.reshape(len(halves), -1, BLOCK)
        scales = self.scales[list(ids)].astype(np.float32)
        return np.asarray(blocks * scales[:, :, None], np.float32).reshape(len(halves), -1)


@dataclass(frozen=True, slots=True)
class FloatTable:
    """Word vectors as they were trained, (words, WIDTH)."""

    vectors: Array

    def rows(self, ids: Sequence[int]) -> Array:
        """Return the vectors of some words."""
        return self.vectors[list(ids)]


@dataclass(frozen=True, slots=True)
class Encoder:
    """A BERT encoder's word vectors, and its other tensors by name."""

    words: PackedTable | FloatTable
    tensors: Tensors
    layers: int

    def vector(self, ids: Sequence[int]) -> Array:
        """Return the unit-length vector of one text, in plain numpy: what the graph has to match."""
        tensors = self.tensors
        hidden = (
            self.words.rows(ids)
            + tensors["embeddings.position_embeddings.weight"][: len(ids)]
            + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = _norm(tensors, "embeddings.LayerNorm", hidden)
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            attended = _dense(tensors, f"{layer}.attention.output.dense", _attend(tensors, layer, hidden))
            hidden = _norm(tensors, f"{layer}.attention.output.LayerNorm", hidden + attended)
            wide = _gelu(_dense(tensors, f"{layer}.intermediate.dense", hidden))
            narrow = _dense(tensors, f"{layer}.output.dense", wide)
            hidden = _norm(tensors, f"{layer}.output.LayerNorm", hidden + narrow)
        mean: Array = hidden.mean(axis=0)
        return unit(mean)


def unit(vectors: NDArray[np.floating[Any]]) -> Array:
    """Return the vectors, one or in rows, at length 1."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def without(vectors: Array, directions: Array) -> Array:
    """Return the vectors without their parts along some directions, which are of length 1 and orthogonal."""
    return unit(vectors - (vectors @ directions.T) @ directions)


def _dense(tensors: Tensors, name: str, source: Array) -> Array:
    product: Array = source @ tensors[f"{name}.weight"].T
    return product + tensors[f"{name}.bias"]


def _norm(tensors: Tensors, name: str, source: Array) -> Array:
    centred = source - source.mean(axis=1, keepdims=True)
    scaled: Array = centred / np.sqrt(source.var(axis=1, keepdims=True) + np.float32(EPSILON))
    return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def _gelu(source: Array) -> Array:
    erf = np.fromiter(map(math.erf, (source / math.sqrt(2)).flat), np.float32, source.size)
    return np.asarray(source * (1 + erf.reshape(source.shape)) / 2, np.float32)


def _attend(tensors: Tensors, layer: str, hidden: Array) -> Array:
    def heads(part: str) -> Array:
        flat = _dense(tensors, f"{layer}.attention.self.{part}", hidden)
        return flat.reshape(len(hidden), HEADS, -1).transpose(1, 0, 2)

    likeness = heads("query") @ heads("key").transpose(0, 2, 1) / math.sqrt(WIDTH // HEADS)
    weight = np.exp(likeness - likeness.max(axis=2, keepdims=True))
    weight /= weight.sum(axis=2, keepdims=True)
    context: Array = (weight @ heads("value")).transpose(1, 0, 2)
    return context.reshape(hidden.shape)
