"""The text of a page and its blocks."""

from kotaemon_async.documents.parsing.child_layout import Line
from kotaemon_async.documents.parsing.child_page import Content, PageParts

HEIGHT = 800.0


def rows(*texts: str, top: float, size: float = 10, bold: bool = False, width: float = 400) -> list[Line]:
    """Rows that fill the page's width, but the last."""
    last = len(texts) - 1
    return [
        Line(
            60,
            top + 12 * n,
            60 + (width if n < last else 6 * len(text)),
            top + 12 * n + size,
            size,
            text,
            bold=bold,
        )
        for n, text in enumerate(texts)
    ]


def parts(*lines: list[Line], running: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    found = PageParts(Content([one for group in lines for one in group], 595, HEIGHT), running, "", 10.0)
    return [(block.kind, found.text[block.start : block.end]) for block in found.blocks]


BODY = rows("The lamp of the old tower burns through", "the night.", top=200)
TEXT = "The lamp of the old tower burns through the night."


def test_a_line_that_is_larger_is_a_heading_with_a_stop_or_without() -> None:
    assert parts(rows("What burns?", top=100, size=16), BODY) == [
        ("heading", "What burns?"),
        ("paragraph", TEXT),
    ]


def test_a_title_over_two_rows_is_one_heading() -> None:
    title = [
        Line(60, 90, 460, 106, 16, "The lamp that burns in the"),
        Line(60, 112, 160, 128, 16, "old tower"),
    ]
    assert parts(title, BODY)[0] == ("heading", "The lamp that burns in the old tower")


def test_a_bold_line_in_front_of_plain_text_is_a_heading() -> None:
    assert parts(rows("The lamp burns", top=188, bold=True), BODY)[0] == ("heading", "The lamp burns")


def test_a_short_row_right_above_full_ones_is_a_heading() -> None:
    text = rows("Lamps", "The lamp of the old tower burns through", "the winter nights.", top=100)
    text[0] = Line(60, 100, 90, 110, 10, "Lamps")
    assert parts(text)[0] == ("heading", "Lamps")


def test_running_heads_come_first_and_feet_last() -> None:
    foot, head = rows("- 1 / 9 -", top=785), rows("Report", top=20)
    assert parts(foot, BODY, head, running=frozenset({"Report"})) == [
        ("page_header", "Report"), ("paragraph", TEXT), ("page_footer", "- 1 / 9 -")
    ]  # fmt: skip


def test_a_note_in_small_letters_comes_after_the_text() -> None:
    note = rows("1 It was bought in Leeds.", top=700, size=8)
    assert parts(BODY, note)[-1] == ("note", "1 It was bought in Leeds.")


def test_cells_under_each_other_are_a_table_of_lines() -> None:
    cells = [
        Line(x, 100 + 12 * n, x + 40, 110 + 12 * n, 10, text)
        for n, row in enumerate((("Model", "Weight", "Price"), ("K-1", "300", "20"), ("K-2", "420", "21")))
        for x, text in zip((60, 200, 340), row, strict=True)
    ]
    assert parts(cells) == [("table", "Model Weight Price\nK-1 300 20\nK-2 420 21")]


def test_boxes_lie_around_the_rows_of_a_block() -> None:
    page = PageParts(Content(BODY, 595, HEIGHT), frozenset(), "", 10.0)
    assert page.blocks[0].boxes == ((60, 200, 460, 222),)


def test_rows_that_the_pdf_gives_one_by_one_are_a_paragraph() -> None:
    texts = (
        "灯塔看守人每天晚上七点给时钟上发条，并在一",
        "本蓝色的本子里记下天气。本子现在收藏在镇博",
        "物馆。",
    )
    lines = [Line(60, 100 + 18 * n, 460, 111 + 18 * n, 11, text, block=n) for n, text in enumerate(texts)]
    assert parts(lines) == [("paragraph", "".join(texts))]


def test_a_ragged_edge_breaks_no_sentence() -> None:
    texts = (
        "The crane that was bought lifts",
        "36 tonnes and was checked by",
        "Hale in spring, when",
        "it was new.",
    )
    lines = [
        Line(60, 100 + 12 * n, end, 110 + 12 * n, 10, text)
        for n, (end, text) in enumerate(zip((430, 380, 440, 300), texts, strict=True))
    ]
    assert parts(lines) == [("paragraph", " ".join(texts))]
