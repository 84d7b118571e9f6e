import pytest

from kotaemon_async.documents.parsing.child_places import Glyph, marks

Box = tuple[float, float, float, float]


def row(text: str, number: int, x: float = 0.0) -> list[Glyph]:
    """Characters of 5 by 10 points side by side, in row `number`."""
    top = 12.0 * number
    return [Glyph(c, (x + 5 * at, top, x + 5 * at + 5, top + 10), number) for at, c in enumerate(text)]


PAGE = row("The seal is re-", 0) + row("placed every year.", 1) + row("轴封每年更换一次。", 2)


FOOTER = [*row("The customer may withdraw", 0), *row("- 4 / 31 -", 1), *row("within fourteen days.", 2)]
GAP = [*row("left", 0), *row("right", 0, x=200.0)]
#: Read from the right: words, a number from left to right, then words on its left.
TURNED = [
    *row("كلفة الرافعة"[::-1], 0, x=100.0)[::-1],
    *row("83,000", 0, x=65.0),
    *row("يورو كانت"[::-1], 0)[::-1],
]


@pytest.mark.parametrize(
    ("page", "quote", "found"),
    [
        (PAGE, "is replaced every", [(45.0, 0.0, 70.0, 10.0), (0.0, 12.0, 60.0, 22.0)]),
        (PAGE, "每年更换", [(10.0, 24.0, 30.0, 34.0)]),
        (row("the ﬁrst ＡＢＣ", 0), "first ABC", [(20.0, 0.0, 60.0, 10.0)]),
        (
            FOOTER,
            "The customer may withdraw within fourteen days.",
            [(0.0, 0.0, 125.0, 10.0), (0.0, 24.0, 105.0, 34.0)],
        ),
        (row("高级⻓期⻅证 of\u200cfice", 0), "长期见证 office", [(10.0, 0.0, 70.0, 10.0)]),
        (GAP, "left right", [(0.0, 0.0, 20.0, 10.0), (200.0, 0.0, 225.0, 10.0)]),
        (TURNED, "كلفة الرافعة 83,000 يورو كانت", [(0.0, 0.0, 160.0, 10.0)]),
        (PAGE, "the pump", []),
        (PAGE, "", []),
        ([], "seal", []),
        (PAGE, "The seal was never mentioned by anybody in this long other sentence", []),
    ],
    ids=[
        *("one box in each row", "Chinese", "ligatures and wide forms", "around a footer"),
        *("radicals and joiners", "around a gap", "right to left"),
        *("not there", "nothing", "an empty page", "a few shared words"),
    ],
)
def test_a_quote_is_marked_where_it_stands(page: list[Glyph], quote: str, found: list[Box]) -> None:
    assert marks(page, quote) == found


def test_white_space_and_hyphens_of_either_side_do_not_matter() -> None:
    assert marks(PAGE, "is\nre placed  every") == marks(PAGE, "is re-placed every")


def test_the_row_of_a_table_that_is_drawn_column_by_column_is_marked_cell_by_cell() -> None:
    columns = [("KT-1", "KT-2"), ("740", "741"), ("20", "21")]
    glyphs = [
        Glyph(
            one,
            (100.0 * column + 5 * at, 20.0 * row, 100.0 * column + 5 * at + 5, 20.0 * row + 10),
            2 * column + row,
        )
        for column, cells in enumerate(columns)
        for row, cell in enumerate(cells)
        for at, one in enumerate(cell)
    ]
    assert marks(glyphs, "KT-2 | 741 | 21") == [(0, 20, 20, 30), (100, 20, 115, 30), (200, 20, 210, 30)]
