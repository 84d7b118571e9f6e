"""Sheets of OpenDocument spreadsheets (ODS), row by row: what the cells show; repeats are counted."""

import xml.etree.ElementTree as ET

from kotaemon_async.documents.parsing.child_units import UnitWriter
from kotaemon_async.documents.parsing.office.child_odf_styles import Styles, count_of
from kotaemon_async.documents.parsing.office.child_odf_tables import MAX_COLUMNS, MAX_ROWS, Cell, cells_of
from kotaemon_async.documents.parsing.office.child_odf_text import BOXES, TextReader
from kotaemon_async.documents.parsing.office.child_package import attribute, local
from kotaemon_async.documents.parsing.office.child_sheet import (
    MAX_CELLS,
    MAX_MERGES,
    Area,
    Sheet,
    write_sheet,
)

_MOST_REPEATED_ROWS = 1_048_576
_MOST_COMMENTS = 1_000
_MOST_DRAWN = 1_000
_WORDS = frozenset({"p", "h", "list"})
_BOOLEANS = {"true": "TRUE", "false": "FALSE"}


class SheetReader:
    """Collects the rows of one sheet after the other; cells are bounded over all of them."""

    def __init__(self, writer: UnitWriter, styles: Styles, text: TextReader) -> None:
        self._writer = writer
        self._styles = styles
        self._text = text
        self._cells_left = MAX_CELLS
        self._begin()

    def _begin(self) -> None:
        self._rows: dict[int, dict[int, str]] = {}
        self._merges: list[Area] = []
        self._comments: list[str] = []
        self._drawn: list[ET.Element] = []
        self._headers: set[int] = set()
        self._number = 0
        self._is_cut = False

    def row(self, row: ET.Element, *, is_header: bool) -> None:
        """Take a row of the sheet that is open."""
        times = count_of(row, "number-rows-repeated", _MOST_REPEATED_ROWS)
        first = self._number + 1
        self._number += times
        if self._is_cut:
            return
        cells: dict[int, str] = {}
        for cell in cells_of(row):
            if not cell.is_covered:
                self._cell(cell, first, cells)
        if cells:
            copies = min(times, MAX_ROWS)
            self._cells_left -= len(cells) * copies
            self._is_cut = self._cells_left < 0
            for number in range(first, first + copies):
                self._rows[number] = dict(cells)
        if is_header:
            self._headers.add(first)

    def break_off(self) -> None:
        """Write the rows of a sheet whose end is lost."""
        if self._rows:
            self.end(ET.Element("table"))

    def end(self, table: ET.Element) -> None:
        """Write the sheet whose rows were taken, and what is drawn on it."""
        name = attribute(table, "name") or ""
        hidden = self._styles.hides_table(table)
        write_sheet(self._writer, Sheet(name, self._rows, self._merges, hidden, frozenset(self._headers)))
        for comment in self._comments:
            self._writer.add("comment", comment)
        drawn = (shape for part in table if local(part) == "shapes" for shape in part)
        for shape in (*self._drawn, *drawn):
            self._text.block(shape)
        if self._is_cut:
            message = f"The sheet was read up to its row {max(self._rows)}: the file has too many cells."
            self._writer.warn("truncated", message, "sheet", 0, name)
        self._begin()

    def _cell(self, cell: Cell, number: int, cells: dict[int, str]) -> None:
        text = self._shown(cell.element)
        if text:
            for column in range(cell.column, min(cell.column + cell.times, cell.column + MAX_COLUMNS)):
                cells[column] = text
        if (cell.columns > 1 or cell.rows > 1) and len(self._merges) < MAX_MERGES:
            last = (number + cell.rows - 1, cell.column + cell.columns - 1)
            self._merges.append(Area(number, cell.column, *last))
        if not len(cell.element):
            return
        if len(self._drawn) < _MOST_DRAWN:
            self._drawn += (one for one in cell.element if local(one) in BOXES)
        if len(self._comments) < _MOST_COMMENTS:
            where = f"{column_letters(cell.column)}{number}"
            self._comments += (f"{where}: {text}" for text in self._text.comments(cell.element))

    def _shown(self, cell: ET.Element) -> str:
        if len(cell) == 1 and not len(cell[0]) and local(cell[0]) == "p":  # nearly all cells
            return " ".join((cell[0].text or "").split())
        lines = (self._text.line(one) for one in cell if local(one) in _WORDS)
        return " ".join(filter(None, lines)) or _value(cell)


def _value(cell: ET.Element) -> str:
    """Return the value of a cell that some programs write without what it shows."""
    kind = attribute(cell, "value-type")
    if kind == "boolean":
        return _BOOLEANS.get(attribute(cell, "boolean-value") or "", "")
    if kind == "percentage":
        return _percent(attribute(cell, "value") or "")
    names = {"date": "date-value", "time": "time-value", "string": "string-value"}
    return (attribute(cell, names.get(kind or "", "value")) or "")[:100]


def _percent(value: str) -> str:
    try:
        return f"{float(value) * 100:.10g}%"
    except ValueError:
        return value


def column_letters(column: int) -> str:
    """Return A for 1, AA for 27."""
    letters = ""
    while column > 0:
        column, place = divmod(column - 1, 26)
        letters = chr(65 + place) + letters
    return letters
