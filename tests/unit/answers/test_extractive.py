"""Sentences as answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.answers.extractive import CJK_CHARACTERS, ENGLISH_CHARACTERS, best_sentences, sentences
from tests.support.answering import passage


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dr. J. Smith paid 3.5 dollars, i.e. too much. He left.", [(0, 45), (46, 54)]),
        ("他来了。她走了！谁在？「好。」完", [(0, 4), (4, 8), (8, 11), (11, 15), (15, 16)]),
        ("Heading\n\nText here.", [(0, 7), (9, 19)]),
        ("# Rules\n\n- Five books.", [(2, 7), (11, 22)]),
    ],
    ids=["abbreviations, initials, decimals", "marks of Chinese", "an empty line", "marks of Markdown"],
)
def test_a_text_is_cut_into_its_sentences(text: str, found: list[tuple[int, int]]) -> None:
    assert sentences(text) == [(start, text[start:end]) for start, end in found]


def test_the_sentence_that_answers_is_picked() -> None:
    filler = "Nothing of note happened in that long and quiet winter by the sea. " * 8
    picked = best_sentences("When was the bridge built?", [passage(filler + "The bridge was built in 1901.")])
    assert "The bridge was built in 1901." in [one.text for one in picked]


def test_the_chinese_sentence_that_answers_is_picked() -> None:
    filler = "".join(f"第{at}年的冬天很长很安静什么也没有发生。" for at in range(30))
    picked = best_sentences("大桥是哪一年建成的？", [passage(filler + "大桥于1901年建成。")])
    assert "大桥于1901年建成。" in [one.text for one in picked]


def test_a_heading_that_only_repeats_the_question_is_left_out() -> None:
    picked = best_sentences("The old bridge?", [passage("The old bridge\n\nThe old bridge fell.")])
    assert [one.text for one in picked] == ["The old bridge fell."]


def test_what_has_nothing_to_do_with_the_question_is_left_out_even_where_there_is_room() -> None:
    passages = [
        passage("The bridge was built in 1901."),
        passage("Sheep like grass."),
        passage("桥很旧。", score=0.1),
    ]
    picked = best_sentences("When was the bridge built?", passages)
    assert [one.text for one in picked] == ["The bridge was built in 1901."]


def test_picks_are_in_reading_order() -> None:
    picked = best_sentences("pump pressure", [passage("One pump is red. Its pressure is low.")])
    assert [(one.passage, one.text) for one in picked] == [
        (0, "One pump is red."),
        (0, "Its pressure is low."),
    ]


def test_an_answer_rests_on_several_passages() -> None:
    texts = [
        " ".join(f"The {colour} pump number {n} stands in hall {n}." for n in range(20)) for colour in "ab"
    ]
    picked = best_sentences("Where stands the pump?", [passage(text) for text in texts])
    assert {one.passage for one in picked} == {0, 1}


def test_the_same_sentence_is_picked_once() -> None:
    picked = best_sentences("pump", [passage("The pump is red."), passage("The pump is red.")])
    assert [one.passage for one in picked] == [0]


def test_a_sentence_without_end_is_cut_at_a_word() -> None:
    (picked,) = best_sentences("pump", [passage("pump word " * 500)])
    assert len(picked.text) <= ENGLISH_CHARACTERS
    assert picked.text.endswith(("pump", "word"))


def test_no_passages_give_no_sentences() -> None:
    assert best_sentences("Why?", []) == []


@given(st.lists(st.text(alphabet=st.sampled_from("ab c. 。中文泵!\n"), max_size=600), max_size=4))
def test_picks_are_verbatim_and_short(texts: list[str]) -> None:
    picked = best_sentences("a 中文", [passage(text, score=0.0) for text in texts])
    assert all(one.text in texts[one.passage] for one in picked)
    assert sum(len(one.text) for one in picked) <= max(ENGLISH_CHARACTERS, CJK_CHARACTERS)
