"""Paragraphs as a person reads them, from the lines and boxes that a PDF holds; pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from kotaemon_async.documents.parsing.child_blocks import is_heading
from kotaemon_async.documents.parsing.child_layout import Line
from kotaemon_async.documents.parsing.child_legibility import NO_LETTER
from kotaemon_async.domain.child_characters import NO_WIDTH
from kotaemon_async.domain.child_lines import goes_on, width

_LIGATURES = {0xFB00 + place: text for place, text in enumerate(("ff", "fi", "fl", "ffi", "ffl", "st", "st"))}
#: What stores and quotes do not bear: controls, lone surrogates, noncharacters, marks of no width.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
_UNWANTED = re.compile(f"[{NO_WIDTH.replace(chr(0xAD), '')}\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+")
#: Programs take the signs of points out of fonts of their own.
_SIGN_OF_A_POINT = re.compile(r"\A[\ue000-\uf8ff](?=\s*\Z|\s+\S)")
_SPACES = re.compile(r"[ \t\r\n\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_CJK = (
    r"\u2e80-\u2fdf\u3000-\u30ff\u3100-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
)
_CJK_START, _CJK_END = re.compile(rf"[{_CJK}]"), re.compile(rf"[{_CJK}]\Z")
_SENTENCE_END = re.compile(r"[.!?…:;。！？：；][\"'”’」』）)\]】》*]*\Z")
_BULLET = re.compile(r"(?:[•‣◦▪●○■□–—*·-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
_WORD = re.compile(r"[^\W\d_]+")
_HYPHENATED = re.compile(r"[^\W_]+(?:-[^\W_]+)+")
_HEAD = re.compile(r"([^\W_]+(?:-[^\W_]+)*)-\Z")
_NO_SPACE_END = re.compile(r"\w[/–—]\Z")
_TAIL = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
#: First parts that are hyphenated far more often than they begin a divided word.
_HEADS = """
self well high low long short full half double single cross co ex all much so non mid near early late large
small first second third one two three four five six seven eight nine ten twenty thirty forty fifty sixty
seventy eighty ninety world state time year day blood life land water
"""
#: Last parts that are hyphenated far more often than they end a divided word.
_TAILS = """
based like related specific mediated associated dependent induced type free term scale level wide time year
years old day days derived stranded binding regulated known made called powered born speaking negative
positive to and or up down off in out by of the class century quality fold order density risk effective
infected infection resistant sensitive treated control controlled length driven linked bound rich round
winning containing
"""
_COMPOUND_HEADS, _COMPOUND_TAILS = frozenset(_HEADS.split()), frozenset(_TAILS.split())
#: A hyphen in front of these stands for a word that is left out: "pre- and postwar".
_HANGING = frozenset({"and", "or", "to", "und", "oder", "bis"})
#: Text set with hyphenation divides a word on far more than one row in so many.
_ROWS_PER_HYPHEN = 40
#: A wider gap inside a row, in sizes, may part the cells of a table, which has so many rows at least.
_CELL_GAP = 1.5
_TABLE_ROWS = 3
#: A row that is filled so far goes on in the next one.
_FILLED = 0.7
#: A heading in a paragraph is a row so short above one so full.
_SHORT, _FULL = 0.6, 0.85
#: Distances between rows that tell what is usual.
_FEW_STEPS = 3
_USUAL_LEADING = 1.6
#: What patterns for the end of a text get to see: a long paragraph must not be searched row by row.
_END_CHARS = 64
_DIVIDED_LINE = re.compile("(?<=[a-z\u00df-\u024f])[-\u2010\u00ad]\\n")
#: Where words are looked for that tell whether others are divided.
_EVIDENCE_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Row:
    """A line as it is seen, with its box in points and where its cells begin and end."""

    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    text: str
    upright: bool = True
    bold: bool = False
    cells: tuple[tuple[float, float], ...] = ()


@dataclass(slots=True)
class Paragraph:
    """A paragraph, a heading or a table's lines, with the rows that it was joined from."""

    text: str
    rows: list[Row]
    #: Whether its last row reaches the right edge, so that the paragraph may go on elsewhere.
    open_end: bool
    is_table: bool = False
    #: The place of the table among those of its page, when its cells are known.
    table: int = -1

    @property
    def size(self) -> float:
        return self.rows[-1].size

    def append(self, row: Row, text: str) -> None:
        """Add a row, with which the text is this."""
        self.rows.append(row)
        self.text = text


