"""Tables whose cells are told by their right edges, as in RTF and DOC; runs inside a parser child."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from kotaemon_async.documents.parsing.child_units import UnitWriter
from kotaemon_async.documents.parsing.office.child_sheet import header_rows

MOST_COLUMNS = 64
#: Edges nearer than this, in twips, are the same one.
_SAME_EDGE = 60
#: A longer text is not repeated in the other cells that it was merged with.
_REPEATED_CHARS = 300


class Cell(NamedTuple):
    """What a row says of a cell: its right edge, and whether it goes on with the one before or above it."""

    right: int
    goes_on_right: bool = False
    goes_on_down: bool = False


@dataclass(slots=True)
class RowShape:
    """The definition of a row, which stands before its cells or after them."""

    cells: list[Cell] = field(default_factory=list)
    is_header: bool = False


class Row(NamedTuple):
    texts: list[str]
    shape: RowShape


class OpenTable:
    """The rows of the table that is being read, and how the next row is cut into cells."""

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.nested: list[str] = []
        self._rows: list[Row] = []
        self.shape = RowShape()
        self._right = self._down = False

    def begin_row(self) -> None:
        self.shape = RowShape()
        self._right = self._down = False

    def mark_header(self) -> None:
        self.shape.is_header = True

    def goes_on(self, *, right: bool) -> None:
        """Note that the next cell goes on with the one before it, or else with the one above."""
        self._right, self._down = self._right or right, self._down or not right

    def end_definition(self, right: int) -> None:
        if len(self.shape.cells) < MOST_COLUMNS:
            self.shape.cells.append(Cell(right, self._right, self._down))
        self._right = self._down = False

    def end_row(self) -> None:
        self._rows.append(Row(self.cells, self.shape))
        self.cells = []

    def write(self, writer: UnitWriter) -> None:
        """Write the rows and forget them; a first row of one cell above rows of several is their title."""
        rows, self._rows = self._rows, []
        title = ""
        if len(rows) > 2 and len(rows[0].texts) == 1 < len(rows[1].texts) and not rows[0].shape.is_header:
            title = rows.pop(0).texts[0]
        if rows:
            lines = grid(rows)
            writer.table(lines, _head(rows, lines), title=title)


def grid(rows: list[Row]) -> list[list[str]]:
    """Return the texts of all rows by columns, with what is merged repeated."""
    edges = _edges(rows)
    above: list[str] = []
    found = []
    for row in rows:
        if edges and len(row.shape.cells) == len(row.texts):
            above = _by_edges(row, edges, above)
        else:
            above = list(row.texts)
        found.append(above)
    width = max(map(len, found), default=0)
    return [texts + [""] * (width - len(texts)) for texts in found]


def _head(rows: list[Row], lines: list[list[str]]) -> int:
    """Return how many rows name the columns: those that say so, or one; of two columns what words tell."""
    said = next((place for place, row in enumerate(rows) if not row.shape.is_header), 0)
    if said or len(rows) < 2:
        return said
    return 1 if len(lines[0]) > 2 else header_rows(lines)


def _edges(rows: list[Row]) -> list[int]:
    """Return the right edges of the columns, from left to right; none where they make no grid."""
    found: list[int] = []
    for edge in sorted({cell.right for row in rows for cell in row.shape.cells}):
        if not found or edge - found[-1] > _SAME_EDGE:
            found.append(edge)
    return found if len(found) <= MOST_COLUMNS else []


def _by_edges(row: Row, edges: list[int], above: list[str]) -> list[str]:
    texts: list[str] = []
    for text, cell in zip(row.texts, row.shape.cells, strict=True):
        shown = text
        if cell.goes_on_right and texts:
            shown = texts[-1]
        elif cell.goes_on_down and len(texts) < len(above):
            shown = above[len(texts)]
        shown = shown if shown is text or len(shown) <= _REPEATED_CHARS else ""
        span = max(bisect_right(edges, cell.right) - len(texts), 1)
        is_repeated = len(shown) <= _REPEATED_CHARS and len(row.texts) > 1
        texts += [shown] + [shown if is_repeated else ""] * (span - 1)
    return texts
