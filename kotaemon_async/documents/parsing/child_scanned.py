"""The text of a page that was read from its picture, by the rules that PDFs are read by; pure."""

from collections.abc import Sequence
from statistics import median
from typing import Any, Protocol

from kotaemon_async.documents.parsing.child_layout import Line, regions
from kotaemon_async.documents.parsing.child_page import Content, PageParts
from kotaemon_async.documents.parsing.child_places import Box
from kotaemon_async.documents.parsing.child_words import Word, encoded, shown

#: Pages are laid out in points; the longer side of most measures so many.
_LONGER_SIDE = 842.0
#: How large letters are, as a part of the height of the box around their line.
_LETTERS = 0.76
#: From the middle of a line up and down, in sizes: boxes are as high as their letters happen to reach.
_REACH = 0.62
#: How far a box reaches beyond its line, in sizes.
_BEYOND = 0.15
#: Lines of a row whose middles differ less, as a part of their height, are level.
_LEVEL = 0.25
#: Lines whose letters differ less are set in one size; readings of one size differ so far.
_ONE_SIZE = 0.28


class WordRead(Protocol):
    """A word with its box in pixels."""

    @property
    def text(self) -> str: ...
    @property
    def box(self) -> Box: ...


class LineRead(Protocol):
    """A line with its box in pixels of the upright page."""

    @property
    def text(self) -> str: ...
    @property
    def box(self) -> Box: ...
    @property
    def words(self) -> Sequence[WordRead]: ...
    @property
    def is_upright(self) -> bool: ...


def page_of(read: Sequence[LineRead], turn: int, width: int, height: int) -> dict[str, Any]:
    """Return `text`, `blocks` with boxes as parts of the sides of the page as it is shown, and `words`."""
    scale = _LONGER_SIDE / max(width, height)
    rows = _rows(read)
    read = [line for row in rows for line in row]
    sizes, middles = _sizes(read), [middle for row in rows for middle in _middles(row)]
    lines = {
        _line(one, size * scale, middle * scale, scale): one
        for one, size, middle in zip(read, sizes, middles, strict=True)
    }
    body_size = _body_size(read, sizes) * scale
    content = Content(list(lines), width * scale, height * scale)
    parts = PageParts(content, frozenset(), "", body_size)
    blocks = [
        block._replace(boxes=tuple(_placed(box, turn, width * scale, height * scale) for box in block.boxes))
        for block in parts.blocks
    ]
    in_order = [lines[line] for region in regions(list(lines)) for line in region if line in lines]
    words = [_row(line, width, height) for line in in_order]
    return {"text": parts.text, "blocks": blocks, "words": encoded(words, turn, width / height)}


def _line(read: LineRead, size: float, middle: float, scale: float) -> Line:
    x0, y0, x1, y1 = (side * scale for side in read.box)
    if not read.is_upright:
        return Line(x0, y0, x1, y1, size, read.text, upright=False)
    beyond, reach = _BEYOND * size, _REACH * size
    return Line(x0 + beyond, middle - reach, x1 - beyond, middle + reach, size, read.text)


def _rows(read: Sequence[LineRead]) -> list[list[LineRead]]:
    """Return the lines of each row, from the left, and the rows from the top down."""
    rows: list[list[LineRead]] = []
    for line in sorted(read, key=_middle):
        if rows and rows[-1][0].box[1] < _middle(line) < rows[-1][0].box[3] and line.is_upright:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.box[0]) for row in rows]


def _middle(line: LineRead) -> float:
    return (line.box[1] + line.box[3]) / 2


def _middles(row: Sequence[LineRead]) -> list[float]:
    """Return the middle of each line from above to below; lines that are nearly level are level."""
    usual = median(map(_middle, row))
    near = [abs(_middle(line) - usual) < _LEVEL * (line.box[3] - line.box[1]) for line in row]
    return [usual if is_near else _middle(line) for line, is_near in zip(row, near, strict=True)]


def _sizes(read: Sequence[LineRead]) -> list[float]:
    """Return the size of each line's letters in pixels; sizes that are nearly one are made one."""
    found = [_LETTERS * min(line.box[2] - line.box[0], line.box[3] - line.box[1]) for line in read]
    groups: list[list[float]] = []
    for size in sorted(found):
        if groups and size - groups[-1][0] <= _ONE_SIZE * size:
            groups[-1].append(size)
        else:
            groups.append([size])
    one = {size: group[len(group) // 2] for group in groups for size in group}
    return [one[size] for size in found]


def _body_size(read: Sequence[LineRead], sizes: Sequence[float]) -> float:
    """Return the size in which most letters are set."""
    letters: dict[float, int] = {}
    for line, size in zip(read, sizes, strict=True):
        letters[size] = letters.get(size, 0) + len(line.text)
    return max(letters, key=lambda size: (letters[size], size), default=0.0)


def _placed(box: Box, turn: int, width: float, height: float) -> Box:
    x0, y0, x1, y1 = box
    return shown((x0 / width, y0 / height, x1 / width, y1 / height), turn)


def _row(line: LineRead, width: int, height: int) -> list[Word]:
    return [
        (word.text, (word.box[0] / width, word.box[1] / height, word.box[2] / width, word.box[3] / height))
        for word in line.words
        if word.text
    ]
