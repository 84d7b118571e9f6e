"""Workbooks of the OOXML kind (XLSX, XLSM, XLTX), by own rules; runs inside a parser child.

Source: ECMA-376 part 1, 18. Values are shown as their cells show them; a formula counts by the value that the
file keeps, and as its text where it keeps none.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Final

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter
from kotaemon_async.documents.parsing.office import child_drawingml as drawing
from kotaemon_async.documents.parsing.office.child_attachments import write_embedded
from kotaemon_async.documents.parsing.office.child_numbers import GENERAL, code_of, shown, shown_text
from kotaemon_async.documents.parsing.office.child_package import (
    Package,
    Relationship,
    local,
    relation,
)
from kotaemon_async.documents.parsing.office.child_page_heads import PageHeads
from kotaemon_async.documents.parsing.office.child_sheet import (
    MAX_MERGES,
    Area,
    Room,
    Sheet,
    write_sheet,
)

_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384
_CELL_CHARS = 32_767
_MOST_STYLES = 100_000
_MOST_DRAWINGS = 2_000
_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})\Z")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TITLE_ROWS = re.compile(r"\$(\d{1,7}):\$(\d{1,7})\Z")
_FILTER = re.compile(r"!\$?[A-Z]{1,3}\$?(\d{1,7})(?::|\Z)")
#: What stands in the head and foot of printed pages.
_HEADS: Final = frozenset(
    {"oddHeader", "oddFooter", "firstHeader", "firstFooter", "evenHeader", "evenFooter"}
)
_HEAD_CODE = re.compile(r'&(?:"[^"]*"|K[0-9A-Fa-f]{6}|\[[^\]]{0,30}\]|\d{1,3}|[A-Za-z])')
_OFF: Final = frozenset({"0", "false"})
#: What a sheet links to that was made by another program.
_EMBEDDED: Final = frozenset({"oleObject", "package"})
#: Sheets that hold programs of long ago, not cells.
_SKIPPED: Final = {"xlMacrosheet": "a macro sheet", "dialogsheet": "a dialogue"}


def open_document(source: Source, media_type: str, max_pages: int) -> Units:  # noqa: ARG001 - as all readers have it
    """Return the sheets of a workbook. Raises: FileError."""
    return read_workbook(source, max_pages)


def read_workbook(source: Source | IO[bytes], max_units: int) -> Units:
    """Return the sheets of a workbook, given by its path or as a binary file. Raises: FileError."""
    package = Package(source)
    try:
        return _Workbook(package, max_units).read()
    finally:
        package.close()


@dataclass(slots=True)
class _Styles:
    """What a cell's style says: its format code, and whether its letters are bold."""

    codes: list[str] = field(default_factory=list)
    bold: list[bool] = field(default_factory=list)

    def code(self, style: int) -> str:
        return self.codes[style] if style < len(self.codes) else GENERAL

    def is_bold(self, style: int) -> bool:
        return style < len(self.bold) and self.bold[style]


@dataclass(slots=True)
class _Entry:
    """A sheet as the workbook lists it."""

    name: str
    hidden: bool
    kind: str
    part: str
    header_rows: set[int] = field(default_factory=set)