def clean(text: str) -> str:
    """Return the text with plain spaces, without ligatures and characters that no store takes."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    if NO_LETTER.search(text):
        text = NO_LETTER.sub(" ", _SIGN_OF_A_POINT.sub("•", text))
    text = _UNWANTED.sub("", _CONTROLS.sub(" ", text.translate(_LIGATURES)))
    return _SPACES.sub(" ", text).strip()


def paragraphs(regions: Sequence[Sequence[Line]]) -> list[Paragraph]:
    """Return the paragraphs of a page, whose columns or bands are given in the order of reading."""
    rows_of_regions = [[row for row in _rows(region) if row.text] for region in regions]
    known = _Known([row.text for rows in rows_of_regions for row in rows])
    leading = _leading(rows_of_regions)
    found: list[Paragraph] = []
    for region, rows in zip(regions, rows_of_regions, strict=True):
        if len(region) == 1 and region[0].table >= 0:
            found.append(_table(region[0]))
        for place, paragraph in enumerate(_paragraphs(rows, known, leading)):
            if place == 0 and found and _goes_on(found[-1], paragraph):
                last = found[-1]
                last.text = known.join(last.text, paragraph.text)
                last.open_end, last.rows = paragraph.open_end, last.rows + paragraph.rows
            else:
                found.append(paragraph)
    return found


def _table(line: Line) -> Paragraph:
    row = Row(line.x0, line.y0, line.x1, line.y1, line.size, "")
    return Paragraph("", [row], open_end=False, is_table=True, table=line.table)


class _Known:
    """The words of the page: the evidence by which a hyphen at a line's end is kept or dropped."""

    def __init__(self, rows: Sequence[str]) -> None:
        self.words: set[str] = set()
        self.compounds: set[str] = set()
        divided = sum(1 for row in rows if _may_be_divided(row))
        self.divides_words = divided * _ROWS_PER_HYPHEN > len(rows)
        for row in rows:
            # A fragment before the hyphen at a line's end is no evidence; nor is the one that follows it.
            inside = row[: row.rfind(" ") + 1] if row.endswith("-") else row
            self.words.update(word.lower() for word in _WORD.findall(inside))
            self.compounds.update(word.lower() for word in _HYPHENATED.findall(inside))

    def join(self, before: str, after: str) -> str:
        """Join two neighbouring rows to one text."""
        if before.endswith("\u00ad"):
            return before.rstrip("\u00ad") + after
        head = _hyphenated(before)
        tail = _TAIL.match(after) if head else None
        if head and tail and tail[0] in _HANGING:
            return f"{before} {after}"
        if head and tail:
            return (before if self.keeps_hyphen(head[1], tail[0]) else before[:-1]) + after
        if _CJK_END.match(before[-1:]) or _CJK_START.match(after) or _NO_SPACE_END.match(before[-2:]):
            return before + after
        return f"{before} {after}"

    def keeps_hyphen(self, head: str, tail: str) -> bool:
        """Return whether the hyphen between two parts belongs to the word.

        In this order: capitals, digits and further hyphens keep it; then what the page writes elsewhere;
        then common parts of compounds; then two parts that are both words of the page; then a page that has
        hardly any hyphen at a row's end, so that it divides no words. Else the word was divided.
        """
        if not (head.isalpha() and head[1:].islower() and tail[0].islower()):
            return True
        first, last = head.lower(), tail.lower()
        if f"{first}-{last}" in self.compounds:
            return True
        if first + last in self.words:
            return False
        if first in _COMPOUND_HEADS or last.split("-")[0] in _COMPOUND_TAILS:
            return True
        both_words = len(first) > 2 and len(last) > 2 and {first, last} <= self.words
        return both_words or not self.divides_words


def _hyphenated(text: str) -> re.Match[str] | None:
    """Return the match of the word before the hyphen that the text ends with."""
    # Asked of each row, and searching takes a tenth of what a page takes; nearly none ends so.
    return _HEAD.search(text[-_END_CHARS:]) if text.endswith("-") else None


def _may_be_divided(row: str) -> bool:
    head = _hyphenated(row)
    return head is not None and head[1].isalpha() and head[1][1:].islower() and head[1] not in _COMPOUND_HEADS


