"""What the child of a language model makes of texts and folders, without a model."""

import json
import os
from pathlib import Path

import pytest

from kotaemon_async.answers.llm.local_child import Inbox, has_template, plain, special_words

SPECIAL = ("<|assistant|>", "<|end|>")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The crane.", "The crane."),
        ("a<|end|><|assistant|>b", "a  b"),
        ("a<|e<|end|>nd|>b", "a<|e nd|>b"),
        ("a < b |> c", "a < b |> c"),
    ],
)
def test_a_text_holds_no_commands_to_the_model(text: str, expected: str) -> None:
    assert plain(text, SPECIAL) == expected


def test_the_commands_are_those_that_the_tokenizer_marks(tmp_path: Path) -> None:
    added = [
        {"content": "<s>", "special": True},
        {"content": "<|user|>", "special": False},
        {"content": "\n\n", "special": False},
    ]
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    assert special_words(tmp_path) == ("<|user|>", "<s>")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"added_tokens": [{}]}', '{"added_tokens": 1}'])
def test_an_odd_tokenizer_marks_no_commands(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokenizer.json").write_text(text)
    assert special_words(tmp_path) == ()


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("chat_template.jinja", "{{ messages }}", True),
        ("tokenizer_config.json", '{"chat_template": "{{ messages }}"}', True),
        ("tokenizer_config.json", "{}", False),
        ("tokenizer_config.json", "{", False),
        ("other.json", "", False),
    ],
)
def test_a_folder_tells_how_conversations_are_written(
    tmp_path: Path, name: str, text: str, expected: bool
) -> None:
    (tmp_path / name).write_text(text)
    assert has_template(tmp_path) is expected


def heard(written: bytes) -> tuple[Inbox, int]:
    source, sink = os.pipe()
    os.write(sink, written)
    return Inbox(source), sink


def test_frames_come_one_by_one_and_then_the_end() -> None:
    inbox, sink = heard(b'{"id": 1}\n{"id": 2}\n')
    os.close(sink)
    assert [inbox.wait(), inbox.wait(), inbox.wait()] == [{"id": 1}, {"id": 2}, None]


def test_a_stop_is_heard_without_waiting_and_only_for_its_own_request() -> None:
    inbox, sink = heard(b'{"stop": 1}\n')
    assert not inbox.is_stopped(2)
    os.write(sink, b'{"st')
    assert not inbox.is_stopped(2)
    os.write(sink, b'op": 2}\n')
    assert inbox.is_stopped(2)
    os.close(sink)


def test_a_parent_that_has_gone_stops_everything() -> None:
    inbox, sink = heard(b"")
    os.close(sink)
    assert inbox.is_stopped(1)
