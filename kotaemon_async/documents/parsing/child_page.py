"""The text of a PDF's page with its blocks: running heads, headings, paragraphs, tables, notes; pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from kotaemon_async.documents.parsing import child_running
from kotaemon_async.documents.parsing.child_blocks import Block, is_heading, kind_of, settled
from kotaemon_async.documents.parsing.child_layout import Line, regions
from kotaemon_async.documents.parsing.child_paragraphs import Paragraph, clean, paragraphs

#: How much larger than the body a heading is set, by level.
_LARGER = (1.5, 1.1)
_PLAIN_LEVEL = 3
_HEADING_ROWS, _TITLE_ROWS = 3, 5
_HEADING_CHARS = 250
#: Letters that are so much smaller at a page's end are those of a note.
_SMALLER = 0.92
_FULL_STOP = re.compile(r"[.。;；:：,，、]\Z")


class PageParts:
    """The text of a page, as quotes will be looked up in it, and the blocks that it is made of."""

    def __init__(
        self, lines: Sequence[Line], height: float, running: frozenset[str], title: str, body_size: float
    ) -> None:
        self._texts: list[str] = []
        self._length = 0
        self._body_size = body_size
        self._is_bold = _is_mostly_bold(lines)
        at_edges = child_running.running_lines(lines, height, running, title)
        taken = set(at_edges)
        rest = [line for line in lines if line not in taken]
        found: list[Block] = []
        found += self._edge("page_header", (line for line in at_edges if line.y0 < height / 2))
        found += self._body(paragraphs(regions(rest)))
        found += self._edge("page_footer", (line for line in at_edges if line.y0 >= height / 2))
        self.text = "\n\n".join(self._texts)
        self.blocks = settled(self.text, found)

    def _edge(self, kind: str, lines: Iterable[Line]) -> Iterator[Block]:
        for line in lines:
            if text := clean(line.text):
                yield self._added(text, kind, 0, [_box([line])])

    def _body(self, found: Sequence[Paragraph]) -> Iterator[Block]:
        notes = _notes(found, self._body_size)
        for paragraph in [one for one in found if one not in notes] + notes:
            kind, level = ("note", 0) if paragraph in notes else self._kind(paragraph)
            yield self._added(paragraph.text, kind, level, _boxes(paragraph))

    def _added(
        self, text: str, kind: str, level: int, boxes: Sequence[tuple[float, float, float, float]]
    ) -> Block:
        start = self._length
        self._texts.append(text)
        self._length += len(text) + 2
        return Block(kind, start, start + len(text), level, tuple(boxes))

    def _kind(self, paragraph: Paragraph) -> tuple[str, int]:
        if paragraph.is_table:
            return "table", 0
        level = self._level(paragraph)
        if level:
            return "heading", level
        kind = kind_of(paragraph.text)
        return (kind, 0) if kind == "list" else ("paragraph", 0)

    def _level(self, paragraph: Paragraph) -> int:
        """Return the level of a heading by its size, its weight or its form; 0 when it is none."""
        text, rows = paragraph.text, len(paragraph.rows)
        if len(text) > _HEADING_CHARS or rows > _TITLE_ROWS or not any(map(str.isalpha, text)):
            return 0
        ends = _FULL_STOP.search(text) is not None
        for level, larger in enumerate(_LARGER, 1):
            if paragraph.size >= larger * self._body_size and not ends:
                return level
        is_bold = all(row.bold for row in paragraph.rows) and not self._is_bold
        if rows <= _HEADING_ROWS and is_bold and not ends:
            return _PLAIN_LEVEL
        return _PLAIN_LEVEL if rows == 1 and is_heading(text) else 0


def _is_mostly_bold(lines: Sequence[Line]) -> bool:
    bold = sum(len(line.text) for line in lines if line.bold)
    return 2 * bold > sum(len(line.text) for line in lines)


def _notes(found: Sequence[Paragraph], body_size: float) -> list[Paragraph]:
    """Return the paragraphs in small letters that end a column in front of one that goes on in another."""
    notes: list[Paragraph] = []
    for paragraph, following in zip_longest(found, found[1:]):
        is_small = paragraph.size < _SMALLER * body_size and not paragraph.is_table
        is_last = following is None or following in notes or following.rows[0].y0 < paragraph.rows[-1].y0
        if is_small and is_last:
            notes.append(paragraph)
    return notes if len(notes) < len(found) else []


def _boxes(paragraph: Paragraph) -> list[tuple[float, float, float, float]]:
    """Return the boxes of a paragraph, one for each column that it stands in."""
    columns: list[list[Line]] = []
    for row in paragraph.rows:
        line = Line(row.x0, row.y0, row.x1, row.y1, row.size, row.text)
        if columns and row.y0 >= columns[-1][-1].y0 - row.size:
            columns[-1].append(line)
        else:
            columns.append([line])
    return [_box(column) for column in columns]


def _box(lines: Sequence[Line]) -> tuple[float, float, float, float]:
    return (
        min(line.x0 for line in lines),
        min(line.y0 for line in lines),
        max(line.x1 for line in lines),
        max(line.y1 for line in lines),
    )
