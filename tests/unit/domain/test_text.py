"""Index terms: the same for what is stored and what is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.text import cjk_share, query_terms, segment, terms


def test_english_words_are_stemmed_and_numbers_kept() -> None:
    assert segment("Museums of 2024, running") == "museum of 2024 run"


def test_chinese_becomes_pairs_of_characters() -> None:
    assert segment("系统稳定!") == "系统 统稳 稳定"


def test_a_lone_chinese_character_stands_for_itself() -> None:
    assert segment("第3章") == "第 3 章"


def test_a_two_character_word_is_found_inside_a_sentence() -> None:
    assert set(query_terms("稳定")) <= set(terms("设备在正常运行时保持稳定。"))


def test_japanese_kana_and_korean_become_pairs_too() -> None:
    assert segment("すし 한국어") == "すし 한국 국어"


@pytest.mark.parametrize(("one", "other"), [
    ("Café", "CAFE"), ("ＡＢＣ１２", "abc12"), ("1,000,000", "1000000"), ("King's", "king"),
    ("straße", "STRASSE"), ("co\u00adoperate", "cooperate"),
])  # fmt: skip
def test_spellings_of_one_word_are_one_term(one: str, other: str) -> None:
    assert terms(one) == terms(other)


def test_a_list_of_numbers_is_not_one_number() -> None:
    assert terms("1,2,3456") == ["1", "2", "3456"]


def test_question_words_are_dropped_from_queries_only() -> None:
    assert query_terms("What is the height of towers?") == ["height", "tower"]
    assert "what" in terms("What is it?")


def test_chinese_question_words_are_dropped_from_queries_only() -> None:
    assert query_terms("为什么下雨?") == ["下雨"]
    assert "什么" in terms("为什么下雨")


@pytest.mark.parametrize("question", ["the who", "为什么"])
def test_a_question_of_question_words_alone_keeps_them(question: str) -> None:
    assert query_terms(question)


def test_query_terms_do_not_repeat() -> None:
    assert query_terms("rain, rains, raining") == ["rain"]


def test_punctuation_alone_has_no_terms() -> None:
    assert query_terms("?! — …") == []


@given(st.text(st.characters(exclude_categories=("Cn", "Cs", "Co"))))
def test_every_term_is_letters_and_digits(text: str) -> None:
    assert all(term.isalnum() for term in terms(text))
    assert segment(text).split(" ") == (terms(text) or [""])


def test_cjk_share_counts_letters_only() -> None:
    assert cjk_share("中文 ab。") == 0.5
    assert cjk_share(" . ") == 0.0
