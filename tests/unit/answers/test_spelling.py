"""Slips of the keyboard in questions."""

import pytest

from kotaemon_async.answers.spelling import is_slip, respelled

SOURCES = ["The Harvard Library is the largest.", "Libraries lend books. The dynasty ended in 1368."]


@pytest.mark.parametrize(
    ("typed", "meant", "slip"),
    [
        ("harvrad", "harvard", True),
        ("libary", "library", True),
        ("dinasty", "dynasty", True),
        ("bookks", "books", True),
        ("allen", "ellis", False),
        ("valve", "valves", True),
        ("same", "same", False),
    ],
)
def test_one_letter_or_two_neighbours_make_a_slip(typed: str, meant: str, slip: bool) -> None:
    assert is_slip(typed, meant) is slip


@pytest.mark.parametrize(
    ("question", "unknown", "mended"),
    [
        ("harvrad libary size", {"harvrad", "libari"}, "harvard library size"),
        ("When did the Dinasty end?", {"dinasti"}, "When did the dynasty end?"),
        ("When did the dinasty end?", set(), "When did the dinasty end?"),
        ("Which bokss are there?", {"bokss"}, "Which bokss are there?"),
        ("Where is Zanzibar?", {"zanzibar"}, "Where is Zanzibar?"),
        ("哈佛大雪在哪里？", {"大雪"}, "哈佛大雪在哪里？"),
    ],
    ids=["two slips", "a capital", "a known word", "a short word", "another word", "Chinese"],
)
def test_a_word_that_no_document_has_is_read_as_its_neighbour(
    question: str, unknown: set[str], mended: str
) -> None:
    assert respelled(question, unknown, SOURCES) == mended
