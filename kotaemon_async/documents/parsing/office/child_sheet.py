"""A sheet's rows as titles, tables and text, for every kind of spreadsheet; runs inside a parser child.

Rows without a blank one between them are a table; what stands alone above it is its title. Up to three rows
are its header; merged values stand in every cell that they cover, empty cells keep their place.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import UNIT_CHARS, UnitWriter

#: Bounds for what a workbook's numbers drive; more filled cells are data for a program, not for a reader.
MAX_CELLS: Final = 1_000_000
MAX_MERGES: Final = 20_000
_MOST_REPEATED = 200_000
#: A longer text is not repeated, no title, and in a column of its own no cell of a table.
_REPEATED_CHARS = 200
_TITLE_CHARS = 100
_PROSE_CHARS = 200
_BAR = " | "
_NAME_CHARS = 80
_NOTE_CHARS = 30
_HEADER_ROWS = 3
_MOST_TITLES = 4
_LONE_TITLES = 2
#: What the rows below are looked at for, to tell a header from a row like them.
_SAMPLE_ROWS = 30
_NUMERIC_SHARE = 0.6
#: The second of two columns of figures has more of them than values with their names have.
_FIGURES_SHARE = 0.8
_MIXED = 0.2
#: A rectangle with fewer filled cells than one in so many is written without its empty ones.
_SPARSE = 20
#: More rows than this part of a form have cells that are merged across.
_FORM_SHARE = 0.3
_SMALL_RECTANGLE = 20_000
#: A table of more columns is written in bands where a row with its header has more letters.
_FEW_COLUMNS = 12
_WIDE = 1600
_MONEY = "$€£¥￥₹₽₩元"
_NUMBER = re.compile(rf"[-+(]?\s?[{_MONEY}]?\s?[-+(]?[\d.,'’\s]*\d[\d.,'’\s]*[)%‰{_MONEY}]{{0,2}}")
_DATE = re.compile(
    r"\d{1,4}[-/.年]\d{1,2}(?:[-/.月]\d{0,4}日?)?(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?|\d{1,2}:\d{2}(?::\d{2})?"
)
#: What stands where there is no number.
_MISSING = frozenset(("-", "--", "—", "–", "/", "n/a", "na", "none", "null", "?", "无", "暂无", "不详"))
_YEAR = re.compile(r"(?:19|20)\d\d年?")


class Area(NamedTuple):
    """Cells from the first to the last row and column, both inside."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int

    @property
    def columns(self) -> int:
        return self.last_column - self.first_column + 1


@dataclass(slots=True)
class Sheet:
    """The cells of a sheet as text, by the numbers of their row and column; empty ones are left out."""

    name: str
    rows: dict[int, dict[int, str]]
    merges: Sequence[Area] = ()
    hidden: bool = False
    #: Rows that the file itself marks as a header: a table's, a filter's, or ones in bold letters.
    header_rows: frozenset[int] = frozenset()


class _Row(NamedTuple):
    number: int
    cells: Mapping[int, str]

    @property
    def is_alone(self) -> bool:
        """Return whether the row says one thing only."""
        values = iter(self.cells.values())
        first = next(values)
        return all(value == first for value in values)

    @property
    def text(self) -> str:
        return self.cells[min(self.cells)]


@dataclass(slots=True)
class _Plan:
    """What the rows of one sheet are written with."""

    writer: UnitWriter
    wide: Mapping[int, list[Area]]
    tall: Mapping[int, int]
    header_rows: frozenset[int]
    #: Whether a title of the whole sheet was written, and anything at all.
    has_title: bool = False
    has_content: bool = False


def write_sheet(writer: UnitWriter, sheet: Sheet) -> None:
    """Begin a unit for the sheet and write its rows."""
    writer.begin(kind="sheet", label=sheet.name, flags=("hidden",) if sheet.hidden else ())
    merges = sheet.merges[:MAX_MERGES]
    repeat_merged(sheet.rows, merges)
    wide: dict[int, list[Area]] = {}
    for area in merges:
        if area.columns > 1:
            wide.setdefault(area.first_row, []).append(area)
    tall: dict[int, int] = {}
    for area in merges:
        if area.last_row > area.first_row:
            tall[area.first_row] = max(tall.get(area.first_row, 0), area.last_row)
    plan = _Plan(writer, wide, tall, sheet.header_rows)
    runs = list(_runs(sheet.rows))
    for run, has_table_below in zip(runs, _tables_below(runs), strict=True):
        _write_run(plan, run, has_table_below)


