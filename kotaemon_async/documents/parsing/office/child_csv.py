"""Tables as text: CSV and TSV in any dialect and charset; runs inside a parser child.

The dialect is told by evidence: the sign that parts the rows most evenly, quotes, a first line "sep=;".
A file that is only prose is read as text.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kotaemon_async.documents.parsing import child_text
from kotaemon_async.documents.parsing.child_charsets import decoded, tidy
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, opened
from kotaemon_async.documents.parsing.child_units import UNIT_CHARS, Units, UnitWriter
from kotaemon_async.documents.parsing.office.child_sheet import Room, Sheet, write_sheet

#: Best first where two part the rows equally well.
_SIGNS = ",;\t|"
_BYTES_PER_CHAR = 4
_CELL_CHARS = 2**31 - 1
#: What the dialect is told from.
_SAMPLE_CHARS = 200_000
_SAMPLE_ROWS = 200
#: Rows of a table have this share of equal widths, unless its cells are ragged.
_EVEN = 0.8
_FEW = 3
_PROSE_CHARS = 60
_TOLD = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)
#: A quote that is closed nowhere swallows rows; so many line breaks make one likely.
_SWALLOWED = 3


class _Dialect(NamedTuple):
    sign: str
    skips_blanks: bool
    is_prose: bool


def open_document(source: Source, media_type: str, max_pages: int) -> Units:  # noqa: ARG001
    """Return the rows of a file. Raises: FileError(empty)."""
    most = max_pages * UNIT_CHARS * _BYTES_PER_CHAR
    with opened(source) as file:
        data = file.read(most + 1)
    if not data:
        raise FileError("empty", "The file holds no bytes.")
    is_cut = len(data) > most
    text, charset = decoded(data[:most])
    del data
    text = tidy(text)
    told = _TOLD.match(text)
    text = text[told.end() :] if told else text
    dialect = _Dialect(told[1], False, False) if told else _dialect(text[:_SAMPLE_CHARS])
    if dialect.is_prose:
        return child_text.open_document(source, "text/plain", max_pages)
    writer = UnitWriter(max_units=max_pages)
    writer.charset = charset
    rows, last = _read_rows(text, dialect, max_pages, is_cut)
    write_sheet(writer, Sheet("", rows))
    if last:
        writer.warn("truncated", f"The file is too long: rows up to {last} were read.", "sheet")
    return writer.finish()


def _read_rows(
    text: str, dialect: _Dialect, max_units: int, is_cut: bool
) -> tuple[dict[int, dict[int, str]], int]:
    """Return the cells by their numbers, and the last row where not all were read, else 0."""
    rows: dict[int, dict[int, str]] = {}
    room, number = Room(max_units), 0
    for number, row in enumerate(_rows(text, dialect), 1):
        cells = {column: value for column, cell in enumerate(row, 1) if (value := cell.strip())}
        if not room.takes(cells.values()):
            return rows, number - 1
        if cells:
            rows[number] = cells
    if is_cut and len(rows) > 1:
        rows.pop(number, None)  # it may be cut in half
        return rows, number - 1
    return rows, 0


def _rows(text: str, dialect: _Dialect) -> Iterator[list[str]]:
    """Yield the rows; a quote that is never closed is taken for a sign like others."""
    csv.field_size_limit(_CELL_CHARS)
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=dialect.sign, skipinitialspace=dialect.skips_blanks)
    try:
        for row in reader:
            if lines.is_at_end and _is_open(row, text, lines):
                break
            lines.begin_row()
            yield row
        else:
            return
    except csv.Error:
        pass
    rest = _Lines(text, lines.row_start)
    yield from csv.reader(rest, delimiter=dialect.sign, quoting=csv.QUOTE_NONE, quotechar=None)


class _Lines:
    """The lines of a text, one after the other, and where the row that is read began."""

    def __init__(self, text: str, start: int = 0) -> None:
        self._text = text
        self._at = start
        self.row_start = start

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def begin_row(self) -> None:
        """Note that what follows is another row."""
        self.row_start = self._at

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if self.is_at_end:
            raise StopIteration
        start = self._at
        end = self._text.find("\n", start)
        self._at = len(self._text) if end < 0 else end + 1
        return self._text[start : self._at]


def _is_open(row: Sequence[str], text: str, lines: _Lines) -> bool:
    """Return whether the last row holds a quote that nothing closes, and that other rows fell into."""
    if not row or row[-1].count("\n") < _SWALLOWED:
        return False
    return text.count('"', lines.row_start) % 2 == 1


def _dialect(sample: str) -> _Dialect:
    """Return the sign that parts the rows most evenly, and into most cells."""
    best, best_score = _Dialect(",", False, is_prose=_is_prose(sample)), (0.0, 0)
    for sign in _SIGNS:
        skips_blanks = sign != "\t" and sample.count(f"{sign} ") > _EVEN * sample.count(sign)
        widths = _widths(sample, sign, skips_blanks)
        width, count = max(Counter(widths).items(), key=lambda one: one[::-1], default=(1, 0))
        if width < 2 and len(widths) <= _FEW:  # few rows, and ragged
            width, count = max(widths, default=1), 1
        share = count / len(widths) if widths else 0.0
        if width > 1 and (share, width) > best_score:
            is_prose = skips_blanks and share < _EVEN and len(widths) > 2 and _is_prose(sample)
            best, best_score = _Dialect(sign, skips_blanks, is_prose), (share, width)
    return best


def _widths(sample: str, sign: str, skips_blanks: bool) -> list[int]:
    """Return how many cells each row of the sample has; the last may be cut."""
    found: list[int] = []
    try:
        for row in csv.reader(_Lines(sample), delimiter=sign, skipinitialspace=skips_blanks):
            found += [len(row)] if row else []
            if len(found) >= _SAMPLE_ROWS:
                return found
    except csv.Error:
        pass
    return found[:-1] if len(found) > 2 and len(sample) >= _SAMPLE_CHARS else found


def _is_prose(sample: str) -> bool:
    """Return whether the lines are rather sentences than values."""
    lines = [line.rstrip() for line in sample.split("\n") if line.strip()]
    ended = sum(line.endswith((".", "!", "?", "。", "！", "？", "…")) for line in lines)
    return sum(map(len, lines)) > _PROSE_CHARS * len(lines) or 2 * ended > len(lines)
