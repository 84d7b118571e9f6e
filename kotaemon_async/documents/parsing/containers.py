"""What kind of document an archive or a compound file holds, by the names in its directory; bounded.

The whole file is not read, and what it claims of itself only chooses a reader.
"""

import re
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO, Final

#: A longer directory is not looked through; 20,000 names of usual length fit.
_DIRECTORY_BYTES: Final = 4 * 1024**2
_PART_BYTES: Final = 1024**2
_ZIP_END: Final = struct.Struct("<4s4H2LH")
_COMMENT_BYTES: Final = 65_535
_LOCAL_NAME: Final = re.compile(rb"PK\x03\x04.{22}(..)..", re.DOTALL)
_DAMAGED: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    EOFError,
    ValueError,
    RuntimeError,
    OSError,
    KeyError,
)
#: What the content types of an Office Open XML package name -> kind.
_OFFICE_TYPES: Final = (
    (re.compile(rb"wordprocessingml\.(?:document|template)\.main|ms-word\.\w+\.macroEnabled"), "docx"),
    (re.compile(rb"presentationml\.(?:presentation|slideshow|template)\.main|ms-powerpoint\."), "pptx"),
    (re.compile(rb"ms-excel\.sheet\.binary"), "xlsb"),
    (re.compile(rb"spreadsheetml\.(?:sheet|template)\.main|ms-excel\.\w+\.macroEnabled"), "xlsx"),
    (re.compile(rb"visio"), "visio"),
)
_MIME_TYPES: Final = (
    (b"opendocument.text", "odt"),
    (b"opendocument.spreadsheet", "ods"),
    (b"opendocument.presentation", "odp"),
    (b"opendocument", "opendocument"),
    (b"epub+zip", "epub"),
    (b"hwp", "hwp"),
)
_FOLDERS: Final = (("word/", "docx"), ("ppt/", "pptx"), ("xl/workbook.bin", "xlsb"), ("xl/", "xlsx"))
#: Streams of a compound file -> kind.
_STREAMS: Final = (
    ("encryptedpackage", "encrypted"),
    ("worddocument", "doc"),
    ("workbook", "xls"),
    ("book", "xls"),
    ("powerpoint document", "ppt"),
    ("__properties_version1.0", "msg"),
    ("hwpsummaryinformation", "hwp"),
    ("\x05hwpsummaryinformation", "hwp"),
    ("bodytext", "hwp"),
)
_SECTORS: Final = 256
_NO_SECTOR: Final = 0xFFFFFFFA


def zip_kind(path: Path) -> str | None:
    """Return `zip`, or what the archive holds as one document; None when its directory cannot be read."""
    try:
        with path.open("rb") as file:
            if not _has_short_directory(file):
                return None
            with zipfile.ZipFile(file) as archive:
                return _kind_of(archive)
    except _DAMAGED:
        return None


def first_name(head: bytes) -> str:
    """Return the name of an archive's first member, as its beginning has it; empty when that is cut."""
    found = _LOCAL_NAME.match(head)
    length = int.from_bytes(found[1], "little") if found else 0
    return head[30 : 30 + length].decode("cp437")


def compound_kind(path: Path) -> str | None:
    """Return what a compound file holds, or None when its directory says nothing that is known."""
    try:
        with path.open("rb") as file:
            names = {name.lower() for name in _entry_names(file)}
    except (OSError, struct.error, ValueError):
        return None
    return next((kind for name, kind in _STREAMS if name in names), None)


def _has_short_directory(file: BinaryIO) -> bool:
    """Return whether the archive ends with a directory that may be read whole."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _COMMENT_BYTES - _ZIP_END.size))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _ZIP_END.size:
        return False
    directory_bytes = _ZIP_END.unpack_from(tail, at)[5]
    file.seek(0)
    # A 64-bit archive says so with all bits set; its directory can be of any length.
    return bool(
        directory_bytes <= _DIRECTORY_BYTES or (directory_bytes == 0xFFFFFFFF and size < _DIRECTORY_BYTES)
    )


def _kind_of(archive: zipfile.ZipFile) -> str:
    names = {name.replace("\\", "/").lower(): name for name in archive.namelist()}
    for name in ("mimetype", "meta-inf/manifest.xml"):
        mime_type = _start(archive, names[name]) if name in names else b""
        if kind := next((kind for word, kind in _MIME_TYPES if word in mime_type), None):
            return kind
    if types_name := names.get("[content_types].xml", names.get("_rels/.rels")):
        types = _start(archive, types_name)
        named = (kind for pattern, kind in _OFFICE_TYPES if pattern.search(types))
        by_folder = (kind for folder, kind in _FOLDERS if any(name.startswith(folder) for name in names))
        return next(named, None) or next(by_folder, "zip")
    if "meta-inf/container.xml" in names and any(name.endswith(".opf") for name in names):
        return "epub"
    if any(name.endswith(".iwa") for name in names):
        return "iwork"
    return "zip"


def _start(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the beginning of a small part; empty when it is damaged or encrypted."""
    try:
        with archive.open(name) as part:
            return part.read(_PART_BYTES)
    except (*_DAMAGED, zipfile.zlib.error):  # type: ignore[attr-defined]
        return b""


def _entry_names(file: BinaryIO) -> list[str]:
    """Return the names in the directory of a compound file. Source: MS-CFB 2.2, 2.3, 2.6."""
    header = file.read(512)
    sector_bytes = 1 << min(struct.unpack_from("<H", header, 30)[0], 16)
    sector = struct.unpack_from("<L", header, 48)[0]
    tables = struct.unpack_from("<109L", header, 76)
    names: list[str] = []
    for _ in range(_SECTORS):
        if sector >= _NO_SECTOR:
            break
        file.seek((sector + 1) * sector_bytes)
        names += _names_in(file.read(sector_bytes))
        table, entry = divmod(sector, sector_bytes // 4)
        if table >= len(tables) or tables[table] >= _NO_SECTOR:
            break
        file.seek((tables[table] + 1) * sector_bytes + 4 * entry)
        sector = struct.unpack("<L", file.read(4))[0]
    return names


def _names_in(sector: bytes) -> list[str]:
    found = []
    for start in range(0, len(sector) - 127, 128):
        length = min(struct.unpack_from("<H", sector, start + 64)[0], 64)
        found.append(sector[start : start + max(0, length - 2)].decode("utf-16-le", "replace"))
    return found
