"""Sentences of a document, page by page."""

import pytest

from kotaemon_async.documents.sentences import SentenceCutter
from kotaemon_async.domain.model import Block, Page, Sentence


def cut(*pages: Page) -> list[Sentence]:
    cutter = SentenceCutter(1000, 500)
    return [
        piece.sentence
        for page, following in zip(pages, [*pages[1:], None], strict=True)
        for piece in cutter.pieces(page, following)
        if piece.sentence
    ]


def test_a_sentence_knows_the_last_heading_above_it_over_pages() -> None:
    found = cut(Page(1, "Valves\n\nThey are shut.\n\nPumps"), Page(2, "They are on."))
    assert [(one.text, one.heading) for one in found] == [
        ("They are shut.", "Valves"),
        ("They are on.", "Pumps"),
    ]


def test_the_title_is_the_heading_that_opens_the_document() -> None:
    titles = []
    for text in ("Valves\n\nThey are shut.", "They are shut.\n\nPumps\n\nThey are on."):
        cutter = SentenceCutter(1000, 500)
        cutter.pieces(Page(1, text), None)
        titles.append(cutter.title)
    assert titles == ["Valves", ""]


LONG = "It is a long row of words that stands in no hurry at the end of a page and still"


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("The lamp was bought by", "Hale in Leeds. It burns.", "The lamp was bought by Hale in Leeds."),
        (LONG, "Hale goes on. It burns.", f"{LONG} Hale goes on."),
        ("The lamp was bought by an under-", "writer. He left.", "The lamp was bought by an underwriter."),
        ("灯塔的灯是1884年由工程师安装的，亮度是一万", "一千坎德拉。灯不亮了。", None),
    ],
)
def test_a_sentence_goes_on_over_a_page_break(first: str, second: str, whole: str | None) -> None:
    sentence = cut(Page(1, first), Page(2, second))[0]
    assert sentence.text == (whole or "灯塔的灯是1884年由工程师安装的，亮度是一万一千坎德拉。")
    assert [place.page for place in sentence.places] == [1, 2]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The lamp burns on the tower every night of the long winter here.", "hale is asleep."),
        ("The lamp burns on the tower with so much oil, and so do all these:", "lamps of Leeds."),
        ("The lamp burns on the tower with so much oil that nobody of us sleeps", "- lamps\n- oil"),
        ("KT-100 3000 2000 7000 20 and so on 1 2 3 4 5 6 7 8 9 10 11 12 13 14", "KT-101 is light."),
    ],
)
def test_what_is_complete_or_no_sentence_does_not_go_on(first: str, second: str) -> None:
    assert len(cut(Page(1, first), Page(2, second))[0].places) == 1


def test_running_heads_between_the_parts_of_a_sentence_are_left_out() -> None:
    foot = Page(1, "The lamp was bought by\n\n1", (Block("paragraph", 0, 22), Block("page_footer", 24, 25)))
    head = Page(2, "Report\n\nHale in Leeds.", (Block("page_header", 0, 6), Block("paragraph", 8, 22)))
    assert [one.text for one in cut(foot, head)] == ["The lamp was bought by Hale in Leeds."]


def test_each_line_of_a_table_is_a_row() -> None:
    page = Page(1, "Model | Price\nA1 | low", (Block("table", 0, 22),))
    assert [(one.text, one.kind) for one in cut(page)] == [("Model | Price", "row"), ("A1 | low", "row")]


def test_the_label_of_an_abstract_is_no_part_of_its_sentence() -> None:
    assert [
        one.text
        for one in cut(
            Page(1, "Abstract: The lamp is dark. Text: It is an old one. 摘要：灯不亮了，没有人知道原因。")
        )
    ] == [
        "The lamp is dark.",
        "It is an old one.",
        "灯不亮了，没有人知道原因。",
    ]
