"""The order in which a page's lines are read: columns one after the other, told by their gaps; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from statistics import median

from kotaemon_async.domain.child_lines import width

#: Two columns are parted by a gap of so many sizes, beside each other on so many rows, with so many lines.
_GUTTER = 0.7
_SHARED_ROWS = 3
_COLUMN_LINES = 3
#: Lines of running text have so many letters in the middle; cells of a table have fewer.
_LETTERS = 18
#: How many of the lines may cross a gutter: headings, figures, tables.
_CROSSING = 0.4
#: Runs of one row that are nearer than this are one line, in sizes.
_NEAR = 0.8
_FEW_LINES = 6
_MANY_LINES = 1000
_DEEPEST = 3
_MANY_BLOCKS = 100
#: What is free above a foot and below a head, in sizes.
_ALONE = 0.6


@dataclass(frozen=True, slots=True)
class Line:
    """A run of text with its box in points; y grows downward. `block` is what PyMuPDF puts together."""

    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    text: str
    upright: bool = True
    block: int = 0
    bold: bool = False
    #: The place of the table that the line stands for among those of its page.
    table: int = -1


#: A block with its box.
_Placed = tuple[Sequence[Line], tuple[float, float, float, float]]


def regions(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines of each column or band in the order of reading.

    A page without columns is one region, in the order in which it was drawn, but what stands above is first.
    """
    upright = [line for line in lines if line.upright]
    if 2 * len(upright) < len(lines) or len(lines) > _MANY_LINES:
        return [list(lines)]
    found = _columns(_rows(upright), 0)
    if len(found) == 1:
        return [_from_above(lines)]
    turned = [line for line in lines if not line.upright]
    return found + ([turned] if turned else [])


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the runs of each row that stand near each other, from the top down."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: (round(one.y0 + one.y1), one.x0)):
        row = next((row for row in reversed(rows[-6:]) if _is_near(row[-1], line)), None)
        if row is None:
            rows.append([line])
        else:
            row.append(line)
    return rows


def _is_near(one: Line, other: Line) -> bool:
    shared = min(one.y1, other.y1) - max(one.y0, other.y0)
    beside = shared > 0.6 * min(one.y1 - one.y0, other.y1 - other.y0)
    return beside and -1 <= other.x0 - one.x1 < _NEAR * min(one.size, other.size)


def _left(row: Sequence[Line]) -> float:
    return row[0].x0


def _right(row: Sequence[Line]) -> float:
    return max(line.x1 for line in row)


def _columns(rows: list[list[Line]], depth: int) -> list[list[Line]]:
    """Return the regions of a part of a page: bands from the top down, in each the left column first."""
    gutter = _gutter(rows) if len(rows) >= _FEW_LINES and depth < _DEEPEST else None
    if gutter is None:
        return [[line for row in rows for line in row]] if rows else []
    found: list[list[Line]] = []
    band: list[list[Line]] = []
    crossing: list[list[Line]] = []
    for row in rows:
        if _left(row) < gutter - 1 and _right(row) > gutter + 1:
            found += _sides(band, gutter, depth)
            band = []
            crossing.append(row)
        else:
            found += _columns(crossing, _DEEPEST)
            crossing = []
            band.append(row)
    return found + _sides(band, gutter, depth) + _columns(crossing, _DEEPEST)


def _sides(band: list[list[Line]], gutter: float, depth: int) -> list[list[Line]]:
    left = [row for row in band if _right(row) <= gutter + 1]
    right = [row for row in band if _right(row) > gutter + 1]
    return _columns(left, depth + 1) + _columns(right, depth + 1)


