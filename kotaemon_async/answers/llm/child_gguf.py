"""The head of a GGUF file: its architecture, its context, and the words that are commands to the model."""

import re
import struct
from pathlib import Path
from typing import Any, BinaryIO, Final

_STRING, _ARRAY = 8, 9
_FORMS: Final = dict(enumerate("BbHhIif?")) | {10: "Q", 11: "q", 12: "d"}
_MOST_KEYS, _LONGEST_STRING, _LONGEST_ARRAY = 10_000, 1024**2, 2**22
_CONTROL, _USER_DEFINED = 3, 4
_BROKEN: Final = "its head is broken"
#: A part of a model in several files that is not the first, which names the others.
_LATER_PART: Final = re.compile(r"-(?!0*1-of-)\d+-of-\d+\.gguf$")


class NoModel(ValueError):
    """No model can be served from there; the message says why of `it`, the folder or file."""


def model_file(path: Path) -> Path:
    """Return the one GGUF file of a folder, or the file itself. Raises: NoModel."""
    if path.is_file():
        return path
    if (path / "genai_config.json").exists():
        raise NoModel("it holds a model for onnxruntime-genai; a GGUF file is needed now")
    found = [one for one in sorted(path.glob("*.gguf")) if not _is_part_of_another(one.name)]
    if len(found) > 1:
        raise NoModel(f"it holds {len(found)} GGUF files; name the one that is meant")
    if not found:
        raise NoModel("it holds no GGUF file" if path.is_dir() else "it does not exist")
    return found[0]


def _is_part_of_another(name: str) -> bool:
    return name.startswith("mmproj") or _LATER_PART.search(name) is not None


def read_head(path: Path) -> dict[str, Any]:
    """Return the metadata; strings are bytes. Raises: NoModel, OSError."""
    with path.open("rb") as file:
        magic, version = _take(file, "4sI") if path.stat().st_size >= 8 else (b"", 0)
        if magic != b"GGUF" or version not in (2, 3):
            raise NoModel("it is no GGUF file of version 2 or 3")
        _, count = _take(file, "QQ")
        _check(count, _MOST_KEYS)
        return {
            _string(file).decode("utf-8", "replace"): _value(file, *_take(file, "I")) for _ in range(count)
        }


def context_tokens(head: dict[str, Any]) -> int | None:
    """Return the context that the model was made for."""
    architecture = head.get("general.architecture")
    found = head.get(f"{architecture.decode()}.context_length") if isinstance(architecture, bytes) else None
    return found if isinstance(found, int) and found > 0 else None


def commands(head: dict[str, Any]) -> tuple[str, ...]:
    """Return the words that are commands to the model, such as the end of a message, longest first."""
    words = zip(
        head.get("tokenizer.ggml.tokens") or (), head.get("tokenizer.ggml.token_type") or (), strict=False
    )
    found = {
        word.decode("utf-8", "replace")
        for word, kind in words
        if word and (kind == _CONTROL or (kind == _USER_DEFINED and word[:1] in (b"<", b"[")))
    }
    return tuple(sorted(found, key=lambda word: (-len(word), word)))


def _take(file: BinaryIO, form: str) -> tuple[Any, ...]:
    size = struct.calcsize("<" + form)
    data = file.read(size)
    if len(data) < size:
        raise NoModel("it is cut off")
    return struct.unpack("<" + form, data)


def _string(file: BinaryIO) -> bytes:
    (length,) = _take(file, "Q")
    _check(length, _LONGEST_STRING)
    text: bytes = _take(file, f"{length}s")[0]
    return text


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        inner, count = _take(file, "IQ")
        _check(count, _LONGEST_ARRAY)
        if inner in _FORMS:
            return _take(file, f"{count}{_FORMS[inner]}")
        return [_value(file, inner) for _ in range(count)]
    if kind not in _FORMS:
        raise NoModel(_BROKEN)
    return _take(file, _FORMS[kind])[0]


def _check(found: int, most: int) -> None:
    if found > most:
        raise NoModel(_BROKEN)
