"""What is read of a GGUF file and its folder."""

import struct
from pathlib import Path
from typing import Any

import pytest

from kotaemon_async.answers.llm.child_gguf import NoModel, commands, context_tokens, model_file, read_head

STRING, ARRAY, INTEGER, UNSIGNED = 8, 9, 5, 4


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def words(*values: bytes) -> bytes:
    return struct.pack("<IQ", STRING, len(values)) + b"".join(map(text, values))


def integers(*values: int) -> bytes:
    return struct.pack(f"<IQ{len(values)}i", INTEGER, len(values), *values)


PAIRS = (
    pair(b"general.architecture", STRING, text(b"llama")),
    pair(b"llama.context_length", UNSIGNED, struct.pack("<I", 8192)),
    pair(b"tokenizer.ggml.tokens", ARRAY, words(b"<s>", b"<|end|>", b"crane", b"\n\n", b"<tool>")),
    pair(b"tokenizer.ggml.token_type", ARRAY, integers(3, 3, 1, 4, 4)),
)
START = struct.pack("<4sIQQ", b"GGUF", 3, 0, len(PAIRS))
WHOLE = START + b"".join(PAIRS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(WHOLE + b"tensors")
    return path


def test_the_head_tells_the_context_and_the_commands(file: Path) -> None:
    head = read_head(file)
    assert context_tokens(head) == 8192
    assert commands(head) == ("<|end|>", "<tool>", "<s>")


@pytest.mark.parametrize("head", [{}, {"general.architecture": 1}, {"general.architecture": b"x"}])
def test_a_head_may_say_nothing_of_either(head: dict[str, Any]) -> None:
    assert (context_tokens(head), commands(head)) == (None, ())


@pytest.mark.parametrize("size", range(0, len(WHOLE), 7))
def test_a_head_that_is_cut_off_is_no_model(file: Path, size: int) -> None:
    file.write_bytes(WHOLE[:size])
    with pytest.raises(NoModel):
        read_head(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"GGUF" + struct.pack("<I", 1) + WHOLE[8:], "no GGUF file"),
        (b"PK\3\4" + WHOLE[4:], "no GGUF file"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 2**60), "broken"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + struct.pack("<Q", 2**60), "broken"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + pair(b"k", 99, b"12345678"), "broken"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + pair(b"k", ARRAY, struct.pack("<IQ", 4, 2**60)), "broken"),
    ],
)
def test_an_odd_head_is_no_model(file: Path, content: bytes, reason: str) -> None:
    file.write_bytes(content)
    with pytest.raises(NoModel, match=reason):
        read_head(file)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("m.gguf",), "m.gguf"),
        (("m.gguf", "mmproj-m.gguf", "README.md"), "m.gguf"),
        (("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"), "m-00001-of-00002.gguf"),
    ],
)
def test_the_model_of_a_folder_is_its_one_file(tmp_path: Path, names: tuple[str, ...], found: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert model_file(tmp_path) == tmp_path / found


def test_a_model_may_be_named_itself(file: Path) -> None:
    (file.parent / "other.gguf").touch()
    assert model_file(file) == file


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((), "holds no GGUF file"),
        (("a.gguf", "b.gguf"), "holds 2 GGUF files; name the one"),
        (("genai_config.json", "model.onnx"), "onnxruntime-genai; a GGUF file is needed now"),
    ],
)
def test_a_folder_without_one_model_says_what_it_holds(
    tmp_path: Path, names: tuple[str, ...], reason: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(NoModel, match=reason):
        model_file(tmp_path)
