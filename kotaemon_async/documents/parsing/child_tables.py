"""Tables of a page: what stands in ruled cells, and words that stand in columns without any line; pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import NamedTuple

from kotaemon_async.documents.parsing.child_grid import Box, Grid, grids
from kotaemon_async.documents.parsing.child_paragraphs import clean
from kotaemon_async.documents.parsing.child_units import column_names
from kotaemon_async.domain.child_lines import is_mostly_cjk, width

#: Words of one row that are further apart than this part of their height are in two cells.
_CELL_GAP = 0.75
#: A gap between columns is at least so wide, and so many of the rows may reach across it.
_GUTTER, _ACROSS = 0.5, 0.1
#: Rows further apart than so many heights belong to two tables.
_PITCH = 3.2
_ROWS, _COLUMNS = 3, 3
#: A column of running text has wider cells than this in the middle; one of names or figures narrower ones.
_PROSE, _NAME = 30, 16
#: So many of the fields are filled at least.
_FILLED, _FILLED_GRID = 0.5, 0.25
#: Beside a column of longer cells the others are filled so far; figures beside running text are not.
_BESIDE_PROSE = 0.75
#: Cells lie over so many fields in the middle at most; the boxes of a diagram lie over more.
_REPEATED = 2.2
_MOST_WORDS = 6000
_LONGEST_CELL = 400
#: A ruled row with so many rows of words in most columns is several rows.
_UNRULED_ROWS = 4
_MOST_HEAD = 3
_NUMBER = re.compile(r"[^\w]*\d[\d\s.,:/%€$£¥+−–-]*[^\W\d]{0,3}[^\w]*")
_YEAR = re.compile(r"(?:FY\s?)?(?:19|20)\d\d[AEe]?")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_LEADERS = re.compile(r"\s*[.…·]{2,}\Z")
_LEADER = re.compile(r"\W?(?:[.…·]\s?){4,}\W?")
_DIVIDED = re.compile(r"[a-zà-ÿ]-\Z")


class Word(NamedTuple):
    """A word with its box in points."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str
    bold: bool = False

    def is_in(self, box: Box) -> bool:
        """Return whether the middle of the word lies in the box."""
        x, y = (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2
        return box[0] <= x <= box[2] and box[1] <= y <= box[3]


@dataclass(slots=True)
class Table:
    """Rows of cells as they are shown, merged ones repeated; `head` of them name the columns.

    `columns` are where each begins and ends, `title` what stands over all of them in the table itself.
    """

    box: Box
    columns: list[tuple[float, float]]
    rows: list[list[str]]
    head: int = 0
    bold_head: bool = False
    title: str = ""

    def __post_init__(self) -> None:
        self.rows = [row for row in self.rows if any(row)]


def tables(words: Sequence[Word], lines: Sequence[Box], width: float, height: float) -> list[Table]:
    """Return the tables of a page of that size, whose lines are thin or filled boxes."""
    if len(words) > _MOST_WORDS:
        return []
    made = grids(lines, width, height)
    ruled = (_ruled(grid, [word for word in words if word.is_in(grid.box)]) for grid in made)
    found = [table for table in ruled if table]
    rest = [word for word in words if not any(word.is_in(table.box) for table in found)]
    return found + _unruled(rest)


def continued(table: Table, before: Table, header: str) -> str:
    """Return the names of the columns of a table that may go on with another one, and set its own head.

    It does so when its columns stand where those of the other do; rows that repeat the head count as such.
    """
    own = column_names(table.rows[: table.head])
    is_same = len(table.columns) == len(before.columns) and all(
        min(one[1], other[1]) > max(one[0], other[0])
        for one, other in zip(table.columns, before.columns, strict=True)
    )
    if not is_same or not header or (table.bold_head and own != header):
        return own
    counts = range(1, _MOST_HEAD + 1)
    table.head = next((count for count in counts if column_names(table.rows[:count]) == header), 0)
    return header


def row_line(cells: Sequence[str]) -> str:
    """Return a row as it stands in the text of its page."""
    return " | ".join(cells).strip()


def _ruled(grid: Grid, words: Sequence[Word]) -> Table | None:
    """Return the table in a grid; None when it is a frame, a plot or a form of the page."""
    cells = grid.cells()
    inside: dict[tuple[int, int], list[Word]] = {}
    for word in words:
        at = grid.field((word.x0 + word.x1) / 2, (word.y0 + word.y1) / 2)
        inside.setdefault(cells[at[0]][at[1]], []).append(word)
    if not _is_table(grid, cells, inside):
        return None
    texts = {cell: _text(of) for cell, of in inside.items()}
    rows: list[list[str]] = []
    bold: list[bool] = []
    for place, row in enumerate(cells):
        of_row = [word for cell in dict.fromkeys(row) for word in inside.get(cell, ())]
        split = _rows_without_lines(grid, place, row, of_row)
        rows += split or [[texts.get(cell, "") for cell in row]]
        bold += [bool(of_row) and all(word.bold for word in of_row)] * max(1, len(split))
    return _headed(grid.box, list(pairwise(grid.xs)), rows, bold)


def _is_table(
    grid: Grid, cells: list[list[tuple[int, int]]], inside: dict[tuple[int, int], list[Word]]
) -> bool:
    filled = [sum(row[column] in inside for row in cells) for column in range(grid.columns)]
    letters = [sum(len(word.text) + 1 for word in words) for words in inside.values()]
    return (
        len(inside) >= 4
        and sum(count > 1 for count in filled) > 1
        and _FILLED_GRID * grid.fields <= sum(filled) <= _REPEATED * len(inside)
        and max(letters) <= _LONGEST_CELL * 4
        and median(letters) <= _LONGEST_CELL
    )


def _rows_without_lines(
    grid: Grid, place: int, cells: Sequence[tuple[int, int]], words: Sequence[Word]
) -> list[list[str]]:
    """Return the rows of words in a ruled row when there are several in most columns, else nothing."""
    rows = _rows(words)
    if len(rows) < _UNRULED_ROWS or any(cell[0] != place for cell in cells):
        return []
    found: list[list[str]] = []
    for row in rows:
        fields: list[list[Word]] = [[] for _ in cells]
        for word in row:
            fields[grid.field((word.x0 + word.x1) / 2, grid.ys[place])[1]].append(word)
        found.append([_text(of) for of in fields])
    filled = median(sum(map(bool, row)) for row in found)
    return found if filled >= max(2, 0.6 * len(cells)) else []


def _rows(words: Iterable[Word]) -> list[list[Word]]:
    """Return the words of each row from the left, from the top down."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda one: one.y0 + one.y1):
        middle = (word.y0 + word.y1) / 2
        if rows and middle - (rows[-1][0].y0 + rows[-1][0].y1) / 2 < 0.4 * (word.y1 - word.y0):
            rows[-1].append(word)
        else:
            rows.append([word])
    return [sorted(row) for row in rows]


def _text(words: Sequence[Word]) -> str:
    """Return what stands in a cell in one line."""
    text = ""
    for row in _rows(words):
        part = clean(_joined(row)).replace("|", " ")
        if text and _DIVIDED.search(text) and part[:1].islower():
            text = text[:-1] + part
        elif text and _needs_no_blank(text, part):
            text += part
        else:
            text = f"{text} {part}".strip()
    return _LEADERS.sub("", " ".join(text.split()))


def _needs_no_blank(before: str, after: str) -> bool:
    """Return whether two words of Chinese or Japanese meet; Korean has blanks between its words."""
    edges = before[-1:] + after[:1]
    return is_mostly_cjk(edges) and _HANGUL.search(edges) is None


def _joined(row: Sequence[Word]) -> str:
    text = row[0].text
    for before, word in pairwise(row):
        gap = word.x0 - before.x1
        is_near = gap < 0.1 * (word.y1 - word.y0) or _needs_no_blank(before.text, word.text)
        text += word.text if is_near else f" {word.text}"
    return text


def _unruled(words: Sequence[Word]) -> list[Table]:
    """Return tables whose columns are told by the gaps between their cells."""
    rows = [_cells(row) for row in _rows(words)]
    found: list[Table] = []
    for run in _runs(rows):
        columns = _columns(run)
        if len(columns) > 1 and (table := _in_columns(run, columns)):
            found.append(table)
    return found


def _cells(row: Sequence[Word]) -> list[Word]:
    """Return the cells of a row: words that stand near each other; none where leaders lead to a number."""
    if any(_LEADER.fullmatch(word.text) for word in row):
        return []
    cells = [row[0]]
    for word in row[1:]:
        last, height = cells[-1], word.y1 - word.y0
        if word.x0 - last.x1 < _CELL_GAP * height:
            text = _joined([last, word])
            top, bottom = min(last.y0, word.y0), max(last.y1, word.y1)
            cells[-1] = Word(last.x0, top, max(last.x1, word.x1), bottom, text, last.bold and word.bold)
        else:
            cells.append(word)
    return cells


def _runs(rows: Sequence[list[Word]]) -> Iterable[list[list[Word]]]:
    """Yield rows of several cells below each other, with what stands between them in single cells."""
    run: list[list[Word]] = []
    waiting: list[list[Word]] = []
    for row in rows:
        last = (waiting or run or [[]])[-1]
        if last and row and row[0].y0 - last[0].y1 > _PITCH * (row[0].y1 - row[0].y0):
            yield run
            run, waiting = [], []
        if len(row) > 1:
            run += [*waiting, row] if run else [row]
            waiting = []
        elif row and run and len(waiting) < 2 and len(row[0].text) <= 2 * _PROSE:
            waiting.append(row)
        else:
            yield run
            run, waiting = [], []
    yield run


def _columns(run: Sequence[list[Word]]) -> list[tuple[float, float]]:
    """Return where columns begin and end: between gaps that nearly all rows leave free."""
    rows = [row for row in run if len(row) > 1]
    if len(rows) < _ROWS:
        return []
    height = median(word.y1 - word.y0 for row in rows for word in row)
    steps = sorted(
        [(word.x0, 1) for row in rows for word in row] + [(word.x1, -1) for row in rows for word in row]
    )
    most = _ACROSS * len(rows) if len(rows) > 2 * _ROWS else 0
    found: list[tuple[float, float]] = []
    covered, begin = 0, None
    for x, group in groupby(steps, key=lambda step: step[0]):
        covered += sum(step for _, step in group)
        if covered > most and begin is None:
            begin = x
        elif covered <= most and begin is not None:
            found.append((begin, x))
            begin = None
    return _apart(found, _GUTTER * height)


def _apart(found: Sequence[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    columns: list[tuple[float, float]] = []
    for begin, end in found:
        if columns and begin - columns[-1][1] < gap:
            columns[-1] = columns[-1][0], end
        else:
            columns.append((begin, end))
    return columns


def _in_columns(run: Sequence[list[Word]], columns: Sequence[tuple[float, float]]) -> Table | None:
    """Return the rows as a table; None when they are rather text in columns, or fill too little."""
    rows = [_placed(row, columns) for row in run]
    filled = [[row[place] for row in rows if row[place]] for place in range(len(columns))]
    if not all(filled) or sum(map(len, filled)) < _FILLED * len(rows) * len(columns):
        return None
    widths = [median(map(width, column)) for column in filled]
    wide = [place for place, one in enumerate(widths) if one > _PROSE]
    if len(wide) > (len(columns) >= _COLUMNS) or min(widths) > _NAME:
        return None
    if wide and min(map(len, filled)) < _BESIDE_PROSE * len(filled[wide[0]]):
        return None
    if len(columns) < _COLUMNS and not _is_price_list(filled):
        return None
    box = (
        min(word.x0 for row in run for word in row),
        min(word.y0 for row in run for word in row),
        max(word.x1 for row in run for word in row),
        max(word.y1 for row in run for word in row),
    )
    bold = [all(word.bold for word in row) for row in run]
    return _headed(box, list(columns), rows, bold)


def _is_price_list(columns: Sequence[Sequence[str]]) -> bool:
    """Return whether the last of two columns is one of numbers, and what is in front of it is none."""
    numbers = [sum(_is_number(cell) for cell in column) / len(column) for column in columns]
    return numbers[-1] > 0.7 > numbers[0] + 0.4


def _placed(row: Sequence[Word], columns: Sequence[tuple[float, float]]) -> list[str]:
    """Return the cells of a row by columns; one that lies over several is in each of them."""
    found = [""] * len(columns)
    for word in row:
        over = [
            min(word.x1, end) - max(word.x0, begin) > min(0.5 * (end - begin), 0.5 * (word.x1 - word.x0))
            for begin, end in columns
        ]
        if not any(over):
            nearest = min(range(len(columns)), key=lambda place: abs(columns[place][0] - word.x0))
            over[nearest] = True
        text = clean(word.text).replace("|", " ")
        found = [
            f"{cell} {text}".strip() if is_over else cell for cell, is_over in zip(found, over, strict=True)
        ]
    return found


def _headed(
    box: Box, columns: list[tuple[float, float]], rows: list[list[str]], bold: Sequence[bool]
) -> Table | None:
    """Return the table with what names its columns; None when hardly anything is left of it."""
    kept = [(row, is_bold) for row, is_bold in zip(rows, bold, strict=True) if any(row)]
    title: list[str] = []
    while len(kept) > 1 and len(set(kept[0][0])) == 1 and len(columns) > 1:
        title.append(kept.pop(0)[0][0])
    used = [place for place in range(len(columns)) if any(row[place] for row, _ in kept)]
    if len(kept) < 2 or len(used) < 2:
        return None
    shown = [_once([row[place] for place in used]) for row, _ in kept]
    found = Table(box, [columns[place] for place in used], shown, title=" ".join(title))
    count = _bold_rows([is_bold for _, is_bold in kept])
    found.head, found.bold_head = count or _head(shown), bool(count)
    return found


def _once(row: list[str]) -> list[str]:
    """Return a row whose only cell lies over all columns with its text in the first of them."""
    return [row[0]] + [""] * (len(row) - 1) if len(row) > 2 and len(set(row)) == 1 else row


def _bold_rows(bold: Sequence[bool]) -> int:
    count = next((place for place, is_bold in enumerate(bold) if not is_bold), 0)
    return count if count <= _MOST_HEAD else 0


def _head(rows: Sequence[Sequence[str]]) -> int:
    """Return how many rows name the columns: words above numbers, or short words in every column."""
    count = 0
    while count < min(_MOST_HEAD, len(rows) - 1) and _names_columns(rows[count], rows[count + 1 :]):
        count += 1
        merged = len(set(rows[count - 1])) < len(rows[count - 1])
        if not merged:
            break
    return count


def _names_columns(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    named = [cell for cell in row if cell]
    if 2 * len(named) < len(row) or any(_is_number(cell) and not _YEAR.fullmatch(cell) for cell in named):
        return False
    if all(map(_is_number, named)) or _has_figures(list(zip(*below, strict=True)), row):
        return not all(map(_is_number, named))
    has_digits = any(any(map(str.isdigit, cell)) for cell in row)
    return len(row) >= _COLUMNS and len(below) > 1 and all(row) and not has_digits


def _has_figures(columns: Sequence[Sequence[str]], names: Sequence[str]) -> bool:
    """Return whether most cells of a column with a name are numbers."""
    for name, column in zip(names, columns, strict=True):
        cells = [cell for cell in column if cell]
        if name and cells and 2 * sum(map(_is_number, cells)) > len(cells):
            return True
    return False


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None
