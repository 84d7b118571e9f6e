"""A zip package of XML parts (OOXML, ODF, EPUB) read safely; runs inside a parser child.

    package = Package(source)                      # or a binary file
    package.names; package.has(name)               # "word/document.xml"; letters' case does not matter
    package.read(name) -> bytes; package.xml(name) -> Element
    package.children(name, depth) -> parent's name and element, streamed, for bodies of any length
    package.relationships(part) -> {id: Relationship}; package.main_part() -> name
    local(element); attribute(element, "val"); relation(element)     # whatever the namespace

What cannot be read raises FileError: `encrypted`, `corrupt`, or `parser_limit`. Nothing is written anywhere.
"""

import posixpath
import re
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, cast
from urllib.parse import unquote

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, opened

MAX_BYTES = 256 * 1024**2
MAX_PART_BYTES = 96 * 1024**2
MAX_PARTS = 20_000
#: A part may be read again, as a theme is for each slide; not without end.
_MAX_BYTES_READ = 2 * MAX_BYTES
_PIECE_BYTES = 256 * 1024
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED_FLAG = 1
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
#: What may stand before the first element of XML: declarations, comments and blanks, but no "<!DOCTYPE".
_PROLOG = re.compile(r"\ufeff?(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_PROLOG_BYTES = 1024**2
#: How UTF-16 begins, with its mark or without.
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be", b"<\x00": "utf-16-le", b"\x00<": "utf-16-be"}
_XML_DAMAGE = (ET.ParseError, ValueError, LookupError)
_RELATIONSHIPS = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}",
)


class Relationship(NamedTuple):
    """What a part refers to: `kind` is the last word of its type, "styles"; `target` a part or an address."""

    kind: str
    target: str
    external: bool


