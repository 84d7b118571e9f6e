"""Where sentences end."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.sentences import carried_over, clauses, ends, is_complete, is_row, spans


def cut(text: str) -> list[str]:
    return [text[start:stop] for start, stop in spans(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Hale left.|The lamp of St. Mary burned on.",
        "It was named Taizu.[b]|In the Proclamation he announced it.",
        "They fled to Leeds.[citation needed]|A group went on.[who?]|It was small.",
        "J. R. Smith came.|So did P. Hale.",
        "It lies on p. 5, in Fig. 3 and in no. 7.|The answer is no.|We go.",
        "The U.S. Army came.|It was fed by Hale Inc.|The town was glad.",
        "Seals, valves, etc.|The pump is not among them.",
        "It weighs 3.5 kg at 10.30 a.m. on Monday.|It is light.",
        "He wrote to www.hale.org and left.|Nobody replied.",
        "Is it true?|It is!|So be it.",
        "The rate is 15 % [1].|The next is lower.[2, 3]|The last is low. [4-6]|It ends.",
        "The rates fall again.12|The next ones rise.",
        "The mill (built in 1870. Rebuilt later.) stands.|The bridge does not.",
        "He said “Stay! We need you.” and left.|She stayed.",
        'He asked "Why? What for?" and left.|She stayed.',
        "He waited ... and left.|She stayed.",
        "12. The pumps of the mill.|They run.",
        "他走了。|她没有走！|为什么？|不知道……|就这样。",
        "「你要去吗？」他问。|「不去。」她说，然后关了门。",
        "他問：「要去嗎？還是留下？」說完就走。|她沒有回答。",
        "（全文完。）|附录在后。",
        "《为什么？》是一本书。|它有一百页。",
        "泵房（建于1870年。后重建。）仍在。|桥不在了。",
        "温度是3.5度。|压力是4.2巴。",
        "What is 阀门?|它是V-8821。",
        "供水压力稳定；但是流量不足。",
        f"{'供水管网每季度检查一次，' * 6}结果由值班长签字；|其余由站长处理。",
    ],
)
def test_sentences_end_at_their_stops_and_nowhere_else(text: str) -> None:
    separator = "" if text > "\u2e80" or "」" in text else " "
    joined = separator.join(text.split("|"))
    assert cut(joined) == text.split("|")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("- one pump\n- two valves\nand a seal\n", ["- one pump", "- two valves\nand a seal"]),
        ("1. 检查阀门\n2. 更换轴封", ["1. 检查阀门", "2. 更换轴封"]),
        ("一、检查阀门\n二、更换轴封", ["一、检查阀门", "二、更换轴封"]),
        ("12 Sea Street\nArnholm on the northern coast", ["12 Sea Street", "Arnholm on the northern coast"]),
        (
            "The crane of the yard now lifts\n36 tonnes and was checked again.",
            ["The crane of the yard now lifts\n36 tonnes and was checked again."],
        ),
        ("The mill of\nHale stands here in the town.", ["The mill of\nHale stands here in the town."]),
        (
            "灯塔看守人每天晚上七\n点给时钟上发条。他睡了。",
            ["灯塔看守人每天晚上七\n点给时钟上发条。", "他睡了。"],
        ),
        ("The title\n\nIt begins. \n\n • •\n\nIt ends", ["The title", "It begins.", "It ends"]),
    ],
)
def test_lines_end_a_sentence_when_they_are_points_or_broken_on_purpose(
    text: str, sentences: list[str]
) -> None:
    assert cut(text) == sentences


@given(st.text(alphabet=st.sampled_from('ab A.?!。？」「“”()（）"; ；1[]\n•-'), max_size=200))
def test_sentences_stand_in_order_and_lose_no_letter(text: str) -> None:
    found = spans(text)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    kept = "".join(text[start:stop] for start, stop in found)
    assert list(filter(str.isalnum, kept)) == list(filter(str.isalnum, text))


@given(st.text(alphabet=st.sampled_from("ab A.?!。？」「(）\n"), max_size=120))
def test_ends_lie_inside_the_paragraph_and_rise(paragraph: str) -> None:
    found = ends(paragraph)
    assert found == sorted(set(found)) and all(0 < end < len(paragraph) for end in found)


@pytest.mark.parametrize(
    ("sentence", "complete"),
    [
        ("It ends.", True),
        ("It ends.” [3]", True),
        ("他走了。」", True),
        ("It ends with", False),
        ("阀门：", False),
    ],
)
def test_a_sentence_is_complete_with_its_stop(sentence: str, complete: bool) -> None:
    assert is_complete(sentence) is complete


@pytest.mark.parametrize(
    ("text", "row"),
    [("KT-100 3000 2000 7000 20", True), ("2019 4.2 5.1 6.3", True), ("It cost 30 crowns in 1870.", False)],
)
def test_a_line_of_figures_is_a_row(text: str, row: bool) -> None:
    assert is_row(text) is row


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("bought by", "Hale", "bought by Hale"),
        ("an under-", "writer", "an underwriter"),
        ("pre-", "and postwar", "pre- and postwar"),
        ("一万", "一千", "一万一千"),
    ],
)
def test_the_parts_of_a_sentence_over_a_page_break_are_one(before: str, after: str, whole: str) -> None:
    assert carried_over(before, after) == whole


@pytest.mark.parametrize(
    ("sentence", "pieces"),
    [
        ("one, two and three", ["one,", "two and", "three"]),
        ("一二，三四五六七八九十", ["一二，三四五六七", "八九十"]),
        ("short", ["short"]),
    ],
)
def test_a_sentence_that_is_too_long_is_cut_at_its_pauses(sentence: str, pieces: list[str]) -> None:
    assert [sentence[start:stop] for start, stop in clauses(sentence, 8)] == pieces


@pytest.mark.parametrize("hostile", ["(", "“", "e.g. ", "(a]", "a [1] [2]. ", "。」"])
def test_the_cut_takes_time_in_proportion_to_the_text(hostile: str) -> None:
    began_s = time.process_time()
    spans(hostile * 20_000 + "]" * 20_000)
    assert time.process_time() - began_s < 10  # it was a minute and more
