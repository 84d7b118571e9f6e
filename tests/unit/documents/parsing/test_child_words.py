"""Words of pages that were read from their pictures: kept as JSON, and marked where a quote stands."""

import pytest

from kotaemon_async.documents.parsing.child_words import encoded, marked, shown

ROWS = [
    [("The", (0.1, 0.1, 0.2, 0.12)), ("valve", (0.22, 0.1, 0.36, 0.12)), ("leaks.", (0.4, 0.1, 0.5, 0.12))],
    [("阀门编号", (0.1, 0.2, 0.5, 0.22))],
]


def test_a_quote_is_marked_word_by_word_in_each_row() -> None:
    assert marked(encoded(ROWS, 0, 0.7), "The valve") == [(0.1, 0.1, 0.36, 0.12)]
    assert marked(encoded(ROWS, 0, 0.7), "leaks. 阀门") == [(0.4, 0.1, 0.5, 0.12), (0.1, 0.2, 0.3, 0.22)]


def test_a_part_of_a_run_of_chinese_is_marked_by_its_share() -> None:
    assert marked(encoded(ROWS, 0, 0.7), "编号") == [(0.3, 0.2, 0.5, 0.22)]


def test_what_is_not_on_the_page_is_not_marked() -> None:
    assert marked(encoded(ROWS, 0, 0.7), "nothing of the sort") == []
    assert marked(encoded([], 0, 0.7), "The valve") == []


@pytest.mark.parametrize(
    ("turn", "box"),
    [(90, (0.88, 0.1, 0.9, 0.2)), (180, (0.8, 0.88, 0.9, 0.9)), (270, (0.1, 0.8, 0.12, 0.9))],
)
def test_marks_of_a_turned_page_stand_on_the_page_as_it_is_shown(
    turn: int, box: tuple[float, float, float, float]
) -> None:
    assert marked(encoded(ROWS, turn, 1.4), "The") == [pytest.approx(box)]


def test_a_box_stays_on_the_page() -> None:
    assert shown((-0.5, 0.2, 1.7, 0.3), 0) == (0.0, 0.2, 1.0, 0.3)
