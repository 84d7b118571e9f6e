"""What is attached to a mail, read by the readers of its kind; what they cannot read is named."""

import io
import posixpath
import time
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import PurePath
from typing import Any

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_readers import READERS, reader_of
from kotaemon_async.documents.parsing.child_units import Unit, UnitWriter
from kotaemon_async.documents.parsing.office.child_package import Package

_PDF = "application/pdf"
_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_PACKAGES = (
    ("word/", _OOXML + "wordprocessingml.document"),
    ("xl/", _OOXML + "spreadsheetml.sheet"),
    ("ppt/", _OOXML + "presentationml.presentation"),
)
_OPEN_NAMES = {".odt": _ODF + "text", ".ods": _ODF + "spreadsheet", ".odp": _ODF + "presentation"}
_PACKED_TYPES = frozenset({"application/epub+zip", *_OPEN_NAMES.values()})
#: What is a list of files and no text; a mail cannot make documents of them.
_ARCHIVE = "application/zip"
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: A stream within an OLE file -> what the file is.
_OLE_STREAMS = (
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
)
_TEXT_NAMES = {
    ".htm": "text/html",
    ".html": "text/html",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".eml": "message/rfc822",
}
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM", b"RIFF")
_TNEF = b"\x78\x9f\x3e\x22"
_PDF_HEAD = b"%PDF-"
_HEAD_BYTES = 4096
_PDF_WITHIN_BYTES = 1024
_MAX_ATTACHMENTS = 200
_MAX_CPU_S = 20.0
_MAX_DEPTH = 3
_NAME_CHARS = 200
#: A file of "7-bit" MIME that a mail program signed as a whole.
_SIGNED = "multipart/signed"
_depth: ContextVar[int] = ContextVar("attachments within attachments", default=0)


class Attachments:
    """Writes the attachments of one mail file as parts of it, within bounds for their number and time."""

    def __init__(self, writer: UnitWriter, max_units: int) -> None:
        self._writer = writer
        self._max_units = max_units
        self._left = _MAX_ATTACHMENTS
        self._until_s = time.process_time() + _MAX_CPU_S

    def read(self, name: str, data: bytes, declared: str, headings: Sequence[str]) -> None:
        """Write what the attachment holds under these headings, or warn that it was not read, and why."""
        media_type = media_type_of(data, name, declared)
        self._left -= 1
        if not data:
            self._skip(name, "is empty or damaged")
        elif media_type not in READERS or media_type == _ARCHIVE:
            self._skip(name, f"is {_called(data, media_type)} and was not read")
        elif self._left < 0 or time.process_time() > self._until_s:
            self._skip(name, "was not read: the mail has too many or too long ones")
        elif _depth.get() >= _MAX_DEPTH:
            self._skip(name, "was not read: it lies too deeply within others")
        else:
            self.write(name, data, media_type, headings)

    def write(self, name: str, data: bytes, media_type: str, headings: Sequence[str]) -> None:
        """Write a file of a known kind as parts that are called so; warn where it cannot be read."""
        token = _depth.set(_depth.get() + 1)
        try:
            document = reader_of(media_type).open_document(data, media_type, self._max_units)
            try:
                self._adopt(name, document, headings)
            finally:
                document.close()
        except FileError as error:
            self._skip(name, f"could not be read: {str(error).rstrip('.')}")
        except Exception as error:  # whatever ails an attachment, the mail is read
            self._skip(name, f"could not be read ({type(error).__name__})")
        finally:
            _depth.reset(token)

    def _adopt(self, name: str, document: Any, headings: Sequence[str]) -> None:
        for loss in document.warnings:
            self._writer.warn(loss.code, f'In the attachment "{name}": {loss.message}', "part", 0, name)
        for number in range(1, len(document) + 1):
            if time.process_time() > self._until_s:
                message = f'The attachment "{name}" was read up to its part {number - 1}.'
                self._writer.warn("truncated", message, "part", 0, name)
                return
            unit = document.unit(number)
            if unit.problem:
                self._skip(name, f"holds no text that can be read on its page or part {number}")
            elif unit.text:
                self._writer.adopt(_as_part(unit, name, number, headings))

    def _skip(self, name: str, why: str) -> None:
        self._writer.warn("part_skipped", f'The attachment "{name}" {why}.', "part", 0, name)