class Room:
    """Counts cells and characters: too many cells refuse a file, too many characters cut it."""

    def __init__(self, most_units: int) -> None:
        self._cells_left = MAX_CELLS
        self._chars_left = most_units * UNIT_CHARS * 2 // 3

    def takes(self, cells: Collection[str]) -> bool:
        """Count the cells; return whether there is room for their text.

        Raises: FileError(parser_limit).
        """
        self._cells_left -= len(cells)
        if self._cells_left < 0:
            raise FileError("parser_limit", f"The file has more than {MAX_CELLS} filled cells.")
        self._chars_left -= sum(map(len, cells)) + len(_BAR) * len(cells)
        return self._chars_left >= 0


def column_name(number: int) -> str:
    """Return the letters of a column: 1 is A, 28 is AB."""
    letters = ""
    while number > 0:
        number, place = divmod(number - 1, 26)
        letters = chr(65 + place) + letters
    return letters


def repeat_merged(rows: dict[int, dict[int, str]], merges: Sequence[Area]) -> None:
    """Put the value of merged cells into each of them that lies in a row and a column with other values."""
    numbers = sorted(rows)
    columns = sorted({column for cells in rows.values() for column in cells})
    left = _MOST_REPEATED
    for area in merges:
        value = rows.get(area.first_row, {}).get(area.first_column, "")
        if not value or len(value) > _REPEATED_CHARS:
            continue
        across = columns[bisect_left(columns, area.first_column) : bisect_right(columns, area.last_column)]
        down = numbers[bisect_left(numbers, area.first_row) : bisect_right(numbers, area.last_row)]
        left -= len(across) * len(down)
        if left < 0:
            return
        for number in down:
            for column in across:
                rows[number].setdefault(column, value)


def _runs(rows: Mapping[int, Mapping[int, str]]) -> Iterator[list[_Row]]:
    """Yield the rows that belong together: none blank between them, or one inside a table."""
    run: list[_Row] = []
    for number in sorted(rows):
        row = _Row(number, rows[number])
        if run and number > run[-1].number + 1 and not _goes_on(run, row):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _goes_on(run: Sequence[_Row], row: _Row) -> bool:
    """Return whether a row behind one blank row is another row of the table above it."""
    if row.number > run[-1].number + 2 or len(row.cells) < 2 or len(run[-1].cells) < 2:
        return False
    if row.is_alone or not row.cells.keys() <= {column for one in run[-3:] for column in one.cells}:
        return False
    above = run[-1].cells
    numeric = [column for column, value in above.items() if _is_number(value)]
    if numeric:
        return any(_is_number(row.cells.get(column, "")) for column in numeric)
    # A header may stand apart from its rows.
    is_header = len(run) <= _HEADER_ROWS and not any(map(_has_numbers, run)) and _has_numbers(row)
    return is_header or len(run) == 1 or row.cells.keys() == above.keys()


def _tables_below(runs: Sequence[Sequence[_Row]]) -> list[bool]:
    """Return for each run whether what follows is a table, or more titles of one."""
    found: list[bool] = []
    is_below = False
    for run in reversed(runs):
        found.append(is_below)
        is_below = _lone_rows(run) < len(run) or (is_below and len(run) <= _LONE_TITLES)
    return found[::-1]


def _lone_rows(run: Sequence[_Row]) -> int:
    """Return how many rows at the beginning say one thing only."""
    return next((place for place, row in enumerate(run) if not row.is_alone), len(run))


def _write_run(plan: _Plan, run: list[_Row], has_table_below: bool) -> None:
    body = _without_titles(plan, run, has_table_below)
    if not body:
        return
    if all(row.is_alone for row in body):
        _write_column(plan.writer, body)
        return
    notes: list[_Row] = []
    while len(body) > 2 and _is_note(body[-1]):
        notes.insert(0, body.pop())
    _write_table(plan, body)
    for row in notes:
        plan.writer.paragraph(row.text)


def _without_titles(plan: _Plan, run: list[_Row], has_table_below: bool) -> list[_Row]:
    """Write the titles at the beginning of a run, and return the other rows."""
    count = _lone_rows(run)
    most = _MOST_TITLES if count < len(run) else _LONE_TITLES * has_table_below
    count = count if count <= most else 0
    base = 2 if plan.has_title else 1
    for place, row in enumerate(run[:count]):
        _write_title(plan.writer, row.text, base + place)
    # What stands above a first table with a title of its own is the title of all.
    plan.has_title = plan.has_title or (not plan.has_content and (count > 1 or count == len(run)))
    plan.has_content = True
    return run[count:]


def _write_title(writer: UnitWriter, text: str, level: int) -> None:
    if len(text) <= _TITLE_CHARS:
        writer.heading(text, level)
    else:
        writer.paragraph(text)


