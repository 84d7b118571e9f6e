"""The order in which lines are read."""

import pytest

from kotaemon_async.documents.parsing.child_layout import Line, regions

LEFT = [
    "the old water tower of the town",
    "was built by the brothers Hale",
    "and it holds nine hundred litres",
    "of water for the upper quarter",
]
RIGHT = [
    "the railway bridge is a mile away",
    "and carries two tracks with its",
    "pillars in the river since 1870",
    "as the divers have always said",
]


def column(texts: list[str], x0: float, top: float = 100, width: float = 200, block: int = 0) -> list[Line]:
    return [
        Line(x0, top + 14 * n, x0 + width, top + 14 * n + 11, 10, text, block=block)
        for n, text in enumerate(texts)
    ]


def wide(text: str, top: float, block: int = 9) -> Line:
    return Line(60, top, 500, top + 11, 10, text, block=block)


def read(lines: list[Line]) -> list[list[str]]:
    return [[line.text for line in region] for region in regions(lines)]


def test_columns_that_are_drawn_in_turns_are_read_one_after_the_other() -> None:
    pairs = zip(column(LEFT, 60), column(RIGHT, 300), strict=True)
    assert read([line for pair in pairs for line in pair]) == [LEFT, RIGHT]


def test_a_right_column_that_is_drawn_first_is_read_last() -> None:
    assert read(column(RIGHT, 300) + column(LEFT, 60)) == [LEFT, RIGHT]


def test_chinese_columns_are_read_one_after_the_other() -> None:
    left, right = (
        ["灯塔看守人每天晚上给时钟上发条", "并记下天气"] * 2,
        ["铁路桥离这里有一英里远的路程", "有两条轨道在"] * 2,
    )
    pairs = zip(column(left, 60), column(right, 300), strict=True)
    assert read([line for pair in pairs for line in pair]) == [left, right]


def test_a_line_over_both_columns_parts_what_is_above_it_from_what_is_below() -> None:
    above = column(LEFT, 60) + column(RIGHT, 300)
    below = column(RIGHT, 60, top=200) + column(LEFT, 300, top=200)
    title, middle = wide("The sights of the town", 80), wide("The upkeep of the sights", 180)
    assert read([*below, *above, middle, title]) == [
        ["The sights of the town"],
        LEFT,
        RIGHT,
        ["The upkeep of the sights"],
        RIGHT,
        LEFT,
    ]


def test_the_cells_of_a_table_are_no_columns() -> None:
    names, prices = (
        column(["KT-100", "KT-101", "KT-102", "KT-103"], 60),
        column(["300", "420", "17", "8"], 300),
    )
    lines = [line for pair in zip(names, prices, strict=True) for line in pair]
    assert read(lines) == [[line.text for line in lines]]


def test_a_heading_that_is_drawn_last_is_read_first() -> None:
    body = [wide("It is about pumps.", 100, block=0), wide("It is long.", 114, block=0)]
    assert read([*body, wide("The report", 60)]) == [["The report", "It is about pumps.", "It is long."]]


def test_blocks_beside_each_other_stay_as_they_are_drawn() -> None:
    side = column(["note", "by hand"], 520, width=60, block=1)
    body = [wide("It is about pumps.", 100, block=2), wide("It is long.", 114, block=2)]
    assert read([*side, *body]) == [["note", "by hand", "It is about pumps.", "It is long."]]


def test_vertical_writing_stays_as_it_is_drawn() -> None:
    lines = [
        Line(400 - 20 * n, 100, 412 - 20 * n, 500, 10, text, upright=False)
        for n, text in enumerate("一二三四五六七八")
    ]
    assert read(lines) == [list("一二三四五六七八")]


@pytest.mark.parametrize("drawn", [(0, 1, 2, 3), (3, 0, 1, 2), (0, 3, 1, 2), (3, 2, 1, 0), (1, 2, 0, 3)])
def test_a_head_and_a_foot_beside_short_lines_stand_at_the_ends(drawn: tuple[int, ...]) -> None:
    whole = [
        Line(400, 30, 560, 42, 10, "The head at the right", block=1),
        Line(50, 80, 90, 92, 10, "First.", block=2),
        Line(50, 94, 100, 106, 10, "The last.", block=3),
        Line(280, 760, 320, 772, 10, "17", block=4),
    ]
    found = [one.text for region in regions([whole[at] for at in drawn]) for one in region]
    assert (found[0], found[-1]) == ("The head at the right", "17")
    assert sorted(found) == sorted(line.text for line in whole)