class _Workbook:
    """Reads the sheets of one package."""

    def __init__(self, package: Package, max_units: int) -> None:
        self._package = package
        self._main = package.main_part("xl/workbook.xml")
        self._relations = package.relationships(self._main)
        self._writer = UnitWriter(max_units=max_units)
        self._found = _Found()
        self._heads = PageHeads(self._writer)
        self._files: dict[str, None] = {}
        self._max_units = max_units
        self.room = Room(max_units)
        root = package.xml(self._main)
        if local(root) != "workbook":
            raise FileError("corrupt", "The file holds no workbook.")
        self._from_1904 = any(
            one.get("date1904", "0") not in _OFF for one in drawing.children(root, "workbookPr")
        )
        self._entries = list(self._listed(root))
        self._mark_headers(root)
        self._styles = self._read_styles()
        self._strings = self._read_strings()

    def read(self) -> Units:
        """Return the units of all sheets."""
        if self._package.has_macros:
            self._writer.warn("part_skipped", "Macros are not read.")
        for entry in self._entries:
            self._read_entry(entry)
        write_embedded(self._package, self._files, self._writer, self._max_units)
        return self._writer.finish()

    def _listed(self, root: ET.Element) -> Iterator[_Entry]:
        sheets = drawing.child(root, "sheets")
        for element in sheets if sheets is not None else ():
            link = self._relations.get(relation(element), Relationship("", "", external=False))
            hidden = element.get("state", "visible") != "visible"
            yield _Entry(element.get("name", ""), hidden, link.kind, link.target)

    def _mark_headers(self, root: ET.Element) -> None:
        """Note the rows that a sheet repeats on paper, and those that are filtered by."""
        names = drawing.child(root, "definedNames")
        for element in names if names is not None else ():
            place, text = element.get("localSheetId", ""), element.text or ""
            if not place.isdecimal() or len(place) > 6 or int(place) >= len(self._entries):
                continue
            rows = self._entries[int(place)].header_rows
            if element.get("name") == "_xlnm.Print_Titles" and (found := _TITLE_ROWS.search(text)):
                rows.update(range(int(found[1]), min(int(found[2]), int(found[1]) + 5) + 1))
            elif element.get("name") == "_xlnm._FilterDatabase" and (found := _FILTER.search(text)):
                rows.add(int(found[1]))

    def _related(self, kind: str) -> Iterator[str]:
        return (
            one.target
            for one in self._relations.values()
            if one.kind == kind and self._package.has(one.target)
        )

    def _read_styles(self) -> _Styles:
        styles = _Styles()
        for part in self._related("styles"):
            root = self._package.xml(part)
            own = {
                one.get("numFmtId"): one.get("formatCode") for one in root.iter() if local(one) == "numFmt"
            }
            fonts = drawing.child(root, "fonts")
            bold = [_is_bold(font) for font in fonts] if fonts is not None else []
            formats = drawing.child(root, "cellXfs")
            for element in list(formats if formats is not None else ())[:_MOST_STYLES]:
                number = element.get("numFmtId", "0")
                styles.codes.append(code_of(_whole(number), own.get(number)))
                font = _whole(element.get("fontId", "0"))
                styles.bold.append(font < len(bold) and bold[font])
        return styles

    def _read_strings(self) -> list[str]:
        strings: list[str] = []
        for part in self._related("sharedStrings"):
            try:
                strings += (_string(element) for _, element in self._package.children(part, 1))
            except FileError as error:
                if error.code != "corrupt" or not strings:
                    raise
                self._writer.warn(
                    "truncated", f"The list of texts is damaged: only {len(strings)} could be read."
                )
        return strings

    # ------------------------------------------------------------ sheets

    def _read_entry(self, entry: _Entry) -> None:
        if entry.kind in _SKIPPED:
            what = _SKIPPED[entry.kind]
            self._writer.warn("part_skipped", f"{what.capitalize()} is not read.", "sheet", label=entry.name)
        elif entry.kind not in {"worksheet", "chartsheet"} or not self._package.has(entry.part):
            self._writer.lost("unreadable", "sheet", entry.name)
        elif entry.kind == "chartsheet":
            self._writer.begin("sheet", entry.name, flags=("hidden",) if entry.hidden else ())
            self._write_parts_of(entry)
        else:
            self._write_worksheet(entry)

    def _write_worksheet(self, entry: _Entry) -> None:
        rows = _Rows(self, entry)
        damage = None
        try:
            for parent, element in self._package.children(entry.part, 2):
                if rows.is_full:
                    break
                rows.take(parent, element)
        except FileError as error:
            if error.code != "corrupt":
                raise
            damage = error
        if damage is not None and not rows.cells:
            self._writer.lost("unreadable", "sheet", entry.name)
            return
        write_sheet(self._writer, rows.sheet())
        if damage is not None:
            said = f"The sheet is damaged: it could be read up to row {rows.number}."
            self._writer.warn("page_unreadable", said, "sheet", label=entry.name)
        elif rows.is_full:
            said = f"The workbook is too large: of this sheet, rows up to {rows.number - 1} were read."
            self._writer.warn("truncated", said, "sheet", label=entry.name)
        for code in rows.heads if rows.cells else ():
            self._heads.write(
                " ".join(_HEAD_CODE.sub(" ", code.replace("&&", "＆")).replace("＆", "&").split())
            )
        self._write_parts_of(entry, has_words=bool(rows.cells))

    def value(self, cell: ET.Element, style: int) -> str:
        """Return the text that a cell shows."""
        kind, value, formula = cell.get("t", "n"), "", ""
        for part in cell:
            match local(part):
                case "v":
                    value = part.text or ""
                case "f":
                    formula = part.text or ""
                case "is":
                    value = _string(part)
        if not value:
            return f"={formula.strip()}" if formula.strip() else ""
        code = self._styles.code(style)
        if kind == "n":
            return shown(value.strip(), code, from_1904=self._from_1904)
        if kind == "s":
            place = _whole(value)
            return shown_text("".join(self._strings[place : place + 1]), code)
        if kind == "b":
            return "TRUE" if value.strip() == "1" else "FALSE"
        if kind == "d":
            return value.removesuffix("T00:00:00").replace("T", " ")
        return shown_text(value if kind == "inlineStr" else _unescaped(value), code)

    def is_bold(self, style: int) -> bool:
        return self._styles.is_bold(style)

    # ------------------------------------------------------------ what lies on a sheet

    def _write_parts_of(self, entry: _Entry, *, has_words: bool = False) -> None:
        """Write charts, boxes, pictures and comments; a sheet of pictures only is named."""
        self._found = _Found(has_words)
        try:
            links = self._package.relationships(entry.part).values()
            for link in links:
                if link.kind == "drawing" and self._package.has(link.target):
                    self._write_drawing(link.target, is_sheet=entry.kind == "chartsheet")
            threaded = any(link.kind == "threadedComment" for link in links)
            for link in links:
                if link.kind == ("threadedComment" if threaded else "comments"):
                    self._write_comments(link.target)
        except FileError as error:
            if error.code != "corrupt":
                raise
            said = "Comments, charts or pictures on the sheet are damaged and were not read."
            self._writer.warn("part_skipped", said, "sheet", label=entry.name)
            return
        self._files |= {
            link.target: None for link in links if link.kind in _EMBEDDED and self._package.has(link.target)
        }
        if self._found.pictures and not self._found.words:
            self._writer.lost("no_text", "sheet", entry.name)

    def _say(self, kind: str, text: str) -> None:
        self._found.words = self._found.words or bool(text.strip())
        self._writer.add(kind, text)

    def _write_comments(self, part: str) -> None:
        for element in self._package.xml(part).iter():
            if local(element) not in {"comment", "threadedComment"}:
                continue
            text = drawing.child(element, "text")
            said = ("".join(_string_pieces(text)) or text.text or "") if text is not None else ""
            if said.strip():
                self._say("comment", f"{element.get('ref', '')}: {said.strip()}")

    def _write_drawing(self, part: str, *, is_sheet: bool) -> None:
        """Write what is drawn on a sheet, or is one."""
        links = self._package.relationships(part)
        anchors = list(drawing.without_fallback(self._package.xml(part)))[:_MOST_DRAWINGS]
        for element in (inner for anchor in anchors for inner in _shapes(anchor)):
            if (body := drawing.child(element, "txBody")) is not None:
                self._say("paragraph", "\n".join(drawing.paragraphs(body)))
            elif local(element) == "pic":
                self._found.pictures = True
                self._say("caption", drawing.description(element))
            elif local(element) == "graphicFrame":
                link = next((links[key] for key in drawing.references(element) if key in links), None)
                if link is not None and link.kind in {"chart", "chartEx"}:
                    self._write_chart(drawing.read_chart(self._package, link.target), is_sheet=is_sheet)

    def _write_chart(self, chart: drawing.Chart, *, is_sheet: bool) -> None:
        if chart.rows and (is_sheet or not chart.is_linked):  # else its values stand in cells
            self._found.words = True
            self._writer.table(chart.rows, 1, title=chart.title)
        else:
            self._say("caption", chart.title)


