"""Running heads and feet."""

import pytest

from kotaemon_async.documents.parsing.child_layout import Line
from kotaemon_async.documents.parsing.child_running import edges, is_running, running_keys, running_lines

HEIGHT = 800.0


def line(text: str, y: float) -> Line:
    return Line(60, y, 300, y + 10, 10, text)


def keys_of(*heads: str) -> frozenset[str]:
    return running_keys(edges([line(head, 20), line("the body", 400)], HEIGHT) for head in heads)


@pytest.mark.parametrize(
    ("heads", "running"),
    [
        (["Report 2031, 1", "Report 2031, 2", "Report 2031, 3"], {"Report #, #"}),
        (["Pumps", "Pumps"], {"Pumps"}),
        (["Pumps", "Valves"], set()),
        (["Pumps", "Valves", "Seals", "Pumps", "Tools"], set()),
        (["Pumps", "Valves", "Pumps", "Seals", "Pumps"], {"Pumps"}),
        (["iv", "v", "vi"], {"#"}),
        (["第1章 泵", "第2章 泵", "第3章 泵"], {"第#章 泵"}),
    ],
)
def test_a_line_at_the_edge_of_enough_pages_is_running(heads: list[str], running: set[str]) -> None:
    assert keys_of(*heads) == running


@pytest.mark.parametrize(
    ("text", "y", "running"),
    [
        ("Report 7", 20, True),
        ("Report 7", 400, False),
        ("- 2 / 6 -", 780, True),
        ("Page 3 of 9", 780, True),
        ("第3页", 780, True),
        ("第3页 共9页", 780, True),
        ("The whole town and its", 780, True),
        ("The whole town and its", 20, False),
        ("4200", 780, False),
        ("It is the end.", 780, False),
    ],
)
def test_a_head_a_page_number_and_a_cut_title_are_running_at_the_edge(
    text: str, y: float, running: bool
) -> None:
    keys, title = frozenset({"Report #"}), "The whole town and its sights"
    assert is_running(line(text, y), HEIGHT, keys, title) is running


def test_the_first_row_of_a_paragraph_is_no_head_though_two_pages_begin_alike() -> None:
    row, head, body = line("It is a lamp of", 40), line("Report", 20), line("the tower.", 52)
    keys = frozenset({"It is a lamp of", "Report"})
    assert running_lines([head, row, body], HEIGHT, keys, "") == [head]


def test_a_page_of_nothing_but_such_lines_keeps_them() -> None:
    assert running_lines([line("Report", 20)], HEIGHT, frozenset({"Report"}), "") == []


def test_rows_of_a_table_that_look_alike_on_every_page_are_none() -> None:
    names = ["Valve", "Pump", "Valve", "Pump", "Valve", "Seal"]
    cells = [(f"07/1{n}/2015", f"{name} {n}") for n, name in enumerate(names)]
    rows = [
        Line(x, 20 + 12 * n, x + 90, 30 + 12 * n, 10, text)
        for n, row in enumerate(cells)
        for x, text in zip((60, 200), row, strict=True)
    ]
    keys = frozenset({"#/#/#", "Pump #"})
    assert running_lines(rows, HEIGHT, keys, "") == []
