"""Workbooks of the old kind (XLS), by xlrd; runs inside a parser child."""

import io
import re
from collections.abc import Iterator
from typing import Any

import xlrd
from xlrd.biffh import (
    XL_CELL_BOOLEAN,
    XL_CELL_DATE,
    XL_CELL_ERROR,
    XL_CELL_NUMBER,
    XL_CELL_TEXT,
    XLRDError,
    error_text_from_code,
)

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, contents
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter
from kotaemon_async.documents.parsing.office.child_numbers import GENERAL, shown, shown_text
from kotaemon_async.documents.parsing.office.child_sheet import (
    MAX_MERGES,
    Area,
    Room,
    Sheet,
    column_name,
    write_sheet,
)

_BOLD = 700
#: What xlrd notes of sheets that are none of cells: their names and kinds.
_IGNORED = re.compile(r"Ignoring non-worksheet data named '(.{0,99}?)' \(type 0x\d\d = (\w+)")
_LOG_CHARS = 100_000
_MACROS = "_VBA_PROJECT".encode("utf-16-le")


def open_document(source: Source, media_type: str, max_pages: int) -> Units:  # noqa: ARG001 - as all readers have it
    """Return the sheets of a workbook. Raises: FileError."""
    data = contents(source)
    log = _Log()
    try:
        book = xlrd.open_workbook(
            file_contents=data, formatting_info=True, on_demand=True, logfile=log, verbosity=1
        )
    except Exception as error:
        raise translated(error) from error
    writer = UnitWriter(max_units=max_pages)
    if _MACROS in data:
        writer.warn("part_skipped", "Macros are not read.")
    for name, kind in _IGNORED.findall(log.getvalue()):
        writer.warn("part_skipped", f"A sheet of the kind {kind} is not read.", "sheet", label=name)
    del data
    reader = _Reader(book, writer, Room(max_pages))
    for place, name in enumerate(book.sheet_names()):
        reader.read(place, name)
    book.release_resources()
    return writer.finish()


def translated(error: Exception) -> Exception:
    """Return what an error of xlrd says about the file; what is not its own stays as it is."""
    if isinstance(error, (MemoryError, RecursionError, FileError)):
        return error
    if isinstance(error, XLRDError) and "encrypted" in str(error):
        return FileError("encrypted", "The workbook is protected by a password.")
    return FileError("corrupt", "The workbook is damaged and cannot be opened.")


class _Log(io.StringIO):
    """What xlrd notes while it reads; a bounded part of it."""

    def write(self, text: str) -> int:
        return super().write(text) if self.tell() < _LOG_CHARS else len(text)


class _Reader:
    """Reads the sheets of one workbook."""

    def __init__(self, book: Any, writer: UnitWriter, room: Room) -> None:
        self._book = book
        self._writer = writer
        self._room = room

    def read(self, place: int, name: str) -> None:
        """Write a sheet; one that is damaged is named."""
        try:
            sheet = self._book.sheet_by_index(place)
        except Exception as error:
            found = translated(error)
            if not isinstance(found, FileError):
                raise
            self._writer.lost("unreadable", "sheet", name)
            return
        rows: dict[int, dict[int, str]] = {}
        bold: set[int] = set()
        for number in range(sheet.nrows):
            cells = dict(self._cells(sheet, number))
            if not self._room.takes(cells.values()):
                said = f"The workbook is too large: of this sheet, rows up to {number} were read."
                self._writer.warn("truncated", said, "sheet", label=name)
                break
            if cells:
                rows[number + 1] = cells
                if len(cells) > 1 and all(self._is_bold(sheet, number, column - 1) for column in cells):
                    bold.add(number + 1)
        merges = [
            Area(top + 1, left + 1, bottom, right)
            for top, bottom, left, right in sheet.merged_cells[:MAX_MERGES]
        ]
        hidden = sheet.visibility != 0
        write_sheet(self._writer, Sheet(name, rows, merges, hidden, frozenset(bold)))
        self._write_notes(sheet)
        self._book.unload_sheet(place)

    def _cells(self, sheet: Any, row: int) -> Iterator[tuple[int, str]]:
        for column, (kind, value) in enumerate(
            zip(sheet.row_types(row), sheet.row_values(row), strict=True), 1
        ):
            text = self._text(kind, value, sheet, row, column - 1).strip()
            if text:
                yield column, text

    def _text(self, kind: int, value: Any, sheet: Any, row: int, column: int) -> str:
        if kind == XL_CELL_TEXT:
            return shown_text(value, self._code(sheet, row, column)) if value else ""
        if kind in {XL_CELL_NUMBER, XL_CELL_DATE}:
            from_1904 = self._book.datemode == 1
            return shown(repr(value), self._code(sheet, row, column), from_1904=from_1904)
        if kind == XL_CELL_BOOLEAN:
            return "TRUE" if value else "FALSE"
        return error_text_from_code.get(value, "#ERROR!") if kind == XL_CELL_ERROR else ""

    def _code(self, sheet: Any, row: int, column: int) -> str:
        style = self._style(sheet, row, column)
        found = self._book.format_map.get(style.format_key) if style is not None else None
        return found.format_str or GENERAL if found is not None else GENERAL

    def _is_bold(self, sheet: Any, row: int, column: int) -> bool:
        style = self._style(sheet, row, column)
        fonts = self._book.font_list
        return style is not None and style.font_index < len(fonts) and fonts[style.font_index].weight >= _BOLD

    def _style(self, sheet: Any, row: int, column: int) -> Any:
        place = sheet.cell_xf_index(row, column)
        return self._book.xf_list[place] if place is not None and place < len(self._book.xf_list) else None

    def _write_notes(self, sheet: Any) -> None:
        for (row, column), note in sorted(sheet.cell_note_map.items()):
            if note.text.strip():
                self._writer.add("comment", f"{column_name(column + 1)}{row + 1}: {note.text.strip()}")
