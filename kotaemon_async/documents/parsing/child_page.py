"""The text of a PDF's page with its blocks: running heads, headings, paragraphs, tables, notes; pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from kotaemon_async.documents.parsing import child_running
from kotaemon_async.documents.parsing.child_blocks import Block, is_heading, kind_of, settled
from kotaemon_async.documents.parsing.child_grid import Box
from kotaemon_async.documents.parsing.child_layout import Line, regions
from kotaemon_async.documents.parsing.child_paragraphs import Paragraph, clean, paragraphs
from kotaemon_async.documents.parsing.child_tables import Table, Word, continued, row_line, tables
from kotaemon_async.documents.parsing.child_units import column_names

#: How much larger than the body a heading is set, by level.
_LARGER = (1.5, 1.1)
_PLAIN_LEVEL = 3
_HEADING_ROWS, _TITLE_ROWS = 3, 5
_HEADING_CHARS = 250
#: Letters that are so much smaller at a page's end are those of a note.
_SMALLER = 0.92
#: The numbers that stand for blocks of PyMuPDF where tables stood.
_OF_A_TABLE = 1_000_000
_FULL_STOP = re.compile(r"[.。;；:：,，、]\Z")


@dataclass(frozen=True, slots=True)
class Content:
    """What a page shows: its lines of text, its size, its words when it may hold tables, and ruled lines."""

    lines: Sequence[Line]
    width: float
    height: float
    words: Sequence[Word] = ()
    rules: Sequence[Box] = ()


class PageParts:
    """The text of a page, as quotes will be looked up in it, and the blocks that it is made of."""

    def __init__(self, content: Content, running: frozenset[str], title: str, body_size: float) -> None:
        self._texts: list[str] = []
        self._length = 0
        self._body_size = body_size
        lines, height = content.lines, content.height
        self._is_bold = _is_mostly_bold(lines)
        at_edges = child_running.running_lines(lines, height, running, title)
        taken = set(at_edges)
        rest = [line for line in lines if line not in taken]
        self.tables = _tables(content, at_edges)
        found: list[Block] = []
        found += self._edge("page_header", (line for line in at_edges if line.y0 < height / 2))
        found += self._body(paragraphs(_parted(regions(_with_tables(rest, self.tables)))))
        found += self._edge("page_footer", (line for line in at_edges if line.y0 >= height / 2))
        self.text = "\n\n".join(self._texts)
        self.blocks = settled(self.text, found)

    @property
    def begins_with_table(self) -> bool:
        block = next((block for block in self.blocks if not block.kind.startswith("page_")), None)
        return bool(block and self.tables and block.kind == "table" and block.boxes == (self.tables[0].box,))

    def continue_table(self, before: "PageParts") -> None:
        """Let the table that begins the page go on with one of the same columns that ends the page before."""
        last = [block for block in before.blocks if not block.kind.startswith("page_")][-1:]
        if not (self.begins_with_table and last and before.tables and last[0].kind == "table"):
            return
        place = next(at for at, block in enumerate(self.blocks) if not block.kind.startswith("page_"))
        table, other = self.tables[0], before.tables[-1]
        if last[0].boxes == (other.box,):
            header = continued(table, other, last[0].header)
            self.blocks[place] = self.blocks[place]._replace(header=header, head_lines=table.head)

    def _edge(self, kind: str, lines: Iterable[Line]) -> Iterator[Block]:
        for line in lines:
            if text := clean(line.text):
                yield self._added(text, kind, 0, [_box([line])])

    def _body(self, found: Sequence[Paragraph]) -> Iterator[Block]:
        notes = _notes(found, self._body_size)
        for paragraph in [one for one in found if one not in notes] + notes:
            if paragraph.table >= 0:
                yield from self._of_table(self.tables[paragraph.table])
                continue
            kind, level = ("note", 0) if paragraph in notes else self._kind(paragraph)
            yield self._added(paragraph.text, kind, level, _boxes(paragraph))

    def _of_table(self, table: Table) -> Iterator[Block]:
        if table.title:
            yield self._added(table.title, "caption", 0, [table.box])
        block = self._added("\n".join(map(row_line, table.rows)), "table", 0, [table.box])
        yield block._replace(header=column_names(table.rows[: table.head]), head_lines=table.head)

    def _added(self, text: str, kind: str, level: int, boxes: Sequence[Box]) -> Block:
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


def _tables(content: Content, at_edges: Sequence[Line]) -> list[Table]:
    """Return the tables of a page, from the top down, without what stands at its edges."""
    edges = [(line.x0, line.y0, line.x1, line.y1) for line in at_edges]
    words = [word for word in content.words if not any(map(word.is_in, edges))] if edges else content.words
    found = tables(words, content.rules, content.width, content.height)
    return sorted(found, key=lambda table: (table.box[1], table.box[0]))


def _with_tables(lines: Sequence[Line], found: Sequence[Table]) -> list[Line]:
    """Return the lines with one in place of each table, where its first line was drawn."""
    rest: list[Line] = []
    shown: set[int] = set()
    for line in lines:
        x, y = (line.x0 + line.x1) / 2, (line.y0 + line.y1) / 2
        place = next((at for at, table in enumerate(found) if _holds(table.box, x, y)), -1)
        if place < 0:
            rest.append(line)
        elif place not in shown:
            shown.add(place)
            rest.append(Line(*found[place].box, line.size, "", block=_OF_A_TABLE + place, table=place))
    return rest


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _parted(found: Iterable[Sequence[Line]]) -> list[Sequence[Line]]:
    """Return the regions, where a table is one of its own."""
    parts: list[Sequence[Line]] = []
    for region in found:
        for is_table, lines in groupby(region, key=lambda line: line.table >= 0):
            part = list(lines)
            parts += [[line] for line in part] if is_table else [part]
    return parts


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


def _boxes(paragraph: Paragraph) -> list[Box]:
    """Return the boxes of a paragraph, one for each column that it stands in."""
    columns: list[list[Line]] = []
    for row in paragraph.rows:
        line = Line(row.x0, row.y0, row.x1, row.y1, row.size, row.text)
        if columns and row.y0 >= columns[-1][-1].y0 - row.size:
            columns[-1].append(line)
        else:
            columns.append([line])
    return [_box(column) for column in columns]


def _box(lines: Sequence[Line]) -> Box:
    return (
        min(line.x0 for line in lines),
        min(line.y0 for line in lines),
        max(line.x1 for line in lines),
        max(line.y1 for line in lines),
    )