def _rows(lines: Sequence[Line]) -> list[Row]:
    """Return visual rows: words of one justified row may come as many short lines."""
    rows: list[Row] = []
    for line in lines:
        text = _closed(clean(line.text))
        if not text and not rows:
            continue
        if rows and _beside(rows[-1], line):
            rows[-1] = _side_by_side(rows[-1], line, text)
        elif text:
            cell = ((line.x0, line.x1),)
            rows.append(
                Row(line.x0, line.y0, line.x1, line.y1, line.size, text, line.upright, line.bold, cell)
            )
    return rows


def _closed(text: str) -> str:
    """Return the text of a row with a plain hyphen at its end."""
    return text[:-1] + "-" if text.endswith(("\u2010", "\u2011")) else text


def _beside(row: Row, line: Line) -> bool:
    if not (row.upright and line.upright):
        return False
    shared = min(row.y1, line.y1) - max(row.y0, line.y0)
    return shared > 0.5 * min(row.y1 - row.y0, line.y1 - line.y0)


def _side_by_side(row: Row, line: Line, text: str) -> Row:
    gap = line.x0 - row.x1
    touching = 0 <= gap < 0.12 * line.size
    cjk = _CJK_END.match(row.text[-1:]) or _CJK_START.match(text)
    glue = "" if touching or (cjk and gap < 2.5 * line.size) or not row.text or not text else " "
    cells = row.cells
    if gap > _CELL_GAP * line.size and text:
        cells = (*cells, (line.x0, line.x1))
    elif text:
        cells = (*cells[:-1], (cells[-1][0], max(cells[-1][1], line.x1)))
    x0, y0 = min(row.x0, line.x0), min(row.y0, line.y0)
    x1, y1 = max(row.x1, line.x1), max(row.y1, line.y1)
    size = line.size if width(text) > width(row.text) else row.size
    return Row(x0, y0, x1, y1, size, row.text + glue + text, bold=row.bold and line.bold, cells=cells)


def _leading(regions: Sequence[Sequence[Row]]) -> dict[int, float]:
    """Return the usual distance of a row from the one above it, by size, where there are enough rows."""
    steps: dict[int, list[float]] = {}
    for rows in regions:
        for before, row in pairwise(rows):
            if before.upright and row.upright and _same_size(before.size, row.size) and row.y0 > before.y0:
                steps.setdefault(round(row.size), []).append(row.y1 - before.y1)
    return {size: median(found) for size, found in steps.items() if len(found) >= _FEW_STEPS}


def _paragraphs(rows: Sequence[Row], known: _Known, leading: dict[int, float]) -> Iterator[Paragraph]:
    """Yield the paragraphs of one region; a table's rows are one."""
    for group in _groups(rows, leading):
        tables, openings = _table_rows(group), _heading_rows(group)
        left, right = min(row.x0 for row in group), max(row.x1 for row in group)
        paragraph: Paragraph | None = None
        for place, row in enumerate(group):
            in_table = place in tables
            if paragraph is None or in_table != paragraph.is_table or place in openings:
                is_new = True
            else:
                is_new = not in_table and _starts_anew(paragraph.rows[-1], row, left, right)
            if paragraph is None or is_new:
                if paragraph:
                    yield paragraph
                paragraph = Paragraph(row.text, [row], open_end=False, is_table=in_table)
            elif in_table or _deliberate_break(paragraph.rows[-1], row, left, right):
                paragraph.append(row, f"{paragraph.text}\n{row.text}")
            else:
                paragraph.append(row, known.join(paragraph.text, row.text))
            paragraph.open_end = right - row.x1 < 2 * row.size
        if paragraph:
            yield paragraph


def _groups(rows: Sequence[Row], leading: dict[int, float]) -> Iterator[list[Row]]:
    """Yield rows that stand under each other without a gap or a change of size between them."""
    group: list[Row] = []
    for row in rows:
        if group and _is_apart(group[-1], row, leading):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _is_apart(before: Row, row: Row, leading: dict[int, float]) -> bool:
    if before.upright != row.upright:
        return True
    if not before.upright:
        return False
    if not _same_size(before.size, row.size) or before.bold != row.bold:
        return True
    step = row.y1 - before.y1
    usual = leading.get(round(row.size), _USUAL_LEADING * row.size)
    return step > max(1.25 * usual, usual + 2) or step < -row.size


