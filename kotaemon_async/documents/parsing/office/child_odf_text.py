"""Text of OpenDocument files in the order of reading: headings, paragraphs, lists, tables, notes, boxes."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import UnitWriter
from kotaemon_async.documents.parsing.office.child_odf_styles import MAX_LEVEL, Styles, count_of
from kotaemon_async.documents.parsing.office.child_odf_tables import grid
from kotaemon_async.documents.parsing.office.child_package import attribute, local
from kotaemon_async.documents.parsing.office.child_sheet import header_rows

MAX_DEPTH = 100
_MOST_BLANKS = 100
#: A longer paragraph in a heading's style is text.
_HEADING_CHARS = 200
_BLANKS = re.compile(r"[ \t\r\n]+")
_SPACES = re.compile(r" {2,}")
#: What holds no text of the document, or says again what stands elsewhere.
_SKIPPED_NAMES = """
tracked-changes forms settings sequence-decls variable-decls user-field-decls dde-connection-decls
table-of-content alphabetical-index-auto-mark-file event-listeners control page-thumbnail image
plugin prelude meta-data note-citation annotation-end ruby-text hidden-text header-decl footer-decl
date-time-decl binary-data handout-master named-expressions database-ranges calculation-settings
content-validations title desc
"""
_SKIPPED = frozenset(_SKIPPED_NAMES.split())
_BOX_NAMES = """
frame g a custom-shape text-box rect ellipse circle line polyline polygon path connector regular-polygon
caption measure scene object object-ole applet floating-frame
"""
#: What is drawn: boxes and shapes with text of their own, pictures, charts.
BOXES = frozenset(_BOX_NAMES.split())


@dataclass(slots=True)
class _Words:
    """The words of a paragraph, and what hangs on it: notes and comments as text, boxes as elements."""

    pieces: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[ET.Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return _SPACES.sub(" ", "".join(self.pieces)).strip()


class TextReader:
    """Reads blocks of text and writes them; `embed` writes the object that a reference means."""

    def __init__(self, writer: UnitWriter, styles: Styles, embed: Callable[[str], None]) -> None:
        self._writer = writer
        self._styles = styles
        self._embed = embed
        self._is_running = False

    def block(self, element: ET.Element, depth: int = 0) -> None:
        """Write a block and those within it. Raises: FileError(corrupt) where they are nested too deeply."""
        if depth > MAX_DEPTH:
            raise FileError("corrupt", "The file is nested too deeply.")
        name = local(element)
        if name in ("p", "h"):
            self._paragraph(element, "", depth)
        elif name == "list":
            self._list(element, "", 1, depth)
        elif name == "table":
            self._table(element)
        elif name == "annotation":
            self._writer.add("comment", self._comment(element, depth))
        elif name in ("object", "object-ole"):
            self._embed(attribute(element, "href") or "")
            self.blocks(element, depth)
        elif name in ("frame", "g", "custom-shape"):
            self.blocks(element, depth)
            self._writer.add("caption", described(element))
        elif name in _SKIPPED or self._styles.hides(element):
            return
        else:
            self.blocks(element, depth)

    def blocks(self, element: ET.Element, depth: int) -> None:
        """Write the blocks within an element."""
        for one in element:
            self.block(one, depth + 1)

    def line(self, element: ET.Element) -> str:
        """Return all text of an element in one line, its notes in brackets, its comments left out."""
        return " ".join(self._lines(element, 0))

    def running(self, element: ET.Element) -> str:
        """Return the text of a running head, without the number of the page that it was last shown on."""
        self._is_running = True
        text = " ".join(self.line(element).split())
        self._is_running = False
        return text

    def comments(self, element: ET.Element) -> Iterator[str]:
        """Yield the comments within an element."""
        found = (self._comment(one, 0) for one in element.iter() if local(one) == "annotation")
        return filter(None, found)

    def _paragraph(self, element: ET.Element, label: str, depth: int) -> None:
        if self._styles.hides(element):
            return
        words = self._words(element, depth)
        text = words.text
        if level := self._level(element, text):
            if not label and _is_counted(element):
                label = self._styles.heading_label(level)
            self._writer.heading(label + text, level)
        elif text:
            self._writer.add("list" if label else "paragraph", label + text)
        for box in words.boxes:
            self.block(box, depth + 1)
        for kind, note in words.notes:
            self._writer.add(kind, note)

    def _level(self, element: ET.Element, text: str) -> int:
        """Return the level of a heading from 1 on, 0 for other paragraphs."""
        if not text or len(text) > _HEADING_CHARS:
            return 0
        if local(element) == "h":
            return count_of(element, "outline-level", MAX_LEVEL)
        return 1 if self._styles.is_title(element) else 0

    def _words(self, element: ET.Element, depth: int) -> _Words:
        words = _Words()
        self._collect(element, words, depth)
        return words

    def _collect(self, element: ET.Element, words: _Words, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise FileError("corrupt", "The file is nested too deeply.")
        words.pieces.append(_BLANKS.sub(" ", element.text or ""))
        for one in element:
            name = local(one)
            if name == "s":
                words.pieces.append(" " * count_of(one, "c", _MOST_BLANKS))
            elif name == "number":
                words.pieces.append(f"{one.text or ''} ")
            elif name == "tab":
                words.pieces.append("\t")
            elif name == "line-break":
                words.pieces.append("\n")
            elif name == "note":
                words.notes.append(("note", self._note(one, depth)))
            elif name == "annotation":
                words.notes.append(("comment", self._comment(one, depth)))
            elif name in BOXES and (name != "a" or _is_drawn(one)):
                words.boxes.append(one)
            elif name not in _SKIPPED and not self._styles.hides(one) and not self._is_count(name):
                self._collect(one, words, depth + 1)
            words.pieces.append(_BLANKS.sub(" ", one.tail or ""))

    def _is_count(self, name: str) -> bool:
        return self._is_running and name in ("page-number", "page-count")

    def _note(self, element: ET.Element, depth: int) -> str:
        mark = next((one.text or "" for one in element if local(one) == "note-citation"), "")
        text = " ".join(
            line for one in element if local(one) == "note-body" for line in self._lines(one, depth)
        )
        return f"{mark} {text}".strip()

    def _comment(self, element: ET.Element, depth: int) -> str:
        author = next((one.text for one in element if local(one) == "creator" and one.text), "")
        parts = (one for one in element if local(one) in ("p", "list", "h"))
        text = " ".join(line for one in parts for line in self._lines(one, depth))
        return f"{author}: {text}" if author and text else text

    def _lines(self, element: ET.Element, depth: int) -> Iterator[str]:
        """Yield the paragraphs within an element, itself included, each in one line."""
        if depth > MAX_DEPTH:
            raise FileError("corrupt", "The file is nested too deeply.")
        name = local(element)
        if name in ("p", "h"):
            words = self._words(element, depth)
            if words.text:
                yield words.text
            yield from (f"({note})" for kind, note in words.notes if kind == "note" and note)
            for box in words.boxes:
                yield from self._lines(box, depth + 1)
        elif name not in _SKIPPED and name != "annotation" and not self._styles.hides(element):
            for one in element:
                yield from self._lines(one, depth + 1)

    def _list(self, element: ET.Element, style: str, level: int, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise FileError("corrupt", "The file is nested too deeply.")
        style = attribute(element, "style-name") or style
        if attribute(element, "continue-numbering") != "true" and not attribute(element, "continue-list"):
            self._styles.restart(style, level)
        for item in element:
            if local(item) in ("list-item", "list-header"):
                self._item(item, style, level, depth)

    def _item(self, item: ET.Element, style: str, level: int, depth: int) -> None:
        is_marked = local(item) == "list-item"
        for one in item:
            if local(one) == "list":
                self._list(one, style, min(level + 1, MAX_LEVEL), depth + 1)
            elif local(one) in ("p", "h") and is_marked:
                start = attribute(item, "start-value") or ""
                number = int(start) if start.isdecimal() and len(start) < 8 else None
                self._paragraph(one, self._styles.item_label(style, level, number), depth + 1)
                is_marked = False
            else:
                self.block(one, depth + 1)

    def _table(self, element: ET.Element) -> None:
        if self._styles.hides_table(element):
            return
        comments: list[str] = []
        rows, head, is_cut = grid(element, lambda cell: self._cell(cell, comments))
        self._writer.table(rows, head or header_rows(rows))
        for comment in comments:
            self._writer.add("comment", comment)
        if is_cut:
            self._writer.warn(
                "truncated", f"A table was read up to its row {len(rows)}; the rest is left out."
            )

    def _cell(self, cell: ET.Element, comments: list[str]) -> str:
        comments += self.comments(cell)
        return self.line(cell)


def described(element: ET.Element) -> str:
    """Return what is written about a picture or shape for those who do not see it."""
    parts = ((one.text or "").strip() for one in element if local(one) in ("title", "desc"))
    return " ".join(dict.fromkeys(filter(None, parts)))


def _is_counted(element: ET.Element) -> bool:
    """Return whether the number of a heading is counted: it has none of its own, and may have one."""
    has_number = len(element) > 0 and local(element[0]) == "number"
    return local(element) == "h" and not has_number and attribute(element, "is-list-header") != "true"


def _is_drawn(element: ET.Element) -> bool:
    """Return whether a link is drawn around a picture, and not written around words."""
    return "drawing" in element.tag
