"""OpenDocument texts, slides and sheets (ODT, ODP, ODS), packed or as one flat file; inside a child.

The content is streamed: a paragraph, a slide or a row of a sheet is in memory, not the file.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, opened
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter
from kotaemon_async.documents.parsing.office.child_odf_sheets import SheetReader
from kotaemon_async.documents.parsing.office.child_odf_slides import SlideReader
from kotaemon_async.documents.parsing.office.child_odf_styles import Styles
from kotaemon_async.documents.parsing.office.child_odf_text import MAX_DEPTH, TextReader
from kotaemon_async.documents.parsing.office.child_package import (
    MAX_PART_BYTES,
    Package,
    checked,
    local,
)

_MOST_LEVELS = 5 * MAX_DEPTH
_MANIFEST = "META-INF/manifest.xml"
_PIECE_BYTES = 256 * 1024
_STYLES = frozenset({"styles", "automatic-styles"})
_BODIES = frozenset({"text", "presentation", "spreadsheet", "drawing"})
_MACROS = re.compile(r"(?:Basic/[^/]+/(?!script-l[bc]\.xml)[^/]+\.xml|Scripts/.+)\Z", re.IGNORECASE)
#: A running head that only counts pages.
_PAGE_NUMBER = re.compile(r"(?:page|seite|of|von|/|第|页|頁|共|[\W\d_])*", re.IGNORECASE)
_XML_DAMAGE = (ET.ParseError, ValueError, LookupError)


def open_document(source: Source, _media_type: str, max_pages: int) -> Units:
    """Return the sections, slides or sheets of the file. Raises: FileError."""
    document = _Document(UnitWriter(max_units=max_pages))
    with opened(source) as file:
        if file.read(2) == b"PK":
            document.read_package(Package(file))
        else:
            file.seek(0)
            document.read_flat(iter(lambda: file.read(_PIECE_BYTES), b""))
    return document.finish()


class _Document:
    """One file, read once from its styles to its end."""

    def __init__(self, writer: UnitWriter) -> None:
        self._writer = writer
        self._styles = Styles()
        self._package: Package | None = None
        self._text = TextReader(writer, self._styles, self._embed)
        self._slides = SlideReader(writer, self._styles, self._text)
        self._sheets = SheetReader(writer, self._styles, self._text)
        self._running: dict[str, None] = {}
        self._body = ""
        self._damage: FileError | None = None
        self._is_within = False

    def read_package(self, package: Package) -> None:
        """Read a zip file. Raises: FileError(encrypted | corrupt | parser_limit)."""
        self._package = package
        if package.has(_MANIFEST) and b"encryption-data" in package.read(_MANIFEST):
            raise FileError("encrypted", "The file is protected by a password.")
        if any(map(_MACROS.match, package.names)):
            self._writer.warn("part_skipped", "Macros are not read.")
        if package.has("styles.xml"):
            self._read_styles(package)
        self._read(package.pieces("content.xml"))

    def read_flat(self, pieces: Iterator[bytes]) -> None:
        """Read a flat XML file. Raises: FileError(corrupt | parser_limit)."""
        self._read(checked(_bounded(pieces)))

    def finish(self) -> Units:
        """Return the units. Raises: FileError(no_text | corrupt)."""
        if not self._body:
            raise FileError("corrupt", "The file holds no body of an OpenDocument file.")
        try:
            return self._writer.finish()
        except FileError:
            raise self._damage if self._damage else FileError("no_text", "The file holds no text.") from None

    def _read_styles(self, package: Package) -> None:
        try:
            for path, element in _elements(package.pieces("styles.xml")):
                self._take_style(path, element)
        except FileError as error:
            if error.code != "corrupt":
                raise
            self._writer.warn("part_skipped", "The styles of the document are damaged and were not read.")

    def _read(self, pieces: Iterator[bytes]) -> None:
        """Read the content; of a damaged one, what stands before the damage."""
        try:
            for path, element in _elements(pieces):
                if path[1] == "body":
                    self._take(path, element)
                else:
                    self._take_style(path, element)
        except FileError as error:
            if error.code != "corrupt" or not self._body:
                raise
            self._damage = error
            self._sheets.break_off()
            self._writer.warn("truncated", f"The text breaks off, because the file is damaged: {error}")

    def _take_style(self, path: list[str], element: ET.Element) -> None:
        if path[1] in _STYLES:
            self._styles.add(element)
        elif local(element) == "master-page":
            for part in element:
                text = self._text.running(part) if local(part).startswith(("header", "footer")) else ""
                if text and not _PAGE_NUMBER.fullmatch(text):
                    self._running.setdefault(text)

    def _take(self, path: list[str], element: ET.Element) -> None:
        """Take a part of the body: a block of text, a slide, a row of a sheet, or the end of one."""
        if len(path) < 3:
            self._body = self._body or local(element)
            return
        if not self._body:
            self._body = path[2]
            if self._body == "text":
                for text in self._running:
                    self._writer.add("note", text)
        name = local(element)
        if self._body == "text":
            self._text.block(element)
        elif self._body != "spreadsheet":
            if name == "page":
                self._slides.page(element)
        elif name == "table-row":
            self._sheets.row(element, is_header="table-header-rows" in path)
        elif name == "table":
            self._sheets.end(element)

    def _embed(self, reference: str) -> None:
        """Write the chart, formula or text that is embedded; an object of another program is named."""
        name = reference.removeprefix("./").rstrip("/")
        if not name or self._is_within or self._package is None or reference.startswith(("http:", "https:")):
            return
        part = f"{name}/content.xml"
        if not self._package.has(part):
            self._writer.warn("part_skipped", "An embedded object of another program was not read.")
            return
        self._is_within = True
        try:
            self._write_embedded(self._package.xml(part))
        except FileError as error:
            if error.code != "corrupt":
                raise
            self._writer.warn("part_skipped", "An embedded object is damaged and was not read.")
        finally:
            self._is_within = False

    def _write_embedded(self, root: ET.Element) -> None:
        if local(root) == "math":
            said = next((one.text for one in root.iter() if local(one) == "annotation" and one.text), "")
            self._writer.paragraph(said or " ".join(root.itertext()))
            return
        titles = (one for one in root.iter() if local(one) == "title")
        self._writer.add("caption", " ".join(map(self._text.line, next(titles, ()))))
        if self._body != "spreadsheet":  # there the cells hold what a chart shows
            self._text.blocks(root, 0)


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_PART_BYTES:
            raise FileError("parser_limit", f"The file has more than {MAX_PART_BYTES // 1024**2} MiB of XML.")
        yield piece


def _elements(pieces: Iterator[bytes]) -> Iterator[tuple[list[str], ET.Element]]:
    """Yield the elements that are read by themselves, with the names of those around them.

    Each is emptied afterwards. Damage raises FileError(corrupt) when all before it was yielded.
    """
    parser: Any = ET.XMLPullParser(("start", "end"))
    path: list[ET.Element] = []
    names: list[str] = []
    try:
        for piece in pieces:
            parser.feed(piece)
            for event, element in parser.read_events():
                if event == "start":
                    path.append(element)
                    names.append(local(element))
                    if len(path) > _MOST_LEVELS:
                        raise FileError("corrupt", "The file is nested too deeply.")
                    continue
                path.pop()
                name = names.pop()
                if _is_read_alone(names, name):
                    yield names, element
                    path[-1].remove(element)
        parser.close()
    except _XML_DAMAGE as error:
        raise FileError("corrupt", f"A part of the file is damaged: {error}.") from error


def _is_read_alone(above: list[str], name: str) -> bool:
    """Return whether the element is a style, a block of a body, or a row of a sheet."""
    if len(above) < 2:
        return False
    if above[1] != "body":
        return len(above) == 2
    if len(above) < 3 or above[2] not in _BODIES:
        return len(above) == 2 and name in _BODIES
    if above[2] == "spreadsheet" and name == "table-row":
        return "table-row" not in above and above[3:4] == ["table"]
    return len(above) == 3
