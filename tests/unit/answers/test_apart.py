"""What stands in a document beside what it says."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.answers.apart import (
    BEGINNINGS,
    WITHIN,
    asks_for_it,
    heads_details,
    is_apart,
    stands_alone,
    without_authors,
)


@pytest.mark.parametrize("words", [
    "Authors: He, Ying; Lin, Guang-Yu Date: 2014-05-14 DOI: 10.1111/irv.12257", "Keywords: pump, seal, ring",
    "Received: 24 February 2020, revised 13 March 2020", "Journal Pre-proof",
    "Figure 2. The pump with its casing removed.", "Table 3: Intervals of maintenance",
    "Supplementary Material Table S3: substitutions in the protein.", "图3：水泵的外壳", "表 2 保养间隔",
    "5.2 Maintenance of the pump . . . . . . . . 17", "第三章 保养方法…………12", "Contents", "目录",
    "12. Berg O, Holt A. Seals of old pumps. J Pumps. 2019;12(3):45-51.",
    "[4] 李青. 水泵的保养[J]. 机械, 2019.",
    "© 2031 The Harbour Company. All rights reserved.",
    "The authors declare that they have no competing interests.",
    "版权所有，未经许可不得转载。", "From: Otto Berg", "发件人：李青", "Kind regards",
])  # fmt: skip
def test_heads_captions_references_and_notices_are_no_part_of_what_it_says(words: str) -> None:
    assert is_apart(words)


@pytest.mark.parametrize("words", [
    "Figure 3 shows that pumps of steel last longer.", "The pump was built in 1931 and repaired in 1950.",
    "Table salt is kept in hall 7.", "The contents of the tank are checked every day.", "图书馆位于北京。",
    "In 2019, 12 of 45 pumps failed.", "From 1931 on the pump was used by the fitter.",
    "表示同意的人有三位。",
])  # fmt: skip
def test_a_sentence_that_says_something_is_part_of_it(words: str) -> None:
    assert not is_apart(words)


#: What makes a sentence stand apart, and parts of it.
TELLING = [
    *(
        "©",
        "(c) 2031",
        "Copyright",
        "all rights reserved",
        "legal disclaimer",
        "open-access article",
        "terms",
    ),
    *(
        "under the terms of the Creative Commons",
        "no competing interests",
        "they",
        "declare that they have no",
    ),
    *("without prior", "written permission", "written consent", "while every care", "this message is"),
    *(
        "confidential",
        "contributed equally to",
        "corresponding author",
        "this e-book",
        "copyright restrictions",
    ),
    *(
        "the production process, errors",
        "has been accepted for publication",
        "版权所有",
        "版權所有",
        "保留一切權利",
    ),
    *(
        "侵權必究",
        "未經書面許可不得",
        "未经同意禁止",
        "利益冲突",
        "免责声明",
        "免責聲明",
        "DOI: 10.1",
        "ISSN 12",
        "Authors：",
    ),
    *(
        "License: CC",
        "Accepted: 2 May 2031",
        "Keywords:",
        "关键词：",
        "Journal Pre-proof",
        "2019;12(3):45",
        "vol. 3",
    ),
    *(
        "pp. 7",
        "[J]",
        ". . . . .",
        ".....",
        "…",
        "··",
        "Figure 2.",
        "From: O",
        "4. Berg O,",
        "Contents",
        "pump",
    ),
]
#: Letters that are the same as others where case is ignored.
ALIKE = str.maketrans({"s": "ſ", "i": "ı", "I": "İ", "k": "\u212a"})
WRITTEN = st.sampled_from([str, str.upper, str.lower, str.title, lambda words: words.translate(ALIKE)])


@given(st.lists(st.tuples(st.sampled_from(TELLING), WRITTEN, st.sampled_from(["", " ", "\n"]))))
def test_what_is_looked_for_first_leaves_nothing_out(
    parts: list[tuple[str, Callable[[str], str], str]],
) -> None:
    words = "".join(written(part) + space for part, written, space in parts)
    patterns = [*BEGINNINGS, *(pattern for pattern, _ in WITHIN)]
    assert is_apart(words) is any(pattern.search(words) is not None for pattern in patterns)


@pytest.mark.parametrize(("question", "asks"), [
    ("Who wrote the paper on pumps?", True), ("这本手册的作者是谁？", True),
    ("What does figure 3 show?", True),
    ("When was the pump built?", False), ("水泵由什么组成？", False),
])  # fmt: skip
def test_a_question_may_be_about_what_stands_beside(question: str, asks: bool) -> None:
    assert asks_for_it(question) is asks


def test_a_row_of_authors_within_a_sentence_is_left_out() -> None:
    words = "A less toxic drug is effective Jia Liu 1, Rui Cao 2, Ming Xu 1,3 Dear Editor, it came."
    assert without_authors(words) == "A less toxic drug is effective … Dear Editor, it came."


@pytest.mark.parametrize("words", [
    "The pump of Tal is a machine for clean water.", "In this study, the seals of forty pumps were compared.",
    "By the end of the embargo the price of oil had risen.", "水泵是一种输送液体的机器。",
    "上海站位于上海市静安区秣陵路。", "2013年，国家发改委同意迁建新疆机场。",
])  # fmt: skip
def test_a_sentence_with_its_subject_stands_alone(words: str) -> None:
    assert stands_alone(words, is_cjk=not words.isascii())


@pytest.mark.parametrize("words", [
    "To this end, the seals of forty pumps were compared.", "While the other three pumps were less than old.",
    "In contrast to the old pump it was made of steel.", "How this is done is up to the provider.",
    "Data and cohort details are given in Supplementary Table S3.",
    "C. Binding of the ring to the casing was seen.",
    "For the pump as a sign, see Pump (sign).", "Table 2 summarizes the results of the trial.",
    "Do you have any old pump to share with us?", "5We used values of the year before for it.",
    "The ring was made of steel (of the best kind.", "It is so.",
    "停泊于古仁屋港的基地内。", "1979年3月至1980年12月任陆军司令部副处长。",
    "由于这只是电荷的重新分布，物体不带电。",
    "其中水面约五十公顷以上。",
])  # fmt: skip
def test_a_sentence_that_leans_on_others_does_not(words: str) -> None:
    assert not stands_alone(words, is_cjk=not words.isascii())


@pytest.mark.parametrize(("heading", "is_detail"), [
    ("Materials and methods", True), ("References", True), ("参考文献", True),
    ("Maintenance", False), ("结论", False),
])  # fmt: skip
def test_a_heading_may_stand_above_details(heading: str, is_detail: bool) -> None:
    assert heads_details(heading) is is_detail