def _write_column(writer: UnitWriter, rows: Sequence[_Row]) -> None:
    """Write values that stand below each other: a list, or prose."""
    if any(len(row.text) > _PROSE_CHARS for row in rows):
        for row in rows:
            writer.paragraph(row.text)
        return
    writer.table([[row.text] for row in rows], head=0, numbers=tuple(row.number for row in rows))


def _is_note(row: _Row) -> bool:
    return row.is_alone and len(row.text) > _NOTE_CHARS


def _write_table(plan: _Plan, rows: Sequence[_Row]) -> None:
    columns = sorted({column for row in rows for column in row.cells})
    numbers = tuple(row.number for row in rows)
    filled = sum(len(row.cells) for row in rows)
    if len(rows) * len(columns) > max(_SMALL_RECTANGLE, filled * _SPARSE):
        plan.writer.table([[row.cells[at] for at in sorted(row.cells)] for row in rows], 0, numbers)
        return
    if _is_merged_form(plan, rows):
        plan.writer.table([_once(row, columns) for row in rows], 0, numbers)
        return
    head = _header_rows(plan, rows, columns)
    lines = [_line(row, columns) for row in rows]
    if head > 1 and not plan.wide.keys() & set(numbers[:head]):
        _repeat_group_names(lines[0], lines[1])
    for band in _bands(lines, head):
        plan.writer.table([[line[at] for at in band] for line in lines], head, numbers)


def _is_merged_form(plan: _Plan, rows: Sequence[_Row]) -> bool:
    """Return whether the rows are a form, whose cells are merged here and there, not a table."""
    body = rows[_HEADER_ROWS - 1 :]
    merged = sum(
        any(area.columns < len(row.cells) for area in plan.wide.get(row.number, ())) and not row.is_alone
        for row in body
    )
    return merged > 1 and merged > _FORM_SHARE * len(body)


def _once(row: _Row, columns: Sequence[int]) -> list[str]:
    """Return the cells of a row of a form, what is merged across once."""
    return [value for value, _ in groupby(row.cells[column] for column in columns if column in row.cells)]


def _repeat_group_names(upper: list[str], lower: Sequence[str]) -> None:
    """Write a name above several columns above each of them, as if its cells were merged.

    It stands above the first of them, or the last, or alone in the middle.
    """
    named = [at for at, name in enumerate(upper) if name and at]
    is_behind = bool(named) and named[0] > 1 and named[-1] == len(upper) - 1
    for at in range(1, len(upper)) if named else ():
        if at not in named and lower[at]:
            ahead = next((one for one in named if one > at), named[-1])
            behind = next((one for one in reversed(named) if one < at), named[0])
            upper[at] = upper[ahead if is_behind else behind]