def _table_rows(rows: Sequence[Row]) -> frozenset[int]:
    """Return which rows belong to a table: three and more with cells that stand under each other."""
    found: set[int] = set()
    begin = 0
    for place in range(1, len(rows) + 1):
        if place < len(rows) and _same_columns(rows[place - 1], rows[place]):
            continue
        if place - begin >= _TABLE_ROWS:
            found.update(range(begin, place))
        begin = place
    return frozenset(found)


def _heading_rows(rows: Sequence[Row]) -> frozenset[int]:
    """Return where a heading begins or ends that stands right above its text: a short row above full ones."""
    left, right = min(row.x0 for row in rows), max(row.x1 for row in rows)
    found: set[int] = set()
    for place, (row, below) in enumerate(pairwise(rows)):
        is_short = row.x1 - left < _SHORT * (right - left) and place + 2 < len(rows)
        is_full = below.x1 - left > _FULL * (right - left)
        is_first = place == 0 or _SENTENCE_END.search(rows[place - 1].text) is not None
        if is_short and is_full and is_first and is_heading(row.text) and not below.text[0].islower():
            found.update((place, place + 1))
    return frozenset(found)


def _same_columns(one: Row, other: Row) -> bool:
    if min(len(one.cells), len(other.cells)) < 2:
        return False
    near = 0.6 * one.size
    matches = sum(
        any(abs(a[0] - b[0]) < near or abs(a[1] - b[1]) < near for b in other.cells) for a in one.cells
    )
    return matches >= 2 and 2 * matches >= len(one.cells)


def _starts_anew(before: Row, row: Row, left: float, right: float) -> bool:
    if not (before.upright and row.upright):
        return False
    ended = _SENTENCE_END.search(before.text) is not None
    is_short = right - before.x1 > 2 * row.size
    if _BULLET.match(row.text) and (ended or is_short):
        return True
    indented = 0.8 * row.size < row.x0 - left < 5 * row.size and before.x0 - left < 0.5 * row.size
    return indented and (ended or is_short)


def _deliberate_break(before: Row, row: Row, left: float, right: float) -> bool:
    """Return whether a row ends far from the edge, though the next one's first word would fit: an address."""
    if not (before.upright and row.upright) or before.text.endswith(("-", "\u00ad")) or goes_on(before.text):
        return False
    if row.text[0].islower() and not _SENTENCE_END.search(before.text):
        return False
    if before.x1 - left > _FILLED * (right - left):
        return False
    if _CJK_START.match(row.text):
        needed = 2.0 * row.size
    else:
        needed = row.size + (row.x1 - row.x0) * len(row.text.split(" ", 1)[0]) / len(row.text)
    return right - before.x1 > needed


def _goes_on(last: Paragraph, first: Paragraph) -> bool:
    """Return whether a paragraph continues the one before it, as over a column's end."""
    if last.is_table or first.is_table or not _same_size(last.size, first.size):
        return False
    if _SENTENCE_END.search(last.text[-_END_CHARS:]) or _BULLET.match(first.text):
        return False
    if first.text[0].islower() or _hyphenated(last.text) or last.text.endswith("\u00ad"):
        return True
    if goes_on(last.text):
        return True
    return last.open_end and len(last.rows) > 1 and (len(first.rows) > 1 or not first.open_end)


def _same_size(one: float, other: float) -> bool:
    return abs(one - other) <= 0.12 * max(one, other)


def undivided(text: str) -> str:
    """Return a text of lines with the words whole that its lines divide, by the evidence of the text."""
    if not _DIVIDED_LINE.search(text):
        return text
    rows = _DIVIDED_LINE.sub("-\n", text).split("\n")
    known = _Known(rows[:_EVIDENCE_ROWS])
    whole: list[str] = []
    is_open = False
    for row in rows:
        rest = row.lstrip() if is_open else row
        head, tail = _HEAD.search(whole[-1][-_END_CHARS:]) if is_open else None, _TAIL.match(rest)
        if head and tail and tail[0] not in _HANGING and not known.keeps_hyphen(head[1], tail[0]):
            whole[-1] = whole[-1][:-1] + rest
        else:
            whole.append(row)
        is_open = _may_be_divided(row)
    return "\n".join(whole)
