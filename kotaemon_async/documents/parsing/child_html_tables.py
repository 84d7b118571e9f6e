"""The rows and columns of an HTML table, merged cells repeated; pure, runs inside a parser child."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from kotaemon_async.documents.parsing.office.child_sheet import header_rows

_MAX_SPAN: Final = 1_000
_MAX_COLUMNS: Final = 1_000
#: All cells of a table with the repeated ones.
_MAX_CELLS: Final = 500_000
#: A longer text is not repeated where its cell reaches over others.
_REPEATED_CHARS: Final = 200
#: A table with more text in a cell arranges a page rather than data.
_DATA_CHARS: Final = 1_500


class Cell(NamedTuple):
    """A cell as it is written."""

    text: str
    is_head: bool
    columns: int
    rows: int
    #: Whether it holds headings, lists or several paragraphs.
    is_rich: bool = False
    #: Whether it holds more than any cell of data does.
    is_page: bool = False


class Row(NamedTuple):
    """A row as it is written; whether it stands in a thead."""

    cells: Sequence[Cell]
    is_head: bool = False


def span(value: str | None) -> int:
    """Return how many columns or rows a cell takes."""
    text = (value or "").strip()
    return min(max(int(text), 1), _MAX_SPAN) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def is_data(rows: Sequence[Row]) -> bool:
    """Return whether the rows hold data: more than one column, and cells that are no parts of a page."""
    cells = [cell for row in rows for cell in row.cells]
    if max((sum(cell.columns for cell in row.cells) for row in rows), default=0) < 2:
        return False
    if any(cell.is_page for cell in cells):
        return False
    if any(cell.is_head for cell in cells):
        return True
    has_rows = sum(any(cell.text for cell in row.cells) for row in rows) > 1
    return has_rows and not any(cell.is_rich or len(cell.text) > _DATA_CHARS for cell in cells)


def title_rows(rows: Sequence[Row]) -> list[str]:
    """Return the texts of the first rows that are one cell over all columns: titles of the table."""
    width = max((sum(cell.columns for cell in row.cells) for row in rows), default=0)
    found: list[str] = []
    for row in rows[: len(rows) - 1]:
        if len(row.cells) != 1 or row.cells[0].columns < width or row.cells[0].rows > 1:
            break
        found.append(row.cells[0].text)
    return found


def grid(rows: Sequence[Row]) -> tuple[list[list[str]], bool]:
    """Return the table with a text in every place, and whether that is all of it."""
    found: list[list[str]] = []
    pending: dict[int, tuple[int, str]] = {}  # column -> how many rows more its cell reaches, and its text
    count = 0
    for row in rows:
        line: list[str] = []
        below: dict[int, tuple[int, str]] = {}
        for cell in row.cells:
            _carry(line, pending, below)
            text = cell.text if len(cell.text) <= _REPEATED_CHARS else ""
            for place in range(min(cell.columns, _MAX_COLUMNS - len(line))):
                if cell.rows > 1:
                    below[len(line)] = (cell.rows - 1, text)
                line.append(text if place else cell.text)
        _carry(line, pending, below)
        _rest(line, pending, below)
        pending = below
        count += len(line)
        if count > _MAX_CELLS:
            return found, False
        found.append(line)
    return found, True


def _carry(line: list[str], pending: dict[int, tuple[int, str]], below: dict[int, tuple[int, str]]) -> None:
    """Write the cells from the rows above that reach into the next places of the line."""
    while (column := len(line)) in pending:
        left, text = pending.pop(column)
        if left > 1:
            below[column] = (left - 1, text)
        line.append(text)


def _rest(line: list[str], pending: dict[int, tuple[int, str]], below: dict[int, tuple[int, str]]) -> None:
    """Write the cells from above that stand behind a gap of the line."""
    for column in sorted(pending):
        line += [""] * (column - len(line))
        _carry(line, pending, below)


def head_rows(rows: Sequence[Row], lines: Sequence[Sequence[str]]) -> int:
    """Return how many rows name the columns: of the thead, of head cells, else what its words tell."""
    count = 0
    for row in rows:
        is_head = bool(row.cells) and all(cell.is_head for cell in row.cells)
        if not (row.is_head or is_head):
            break
        count += 1
    if count or any(cell.is_head for row in rows for cell in row.cells):
        return min(count, len(lines) - 1)
    return header_rows(lines)
