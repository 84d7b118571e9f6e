"""Terms of the keyword index, and what a question asks of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.index_terms import index_terms, search_terms, segment
from kotaemon_async.domain.text import terms


@pytest.mark.parametrize(("text", "segmented"), [
    ("Museums of 2024, running", "museum of 2024 run"),
    ("系统稳定!", "系统 统稳 稳定 定"),
    ("税", "税"),
    ("Form W-2 for IT", "form w 2 for it w2 ǂit"),
    ("WHO IS IT?", "who is it"),
    ("am 04.07.2031", "am 04 07 2031 ǂ4ǂ7ǂ2031 ǂ2031ǂ7ǂ4 ǂ2031ǂ7 ǂm7ǂ4"),
])  # fmt: skip
def test_a_text_has_words_and_wholes(text: str, segmented: str) -> None:
    assert segment(text) == segmented


@given(st.text(st.characters(exclude_categories=("Cn", "Cs", "Co"))))
def test_the_words_come_first_and_every_term_is_letters_and_digits(text: str) -> None:
    found = index_terms(text)
    assert found[: len(terms(text))] == terms(text)
    assert all(term.isalnum() for term in found)


@pytest.mark.parametrize(("question", "known", "sought"), [
    ("Sum of 1.234,56", {"sum", "ǂ1234ǂ56"}, (["sum", "ǂ1234ǂ56"], [])),
    ("Sum of 1.234,56", {"sum", "234"}, (["sum", "1", "234", "56", "ǂ1234ǂ56"], [])),
    ("元朝是谁建立的", {"元朝"}, (["元朝", "建立"], [])),
    ("该项目的目的是什么", {"项目"}, (["该项", "项目"], ["目"])),
    ("谁交税？", {"由房"}, (["交税"], ["交", "税"])),
    ("谁交税？", {"交税"}, (["交税"], [])),
    ("税", set(), ([], ["税"])),
    ("What is IT?", {"ǂit"}, (["ǂit"], [])),
    ("What is IT?", {"it"}, (["ǂit", "what", "is", "it"], [])),
    ("Who is it?", {"it"}, (["who", "is", "it"], [])),
    ("?!", {"a"}, ([], [])),
])  # fmt: skip
def test_a_question_looks_for_what_the_index_can_tell(
    question: str, known: set[str], sought: tuple[list[str], list[str]]
) -> None:
    terms_and_beginnings = search_terms(question).sought(known)
    assert terms_and_beginnings == sought
