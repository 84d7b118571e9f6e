"""What a line tells by its form."""

import pytest

from kotaemon_async.domain.child_lines import goes_on, is_mostly_cjk, is_point, width


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a lamp of", True),
        ("seals, valves,", True),
        ("an under-", True),
        ("泵、阀门、", True),
        ("the lamp burns", False),
    ],
)
def test_a_line_with_a_comma_preposition_or_hyphen_at_its_end_goes_on(line: str, expected: bool) -> None:
    assert goes_on(line) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [("- a pump", True), ("12. pumps", True), ("（三）泵", True), ("一、泵", True), ("1870 was dry", False)],
)
def test_a_point_of_a_list_is_told_by_its_beginning(line: str, expected: bool) -> None:
    assert is_point(line) is expected


def test_a_chinese_character_is_as_wide_as_two_letters() -> None:
    assert (width("泵 V-8"), is_mostly_cjk("泵 V-8"), is_mostly_cjk("泵房 8")) == (6, False, True)
