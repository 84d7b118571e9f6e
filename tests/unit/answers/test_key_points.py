"""What a document is about, and what may be asked of it, from its own sentences."""

import pytest

from kotaemon_async.answers.key_points import example_questions, key_points
from tests.support.answering import source, table

MANUAL = """The pump of Tal is a machine for clean water. It was made by Otto.

The pump of Tal was built in 1931. The shaft seal is replaced every 4,000 hours. However, the ring is old.

The casing holds two valves. SHA: ef5fe7296ec8baf90d974cf5737af0da3ed403ea. The paint is green and dry.
"""
CHINESE = "水泵是一种输送液体的机器。轴封每四千小时更换一次。因此它很旧。该水泵重四十公斤。"


def points(text: str) -> list[str]:
    return [one.text for one in key_points((source(text),))]


def questions(text: str) -> list[str]:
    return [one.text for one in example_questions((source(text),))]


def test_key_points_are_whole_sentences_that_lean_on_no_other() -> None:
    found = points(MANUAL)
    assert found[0] == "The pump of Tal is a machine for clean water."
    assert not [one for one in found if one.startswith(("It ", "However", "SHA"))]
    assert all(one in " ".join(MANUAL.split()) for one in found)


def test_a_chinese_document_has_points_in_chinese() -> None:
    found = points(CHINESE)
    assert found[0] == "水泵是一种输送液体的机器。"
    assert "因此它很旧。" not in found


def test_a_point_says_where_it_stands() -> None:
    (point,) = key_points((source("The pump of Tal is a machine for clean water.", page=7),))
    assert (point.page, point.place.number, point.place.kind) == (7, 7, "page")


def test_of_a_table_the_first_rows_are_shown() -> None:
    rows = [f"seal {number} | {number}00 | blue" for number in range(1, 6)]
    found = key_points((table("part | hours | colour", *rows),))
    assert [one.text for one in found[:1]] == ["part: seal 1 · hours: 100 · colour: blue"]
    assert [one.place.rows for one in found] == [(2, 2), (3, 3), (4, 4)]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (MANUAL, ["When was the pump of Tal built?", "How often is the shaft seal replaced?"]),
        (CHINESE, ["轴封多久更换一次？", "水泵是什么？"]),
    ],
)
def test_questions_are_those_that_the_document_answers(text: str, asked: list[str]) -> None:
    assert questions(text)[:2] == asked


def test_a_question_that_another_sentence_answers_better_is_left_out() -> None:
    text = (
        "The mill was sold in 1871. The mill of Otto was sold in 1880, and the mill was sold to Anna in 1890."
    )
    assert "When was the mill sold?" not in questions(text)


def test_a_question_knows_the_sentence_that_answers_it() -> None:
    (found, *_) = example_questions((source(MANUAL, page=3),))
    assert (found.page, found.answered_by) == (3, "The pump of Tal was built in 1931.")


def test_a_text_without_sentences_has_neither() -> None:
    assert (key_points(()), example_questions(())) == ((), ())


PAPER = """Pumps of the north

The pumps of the north are old machines of steel. Most of them lift water from deep wells in winter.

Figure 2. The pumps of the north in winter.

The old pumps of steel last longer than new ones. However, the ring breaks. All rights reserved by Otto.
"""


def test_key_points_are_neither_captions_nor_notices() -> None:
    found = points(PAPER)
    assert found[0] == "The pumps of the north are old machines of steel."
    assert not [one for one in found if "Figure" in one or "reserved" in one]
    assert "The old pumps of steel last longer than new ones." in found


def test_a_label_in_front_of_a_sentence_is_no_part_of_a_point() -> None:
    assert points("BACKGROUND: The pumps of the north are old machines of steel.") == [
        "The pumps of the north are old machines of steel."
    ]
