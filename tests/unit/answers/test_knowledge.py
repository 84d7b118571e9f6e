"""Kept questions and answers: found by their words, reloaded when changed, kept when a change is wrong."""

import os
from pathlib import Path

import pytest

from kotaemon_async.answers.knowledge import Entry, Knowledge, KnowledgeError, WordingIndex, load

HOURS = Entry("When is the office open?", "From nine to five.", ("opening hours", "办公室几点开门？"))
RETURN = Entry("How do I return a machine?", "Call the depot.", ("return shipment of a machine",))
INDEX = WordingIndex([HOURS, RETURN])

YAML = """
- question: When is the office open?
  aliases: [opening hours, 办公室几点开门？]
  answer: From nine to five.
"""
MARKDOWN = """# Our answers

## When is the office open?
Also: opening hours; 办公室几点开门？

From nine to five.

## How do I return a machine?
Call the *depot*.
"""


def written(folder: Path, content: str, name: str = "k.yaml") -> Path:
    path = folder / name
    path.write_text(content, "utf-8")
    return path


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("When is the office open?", HOURS),
        ("when is THE OFFICE open", HOURS),
        ("What are your opening hours on Friday?", HOURS),
        ("办公室几点开门", HOURS),
        ("how can I return a machine", RETURN),
    ],
)
def test_a_question_finds_its_entry_by_its_words(question: str, entry: Entry) -> None:
    match = INDEX.find(question)
    assert match is not None and match.entry is entry


@pytest.mark.parametrize("question", ["How do I open an account?", "What is the capital?", "办公室在哪里"])
def test_a_question_that_only_shares_a_word_finds_nothing(question: str) -> None:
    assert INDEX.find(question) is None


def test_the_same_words_count_as_a_whole_match() -> None:
    match = INDEX.find("Is the office open? When?")
    assert match is not None and match.score == 1.0


@pytest.mark.parametrize(("name", "content"), [("k.yaml", YAML), ("k.md", MARKDOWN)])
def test_a_file_of_either_kind_is_read(tmp_path: Path, name: str, content: str) -> None:
    assert load(written(tmp_path, content, name))[0] == HOURS


def test_an_answer_in_markdown_keeps_its_markup(tmp_path: Path) -> None:
    found = load(written(tmp_path, MARKDOWN, "k.md"))[1]
    assert found == Entry("How do I return a machine?", "Call the *depot*.")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("k.yaml", "- question: [", "line 1"),
        ("k.yaml", "- question: a\n  answer: b\n  extra: c", "extra"),
        ("k.yaml", "- question: a", "answer"),
        ("k.yaml", "question: a\nanswer: b", "array"),
        ("k.yaml", "- question: '?'\n  answer: b", "entry 1"),
        ("k.md", "## When?\n\n## How?\nSo.", "line 1 has no answer"),
    ],
)
def test_a_wrong_file_says_where_it_is_wrong(tmp_path: Path, name: str, content: str, why: str) -> None:
    with pytest.raises(KnowledgeError, match=why):
        load(written(tmp_path, content, name))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KnowledgeError, match="UTF-8"):
        load(path)


def test_a_changed_file_is_in_use_after_a_look(tmp_path: Path) -> None:
    path = written(tmp_path, '- {question: "When is it open?", answer: Never.}')
    knowledge = Knowledge(path)
    assert knowledge.refresh() and not knowledge.refresh()
    path.write_text('- {question: "When is it open?", answer: Always.}', "utf-8")
    os.utime(path, ns=(1, 1))
    assert knowledge.refresh()
    match = knowledge.find("When is it open?")
    assert match is not None and match.entry.answer == "Always."


@pytest.mark.parametrize("change", ["- nonsense", None], ids=["wrong", "deleted"])
def test_a_wrong_change_keeps_the_last_good_file_and_says_so(tmp_path: Path, change: str | None) -> None:
    knowledge = Knowledge(path := written(tmp_path, YAML))
    knowledge.refresh()
    if change is None:
        path.unlink()
    else:
        written(tmp_path, change)
    assert not knowledge.refresh()
    assert (knowledge.entries, knowledge.find("opening hours") is not None) == (1, True)
    assert knowledge.problem is not None and "k.yaml" in knowledge.problem
