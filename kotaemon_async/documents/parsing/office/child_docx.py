"""Word documents (DOCX) as sections with heading paths; runs inside a parser child."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import groupby

from kotaemon_async.documents.parsing.child_blocks import is_heading
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter, column_names
from kotaemon_async.documents.parsing.office.child_docx_numbers import Numbers, numbered_lists
from kotaemon_async.documents.parsing.office.child_docx_parts import EmbeddedParts
from kotaemon_async.documents.parsing.office.child_docx_styles import BODY_LEVEL, Mark, Style, Styles, mark_of
from kotaemon_async.documents.parsing.office.child_docx_tables import Table
from kotaemon_async.documents.parsing.office.child_docx_text import MOST_LEVELS, Paragraph, TextReader
from kotaemon_async.documents.parsing.office.child_equations import equation
from kotaemon_async.documents.parsing.office.child_package import Package, attribute, local, relation
from kotaemon_async.documents.parsing.office.child_page_heads import PageHeads
from kotaemon_async.documents.parsing.office.child_sheet import header_rows

_MAIN_PART = "word/document.xml"
_PAGE_MARK = b"lastRenderedPageBreak"
_OUTLINE = b"outlineLvl"
_USED_STYLE = re.compile(rb"""pStyle\s[^<>]{0,200}?val\s*=\s*["']([^"'<>]{1,200})["']""")
#: With fewer letters for each of its pictures, what a document says may stand in these.
_LETTERS_PER_PICTURE = 200
#: The level of a heading that only its letters tell.
_GUESSED_LEVEL = 1
_WRAPPERS = frozenset({"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "body"})
#: A longer paragraph in a heading's style is text.
_HEADING_CHARS = 200
_NOTE_KINDS = {"footnote": "note", "endnote": "note", "comment": "comment"}
_NOTE_NAMES = {"footnote": "The footnotes", "endnote": "The endnotes", "comment": "The comments"}


def open_document(source: Source, media_type: str, max_pages: int) -> Units:
    """Return the sections of the document. Raises: FileError."""
    del media_type
    package = Package(source)
    try:
        writer = UnitWriter(max_units=max_pages)
        _Document(package, writer, max_pages).read()
        return writer.finish()
    finally:
        package.close()


class _Pages:
    """Counts the pages that Word saw, if it left its marks; else all is on page 0."""

    def __init__(self) -> None:
        self.number = 0
        self._row = self._row_end = 0
        self._row_first: int | None = None

    def turn(self, pages: int) -> None:
        if self.number:
            self.number += pages

    def next_cell(self) -> None:
        """Go back to where the row begins: its cells stand beside each other."""
        self._row = self._row or self.number
        self._row_end = max(self._row_end, self.number)
        self.number = self._row

    def turn_in_cell(self, breaks: list[int]) -> None:
        self.turn(breaks[0])
        if self._row_first is None:
            self._row_first = self.number
        self.turn(breaks[1])

    def next_row(self) -> int:
        """Return the page on which the row began."""
        first = self.number if self._row_first is None else self._row_first
        self.number = max(self._row_end, self.number)
        self._row = self._row_end = 0
        self._row_first = None
        return first


class _Document:
    """One document, read once from its beginning to its end."""

    def __init__(self, package: Package, writer: UnitWriter, max_units: int) -> None:
        self._package = package
        self._writer = writer
        self._main = package.main_part(_MAIN_PART)
        self._relations = package.relationships(self._main)
        self._styles = Styles(self._xml_of("styles", "The styles"))
        self._numbers = Numbers(numbered_lists(self._xml_of("numbering", "The numbers of lists")))
        self._text = TextReader(self._styles)
        self._notes: dict[tuple[str, str], str] = {}
        self._parts = EmbeddedParts(package, self._relations, writer, max_units)
        self._hanging: list[Paragraph] = []
        self._pages = _Pages()
        self._placed = 0
        #: Where no style says what a heading is, short lines in bold letters are.
        self._guesses_headings = False
        #: The beginning of a paragraph whose end was deleted, so that it goes on in the next.
        self._carried: list[str] = []

    def read(self) -> None:
        """Write all of the document. Raises: FileError where it cannot be read at all."""
        for kind in _NOTE_KINDS:
            self._read_notes(kind)
        has_page_marks, self._guesses_headings = self._looked_through()
        if has_page_marks:
            self._pages.number = 1
            self._place(1)
        self._write_heads()
        self._read_body()
        self._parts.finish()
        self._name_pictures()

    def _name_pictures(self) -> None:
        """Name pictures that may hold more words than the text does: pages that were pasted in."""
        count = len(self._text.pictures)
        if count and self._text.letters < count * _LETTERS_PER_PICTURE:
            said = "A picture was" if count == 1 else f"Each of {count} pictures was"
            self._writer.warn("part_skipped", f"{said} not read, nor any words in it.")

    def _read_body(self) -> None:
        is_read = False
        try:
            for parent, element in self._package.children(self._main, 2):
                if parent == "body":
                    self._block(element, 0)
                    is_read = True
        except FileError as error:
            if not is_read or error.code != "corrupt":
                raise
            self._writer.warn("truncated", f"The text breaks off, because the file is damaged: {error}")

    def _looked_through(self) -> tuple[bool, bool]:
        """Return whether Word left marks of pages, and whether the text is without headings by style."""
        try:
            data = self._package.read(self._main)
        except FileError:
            return False, False  # what can be read of it is read anyway
        used = {found.decode("utf-8", "replace") for found in _USED_STYLE.findall(data)}
        levels = (self._styles.of(key).level for key in used)
        has_headings = _OUTLINE in data or any(level is not None and level < BODY_LEVEL for level in levels)
        return _PAGE_MARK in data, not has_headings

    def _xml_of(self, kind: str, name: str) -> ET.Element | None:
        """Return the part of a kind; its damage is a loss, not the end."""
        part = next((one.target for one in self._relations.values() if one.kind == kind), None)
        if part is None:
            return None
        try:
            return self._package.xml(part)
        except FileError as error:
            if error.code != "corrupt":
                raise
            self._writer.warn("part_skipped", f"{name} of the document cannot be read.")
            return None

    def _read_notes(self, kind: str) -> None:
        root = self._xml_of(f"{kind}s", _NOTE_NAMES[kind])
        for element in root if root is not None else ():
            if local(element) == kind and attribute(element, "type") in (None, "normal"):
                text = " ".join(self._texts(element, 0))
                author = attribute(element, "author") if kind == "comment" else None
                self._notes[kind, attribute(element, "id") or ""] = f"{author}: {text}" if author else text

    def _write_heads(self) -> None:
        """Write each head and foot of pages once."""
        heads = PageHeads(self._writer)
        for kind in ("header", "footer"):
            for part in dict.fromkeys(one.target for one in self._relations.values() if one.kind == kind):
                try:
                    heads.write(" ".join(self._texts(self._package.xml(part), 0)))
                except FileError:
                    self._writer.warn("part_skipped", f"A page {kind} cannot be read.")

    def _block(self, element: ET.Element, depth: int) -> None:
        if depth > MOST_LEVELS:
            raise FileError("corrupt", "The file is nested too deeply.")
        name = local(element)
        if name == "p":
            self._paragraph(element, depth)
        elif name == "tbl":
            self._table(element, depth)
        elif name in _WRAPPERS:
            for part in element:
                self._block(part, depth + 1)
        elif name == "AlternateContent":
            for part in _alternative(element):
                self._block(part, depth + 1)
        elif name == "altChunk":
            self._parts.write_chunk(relation(element))
        elif name in ("oMathPara", "oMath"):
            self._writer.paragraph(equation(element))

    def _paragraph(self, element: ET.Element, depth: int) -> None:
        found, mark = self._text.read(element), mark_of(element)
        self._pages.turn(found.breaks[0])
        found.pieces = [*self._carried, *found.pieces]
        self._carried = found.pieces if mark.is_deleted else []
        if not mark.is_deleted:
            self._place(self._pages.number)
            self._write(mark, found, depth)
        self._hang(found, depth)
        self._pages.turn(found.breaks[1])

    def _write(self, mark: Mark, found: Paragraph, depth: int) -> None:
        style, text = self._styles.of(mark.style), found.text
        label, form = self._label(mark, style)
        level = style.level if mark.level is None else mark.level
        if self._guesses_headings and not depth and (found.is_bold or style.bold) and is_heading(text):
            level = _GUESSED_LEVEL
        if not text or style.hidden:
            return
        if level is not None and 0 <= level < BODY_LEVEL and len(text) <= _HEADING_CHARS:
            self._writer.heading(label + text, level + 1)
        elif form or style.is_list:
            self._writer.add("list", label + text)
        else:
            self._writer.paragraph(text)

    def _label(self, mark: Mark, style: Style) -> tuple[str, str]:
        numbering = mark.numbering or style.numbering
        if numbering and not numbering.list_id and style.numbering:
            numbering = numbering._replace(list_id=style.numbering.list_id)
        return self._numbers.next(numbering, mark.style or self._styles.default)

    def _hang(self, found: Paragraph, depth: int) -> None:
        """Write what hangs on a paragraph: pictures' texts, boxes, notes, charts."""
        for caption in found.captions:
            self._writer.add("caption", caption)
        for box in found.boxes:
            for part in box:
                self._block(part, depth + 1)
        for kind, key in found.notes:
            self._writer.add(_NOTE_KINDS[kind], self._notes.get((kind, key), ""))
        for kind, key in found.parts:
            self._parts.write(kind, key)

    def _place(self, page: int) -> None:
        """Begin a new unit where Word began a new page."""
        if page != self._placed:
            self._placed = page
            self._writer.go_on(f"about p. {page}", ("about",))

    def _table(self, element: ET.Element, depth: int) -> None:
        table = Table(element)
        if table.only_lays_out:
            for cell in table.cells:
                for part in cell.element:
                    self._block(part, depth + 1)
            return
        if (title := table.pop_title()) is not None:
            for part in title.element:
                self._block(part, depth + 1)
        rows, pages, self._hanging = [], [], []
        for texts in table.texts(self._cell_text):
            rows.append(texts)
            if len(rows) == 1:
                is_bold = all(one.is_bold for one in self._hanging if one.text)
                is_set_off = table.shows_head and bool(self._styles.of(table.style).sets_off_head)
                table.sets_off_first = is_bold or is_set_off
            pages.append(self._pages.next_row())
        self._write_rows(rows, pages, table.head or header_rows(rows))
        for found in self._hanging:
            self._hang(found, depth)

    def _write_rows(self, rows: list[list[str]], pages: list[int], head: int) -> None:
        """Write the rows, those of each page in its own place, all with the names of the columns."""
        width = max(map(len, rows), default=0)
        rows = [row + [""] * (width - len(row)) for row in rows]
        names = column_names(rows[:head])
        start = 0
        for page, group in groupby(pages):
            end = start + len(list(group))
            self._place(page)
            self._writer.table(rows[start:end], min(max(head - start, 0), end - start), header=names)
            start = end

    def _cell_text(self, cell: ET.Element) -> str:
        self._pages.next_cell()
        return " ".join(self._texts(cell, 0, in_cell=True))

    def _texts(self, element: ET.Element, depth: int, *, in_cell: bool = False) -> Iterator[str]:
        """Yield the texts of the paragraphs in an element, with their notes if they are in a cell."""
        if depth > MOST_LEVELS:
            raise FileError("corrupt", "The file is nested too deeply.")
        for part in element:
            name = local(part)
            if name == "p":
                yield from self._texts_of_paragraph(part, depth, in_cell=in_cell)
            elif name == "tbl":
                for row in Table(part).rows:
                    cells = (
                        " ".join(self._texts(cell.element, depth + 1, in_cell=in_cell)) for cell in row.cells
                    )
                    yield ", ".join(filter(None, cells)) + ";"
            elif name == "AlternateContent":
                for alternative in _alternative(part):
                    yield from self._texts(alternative, depth + 1, in_cell=in_cell)
            elif name in _WRAPPERS:
                yield from self._texts(part, depth + 1, in_cell=in_cell)

    def _texts_of_paragraph(self, element: ET.Element, depth: int, *, in_cell: bool) -> Iterator[str]:
        found, mark = self._text.read(element), mark_of(element)
        style = self._styles.of(mark.style)
        label, _ = self._label(mark, style)
        if in_cell:
            self._pages.turn_in_cell(found.breaks)
        if text := (label + found.text).strip():
            yield text
        for box in found.boxes:
            yield from self._texts(box, depth + 1, in_cell=in_cell)
        if in_cell:
            notes = [(kind, key) for kind, key in found.notes if kind != "comment"]
            yield from (f"({note})" for one in notes if (note := self._notes.get(one)))
            found.notes = [one for one in found.notes if one not in notes]
            found.boxes = []
            self._hanging.append(found)


def _alternative(element: ET.Element) -> ET.Element:
    """Return the first alternative that holds something."""
    found = [part for part in element if local(part) in ("Choice", "Fallback")]
    return next((part for part in found if len(part)), found[0] if found else ET.Element("none"))