def _bands(lines: Sequence[Sequence[str]], head: int) -> list[Sequence[int]]:
    """Return the columns that are written side by side: all, or bands that begin with the first column.

    A row of a wide table says nothing when it is too long to be read with its header.
    """
    columns = range(len(lines[0]))
    sample = lines[head : head + _SAMPLE_ROWS] or lines[:1]
    names = [sum(_weight(line[at]) for line in lines[:head]) for at in columns]
    widths = [names[at] + sum(_weight(line[at]) for line in sample) // len(sample) + 6 for at in columns]
    if len(columns) <= _FEW_COLUMNS or sum(widths) <= _WIDE:
        return [columns]
    bands: list[list[int]] = []
    room = 0
    for at in columns[1:]:
        if not bands or (widths[at] > room and len(bands[-1]) > _FEW_COLUMNS // 2):
            bands.append([0])
            room = _WIDE - widths[0]
        bands[-1].append(at)
        room -= widths[at]
    return [*bands]


def _weight(text: str) -> int:
    """Return how much of a model's window the text takes, in Latin letters."""
    return len(text) if text.isascii() else len(text.encode())


def _line(row: _Row, columns: Sequence[int]) -> list[str]:
    """Return the cells of a row; one value over the whole width is written once."""
    if len(row.cells) > 1 and len(row.cells) == len(columns) and row.is_alone and not _is_number(row.text):
        return [row.text, *("" for _ in columns[1:])]
    return [row.cells.get(column, "") for column in columns]


def _header_rows(plan: _Plan, rows: Sequence[_Row], columns: Sequence[int]) -> int:
    """Return how many of the first rows are the header of those below."""
    count = _marked(plan, rows)
    reach = plan.tall.get(rows[0].number, 0)
    body = [row for row in rows[1:] if row.number > reach and not row.is_alone] or rows[1:]
    if not count and not (body and _is_header(rows[0], body, columns)):
        return 0
    count = max(count, 1)
    while count < min(_HEADER_ROWS, len(rows) - 1) and _has_row_below(plan, rows, count):
        count += 1
    return count


def header_rows(rows: Sequence[Sequence[str]]) -> int:
    """Return how many of the first rows of any table are its header, told by their words: 0 or 1."""
    cells = [
        _Row(number, {column: value for column, value in enumerate(row) if value.strip()})
        for number, row in enumerate(rows[: _SAMPLE_ROWS + 1], 1)
    ]
    filled = [row for row in cells if row.cells]
    columns = sorted({column for row in filled for column in row.cells})
    if len(filled) < 2 or len(columns) < 2 or not cells[0].cells or _are_pairs(filled, columns):
        return 0
    return int(_is_header(filled[0], filled[1:], columns))


def _are_pairs(rows: Sequence[_Row], columns: Sequence[int]) -> bool:
    """Return whether two columns are names with their values, of which only some are figures."""
    values = [row.cells.get(columns[1], "") for row in rows[1:]]
    figures = sum(any(map(str.isdigit, value)) for value in values)
    return len(columns) == 2 and figures < len(values) * _FIGURES_SHARE


def _marked(plan: _Plan, rows: Sequence[_Row]) -> int:
    """Return how many of the first rows the file marks as a header; 0 where nearly all are marked."""
    count = next((place for place, row in enumerate(rows) if row.number not in plan.header_rows), len(rows))
    if count > _HEADER_ROWS or count == len(rows) or len(rows[0].cells) < 2:
        return 0
    return next((place for place, row in enumerate(rows[1:count], 1) if _has_numbers(row)), count)


def _has_row_below(plan: _Plan, rows: Sequence[_Row], count: int) -> bool:
    """Return whether the row below the header's last one belongs to it.

    It does where cells reach into it or head several of its columns, or where it holds words above numbers.
    """
    last, following = rows[count - 1], rows[count]
    below = [row for row in rows[count + 1 : count + 1 + _SAMPLE_ROWS] if not row.is_alone]
    if following.is_alone or _has_numbers(following):
        return False
    tall = any(plan.tall.get(row.number, 0) >= following.number for row in rows[:count])
    wide = any(len(last.cells) > area.columns for area in plan.wide.get(last.number, ()))
    return tall or wide or any(_vote(name, column, below) == 1 for column, name in following.cells.items())


def _is_header(first: _Row, body: Sequence[_Row], columns: Sequence[int]) -> bool:
    """Return whether the first row names the columns: it is no row like those below."""
    below = body[:_SAMPLE_ROWS]
    if first.is_alone or any(len(value) > _NAME_CHARS for value in first.cells.values()):
        return False
    if _is_form([first, *below], columns):
        return False
    votes = Counter(_vote(first.cells.get(column, ""), column, below) for column in columns)
    if votes[1] or votes[-1]:
        return votes[1] > votes[-1]
    if _has_numbers(first):
        return False
    # Names of columns do not stand in their columns.
    again = sum(any(row.cells.get(at) == name for row in below) for at, name in first.cells.items())
    return 2 * again < len(first.cells)


def _vote(name: str, column: int, below: Sequence[_Row]) -> int:
    """Return 1 where a word stands above numbers, -1 where a number does, 0 where nothing is told."""
    values = [row.cells[column] for row in below if column in row.cells]
    numeric = sum(map(_is_number, values))
    if not name or name.lower() in _MISSING or not values or numeric < _NUMERIC_SHARE * len(values):
        return 0
    if _YEAR.fullmatch(name) or _DATE.fullmatch(name):
        like_it = sum(1 for value in values if _YEAR.fullmatch(value) or _DATE.fullmatch(value))
        return -1 if 2 * like_it > len(values) else 1
    return -1 if _is_number(name) else 1


def _is_form(rows: Sequence[_Row], columns: Sequence[int]) -> bool:
    """Return whether words and their values stand beside each other, as in a form."""
    marked = sum(1 for row in rows if row.text.endswith((":", "：")))
    if 2 * marked > len(rows):
        return True
    if len(columns) != 2 or len(rows) > _SAMPLE_ROWS:
        return False
    values = [row.cells.get(columns[1], "") for row in rows[1:]]
    values = [value for value in values if value and value.lower() not in _MISSING]
    words, days = (sum(not _is_number(value) for value in values), sum(map(_is_day, values)))
    numbers = len(values) - words - days
    # One column of dates, amounts and words is none.
    return (words >= _MIXED * len(values) and words < len(values)) or (days > 0 and numbers > 0)


def _is_day(value: str) -> bool:
    return _DATE.fullmatch(value) is not None and not value.replace(".", "").isdecimal()


def _has_numbers(row: _Row) -> bool:
    return any(_is_number(value) and not _YEAR.fullmatch(value) for value in row.cells.values())


def _is_number(value: str) -> bool:
    return bool(_NUMBER.fullmatch(value) or _DATE.fullmatch(value)) if len(value) <= 40 else False
