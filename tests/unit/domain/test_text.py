"""Index terms: the same for what is stored and what is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain import text as domain_text
from kotaemon_async.domain.text import cjk_share, folded, query_terms, terms


@pytest.mark.parametrize(
    ("text", "segmented"),
    [
        ("Museums of 2024, running", "museum of 2024 run"),
        ("系统稳定!", "系统 统稳 稳定"),
        ("第3章", "第 3 章"),
        ("すし 한국어", "すし 한국 국어"),
    ],
    ids=["English is stemmed", "Chinese is paired", "a lone character", "kana and hangul are paired"],
)
def test_a_text_becomes_index_terms(text: str, segmented: str) -> None:
    assert " ".join(terms(text)) == segmented


def test_a_two_character_word_is_found_inside_a_sentence() -> None:
    assert set(query_terms("稳定")) <= set(terms("设备在正常运行时保持稳定。"))


@pytest.mark.parametrize(("one", "other"), [
    ("Café", "CAFE"), ("ＡＢＣ１２", "abc12"), ("1,000,000", "1000000"), ("King's", "king"),
    ("straße", "STRASSE"), ("co\u00adoperate", "cooperate"), ("Ru\u0308ckgabe", "Rückgabe"),
    ("ПРИКАЗ", "приказ"),
    ("資料庫備份", "资料库备份"), ("裡面", "里面"), ("⻓期⻅证", "长期见证"),
    ("一九三⼀\uf98e", "一九三一年"),
    ("of\u200cfice", "office"), ("co\u200boperation", "cooperation"), ("長\U000e0100城", "长城"),
    ("ガイド", "ｶﾞｲﾄﾞ"),
])  # fmt: skip
def test_spellings_of_one_word_are_one_term(one: str, other: str) -> None:
    assert terms(one) == terms(other)


def test_a_list_of_numbers_is_not_one_number() -> None:
    assert terms("1,2,3456") == ["1", "2", "3456"]


@pytest.mark.parametrize(
    ("question", "kept", "word"),
    [("What is the height of towers?", ["height", "tower"], "what"), ("为什么下雨?", ["下雨"], "什么")],
)
def test_question_words_are_dropped_from_queries_only(question: str, kept: list[str], word: str) -> None:
    assert query_terms(question) == kept
    assert word in terms(question)


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


def test_cjk_share_counts_letters_only() -> None:
    assert cjk_share("中文 ab。") == 0.5
    assert cjk_share(" . ") == 0.0


@given(st.text(st.characters(exclude_categories=("Cn", "Cs", "Co"))))
def test_folding_is_done_once(text: str) -> None:
    once = folded(text)
    assert folded(once) == once


@given(
    st.text(st.characters(exclude_categories=("Cn", "Cs", "Co"))),
    st.sampled_from(sorted(domain_text._SIMPLIFIED)),
)
def test_a_traditional_character_is_simplified_wherever_it_stands(text: str, traditional: int) -> None:
    before, after = folded(text), folded(text + chr(traditional))
    assert not set(map(ord, before + after)) & set(domain_text._SIMPLIFIED)


def test_every_traditional_character_has_a_simplified_one_that_stays() -> None:
    pairs = domain_text._SIMPLIFIED
    assert len(pairs) == 4137
    assert not set(pairs.values()) & set(pairs)
    assert "漢語資料庫備份與檢查".translate(pairs) == "汉语资料库备份与检查"


@pytest.mark.parametrize(
    "character", [*domain_text._FOLDED, "\u00b7", "\u2019", "\u3002", "\u4e2d", "\u9f8d"]
)
def test_a_character_folded_alone_is_what_it_becomes_in_a_text(character: str) -> None:
    for text in (f"a{character}b", f"\u4e2d{character}\u56fd", character * 2):
        assert folded(text) == domain_text._folded_whole(text)


@given(
    st.text(
        st.sampled_from(
            ["a", "\u0301", "\u4e2d", "\u9f8d", "\u2ed3", "\u1100", "\u1161", *domain_text._FOLDED]
        )
    )
)
def test_the_fast_way_of_folding_gives_what_the_whole_one_gives(text: str) -> None:
    assert folded(text) == domain_text._folded_whole(text)


@given(st.text(st.characters(exclude_categories=("Cn", "Cs", "Co"))))
def test_the_part_of_cjk_characters_is_that_of_all_letters_and_digits(text: str) -> None:
    letters = sum(map(str.isalnum, text))
    count = sum(map(domain_text.is_cjk, text))
    assert cjk_share(text) == pytest.approx(count / letters if letters else 0.0)
