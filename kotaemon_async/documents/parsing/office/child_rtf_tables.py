"""Tables of an RTF document: rows whose cells are told by their right edges; runs inside a parser child."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

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


def head(rows: list[Row]) -> int:
    """Return how many rows name the columns: those that say so, or one."""
    said = next((place for place, row in enumerate(rows) if not row.shape.is_header), 0)
    return said or int(len(rows) > 1)


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
