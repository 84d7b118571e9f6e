"""Binary Word documents (DOC) as sections with heading paths; runs inside a parser child.

Source: MS-DOC. Word 97 and later are read with headings, lists, tables and notes, older ones as plain text.
"""

import importlib
import re
import struct
from itertools import pairwise
from typing import Any

from kotaemon_async.documents.parsing.child_paragraphs import clean
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, opened
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter
from kotaemon_async.documents.parsing.office.child_doc_properties import ParagraphFormat
from kotaemon_async.documents.parsing.office.child_doc_styles import lists_of, styles_of
from kotaemon_async.documents.parsing.office.child_doc_text import Paragraph, WordFile, places
from kotaemon_async.documents.parsing.office.child_docx_numbers import Numbers
from kotaemon_async.documents.parsing.office.child_docx_styles import BODY_LEVEL, Numbering
from kotaemon_async.documents.parsing.office.child_edge_tables import (
    MOST_COLUMNS,
    OpenTable,
    RowShape,
)
from kotaemon_async.documents.parsing.office.child_page_heads import PageHeads

olefile: Any = importlib.import_module("olefile")  # without types, so its calls need none

_DAMAGE = (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error)
_UNREADABLE = "The document is damaged, or no Word document. Save it as .docx and upload that."
_STYLES, _LISTS, _OVERRIDES, _HEADS = 1, 73, 74, 11
#: Tables of notes: their kind, where they are referred to, how many bytes each has more, where they stand.
_NOTES = (("footnotes", "note", 2, 2, 3), ("endnotes", "note", 46, 2, 47), ("comments", "comment", 4, 30, 5))
#: The first stories of heads are lines above footnotes.
_FIRST_HEAD = 6
_HEADING_CHARS = 200
_FIELD = re.compile("[\x13-\x15]")
_SIGNS = {0x0B: "\n", 0x0E: "\n", 0x0C: "\n", 0x1E: "-", 0x1F: None, 0x00: None}
#: Places of pictures, notes and drawings.
_ANCHORS = dict.fromkeys((0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x08), None)
_TRANSLATED: dict[int, str | None] = {**_SIGNS, **_ANCHORS}


def open_document(source: Source, media_type: str, max_pages: int) -> Units:
    """Return the sections of the document. Raises: FileError."""
    del media_type
    writer = UnitWriter(max_units=max_pages)
    try:
        with opened(source) as whole, olefile.OleFileIO(whole) as ole:
            if ole.exists("EncryptedPackage") or ole.exists("EncryptionInfo"):
                raise FileError("encrypted", "The document is protected by a password.")
            _Document(WordFile(ole), writer).write()
            if any(len(path) > 2 and path[0] == "ObjectPool" for path in ole.listdir()):
                writer.warn("part_skipped", "Objects that are embedded in the document are not read.")
            if ole.exists("Macros"):
                writer.warn("part_skipped", "Macros are not read.")
    except _DAMAGE as error:
        raise FileError("corrupt", _UNREADABLE) from error
    return writer.finish()