class Package:
    """The parts of a zip file, by their names; declared sizes are trusted and never exceeded."""

    def __init__(self, source: Source | IO[bytes]) -> None:
        self._own = opened(source) if isinstance(source, Source) else None
        try:
            self._zip = zipfile.ZipFile(self._own or cast("IO[bytes]", source))
        except _DAMAGE as error:
            self._close_own()
            raise FileError("corrupt", "The file is damaged: it cannot be unpacked.") from error
        try:
            parts = self._checked_parts()
        except FileError:
            self.close()
            raise
        self._parts = {_key(info.filename): info for info in parts}
        self._bytes_left = _MAX_BYTES_READ
        self.names = tuple(info.filename.replace("\\", "/").lstrip("/") for info in parts)

    def _checked_parts(self) -> list[zipfile.ZipInfo]:
        parts = [info for info in self._zip.infolist() if not info.is_dir()]
        if len(parts) > MAX_PARTS or sum(info.file_size for info in parts) > MAX_BYTES:
            raise FileError(
                "parser_limit",
                f"The file unpacks to more than {MAX_PARTS} parts or {MAX_BYTES // 1024**2} MiB.",
            )
        if any(info.flag_bits & _ENCRYPTED_FLAG for info in parts):
            raise FileError("encrypted", "The file is protected by a password.")
        return parts

    def close(self) -> None:
        self._zip.close()
        self._close_own()

    def _close_own(self) -> None:
        if self._own is not None:
            self._own.close()

    def has(self, name: str) -> bool:
        return _key(name) in self._parts

    def read(self, name: str) -> bytes:
        """Return the bytes of a part. Raises: FileError(corrupt) where it is missing or damaged."""
        return b"".join(self._pieces(name))

    def xml(self, name: str) -> ET.Element:
        """Return the root of a part. Raises: FileError(corrupt), also for a DTD: none may be there."""
        return parsed(self.read(name))

    def children(self, name: str, depth: int) -> Iterator[tuple[str, ET.Element]]:
        """Yield each element `depth` steps below the root, with the local name of its parent, in order.

        Each is emptied afterwards, so memory holds one at a time. Damage raises FileError(corrupt) only when
        all before it was yielded.
        """
        parser: Any = ET.XMLPullParser(("start", "end"))
        path: list[ET.Element] = []
        try:
            for piece in self.pieces(name):
                parser.feed(piece)
                for event, element in parser.read_events():
                    if event == "start":
                        path.append(element)
                        continue
                    path.pop()
                    if len(path) == depth:
                        yield local(path[-1]), element
                        del path[-1][:]
            parser.close()
        except _XML_DAMAGE as error:
            raise FileError("corrupt", f"A part of the file is damaged: {error}.") from error

    def relationships(self, part: str = "") -> dict[str, Relationship]:
        """Return what the part (the package itself: "") refers to, by id; without a list of them, nothing."""
        folder, base = posixpath.split(part)
        name = posixpath.join(folder, "_rels", f"{base}.rels")
        if not self.has(name):
            return {}
        return {
            element.get("Id", ""): self._relationship(element, folder)
            for element in self.xml(name).iter()
            if local(element) == "Relationship"
        }

    def main_part(self, default: str = "") -> str:
        """Return the part that the package is about. Raises: FileError(corrupt) where there is none."""
        found = (one.target for one in self.relationships().values() if one.kind == "officeDocument")
        name = next(filter(self.has, found), default)
        if not self.has(name):
            raise FileError("corrupt", "The file lacks its main part.")
        return name

    @property
    def has_macros(self) -> bool:
        return any(name.lower().endswith(("vbaproject.bin", "vbadata.xml")) for name in self.names)

    def _relationship(self, element: ET.Element, folder: str) -> Relationship:
        kind = element.get("Type", "").rsplit("/", 1)[-1]
        target = element.get("Target", "")
        if element.get("TargetMode") == "External":
            return Relationship(kind, target, external=True)
        return Relationship(kind, self.resolved(target, folder), external=False)

    def resolved(self, target: str, folder: str) -> str:
        """Return the name of the part that a reference within a folder means; its fragment is left out."""
        path = target.partition("#")[0].replace("\\", "/")
        name = posixpath.normpath(posixpath.join("/", folder, path)).lstrip("/")
        return name if self.has(name) else unquote(name)

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a part of XML. Raises: FileError(corrupt), also for a DTD."""
        return checked(self._pieces(name))

    def _pieces(self, name: str) -> Iterator[bytes]:
        info = self._parts.get(_key(name))
        if info is None:
            raise FileError("corrupt", "A part of the file is missing.")
        self._bytes_left -= info.file_size
        if info.file_size > MAX_PART_BYTES or self._bytes_left < 0:
            raise FileError("parser_limit", "A part of the file unpacks to more than is allowed.")
        if info.compress_type not in _METHODS:
            raise FileError("corrupt", "A part of the file is packed as no office program does.")
        try:
            with self._zip.open(info) as stream:
                while piece := stream.read(_PIECE_BYTES):
                    yield piece
        except _DAMAGE as error:
            raise FileError("corrupt", "A part of the file is damaged: it cannot be unpacked.") from error


def parsed(data: bytes) -> ET.Element:
    """Return the root of XML. Raises: FileError(corrupt), also for a DTD."""
    _refuse_dtd(data[:_PROLOG_BYTES])
    try:
        return ET.fromstring(data)  # noqa: S314 - without a DTD there are no entities
    except _XML_DAMAGE as error:
        raise FileError("corrupt", f"A part of the file is damaged: {error}.") from error


def checked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces of XML again. Raises: FileError(corrupt) for a DTD, before any of them."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= _PROLOG_BYTES:
            break
    _refuse_dtd(head)
    yield head
    yield from pieces


def local(element: ET.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag[element.tag.rfind("}") + 1 :]


def attribute(element: ET.Element, name: str) -> str | None:
    """Return the value of an attribute, in whatever namespace; one without goes first."""
    if name in element.attrib:
        return element.attrib[name]
    ending = "}" + name
    return next((value for key, value in element.attrib.items() if key.endswith(ending)), None)


def relation(element: ET.Element, name: str = "id") -> str:
    """Return the id of the relationship that an attribute (r:id, r:embed) names; "" without one."""
    return next((found for space in _RELATIONSHIPS if (found := element.get(space + name))), "")


def _refuse_dtd(head: bytes) -> None:
    text = head.decode(_WIDE.get(head[:2], "latin-1"), "replace").removeprefix("\xef\xbb\xbf")
    found = _PROLOG.match(text)
    if text.startswith("<!", found.end() if found else 0):
        raise FileError("corrupt", "The file holds a DTD, which no file of its kind may have.")


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