def write_embedded(package: Package, parts: Iterable[str], writer: UnitWriter, max_units: int) -> None:
    """Write the files that are embedded in an office file as its parts, and name what is not read."""
    files = Attachments(writer, max_units)
    for part in parts:
        name = posixpath.basename(part)
        try:
            data = package.read(part)
        except FileError as error:
            if error.code not in ("corrupt", "parser_limit"):
                raise
            writer.warn("part_skipped", f'The embedded file "{name}" is damaged and was not read.')
            continue
        files.read(name, data, "", ())


def _as_part(unit: Unit, name: str, number: int, headings: Sequence[str]) -> Unit:
    """Return a unit of an attachment as a part of the mail, called by the attachment and its own place."""
    place = {
        "page": f"p. {unit.label or number}",
        "slide": unit.label or f"slide {number}",
        "section": "",
        "part": unit.label,
    }.get(unit.kind, unit.label)
    label = place if unit.kind == "part" and place else ", ".join(filter(None, (name, place)))
    blocks = [block._replace(boxes=()) for block in unit.blocks]
    return unit._replace(kind="part", label=label, headings=(*headings, *unit.headings), blocks=blocks)


def clean_name(name: str, fallback: str) -> str:
    """Return the name of an attachment as it is shown."""
    return name.replace("\\", "/").rsplit("/", 1)[-1].strip()[:_NAME_CHARS] or fallback


def media_type_of(data: bytes, name: str, declared: str) -> str:
    """Return what the bytes are; the name and the declared type only decide between kinds of text."""
    head = data[:_HEAD_BYTES]
    if _PDF_HEAD in head[:_PDF_WITHIN_BYTES]:
        return _PDF
    if head.startswith(b"PK\x03\x04"):
        return _packed_type(data, name)
    if head.startswith(_OLE_MAGIC):
        streams = (kind for stream, kind in _OLE_STREAMS if stream.encode("utf-16-le") in data)
        return next(streams, "application/x-ole-storage")
    if head.startswith(b"{\\rt"):
        return "application/rtf"
    if b"\0" in head or head.startswith(_PICTURES):
        return "application/octet-stream"
    return _text_type(head, name, declared)


def _packed_type(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "mimetype" in names and archive.getinfo("mimetype").file_size < _NAME_CHARS:
                kind = archive.read("mimetype").decode("latin-1").strip().removesuffix("-template")
                return kind if kind in _PACKED_TYPES else _ARCHIVE
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError):
        return _ARCHIVE
    if "content.xml" in names:
        return _OPEN_NAMES.get(PurePath(name.lower()).suffix, _ARCHIVE)
    if not {"_rels/.rels", "[Content_Types].xml"}.intersection(names):
        return _ARCHIVE
    kinds = (kind for folder, kind in _PACKAGES if any(one.startswith(folder) for one in names))
    return next(kinds, _ARCHIVE)


def _text_type(head: bytes, name: str, declared: str) -> str:
    suffix = PurePath(name.lower()).suffix
    if suffix in _TEXT_NAMES:
        return _TEXT_NAMES[suffix]
    if declared == _SIGNED:
        return "message/rfc822"
    if declared in ("text/html", "text/csv", "text/markdown", "message/rfc822"):
        return declared
    return (
        "text/html" if head.lstrip()[:14].lower().startswith((b"<html", b"<!doctype html")) else "text/plain"
    )


def _called(data: bytes, media_type: str) -> str:
    if data.startswith(_PICTURES):
        return "a picture"
    if data.startswith(_TNEF):
        return "a container that Outlook alone can open"
    return {
        _ARCHIVE: "an archive",
        "application/x-ole-storage": "an old or protected office file",
        "application/octet-stream": "of an unknown kind",
    }.get(media_type, f"of the kind {media_type}")