def _gutter(rows: Sequence[Sequence[Line]]) -> float | None:
    """Return the x of a gap between two columns of text that the fewest rows cross, the widest of those."""
    edges = [(_left(row), _right(row)) for row in rows]
    low, high = min(left for left, _ in edges), max(right for _, right in edges)
    begin, end = low + 0.2 * (high - low), high - 0.2 * (high - low)
    size = median(row[0].size for row in rows)
    best: tuple[tuple[int, float], float] | None = None
    for x in sorted({round(right) + 1.0 for _, right in edges if begin <= right <= end}):
        left = [place for place, edge in enumerate(edges) if edge[1] <= x + 1]
        right = [place for place, edge in enumerate(edges) if edge[0] >= x - 1]
        crossing = len(rows) - len(left) - len(right)
        if min(len(left), len(right)) < _COLUMN_LINES or crossing > _CROSSING * len(rows):
            continue
        gap = min(edges[place][0] for place in right) - max(edges[place][1] for place in left)
        if gap < _GUTTER * size or (best and (-crossing, gap) <= best[0]):
            continue
        if _are_columns([rows[place] for place in left], [rows[place] for place in right]):
            best = (-crossing, gap), x
    return best[1] if best else None


def _are_columns(left: Sequence[Sequence[Line]], right: Sequence[Sequence[Line]]) -> bool:
    """Return whether both sides are running text and stand beside each other on enough rows."""
    if min(_letters(left), _letters(right)) < _LETTERS:
        return False
    beside = (other for other in right if any(_share_height(one[0], other[0]) for one in left))
    return len(list(islice(beside, _SHARED_ROWS))) == _SHARED_ROWS


def _letters(rows: Sequence[Sequence[Line]]) -> float:
    return median(sum(width(line.text) for line in row) for row in rows)


def _share_height(one: Line, other: Line) -> bool:
    return min(one.y1, other.y1) - max(one.y0, other.y0) > 0.4 * (other.y1 - other.y0)


def _from_above(lines: Sequence[Line]) -> list[Line]:
    """Return the lines in the order drawn, but a block that stands above another one is in front of it.

    What stands alone above or below all others, beside none of them, is the first or the last.
    """
    blocks: dict[int, list[Line]] = {}
    for line in lines:
        blocks.setdefault(line.block, []).append(line)
    if len(blocks) > _MANY_BLOCKS:
        return list(lines)
    placed = [(block, _box(block)) for block in blocks.values()]
    heads = [one for one in placed if _is_alone(one, placed, is_foot=False)]
    feet = [one for one in placed if _is_alone(one, placed, is_foot=True)]
    others = [one for one in placed if one not in heads and one not in feet]
    return [line for block, _ in [*heads, *_sorted(others), *feet] for line in block]


def _is_alone(one: _Placed, among: Sequence[_Placed], *, is_foot: bool) -> bool:
    """Return whether a block is one line with room to all the others, which stand on one side of it."""
    block, (_, top, _, bottom) = one
    room = _ALONE * block[0].size
    others = [box for other, box in among if other is not block]
    if len(block) > 1 or not others:
        return False
    return all(box[3] + room <= top if is_foot else box[1] >= bottom + room for box in others)


def _sorted(blocks: Sequence[_Placed]) -> list[_Placed]:
    if not any(_is_above(later[1], earlier[1]) for earlier, later in pairwise(blocks)):
        return list(blocks)
    waiting, found = list(blocks), list[_Placed]()
    while waiting:
        at = next(
            (
                at
                for at, (_, box) in enumerate(waiting)
                if not any(_is_above(other, box) for _, other in waiting)
            ),
            0,
        )
        found.append(waiting.pop(at))
    return found


def _box(lines: Sequence[Line]) -> tuple[float, float, float, float]:
    return (
        min(line.x0 for line in lines),
        min(line.y0 for line in lines),
        max(line.x1 for line in lines),
        max(line.y1 for line in lines),
    )


def _is_above(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Return whether one box ends where the other begins, or above, and both share at least half a width."""
    shared = min(one[2], other[2]) - max(one[0], other[0])
    narrower = min(one[2] - one[0], other[2] - other[0])
    return one[3] <= other[1] + 1 and shared > 0.5 * narrower
