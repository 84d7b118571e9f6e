"""Paragraphs from lines and boxes."""

import pytest

from kotaemon_async.documents.parsing.child_layout import Line
from kotaemon_async.documents.parsing.child_paragraphs import clean, paragraphs


def page_text(blocks: list[list[Line]]) -> str:
    return "\n\n".join(paragraph.text for paragraph in paragraphs(blocks))


def block(
    *texts: str, x0: float = 60, top: float = 100, width: float = 228, short_last: bool = True
) -> list[Line]:
    """Rows of 10 points that fill the column; the last one may be short."""
    rows = []
    for place, text in enumerate(texts):
        right = x0 + (width / 2 if short_last and place == len(texts) - 1 else width)
        rows.append(Line(x0, top + 12 * place, right, top + 12 * place + 11, 10, text))
    return rows


def test_words_of_one_justified_row_are_joined_by_their_height() -> None:
    words = [
        Line(60 + 60 * n, 100, 100 + 60 * n, 111, 10, word)
        for n, word in enumerate(("Schoggins ", "and ", "Rice, "))
    ]
    assert page_text([[*words, Line(60, 112, 120, 123, 10, "2011.")]]) == "Schoggins and Rice, 2011."


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (("The lamp burned all", "night long."), "The lamp burned all night long."),
        (("灯塔看守人每天晚上七", "点给时钟上发条。"), "灯塔看守人每天晚上七点给时钟上发条。"),
        (("该塔建成于", "1973年。"), "该塔建成于1973年。"),
        (("an exam-", "ple of it"), "an example of it"),
        (("the IFN-", "regulated genes"), "the IFN-regulated genes"),
        (("in 2-", "5 days"), "in 2-5 days"),
        (("a well-", "rounded man"), "a well-rounded man"),
        (("a cell-", "mediated answer"), "a cell-mediated answer"),
        (("the tell-tale sign, a tell-", "tale heart"), "the tell-tale sign, a tell-tale heart"),
        (
            ("virus tests are specific; a virus-", "specific one"),
            "virus tests are specific; a virus-specific one",
        ),
        (("a soft\u00ad", "ware error"), "a software error"),
        (("an acid and/", "or a base"), "an acid and/or a base"),
        (("an under\u2010", "writer. An underwriter"), "an underwriter. An underwriter"),
        (("die Ver-", "sicherung zahlt, die Versicherung"), "die Versicherung zahlt, die Versicherung"),
        (("the Strassen-", "und Wegebau"), "the Strassen- und Wegebau"),
        (("the pre-", "and postwar years"), "the pre- and postwar years"),
        (("pause -", "then on"), "pause - then on"),
    ],
)
def test_rows_become_one_paragraph_with_hyphens_only_on_evidence(rows: tuple[str, ...], text: str) -> None:
    assert page_text([block(*rows)]) == text


def test_a_sentence_over_two_columns_is_not_cut() -> None:
    left = block("The keeper wound the", "clock every evening", short_last=False)
    right = block("at seven and went to", "bed.", x0=320)
    assert page_text([left, right]) == "The keeper wound the clock every evening at seven and went to bed."


def test_a_chinese_sentence_over_two_columns_is_not_cut() -> None:
    left = block("灯塔看守人每天晚上七", "点给时钟上发条并记下", short_last=False)
    right = block("天气，从不间断，直到退休", "为止。", x0=320)
    assert (
        page_text([left, right]) == "灯塔看守人每天晚上七点给时钟上发条并记下天气，从不间断，直到退休为止。"
    )


def test_a_footer_and_a_heading_stay_apart() -> None:
    footer = block("- 2 / 6 -", top=740, width=40)
    header = block("Viruses", top=30, width=60)
    assert page_text([block("It ends here."), footer, header]) == "It ends here.\n\n- 2 / 6 -\n\nViruses"


def test_a_line_that_was_broken_on_purpose_stays_broken() -> None:
    rows = [
        Line(60, 100, 120, 111, 10, "12 Sea Street"),
        Line(60, 112, 288, 123, 10, "Arnholm on the northern coast"),
    ]
    assert page_text([rows]) == "12 Sea Street\nArnholm on the northern coast"


def test_ligatures_controls_and_noncharacters_do_not_reach_the_stores() -> None:
    assert clean("of\ufb01ce\x00 \ud800of\ufffe  the\u00a0\u200bsea") == "office of the sea"
    assert clean("of\u200cfice\x0bwork") == "office work"


def test_a_short_row_that_ends_with_a_german_and_goes_on() -> None:
    rows = [
        Line(60, 100, 400, 111, 10, "Die Verwaltung der Stadt meldet alle"),
        Line(60, 112, 200, 123, 10, "den Haus- und"),
        Line(60, 124, 390, 135, 10, "Grundbesitz ihrer Kreise im Land."),
    ]
    assert (
        page_text([rows])
        == "Die Verwaltung der Stadt meldet alle den Haus- und Grundbesitz ihrer Kreise im Land."
    )
