"""Numbers in digits, words and numerals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.numbers import number, numbers, written_out


@pytest.mark.parametrize(("written", "digits"), [
    ("二〇三一", "2031"), ("十五", "15"), ("三百零五", "305"), ("两万三千", "23000"),
    ("一亿零五十", "100000050"),
    ("二十", "20"), ("007", "7"), ("一九三〇", "1930"),
])  # fmt: skip
def test_a_numeral_is_a_number(written: str, digits: str) -> None:
    assert number(written) == digits


@pytest.mark.parametrize(("text", "stated"), [
    ("twenty-five bells", "25"), ("three hundred and five", "305"), ("two million people", "2000000"),
    ("3.5 million euros", "3500000"), ("1,200 seats", "1200"), ("3万人", "30000"), ("1.2亿元", "120000000"),
    ("第三条", "3"), ("两次", "2"), ("the fourth", "4"), ("twice a year", "2"), ("room 007", "7"),
    ("一九三六年", "1936"), ("Super Bowl XXXIII", "33"), ("World War II", "2"), ("第XIV章", "14"),
    ("三萬五千", "35000"), ("forty thousand two hundred", "40200"),
])  # fmt: skip
def test_a_text_states_a_number(text: str, stated: str) -> None:
    assert stated in numbers(text)


@pytest.mark.parametrize("text", ["ones and tens", "the hundredth", "万一下雨", "", "bell tower"])
def test_other_words_are_no_numbers(text: str) -> None:
    assert not numbers(text) - {"1"}


@given(st.integers(0, 10**15))
def test_digits_are_a_number_with_and_without_separators(value: int) -> None:
    assert str(value) in numbers(f"in all {value:,} pieces") & numbers(f"共{value}件")


@pytest.mark.parametrize(("text", "found"), [
    ("每六十天更换一次", [("六十", "60")]), ("保存三天", [("三", "3")]),
    ("一百二十人", [("一百二十", "120")]),
    ("十几个人，二十多次，十分重要，一个，三峡", []), ("thirty days", [("thirty", "30")]),
    ("twenty-five bells of one tower", [("twenty-five", "25")]), ("two of the ten", []),
    ("the thirtieth", []),
])  # fmt: skip
def test_larger_numbers_in_words_are_told(text: str, found: list[tuple[str, str]]) -> None:
    assert written_out(text) == found
