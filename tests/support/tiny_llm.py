"""A language model of a few kilobytes for tests: in onnxruntime-genai's format, it says one sentence.

Its next token depends on the last one alone, so it says the same whatever it is asked. One that `listens_for`
a character says nothing unless its cache of keys holds one; `thinking` makes each step take longer; one that
`never_ends` says its pieces again and again; `weights_bytes` lie in a file of their own, as those of a real
model do, a file with holes that takes no room on the disk.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, save_model

SENTENCE: Final = ("The", " crane", " was", " repaired", " in", " October", " [1]", ".")
TEMPLATE: Final = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}<|assistant|>"
)
_SPECIAL: Final = ("<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
_CHARACTERS: Final = (*(chr(code) for code in range(32, 127)), "\n")
_END: Final = _SPECIAL.index("<|end|>")
_WEIGHTS: Final = "model.onnx.data"
_HEADS, _HEAD_SIZE, _WIDTH = 1, 2, 256


def tiny_llm(
    folder: Path,
    sentence: Sequence[str] = SENTENCE,
    *,
    context: int = 8192,
    thinking: int = 0,
    never_ends: bool = False,
    template: str | None = TEMPLATE,
    weights_bytes: int = 4096,
    listens_for: str | None = None,
) -> Path:
    """The folder, with a model in it that says the sentence; its pieces have to differ from each other."""
    folder.mkdir(parents=True)
    words = [*_SPECIAL, *_CHARACTERS, *sentence]
    first = len(_SPECIAL) + len(_CHARACTERS)
    following = np.full(len(words), first, np.int64)
    following[first:-1] = np.arange(first + 1, len(words))
    following[-1] = first if never_ends else _END
    wanted = words.index(listens_for) if listens_for else None
    save_model(_graph(following, thinking, weights_bytes, wanted), folder / "model.onnx")
    with (folder / _WEIGHTS).open("wb") as file:
        file.truncate(weights_bytes)
    _write(folder / "genai_config.json", _config(len(words), context))
    _write(folder / "tokenizer.json", _tokenizer(words))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|bos|>", "eos_token": "<|end|>"}
    _write(folder / "tokenizer_config.json", about | ({"chat_template": template} if template else {}))
    return folder


def _write(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _tokenizer(words: Sequence[str]) -> dict[str, object]:
    marks = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": number, "content": word} | marks for number, word in enumerate(_SPECIAL)]
    model: dict[str, object] = {
        "type": "BPE",
        "unk_token": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "vocab": {word: number for number, word in enumerate(words)},
        "merges": [],
    }
    nothing = dict.fromkeys(
        ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")
    )
    return {"version": "1.0", "added_tokens": added, "model": model} | nothing


def _config(vocabulary: int, context: int) -> dict[str, object]:
    decoder = {
        "filename": "model.onnx",
        "head_size": _HEAD_SIZE,
        "hidden_size": _HEADS * _HEAD_SIZE,
        "num_attention_heads": _HEADS,
        "num_hidden_layers": 1,
        "num_key_value_heads": _HEADS,
        "session_options": {"log_id": "onnxruntime-genai", "provider_options": []},
        "inputs": {
            "input_ids": "input_ids",
            "attention_mask": "attention_mask",
            "past_key_names": "past_key_values.%d.key",
            "past_value_names": "past_key_values.%d.value",
        },
        "outputs": {
            "logits": "logits",
            "present_key_names": "present.%d.key",
            "present_value_names": "present.%d.value",
        },
    }
    tokens = {"bos_token_id": 0, "eos_token_id": _END, "pad_token_id": _END, "vocab_size": vocabulary}
    model = tokens | {"type": "llama", "context_length": context, "decoder": decoder}
    search = {"do_sample": False, "num_beams": 1, "max_length": context, "past_present_share_buffer": False}
    return {"model": model, "search": search}


def _graph(following: NDArray[np.int64], thinking: int, weights_bytes: int, wanted: int | None) -> Any:
    """The next token of every token as logits, and a cache of keys and values that holds the tokens."""
    constants: dict[str, NDArray[Any]] = {
        "following": following,
        "vocabulary": np.array(len(following), np.int64),
        "off_on": np.array([0.0, 10.0], np.float32),
        "first": np.array(0, np.int64),
        "axes": np.array([1, 3], np.int64),
        "of_heads": np.zeros((1, _HEADS, 1, _HEAD_SIZE), np.float32),
        "rounds": np.array(thinking, np.int64),
        "true": np.array(1, np.bool_),
        "matrix": np.eye(_WIDTH, dtype=np.float32),
        "wanted": np.array(wanted or 0, np.float32),
        "hears_all": np.array(wanted is None, np.bool_),
        "end": np.array(_END, np.int64),
    }
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    inputs, outputs = _shapes(len(following))
    graph = helper.make_graph(_nodes(), "tiny", inputs, outputs, [*weights, _weights(weights_bytes)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _shapes(vocabulary: int) -> tuple[list[Any], list[Any]]:
    info, number = helper.make_tensor_value_info, TensorProto.FLOAT
    past: list[str | int | None] = ["batch", _HEADS, "past", _HEAD_SIZE]
    present: list[str | int | None] = ["batch", _HEADS, "total", _HEAD_SIZE]
    inputs = [
        info("input_ids", TensorProto.INT64, ["batch", "length"]),
        info("attention_mask", TensorProto.INT64, ["batch", "total"]),
        *(info(f"past_key_values.0.{what}", number, past) for what in ("key", "value")),
    ]
    outputs = [
        info("logits", number, ["batch", "length", vocabulary]),
        *(info(f"present.0.{what}", number, present) for what in ("key", "value")),
    ]
    return inputs, outputs


def _nodes() -> list[Any]:
    node = helper.make_node
    cache = [
        node("Cast", ["input_ids"], ["as_numbers"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["as_numbers", "axes"], ["fresh_places"]),
        node("Add", ["fresh_places", "of_heads"], ["fresh"]),
        *(
            node("Concat", [f"past_key_values.0.{what}", "fresh"], [f"present.0.{what}"], axis=2)
            for what in ("key", "value")
        ),
    ]
    hearing = [
        node("Equal", ["present.0.key", "wanted"], ["is_wanted"]),
        node("Cast", ["is_wanted"], ["as_marks"], to=TensorProto.FLOAT),
        node("ReduceMax", ["as_marks"], ["mark"], keepdims=0),
        node("Cast", ["mark"], ["was_heard"], to=TensorProto.BOOL),
        node("Or", ["was_heard", "hears_all"], ["speaks"]),
    ]
    speaking = [
        node("Gather", ["following", "input_ids"], ["following_one"]),
        node("Where", ["speaks", "following_one", "end"], ["next"]),
        node("OneHot", ["next", "vocabulary", "off_on"], ["chosen"]),
        node("Loop", ["rounds", "true", "matrix"], ["thought"], body=_thought()),
        node("ReduceMax", ["thought"], ["most"], keepdims=0),
        node("Gather", ["weights", "first"], ["zero"]),
        node("Add", ["most", "zero"], ["factor"]),
        node("Mul", ["chosen", "factor"], ["logits"]),
    ]
    return [*cache, *hearing, *speaking]


def _weights(size_bytes: int) -> TensorProto:
    """Zeros that are kept in a file beside the model."""
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[size_bytes // 4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": _WEIGHTS, "offset": "0", "length": str(size_bytes)}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def _thought() -> Any:
    """One round of work that changes nothing: the matrix times the identity that it is."""
    square = [_WIDTH, _WIDTH]
    return helper.make_graph(
        [
            helper.make_node("MatMul", ["before", "before"], ["after"]),
            helper.make_node("Identity", ["on"], ["on_again"]),
        ],
        "thought",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, square),
        ],
        [
            helper.make_tensor_value_info("on_again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, square),
        ],
    )
