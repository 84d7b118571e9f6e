"""The text of a page that was read from its picture, by the rules that PDFs are read by; pure."""

from collections.abc import Sequence
from typing import Any, Protocol

from kotaemon_async.documents.parsing.child_layout import Line, regions
from kotaemon_async.documents.parsing.child_page import PageParts
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
    sizes = _sizes(read)
    lines = {_line(one, size * scale, scale): one for one, size in zip(read, sizes, strict=True)}
    body_size = _body_size(read, sizes) * scale
    parts = PageParts(list(lines), height * scale, frozenset(), "", body_size)
    blocks = [
        block._replace(boxes=tuple(_placed(box, turn, width * scale, height * scale) for box in block.boxes))
        for block in parts.blocks
    ]
    in_order = [lines[line] for region in regions(list(lines)) for line in region if line in lines]
    rows = [_row(line, width, height) for line in in_order]
    return {"text": parts.text, "blocks": blocks, "words": encoded(rows, turn, width / height)}


def _line(read: LineRead, size: float, scale: float) -> Line:
    x0, y0, x1, y1 = (side * scale for side in read.box)
    if not read.is_upright:
        return Line(x0, y0, x1, y1, size, read.text, upright=False)
    middle, beyond, reach = (y0 + y1) / 2, _BEYOND * size, _REACH * size
    return Line(x0 + beyond, middle - reach, x1 - beyond, middle + reach, size, read.text)


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
