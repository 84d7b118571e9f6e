"""The cells of an OpenDocument table as rows of text; runs inside a parser child."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import NamedTuple

from kotaemon_async.documents.parsing.office.child_odf_styles import count_of
from kotaemon_async.documents.parsing.office.child_package import local

MAX_COLUMNS = 256
MAX_ROWS = 1_000
MAX_CELLS = 500_000
_MAX_SPAN = 1_000_000
_MOST_LEVELS = 20
#: A longer value of merged cells stands once.
_REPEATED_CHARS = 200
_GROUPS = frozenset({"table-header-rows", "table-rows", "table-row-group"})
_CELLS = frozenset({"table-cell", "covered-table-cell"})


class Cell(NamedTuple):
    """A cell of a row: its first column from 1 on, how often it stands, and how far it reaches."""

    column: int
    times: int
    columns: int
    rows: int
    is_covered: bool
    element: ET.Element


def cells_of(row: ET.Element) -> Iterator[Cell]:
    """Yield the cells of a row; repeated ones are counted, not written out."""
    column = 1
    for element in row:
        if local(element) in _CELLS:
            times = columns = rows = 1
            if any("number-" in key for key in element.attrib):
                times = count_of(element, "number-columns-repeated", _MAX_SPAN)
                columns = count_of(element, "number-columns-spanned", _MAX_SPAN)
                rows = count_of(element, "number-rows-spanned", _MAX_SPAN)
            yield Cell(column, times, columns, rows, local(element) == "covered-table-cell", element)
            column += times


def grid(table: ET.Element, text_of: Callable[[ET.Element], str]) -> tuple[list[list[str]], int, bool]:
    """Return the rows of a table, how many of them are marked as its header, and whether it is cut.

    Merged values are repeated.
    """
    rows: list[list[str]] = []
    head = filled = 0
    reaching: dict[
        int, tuple[str, int]
    ] = {}  # column -> a value that reaches down, and through how many rows
    for row, is_head in _rows(table, is_head=False, depth=0):
        cells = _row(row, reaching, text_of)
        times = min(count_of(row, "number-rows-repeated", _MAX_SPAN), MAX_ROWS) if any(cells) else 1
        filled += len(cells) * times
        if filled > MAX_CELLS:
            return rows, head, True
        rows += [cells] * times
        head += is_head and head == len(rows) - times
    return rows, head, False


def _rows(element: ET.Element, *, is_head: bool, depth: int) -> Iterator[tuple[ET.Element, bool]]:
    for one in element:
        name = local(one)
        if name == "table-row":
            yield one, is_head
        elif name in _GROUPS and depth < _MOST_LEVELS:
            yield from _rows(one, is_head=is_head or name == "table-header-rows", depth=depth + 1)


def _row(
    row: ET.Element, reaching: dict[int, tuple[str, int]], text_of: Callable[[ET.Element], str]
) -> list[str]:
    cells: list[str] = []
    value, left, down = "", 0, 0  # of the last cell, how many to its right and how many rows below it covers
    for cell in cells_of(row):
        text = "" if cell.is_covered else text_of(cell.element)
        for column in range(cell.column, min(cell.column + cell.times, MAX_COLUMNS + 1)):
            above, rows = reaching.pop(column, ("", 1))
            if not cell.is_covered:
                value, left, down = text, cell.columns, cell.rows
            left -= 1
            shown, below = (value, down - 1) if left >= 0 else (above, rows - 1)
            if cell.is_covered and len(shown) > _REPEATED_CHARS:
                shown = ""
            if below > 0:
                reaching[column] = (shown, below)
            cells.append(shown)
    while cells and not cells[-1]:
        cells.pop()
    return cells