@dataclass(slots=True)
class _Found:
    """What a sheet holds: words, and pictures that are described or not."""

    words: bool = False
    pictures: bool = False


class _Rows:
    """The cells of a sheet while its part is read."""

    def __init__(self, book: _Workbook, entry: _Entry) -> None:
        self._book = book
        self._entry = entry
        self._merges: list[Area] = []
        self._bold: set[int] = set()
        self.cells: dict[int, dict[int, str]] = {}
        self.heads: list[str] = []
        self.number = 0
        self.is_full = False

    def take(self, parent: str, element: ET.Element) -> None:
        """Take a row or merged cells."""
        if parent == "sheetData" and local(element) == "row":
            told = _whole(element.get("r", ""), 0)
            number = told or self.number + 1
            if number <= _LAST_ROW:
                self.number = number
                self._take_row(element)
        elif parent == "headerFooter" and local(element) in _HEADS:
            self.heads.append(element.text or "")
        elif parent == "mergeCells" and len(self._merges) < MAX_MERGES:
            area = area_of(element.get("ref", ""))
            if area is not None:
                self._merges.append(area)

    def _take_row(self, element: ET.Element) -> None:
        cells = self.cells.get(self.number, {})
        column, bold = 0, True
        for cell in drawing.children(element, "c"):
            reference = _REFERENCE.match(cell.get("r", ""))
            column = column_number(reference[1]) if reference else column + 1
            style = _whole(cell.get("s", ""), 0)
            text = self._book.value(cell, style).strip()[:_CELL_CHARS]
            if not text or column > _LAST_COLUMN:
                continue
            cells[column] = text
            bold = bold and self._book.is_bold(style)
        self.is_full = not self._book.room.takes(cells.values())
        if cells and not self.is_full:
            self.cells[self.number] = cells
            if bold and len(cells) > 1:
                self._bold.add(self.number)

    def sheet(self) -> Sheet:
        headers = frozenset(self._bold | self._entry.header_rows)
        return Sheet(self._entry.name, self.cells, self._merges, self._entry.hidden, headers)


