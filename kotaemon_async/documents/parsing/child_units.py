"""Units, the parts of a file that a citation can name, and a writer for them; pure, runs inside a child.

A unit is a page, a slide, rows of a sheet, a part of a text with sections, or a part of a mail.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kotaemon_async.documents.parsing.child_blocks import Block
from kotaemon_async.documents.parsing.child_problem import FileError

#: What has no pages of its own is cut into units of about so many characters.
UNIT_CHARS = 3000
#: All text of a file that is read at once.
TOTAL_CHARS = 64_000_000
#: A heading in the path of others is cut here; a longer one is kept whole in the text.
HEADING_CHARS = 200
_BAR = " | "
#: Where a long block is cut, best first.
_ENDS = ("\n", "。", ". ", "！", "？", "；", " ")
#: Units of these kinds are as long as the format has them.
_WHOLE = frozenset({"page", "slide"})
_MOST_WARNINGS = 1000


class Unit(NamedTuple):
    """What a citation can name: its text, the blocks in it, and what the place is called.

    `headings` are the titles above its first word. `problem` says why it holds nothing, or less than its page
    shows: `no_text`, `garbled` or `unreadable`; `confidence`, from 0 to 1, is that of a reader of pictures.
    """

    text: str
    blocks: list[Block]
    kind: str = "page"
    label: str = ""
    headings: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    problem: str = ""
    confidence: float | None = None


class Loss(NamedTuple):
    """A part that was not or badly read: a warning of the document before it has a hint."""

    code: str
    message: str
    kind: str = ""
    number: int = 0
    label: str = ""


class Units:
    """A file that is read as a whole when it is opened."""

    def __init__(
        self, units: Sequence[Unit], warnings: Sequence[Loss] = (), charset: str | None = None
    ) -> None:
        self._units = list(units)
        self.warnings = list(warnings)
        self.charset = charset

    def __len__(self) -> int:
        return len(self._units)

    def unit(self, number: int) -> Unit:
        """Return a unit, 1-based."""
        return self._units[number - 1]

    def close(self) -> None:
        """Forget the text."""
        self._units = []


class _Part(NamedTuple):
    """A block with its text and the headings above it."""

    text: str
    block: Block
    above: tuple[str, ...]


@dataclass(slots=True)
class _Open:
    """The unit that is being written."""

    kind: str
    label: str
    flags: tuple[str, ...]
    headings: tuple[str, ...] = ()
    parts: list[_Part] = field(default_factory=list)
    length: int = 0

    def add(self, part: _Part) -> None:
        self.length += len(part.text) + (2 if self.parts else 0)
        self.parts.append(part)

    def held_back(self) -> list[_Part]:
        """Take off the headings that end the unit: they stand above what comes next."""
        count = len(self.parts)
        while count and self.parts[count - 1].block.kind == "heading":
            count -= 1
        held, self.parts = self.parts[count:], self.parts[:count]
        return held

    def unit(self) -> Unit:
        blocks: list[Block] = []
        start = 0
        for text, block, _ in self.parts:
            blocks.append(block._replace(start=start, end=start + len(text)))
            start += len(text) + 2
        headings = self.parts[0].above if self.parts else self.headings
        text = "\n\n".join(part.text for part in self.parts)
        return Unit(text, blocks, self.kind, self.label, headings, self.flags)


class UnitWriter:
    """Takes headings, paragraphs and tables in the order of reading and makes units of them."""

    def __init__(self, *, max_units: int, unit_chars: int = UNIT_CHARS) -> None:
        self.charset: str | None = None
        self._max_units = max_units
        self._unit_chars = unit_chars
        self._done: list[Unit] = []
        self._open: _Open | None = None
        self._path: list[tuple[int, str]] = []
        self._chars = 0
        self._warnings: list[Loss] = []

    @property
    def number(self) -> int:
        """Return the number of the unit that is being written."""
        return len(self._done) + 1

    def begin(
        self, kind: str = "section", label: str = "", headings: Sequence[str] = (), flags: Sequence[str] = ()
    ) -> None:
        """Begin a unit that is called so, under these headings; one that stayed empty before it is left out.

        A page or a slide is a unit even when it stays empty.
        """
        self._end()
        self._path = [(0, heading[:HEADING_CHARS]) for heading in headings]
        self._open = _Open(kind, label, tuple(flags), self._headings())

    def go_on(self, label: str, flags: Sequence[str] = ()) -> None:
        """Begin a unit of the same kind that is called so; the headings above it stay."""
        kind = self._open.kind if self._open else "section"
        self._end()
        self._open = _Open(kind, label, tuple(flags), self._headings())

    def heading(self, text: str, level: int) -> None:
        """Write a heading of a level from 1 on; what follows stands under it."""
        if not (words := _one_line(text)):
            return
        self._path = [one for one in self._path if one[0] < level]
        above = self._headings()
        self._path.append((level, words[:HEADING_CHARS]))
        self._write(words, Block("heading", 0, 0, level), above)

    def paragraph(self, text: str) -> None:
        """Write a paragraph; its line breaks are kept."""
        self.add("paragraph", text)

    def add(self, kind: str, text: str) -> None:
        """Write a block of the kind; a long one is cut between its lines where units are cut."""
        for part in self._parts(text.strip()):
            self._write(part, Block(kind, 0, 0))

    def table(
        self,
        rows: Sequence[Sequence[str]],
        head: int = 1,
        numbers: Sequence[int] = (),
        title: str = "",
        header: str = "",
    ) -> None:
        """Write a table: rows of cells as they are shown, of which the first `head` name the columns.

        `numbers` are those of the rows in the sheet or file; `header` names the columns where the rows go on
        with a table. Rows without any word are left out.
        """
        if title:
            self.add("caption", title)
        width = len(max(rows[:head], key=len, default=()))
        lines = [_row(row, width) for row in rows]
        header = header or column_names(rows[:head])
        kept = [place for place, row in enumerate(rows) if any(map(str.strip, row))]
        start = 0
        while start < len(kept):
            stop = self._fitting(lines, kept, start)
            part, start = kept[start:stop], stop
            block = Block(
                "table", 0, 0, 0, (), header, sum(place < head for place in part),
                tuple(numbers[place] for place in part) if numbers else (),
            )  # fmt: skip
            self._write("\n".join(lines[place] for place in part), block)

    def warn(self, code: str, message: str, kind: str = "", number: int = 0, label: str = "") -> None:
        """Note what was not or badly read: `part_skipped`, `page_unreadable` or `truncated`, and where."""
        if len(self._warnings) < _MOST_WARNINGS:
            self._warnings.append(Loss(code, message, kind, number, label))

    def adopt(self, unit: Unit) -> None:
        """Write a unit that the reader of a file within this one made."""
        self._end()
        self._count(unit.text)
        self._keep(unit)

    def lost(self, problem: str, kind: str, label: str = "") -> None:
        """Write a unit without any text, and why: `unreadable` or `no_text`."""
        self._end()
        self._done.append(Unit("", [], kind, label, problem=problem))

    def finish(self) -> Units:
        """Return all units. Raises: FileError(no_text) when there is none."""
        self._end()
        if not self._done:
            raise FileError("no_text", "The file holds no text.")
        return Units(self._done, self._warnings, self.charset)

    def _headings(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._path)

    def _write(self, text: str, block: Block, above: tuple[str, ...] | None = None) -> None:
        self._count(text)
        opened = self._open
        if opened is None:
            opened = self._open = _Open("section", "", ())
        is_full = opened.kind not in _WHOLE and opened.length + len(text) > self._unit_chars
        held: list[_Part] = []
        if opened.parts and is_full:
            held = opened.held_back()
            self._end()
            opened = self._open = _Open(opened.kind, opened.label, opened.flags)
        for part in (*held, _Part(text, block, self._headings() if above is None else above)):
            opened.add(part)

    def _end(self) -> None:
        opened, self._open = self._open, None
        if opened is None or not (opened.parts or opened.kind in _WHOLE):
            return
        self._keep(opened.unit())

    def _keep(self, unit: Unit) -> None:
        self._done.append(unit)
        if len(self._done) > self._max_units:
            raise FileError("too_large", f"The file has more than {self._max_units} parts.")

    def _count(self, text: str) -> None:
        self._chars += len(text)
        if self._chars > TOTAL_CHARS:
            raise FileError("too_large", f"The file holds more than {TOTAL_CHARS} characters of text.")

    def _parts(self, text: str) -> Iterator[str]:
        """Yield the text in parts that fit into a unit, cut after a line, a sentence or a word."""
        is_whole = self._open is not None and self._open.kind in _WHOLE
        start, most = 0, self._unit_chars
        while not is_whole and len(text) - start > most:
            ends = (text.rfind(mark, start + most // 2, start + most) for mark in _ENDS)
            cut = next((end + 1 for end in ends if end >= 0), start + most)
            yield text[start:cut].strip()
            start = cut
        if rest := text[start:].strip():
            yield rest

    def _fitting(self, lines: Sequence[str], kept: Sequence[int], start: int) -> int:
        """Return up to which of the rows from `start` on go into the open unit, at least one."""
        if self._open is not None and self._open.kind in _WHOLE:
            return len(kept)
        room = self._unit_chars - (self._open.length if self._open else 0)
        length = 0
        for place in range(start, len(kept)):
            length += len(lines[kept[place]]) + 1
            if length > room and place > start:
                return place
            if length > room:
                room = self._unit_chars  # the unit is full: the rows begin the next one
        return len(kept)


def column_names(head: Sequence[Sequence[str]]) -> str:
    """Return the names of a table's columns in one line; several rows of them are joined column by column."""
    width = max(map(len, head), default=0)
    names = []
    for column in range(width):
        cells = (_one_line(row[column]) if column < len(row) else "" for row in head)
        names.append(" / ".join(dict.fromkeys(cell for cell in cells if cell)))
    return _BAR.join(names).strip() if any(names) else ""


def _row(cells: Sequence[str], width: int) -> str:
    """Return the cells in one line, and bars for those that a short row lacks at its end."""
    lacking = [""] * (width - len(cells))
    return _BAR.join(_one_line(cell) for cell in (*cells, *lacking)).strip()


def _one_line(text: str) -> str:
    return " ".join(text.replace("|", " ").split())


def as_frame(number: int, unit: Unit) -> dict[str, Any]:
    """Return the unit as it is sent to the service."""
    text = unit.text.encode("utf-8", "replace").decode()
    place: dict[str, Any] = {
        "kind": unit.kind,
        "label": unit.label,
        "headings": unit.headings,
        "flags": unit.flags,
    }
    place |= {"confidence": unit.confidence}
    return {"number": number, "text": text, "blocks": unit.blocks, "place": place, "problem": unit.problem}