class _Document:
    """One document, written once from its beginning to its end."""

    def __init__(self, file: WordFile, writer: UnitWriter) -> None:
        self._file = file
        self._writer = writer
        self._styles: list[ParagraphFormat] = []
        self._numbers = Numbers({})
        self._notes: list[tuple[int, str, str]] = []
        self._table = OpenTable()
        self._cell: list[str] = []

    def write(self) -> None:
        """Write all parts: running heads, the text with its notes where they belong, then text boxes."""
        if self._file.has_formats:
            self._styles = styles_of(self._file.table(_STYLES))
            self._numbers = Numbers(
                lists_of(self._file.table_from(_LISTS), self._file.table_from(_OVERRIDES))
            )
            self._read_notes()
            self._write_heads()
        starts = self._file.starts
        for paragraph in self._file.paragraphs(0, starts.footnotes):
            self._paragraph(paragraph)
        self._end_table()
        self._write_notes(starts.footnotes)
        for paragraph in self._file.paragraphs(starts.boxes, starts.head_boxes):
            self._writer.paragraph(_shown(paragraph.text))
        if self._file.is_cut:
            self._writer.warn("truncated", "The text breaks off, because the file is damaged.")

    def _read_notes(self) -> None:
        """Note the texts of notes and comments by the places that refer to them, the last one first."""
        for part, kind, references, extra_bytes, texts in _NOTES:
            start = getattr(self._file.starts, part)
            bounds = places(self._file.table(texts), 0)
            at = places(self._file.table(references), extra_bytes)
            for place, low, high in zip(at[:-1], bounds, bounds[1:], strict=False):
                self._notes.append((place, kind, self._text(start + low, start + high)))
        self._notes.sort(key=lambda note: -note[0])

    def _text(self, start: int, end: int) -> str:
        return " ".join(filter(None, (_shown(one.text) for one in self._file.paragraphs(start, end))))

    def _write_heads(self) -> None:
        heads = PageHeads(self._writer)
        start = self._file.starts.heads
        bounds = places(self._file.table(_HEADS), 0)[_FIRST_HEAD:-1]
        for low, high in pairwise(bounds):
            heads.write(self._text(start + low, start + high))

    def _paragraph(self, paragraph: Paragraph) -> None:
        form, text = paragraph.format, _shown(paragraph.text)
        end = paragraph.start + len(paragraph.text) + 1
        label, is_list = self._label(form)
        if form.ends_inner_cell or form.ends_inner_row:
            self._inner_cell(text, ends_row=form.ends_inner_row)
        elif paragraph.mark == "\x07":
            self._end_cell(form, (label + text).strip(), end)
        elif form.in_table:
            self._cell.append((label + text).strip())
        else:
            self._end_table()
            self._write(form, label, text, is_list=is_list)
            self._write_notes(end)

    def _label(self, form: ParagraphFormat) -> tuple[str, bool]:
        style = self._styles[form.style] if form.style < len(self._styles) else ParagraphFormat()
        key = style.list_id if form.list_id is None else form.list_id
        if not key:
            return "", False
        level = style.list_level if form.list_level is None else form.list_level
        label, kind = self._numbers.next(Numbering(str(key), level), str(form.style))
        return label, bool(kind)

    def _write(self, form: ParagraphFormat, label: str, text: str, *, is_list: bool) -> None:
        style = self._styles[form.style] if form.style < len(self._styles) else ParagraphFormat()
        level = style.level if form.level is None else form.level
        if not text:
            return
        if level is not None and level < BODY_LEVEL and len(text) <= _HEADING_CHARS:
            self._writer.heading(label + text, level + 1)
        elif is_list:
            self._writer.add("list", label + text)
        else:
            self._writer.paragraph(text)

    def _inner_cell(self, text: str, *, ends_row: bool) -> None:
        """Add a cell of a table within a cell."""
        if text:
            self._cell.append(f"{text},")
        if ends_row and self._cell:
            self._cell[-1] = self._cell[-1].rstrip(",") + ";"

    def _end_cell(self, form: ParagraphFormat, text: str, end: int) -> None:
        table = self._table
        is_row_end = form.ends_row or (not self._file.has_formats and not text and bool(table.cells))
        if not is_row_end and len(table.cells) < MOST_COLUMNS:
            notes = self._taken_notes(end)
            self._cell += [text, *(f"({note})" for kind, note in notes if kind == "note")]
            table.cells.append(" ".join(filter(None, self._cell)))
            self._cell = []
            return
        table.shape = form.row or RowShape()
        table.shape.is_header = form.repeats_row
        table.end_row()

    def _end_table(self) -> None:
        if self._cell:
            self._table.cells.append(" ".join(filter(None, self._cell)))
            self._cell = []
        if self._table.cells:
            self._table.shape = RowShape()
            self._table.end_row()
        self._table.write(self._writer)

    def _taken_notes(self, end: int) -> list[tuple[str, str]]:
        """Return the notes that text before the place refers to, each once."""
        found = []
        while self._notes and self._notes[-1][0] < end:
            _, kind, text = self._notes.pop()
            found.append((kind, text))
        return found

    def _write_notes(self, end: int) -> None:
        for kind, text in self._taken_notes(end):
            self._writer.add(kind, text)


def _shown(text: str) -> str:
    """Return what is seen of a paragraph: of fields their results, without anchors, spaces made plain."""
    if "\x13" in text or "\x15" in text or "\x14" in text:
        text = _results(text)
    text = text.translate(_TRANSLATED).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "\n".join(filter(None, map(clean, text.split("\n"))))


def _results(text: str) -> str:
    """Return the text without the instructions of its fields."""
    parts: list[str] = []
    fields: list[bool] = []
    at = 0
    for found in _FIELD.finditer(text):
        if not any(fields):
            parts.append(text[at : found.start()])
        at = found.end()
        if found[0] == "\x13":
            fields.append(True)
        elif fields and found[0] == "\x14":
            fields[-1] = False
        elif fields:
            fields.pop()
    if not any(fields):
        parts.append(text[at:])
    return "".join(parts)
