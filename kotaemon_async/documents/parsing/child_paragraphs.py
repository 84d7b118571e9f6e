"""Paragraphs as a person reads them, from the lines and boxes that a PDF holds; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_LIGATURES = {0xFB00 + place: text for place, text in enumerate(("ff", "fi", "fl", "ffi", "ffl", "st", "st"))}
#: What stores and quotes do not bear: controls, lone surrogates, noncharacters, marks of no width.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\ufeff\u200b\u2060]+"
)
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
#: Text set with hyphenation divides a word on far more than one row in so many.
_ROWS_PER_HYPHEN = 40
#: What patterns for the end of a text get to see: a long paragraph must not be searched row by row.
_END_CHARS = 64


@dataclass(frozen=True, slots=True)
class Line:
    """A run of text with its box in points; y grows downward."""

    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    text: str
    upright: bool = True


@dataclass(slots=True)
class _Paragraph:
    text: str
    size: float
    #: Whether its last row reaches the right edge, so that the paragraph may go on elsewhere.
    open_end: bool
    rows: int = 1


def clean(text: str) -> str:
    """Return the text with plain spaces, without ligatures and characters that no store takes."""
    text = _UNWANTED.sub("", text.translate(_LIGATURES))
    return _SPACES.sub(" ", text).strip()


def page_text(blocks: Sequence[Sequence[Line]]) -> str:
    """Return the paragraphs of a page in the order given, parted by empty lines."""
    rows_of_blocks = [[row for row in _rows(block) if row.text] for block in blocks]
    known = _Known([row.text for rows in rows_of_blocks for row in rows])
    found: list[_Paragraph] = []
    for rows in rows_of_blocks:
        for place, paragraph in enumerate(_paragraphs(rows, known)):
            if place == 0 and found and _goes_on(found[-1], paragraph):
                last = found[-1]
                last.text = known.join(last.text, paragraph.text)
                last.open_end, last.rows = paragraph.open_end, last.rows + paragraph.rows
            else:
                found.append(paragraph)
    return "\n\n".join(paragraph.text for paragraph in found)


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
        if before.endswith("\u2010"):
            before = before[:-1] + "-"
        ending = before[-_END_CHARS:]
        head, tail = _HEAD.search(ending), _TAIL.match(after)
        if head and tail:
            return (before if self.keeps_hyphen(head[1], tail[0]) else before[:-1]) + after
        if _CJK_END.match(before[-1:]) or _CJK_START.match(after) or _NO_SPACE_END.search(ending):
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


def _may_be_divided(row: str) -> bool:
    head = _HEAD.search(row[-_END_CHARS:])
    return head is not None and head[1].isalpha() and head[1].islower() and head[1] not in _COMPOUND_HEADS


def _rows(lines: Sequence[Line]) -> list[Line]:
    """Return visual rows: words of one justified row may come as many short lines."""
    rows: list[Line] = []
    for line in lines:
        run = replace(line, text=clean(line.text))
        if rows and _beside(rows[-1], run):
            rows[-1] = _side_by_side(rows[-1], run)
        elif run.text:
            rows.append(run)
    return rows


def _beside(row: Line, line: Line) -> bool:
    if not (row.upright and line.upright):
        return False
    shared = min(row.y1, line.y1) - max(row.y0, line.y0)
    return shared > 0.5 * min(row.y1 - row.y0, line.y1 - line.y0)


def _side_by_side(row: Line, line: Line) -> Line:
    touching = 0 <= line.x0 - row.x1 < 0.12 * line.size
    cjk = _CJK_END.match(row.text[-1:]) or _CJK_START.match(line.text)
    near = line.x0 - row.x1 < 2.5 * line.size
    glue = "" if touching or (cjk and near) or not row.text or not line.text else " "
    x0, y0 = min(row.x0, line.x0), min(row.y0, line.y0)
    x1, y1 = max(row.x1, line.x1), max(row.y1, line.y1)
    return Line(x0, y0, x1, y1, max(row.size, line.size), row.text + glue + line.text)


def _paragraphs(rows: Sequence[Line], known: _Known) -> list[_Paragraph]:
    """Return the paragraphs inside one block."""
    found: list[_Paragraph] = []
    left = min((row.x0 for row in rows), default=0.0)
    right = max((row.x1 for row in rows), default=0.0)
    for place, row in enumerate(rows):
        before = rows[place - 1] if place else None
        open_end = right - row.x1 < 2 * row.size
        if before is None or _starts_anew(before, row, left, right):
            found.append(_Paragraph(row.text, row.size, open_end))
            continue
        last = found[-1]
        if _deliberate_break(before, row, right):
            last.text = f"{last.text}\n{row.text}"
        else:
            last.text = known.join(last.text, row.text)
        last.open_end, last.rows = open_end, last.rows + 1
    return found


def _starts_anew(before: Line, row: Line, left: float, right: float) -> bool:
    if not _same_size(before.size, row.size):
        return True
    if not (before.upright and row.upright):
        return False
    ended = _SENTENCE_END.search(before.text) is not None
    if _BULLET.match(row.text) and (ended or right - before.x1 > 2 * row.size):
        return True
    indented = 0.8 * row.size < row.x0 - left < 5 * row.size and before.x0 - left < 0.5 * row.size
    return indented and (ended or right - before.x1 > 2 * row.size)


def _deliberate_break(before: Line, row: Line, right: float) -> bool:
    """Return whether the next row's first word would have fitted here: an address, a poem, a heading."""
    if not (before.upright and row.upright) or before.text.endswith(("-", "\u00ad")):
        return False
    if row.text[0].islower() and not _SENTENCE_END.search(before.text):
        return False
    if _CJK_START.match(row.text):
        needed = 2.0 * row.size
    else:
        needed = row.size + (row.x1 - row.x0) * len(row.text.split(" ", 1)[0]) / len(row.text)
    return right - before.x1 > needed


def _goes_on(last: _Paragraph, first: _Paragraph) -> bool:
    """Return whether a block continues the one before it, as over a column's end."""
    if (
        not _same_size(last.size, first.size)
        or _SENTENCE_END.search(last.text[-_END_CHARS:])
        or _BULLET.match(first.text)
    ):
        return False
    if first.text[0].islower() or _HEAD.search(last.text[-_END_CHARS:]) or last.text.endswith("\u00ad"):
        return True
    both_cjk = _CJK_START.match(first.text) or _CJK_END.match(last.text[-1:])
    return bool(both_cjk) and last.open_end and last.rows > 1 and (first.rows > 1 or not first.open_end)


def _same_size(one: float, other: float) -> bool:
    return abs(one - other) <= 0.12 * max(one, other)
