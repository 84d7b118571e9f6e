"""Pages read from pictures: their lines become paragraphs and headings, as those of PDFs do."""

from dataclasses import dataclass

import pytest

from kotaemon_async.documents.parsing.child_places import Box
from kotaemon_async.documents.parsing.child_scanned import page_of
from kotaemon_async.documents.parsing.child_words import marked


@dataclass(frozen=True)
class Word:
    text: str
    box: Box


@dataclass(frozen=True)
class Read:
    text: str
    box: Box
    words: tuple[Word, ...]
    is_upright: bool = True


def line(text: str, x: float, y: float, height: float = 34.0) -> Read:
    """A line on a sheet of 1654 × 2339 points, its letters all as wide."""
    step = height / 2.2
    words, at = [], x
    for word in text.split():
        words.append(Word(word, (at, y, at + step * len(word), y + height)))
        at += step * (len(word) + 1)
    return Read(text, (x, y, x + step * len(text), y + height), tuple(words))


PARAGRAPH = [
    line("The pressure valve is inspected every quarter by the crew and the", 160, 400, 33),
    line("reading is kept. Above the limit of 4200 kPa the line is stopped", 160, 445, 36),
    line("within fifteen minutes.", 160, 490, 31),
]


def kinds(lines: list[Read]) -> list[tuple[str, str]]:
    page = page_of(lines, 0, 1654, 2339)
    return [(block.kind, page["text"][block.start : block.end]) for block in page["blocks"]]


def test_rows_are_joined_whatever_their_boxes_measure() -> None:
    text = (
        "The pressure valve is inspected every quarter by the crew and the reading is kept. "
        "Above the limit of 4200 kPa the line is stopped within fifteen minutes."
    )
    assert kinds(PARAGRAPH) == [("paragraph", text)]


def test_a_line_in_large_letters_is_a_heading() -> None:
    assert kinds([line("Inspection", 160, 250, 70), *PARAGRAPH])[0] == ("heading", "Inspection")


def test_columns_are_read_one_after_the_other() -> None:
    left = [line(f"left column row {row} runs over the", 160, 400 + 45 * row, 30) for row in range(6)]
    right = [line(f"right column row {row} runs over the", 900, 400 + 45 * row, 30) for row in range(6)]
    mixed = [one for pair in zip(left, right, strict=True) for one in pair]
    text = page_of(mixed, 0, 1654, 2339)["text"]
    assert text.index("left column row 5") < text.index("right column row 0")


@pytest.mark.parametrize(
    ("turn", "size", "box"),
    [
        (0, (1654, 2339), (0.099, 0.171, 0.728, 0.223)),
        (180, (1654, 2339), (0.272, 0.777, 0.901, 0.829)),
        (90, (1654, 2339), (0.777, 0.099, 0.829, 0.728)),
    ],
)
def test_boxes_are_parts_of_the_page_as_it_is_shown(turn: int, size: tuple[int, int], box: Box) -> None:
    (block,) = page_of(PARAGRAPH, turn, *size)["blocks"]
    assert block.boxes == (pytest.approx(box, abs=0.002),)


def test_a_quote_over_two_rows_is_marked_in_both() -> None:
    words = page_of(PARAGRAPH, 0, 1654, 2339)["words"]
    first, second = marked(words, "the crew and the reading is kept.")
    assert first[3] <= second[1] + 0.01 and first[0] > 0.4 and second[0] < 0.11


def test_cells_of_a_row_that_lie_a_little_off_are_one_row() -> None:
    rows = [("Model", "Price", "Stock"), ("A1", "42.00", "17"), ("B2", "7.25", "9"), ("C3", "11.50", "230")]
    cells = [
        line(text, 160 + 400 * column, 400 + 60 * row + (column * 7) % 5 - 2, 34 - column)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    ]
    text = page_of(cells[::-1], 0, 1654, 2339)["text"]
    assert [one.replace(" | ", " ") for one in text.split("\n") if one] == [" ".join(row) for row in rows]
