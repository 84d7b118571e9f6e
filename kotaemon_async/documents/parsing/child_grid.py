"""The cells that ruled lines make on a page; pure.

Lines that cross make a grid; where no line stands between two fields of the grid they are one cell.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Box = tuple[float, float, float, float]

#: A line is at most so thick; a shorter one belongs to a sign or a picture. In points.
_THICK, _SHORT = 3.2, 5.0
#: Lines that are nearer than this are one, or meet.
_NEAR = 3.2
#: More lines than these are no table but a map or a plot.
_MOST_BOXES, _MOST_LINES, _MOST_FIELDS = 3000, 300, 20_000
#: What is on the page beyond the last line belongs to the table when the lines across reach so far.
_OPEN = 12.0


class _Line(NamedTuple):
    """A line across (at is its y) or down (at is its x), from one place to another."""

    at: float
    begin: float
    end: float


class Grid:
    """A table's lines: the edges of its columns and rows, and which fields are one cell."""

    def __init__(self, across: Sequence[_Line], down: Sequence[_Line]) -> None:
        self.xs = _edges([line.at for line in down], across)
        self.ys = _edges([line.at for line in across], down)
        self._across, self._down = across, down

    @property
    def box(self) -> Box:
        return self.xs[0], self.ys[0], self.xs[-1], self.ys[-1]

    @property
    def columns(self) -> int:
        return len(self.xs) - 1

    @property
    def rows(self) -> int:
        return len(self.ys) - 1

    @property
    def fields(self) -> int:
        return self.rows * self.columns

    def field(self, x: float, y: float) -> tuple[int, int]:
        """Return the row and column that a place in the box lies in."""
        column = min(max(bisect_right(self.xs, x) - 1, 0), self.columns - 1)
        return min(max(bisect_right(self.ys, y) - 1, 0), self.rows - 1), column

    def cells(self) -> list[list[tuple[int, int]]]:
        """Return for each field the first field of its cell."""
        found = [[(row, column) for column in range(self.columns)] for row in range(self.rows)]
        for row in range(self.rows):
            for column in range(self.columns):
                if row and not self._is_between(self._across, self.ys[row], _middle(self.xs, column)):
                    found[row][column] = found[row - 1][column]
                elif column and not self._is_between(self._down, self.xs[column], _middle(self.ys, row)):
                    found[row][column] = found[row][column - 1]
        return found

    @staticmethod
    def _is_between(lines: Sequence[_Line], at: float, place: float) -> bool:
        return any(abs(line.at - at) <= _NEAR and line.begin <= place <= line.end for line in lines)


def grids(boxes: Sequence[Box], width: float, height: float) -> list[Grid]:
    """Return the grids of at least two rows and columns that the lines and filled boxes of a page make."""
    if len(boxes) > _MOST_BOXES:
        return []
    across, down = _lines(boxes, width, height)
    if not (2 <= len(across) <= _MOST_LINES and 2 <= len(down) <= _MOST_LINES):
        return []
    found = (Grid(*part) for part in _parts(across, down))
    return [grid for grid in found if min(grid.rows, grid.columns) > 1 and grid.fields <= _MOST_FIELDS]


def _lines(boxes: Iterable[Box], width: float, height: float) -> tuple[list[_Line], list[_Line]]:
    across: list[_Line] = []
    down: list[_Line] = []
    for x0, y0, x1, y1 in boxes:
        is_flat, is_narrow = y1 - y0 <= _THICK, x1 - x0 <= _THICK
        if is_flat and x1 - x0 >= _SHORT:
            across.append(_Line((y0 + y1) / 2, x0, x1))
        elif is_narrow and y1 - y0 >= _SHORT:
            down.append(_Line((x0 + x1) / 2, y0, y1))
        elif not (is_flat or is_narrow or (x1 - x0 > 0.95 * width and y1 - y0 > 0.5 * height)):
            across += [_Line(y0, x0, x1), _Line(y1, x0, x1)]
            down += [_Line(x0, y0, y1), _Line(x1, y0, y1)]
    return _merged(across), _merged(down)


def _merged(lines: Iterable[_Line]) -> list[_Line]:
    """Return the lines, where parts of one line are one."""
    rows: list[list[_Line]] = []
    for line in sorted(lines):
        if rows and line.at - rows[-1][0].at <= _NEAR:
            rows[-1].append(line)
        else:
            rows.append([line])
    found: list[_Line] = []
    for row in rows:
        first = len(found)
        for _, begin, end in sorted(row, key=lambda line: line.begin):
            if len(found) > first and begin - found[-1].end <= _NEAR:
                found[-1] = found[-1]._replace(end=max(end, found[-1].end))
            else:
                found.append(_Line(row[0].at, begin, end))
    return found


def _parts(across: Sequence[_Line], down: Sequence[_Line]) -> list[tuple[list[_Line], list[_Line]]]:
    """Return the lines that hang together."""
    root = list(range(len(across) + len(down)))

    def top(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for one, flat in enumerate(across):
        for other, upright in enumerate(down, len(across)):
            if _meets(flat, upright.at) and _meets(upright, flat.at):
                root[top(one)] = top(other)
    parts: dict[int, tuple[list[_Line], list[_Line]]] = {}
    for place, line in enumerate((*across, *down)):
        parts.setdefault(top(place), ([], []))[place >= len(across)].append(line)
    return [part for part in parts.values() if all(part)]


def _meets(line: _Line, place: float) -> bool:
    return line.begin - _NEAR <= place <= line.end + _NEAR


def _edges(places: Iterable[float], crossing: Sequence[_Line]) -> list[float]:
    """Return the edges of columns or rows in order; those that are open end with the lines across."""
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > _NEAR:
            found.append(place)
    low, high = min(line.begin for line in crossing), max(line.end for line in crossing)
    return [low] * (found[0] - low > _OPEN) + found + [high] * (high - found[-1] > _OPEN)


def _middle(edges: Sequence[float], place: int) -> float:
    return (edges[place] + edges[place + 1]) / 2
