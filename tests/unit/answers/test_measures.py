"""Amounts with their units, in either language."""

import pytest

from kotaemon_async.answers.measures import contradicted, is_measured, restated

TANK = (
    "The tank holds 40 kg of salt; it is 3 km from Hale, costs $7.50 and lasts three months. "
    "合格率为百分之九十五。"
)


@pytest.mark.parametrize(("claim", "amounts"), [
    ("It holds 40 g.", ["40 g"]), ("It holds 40,000 g.", []), ("It is 3 m away.", ["3 m"]),
    ("It is 3000 metres away.", []), ("It costs €7.50.", ["€7.50"]), ("It lasts 3 weeks.", ["3 weeks"]),
    ("It lasts four months.", ["four months"]), ("It lasts a quarter of a year.", ["a quarter"]),
    ("合格率为95%。", []), ("盐重40公斤。", []), ("盐重40吨。", ["40吨"]), ("It has 40 rings.", []),
])  # fmt: skip
def test_an_amount_with_another_unit_is_another_amount(claim: str, amounts: list[str]) -> None:
    assert contradicted(claim, TANK) == amounts


def test_a_number_without_a_unit_may_have_any() -> None:
    assert contradicted("The tank holds 40 g.", "weight: 40") == []


def test_a_year_is_no_span_of_years() -> None:
    assert contradicted("合同于2031年签订。", "为期2031天，共3年。") == []


def test_what_is_stated_in_other_units_is_taken_out() -> None:
    assert restated("It is 3,000 metres away and 9 m high.", TANK) == "it is   away and 9 m high."


@pytest.mark.parametrize(("question", "said", "is_told"), [
    ("How long is the river?", "It has more than 40 castles.", False),
    ("How long is the river?", "It runs for 1,230 km.", True),
    ("How long did the war last?", "It took seven years.", True),
    ("How long did the war last?", "It was fought from 1754 to 1763.", True),
    ("How wide is the virus?", "Its 12 proteins are known.", False),
    ("How wide is the virus?", "It measures 100 µm.", True),
    ("How far is Hale?", "Hale has 3 banks.", False),
    ("How many banks has Hale?", "Hale has 3 banks.", True),
    ("河有多長？", "河邊有40座城堡。", False), ("河有多长？", "河長三百里。", True),
    ("湖有多深？", "深106米。", True),
])  # fmt: skip
def test_what_is_measured_is_told_in_a_unit_of_it(question: str, said: str, is_told: bool) -> None:
    assert is_measured(question, said) is is_told
