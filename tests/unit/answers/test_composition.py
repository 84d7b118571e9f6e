"""How chosen sentences are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.answers import quotes
from kotaemon_async.answers.composition import LONGEST, LONGEST_CJK, composed, tidy, windowed
from kotaemon_async.answers.selection import Candidate, candidates
from kotaemon_async.answers.sources import Source
from tests.support.answering import over_two_pages, source


def said(sources: list[Source], *picked: int, question: str = "?") -> tuple[str, list[tuple[int, list[str]]]]:
    """The text, and for each marker the words of its places."""
    offered: list[Candidate] = candidates(sources)
    text, found = composed(question, [offered[at] for at in picked], sources, {})
    return text, [(one.marker, [sources[one.source].words(place) for place in one.places]) for one in found]


def test_neighbours_share_a_marker_and_a_quote_in_the_order_of_the_page() -> None:
    sources = [source("One is\nhere. Two is here. Three is gone. Four is here."), source("Five is here.")]
    text, found = said(sources, 1, 3, 0, 4)
    assert text == "One is here. Two is here. Four is here. [1] Five is here. [2]"
    assert found == [(1, ["One is\nhere. Two is here.", "Four is here."]), (2, ["Five is here."])]


def test_a_source_between_two_runs_of_another_keeps_them_apart() -> None:
    text, found = said([source("One is here. Two is gone. Three is here."), source("Four is here.")], 0, 3, 2)
    assert text == "One is here. [1] Four is here. [2] Three is here. [3]"
    assert [marker for marker, _ in found] == [1, 2, 3]


def test_a_sentence_between_two_others_joins_them() -> None:
    text, found = said([source("One is here. Two is here. Three is here.")], 0, 2, 1)
    assert (text, len(found)) == ("One is here. Two is here. Three is here. [1]", 1)


def test_chinese_sentences_are_joined_without_blanks() -> None:
    sources = [source("系统很稳定。性能好。"), source("第三个系统。")]
    assert said(sources, 0, 2, question="系统怎么样？")[0] == "系统很稳定。[1]第三个系统。[2]"


def test_no_blank_stands_before_a_figure_that_begins_a_chinese_sentence() -> None:
    assert said([source("大桥很旧。1931年修过。")], 0, 1, question="大桥？")[0] == "大桥很旧。1931年修过。[1]"


def test_a_sentence_over_a_page_break_is_quoted_in_two_parts() -> None:
    text, found = said([over_two_pages("The bridge of Hale was closed", "in 1931 after a storm.")], 0)
    assert text == "The bridge of Hale was closed in 1931 after a storm. [1]"
    assert found == [(1, ["The bridge of Hale was closed", "in 1931 after a storm."])]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# Otto Berg. He built the mill in 1871.", "**Otto Berg.**: He built the mill in 1871. [1]"),
        ("# Otto Berg. However, the mill burned down.", "**Otto Berg.**: However, the mill burned down. [1]"),
        ("# Otto Berg. Otto Berg built the mill.", "Otto Berg built the mill. [1]"),
        ("# 民主黨_(美國)。但它輸了選舉。", "**民主黨 (美國)。**：但它輸了選舉。[1]"),
        ("# 奥托。他建造了磨坊。", "**奥托。**：他建造了磨坊。[1]"),
        ("# 奥托。因此磨坊烧毁了。", "**奥托。**：因此磨坊烧毁了。[1]"),
    ],
)
def test_what_points_back_gets_its_heading_outside_the_quote(text: str, shown: str) -> None:
    words, found = said([source(text)], 0, question=text)
    assert words == shown
    assert "Otto Berg.\n" not in found[0][1][0]
    assert "#" not in found[0][1][0]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("The reef of Tal grew 4 mm in 2011 [2].", "The reef of Tal grew 4 mm in 2011."),
        ("MERS [5, 6] spreads in camels [ 9 ] .", "MERS spreads in camels."),
        (
            "See [5] and [14] for the method used at Tal [7, 8].",
            "See (5) and (14) for the method used at Tal.",
        ),
        ("珊瑚每年生长4毫米[3]。", "珊瑚每年生长4毫米。"),
        ("方法参见[5]和【14】。", "方法参见(5)和(14)。"),
        ("3, 4 The most frequent viruses are old.", "The most frequent viruses are old."),
        ("12 However, no vaccine is there.", "However, no vaccine is there."),
        ("12 ferries sail to Port Ellis.", "12 ferries sail to Port Ellis."),
        ("3 May was a holiday.", "3 May was a holiday."),
        ("The law of [2009] is old.", "The law of [2009] is old."),
        ("people[who?] did not", "people did not"),
        ("Both play roles in sporulation [3, [46] [47] .", "Both play roles in sporulation."),
    ],
)
def test_references_of_the_document_are_no_citations(words: str, shown: str) -> None:
    assert tidy(words) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (
            "| Seal kit P40-S2 | 18.50 EUR | | Bearing B12 | 7.20 EUR |",
            "Seal kit P40-S2, 18.50 EUR; Bearing B12, 7.20 EUR",
        ),
        ("| 轴封 | 18.50 元 |", "轴封, 18.50 元"),
        ("- Anna Holm: director", "Anna Holm: director"),
        ("• 王强：主任", "王强：主任"),
        ("The set {a|b} has two members.", "The set {a|b} has two members."),
    ],
)
def test_signs_of_lists_and_tables_are_not_shown(words: str, shown: str) -> None:
    assert tidy(words) == shown


def test_a_quote_keeps_the_document_s_brackets_word_for_word() -> None:
    text, found = said([source("The reef grew 4 mm in 2011 [2]. Corals [3] are slow.")], 0)
    assert (text, found) == ("The reef grew 4 mm in 2011. [1]", [(1, ["The reef grew 4 mm in 2011 [2]."])])


@given(st.text(alphabet=st.sampled_from("ab [12] 【3】,.，。–")))
def test_no_bracket_of_a_document_is_left_that_could_be_a_marker(words: str) -> None:
    assert quotes.markers(tidy(words)) == []


@pytest.mark.parametrize(
    ("sentence", "asked", "held", "longest"),
    [
        (
            "begin " + "and one more name of a miller " * 28 + "and the code is 7741 and no more",
            "code",
            "7741",
            LONGEST,
        ),
        ("Anna came, " * 50 + "the code is 7741, " + "and Otto left, " * 50, "code", "7741", LONGEST),
        ("老人来了，" * 50 + "密码是7741，" + "年轻人走了，" * 50, "密码", "7741", LONGEST_CJK),
        ("老人来了又走了" * 50 + "密码是7741" + "年轻人走了又来了" * 50, "密码", "7741", LONGEST_CJK),
    ],
    ids=["words without a mark", "clauses", "clauses of Chinese", "Chinese without a mark"],
)
def test_of_a_long_sentence_the_part_that_was_asked_for_is_shown(
    sentence: str, asked: str, held: str, longest: int
) -> None:
    shown = windowed(sentence, {asked: 1.0})
    assert held in shown
    assert len(shown) <= longest + 4
    assert "…" in shown


@given(st.text(alphabet=st.sampled_from("ab ,;。，中文")), st.sampled_from(["a", "中文", "zz"]))
def test_what_is_cut_out_of_a_sentence_stands_in_it(words: str, asked: str) -> None:
    shown = windowed(words * 9, {asked: 1.0})
    assert shown.removeprefix("…").removesuffix("…").strip() in words * 9