def column_number(letters: str) -> int:
    """Return the number of the column that letters name: A is 1."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def area_of(reference: str) -> Area | None:
    """Return the cells that "A1:C3" names."""
    first, _, last = reference.partition(":")
    begin, end = _REFERENCE.match(first), _REFERENCE.match(last or first)
    if begin is None or end is None:
        return None
    return Area(int(begin[2]), column_number(begin[1]), int(end[2]), column_number(end[1]))


def _shapes(anchor: ET.Element) -> Iterator[ET.Element]:
    """Yield shapes, pictures and charts, groups opened."""
    for element in drawing.without_fallback(anchor):
        if local(element) in {"sp", "pic", "graphicFrame", "cxnSp"}:
            yield element
        elif local(element) == "grpSp":
            yield from _shapes(element)


def _string(element: ET.Element) -> str:
    """Return a string that may be made of several runs; how it is spoken is left out."""
    return _unescaped("".join(_string_pieces(element)))


def _string_pieces(element: ET.Element) -> Iterator[str]:
    for part in element:
        match local(part):
            case "t":
                yield part.text or ""
            case "r":
                yield from (text.text or "" for text in drawing.children(part, "t"))


def _unescaped(text: str) -> str:
    """Return the text with the characters that XML cannot hold, written as _x000D_, as a blank each."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(code) if (code := int(found[1], 16)) >= 32 else " ", text)


def _is_bold(font: ET.Element) -> bool:
    return any(one.get("val", "1") not in _OFF for one in drawing.children(font, "b"))


def _whole(text: str, instead: int = 10**9) -> int:
    text = text.strip()
    return int(text) if text.isdecimal() and len(text) < 10 else instead
