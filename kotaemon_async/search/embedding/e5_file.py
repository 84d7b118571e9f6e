"""The file of weights of multilingual-e5-small in 4 bits ("E5S1"), and its pieces.

Little-endian: the mark and a version; eight numbers of the model's shape, with the epsilon before the last;
the number of pieces and four of their ids; the pieces' offsets, scores and text; a table of characters, which
is not needed; and the tensors by name, each float32 or rows of blocks of 32 numbers: a float16 scale and 16
bytes, of which byte j holds number j in its low half and number j + 16 in its high half.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kotaemon_async.search.embedding.weights import BLOCK, WIDTH, Array, Encoder, PackedTable

_MAGIC: Final = b"E5S1"
_INNER: Final = 4 * WIDTH
_BLOCK_BYTES: Final = 2 + BLOCK // 2
#: The file's names of tensors, and those of the released checkpoint.
_NAMES: Final = {
    "emb.pos": "embeddings.position_embeddings",
    "emb.type": "embeddings.token_type_embeddings",
    "emb.ln": "embeddings.LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_PARTS: Final = {"w": "weight", "b": "bias"}
_OF_LAYER: Final = re.compile(r"l(\d+)\.(\w+)\.(\w)")


@dataclass(frozen=True, slots=True)
class E5File:
    """What the file holds: the pieces by their ids, with the ids of a text's marks, and the weights."""

    pieces: Sequence[str]
    scores: Sequence[float]
    first: int
    last: int
    encoder: Encoder

    def only(self, ids: Sequence[int]) -> "E5File":
        """Return it with these pieces alone, in their order; the marks come first, so they keep their ids."""
        words = self.encoder.words
        assert isinstance(words, PackedTable)  # noqa: S101 - as `parse` made it
        table = PackedTable(words.halves[list(ids)], words.scales[list(ids)])
        encoder = Encoder(table, self.encoder.tensors, self.encoder.layers)
        pieces, scores = [self.pieces[one] for one in ids], [self.scores[one] for one in ids]
        return E5File(pieces, scores, self.first, self.last, encoder)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def numbers(self, layout: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + layout, self._data, self._at)
        self._at += struct.calcsize("<" + layout)
        return found

    def array(self, kind: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self._data, kind, count, self._at)
        self._at += found.nbytes
        return found

    def take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        self._at += count
        return found


def parse(data: bytes) -> E5File:
    """Return what the file holds."""
    reader = _Reader(data)
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise ValueError("no E5S1 file")
    _version, width, layers, _heads, inner, words, _seen, _kinds, _epsilon, block = reader.numbers("I7ifi")
    if (width, inner, block) != (WIDTH, _INNER, BLOCK):
        raise ValueError("an E5S1 file of another shape")
    count, first, last, _pad, _unknown = reader.numbers("5i")
    (text_bytes,) = reader.numbers("Q")
    offsets = reader.array("<u4", count + 1).tolist()
    scores = reader.array("<f4", count).tolist()
    text = reader.take(text_bytes)
    pieces = [text[start:stop].decode() for start, stop in pairwise(offsets)]
    _characters, characters_bytes = reader.numbers("iI")
    reader.take(characters_bytes)
    places = dict(_places(reader))
    table = _table(data, places.pop("emb.word"), words)
    tensors = {_released(name): _tensor(data, name, place) for name, place in places.items()}
    return E5File(pieces, scores, first, last, Encoder(table, tensors, layers))


class _Place(NamedTuple):
    """Where a tensor lies in the file."""

    is_packed: bool
    size: int
    offset: int


def _places(reader: _Reader) -> Iterator[tuple[str, _Place]]:
    (tensors,) = reader.numbers("i")
    for _ in range(tensors):
        (length,) = reader.numbers("H")
        name = reader.take(length).decode()
        packed, count, offset, _bytes = reader.numbers("BIQQ")
        yield name, _Place(bool(packed), count, offset)


def _released(name: str) -> str:
    """Return the name in the released checkpoint."""
    layer = _OF_LAYER.fullmatch(name)
    if layer:
        return f"encoder.layer.{layer[1]}.{_NAMES[layer[2]]}.{_PARTS[layer[3]]}"
    own, _, part = name.rpartition(".")
    return f"{_NAMES[own]}.{_PARTS[part]}" if own in _NAMES else f"{_NAMES[name]}.weight"


def _tensor(data: bytes, name: str, place: _Place) -> Array:
    """Return a vector, or a matrix with its outputs in rows."""
    columns = _INNER if name.endswith(".fo.w") else WIDTH
    if not place.is_packed:
        flat: Array = np.frombuffer(data, "<f4", place.size, place.offset)
        return flat.reshape(-1, columns) if name in ("emb.pos", "emb.type") else flat
    halves, scales = _blocks(data, place)
    whole = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.float32) - 8
    return np.asarray(whole * scales[:, None].astype(np.float32), np.float32).reshape(-1, columns)


def _blocks(data: bytes, place: _Place) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """Return the bytes, (blocks, 16), and scales, (blocks,), of a packed tensor."""
    count = place.size // BLOCK
    raw = np.frombuffer(data, np.uint8, count * _BLOCK_BYTES, place.offset).reshape(count, _BLOCK_BYTES)
    return raw[:, 2:], raw[:, :2].copy().view("<f2")[:, 0]


def _table(data: bytes, place: _Place, words: int) -> PackedTable:
    """Return the words' rows with their halves set anew: unpacking a row is one concatenation then."""
    halves, scales = _blocks(data, place)
    whole = np.concatenate([halves & 15, halves >> 4], axis=1).reshape(words, WIDTH)
    return PackedTable(whole[:, : WIDTH // 2] | whole[:, WIDTH // 2 :] << 4, scales.reshape(words, -1))
