"""Figures and codes as a whole, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.figures import codes, figures
from kotaemon_async.domain.text import folded


def wholes(text: str) -> list[str]:
    return [whole.terms[0] for whole in figures(folded(text))]


def code_terms(text: str) -> list[str]:
    return [term for whole in codes(folded(text)) for term in whole.terms]


@pytest.mark.parametrize(("one", "other"), [
    ("2031-03-05", "2031年3月5日"), ("2031-03-05", "March 5, 2031"),
    ("5th of March 2031", "二〇三一年三月五号"),
    ("2031/3/5", "5. März 2031"), ("1998-12-24", "24 Dec 1998"), ("2031年3月", "March 2031"),
    ("3月5日", "March 5"),
    ("7,50", "7.50"), ("1.234,56", "1,234.56"), ("1234,56", "1,234.56"), ("05:14", "5:14"), ("3.5", "v3.5"),
    ("12.345.678,90", "12345678,90"), ("共10.0.12.0个", "10.0.12.0"), ("电压3.5伏", "3.5"),
])  # fmt: skip
def test_one_value_in_two_spellings_is_one_term(one: str, other: str) -> None:
    assert wholes(one) == wholes(other) != []


@pytest.mark.parametrize(("one", "other"), [
    ("04.07.2031", "07.04.2031"), ("2031-05-03", "2031-03-05"), ("2031年5月3日", "2031年3月5日"),
    ("3.5", "5.3"),
    ("10.0.12.0", "12.0.10.0"), ("14:05", "05:14"), ("17,50", "7,50"), ("1.234,65", "1.234,56"),
    ("3/4", "4/3"),
])  # fmt: skip
def test_the_same_parts_in_another_order_are_another_term(one: str, other: str) -> None:
    assert not set(wholes(one)) & set(wholes(other))


@pytest.mark.parametrize(("written", "date"), [
    ("04.07.2031", "ǂ2031ǂ7ǂ4"), ("25/12/2031", "ǂ2031ǂ12ǂ25"), ("12/25/2031", "ǂ2031ǂ12ǂ25"),
])  # fmt: skip
def test_a_date_of_one_meaning_is_also_year_month_and_day(written: str, date: str) -> None:
    assert date in next(figures(written)).terms


def test_a_date_whose_order_is_not_known_stays_as_it_is_written() -> None:
    assert next(figures("04/07/2031")).terms == ("ǂ4ǂ7ǂ2031",)


@pytest.mark.parametrize(("one", "other"), [
    ("ABC-123", "abc123"), ("型号ABC-123已停产", "abc123"), ("W-2", "W2"), ("RX–77", "rx77"), ("T-1", "t_1"),
    ("COVID-19", "covid19"), ("2019-nCoV", "2019ncov"), ("Pay-Gateway", "paygateway"), ("阀门Ｖ－８", "V-8"),
])  # fmt: skip
def test_a_code_in_two_spellings_is_one_term(one: str, other: str) -> None:
    assert code_terms(one)[:1] in (code_terms(other)[:1], [folded(other)])


@pytest.mark.parametrize(("text", "found"), [
    ("Python3.12", ["python312", "python", "3"]), ("iPhone15", ["iphone15", "iphon", "15"]), ("and/or", []),
    ("C++ and C#", ["cǂpp", "cǂsharp"]), ("1914-1918", []), ("plain words", []), ("x1" * 30, []),
])  # fmt: skip
def test_a_text_has_codes(text: str, found: list[str]) -> None:
    assert code_terms(text) == found


@given(st.integers(1, 12), st.integers(1, 28), st.integers(1000, 2999))
def test_a_date_is_found_in_every_spelling(month: int, day: int, year: int) -> None:
    spellings = (f"{year}-{month:02}-{day:02}", f"{year}年{month}月{day}日", f"{year}/{month}/{day}")
    assert {term for text in spellings for term in wholes(text)} == {f"ǂ{year}ǂ{month}ǂ{day}"}
