"""A ZIP archive seen as a list of files, handed out in pieces; runs inside a parser child.

Nothing is written anywhere. Names are data; sizes are checked before anything is unpacked, and nothing is
read beyond what the archive's directory declares.
"""

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from kotaemon_async.documents.parsing.child_blocks import Block
from kotaemon_async.documents.parsing.child_charsets import decoded
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, opened
from kotaemon_async.documents.parsing.child_units import Loss, Unit

MAX_MEMBERS = 10_000
MAX_BYTES = 4 * 1024**3
#: So many members are listed in one unit, and are documents before the next one is begun.
UNIT_MEMBERS = 50
#: Beyond this many times its packed size a large member is no file that anybody packed.
MAX_RATIO = 400
_RATIO_COUNTS_FROM = 16 * 1024**2
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
_ENCRYPTED_FLAG, _UTF8_FLAG = 0x1, 0x800
_UNICODE_PATH = 0x7075
#: What programs write names in where those are no UTF-8; all else is cp437, as the format says.
_NATIONAL = frozenset({"gb18030", "big5-hkscs", "windows-31j", "euc-jp", "ks_c_5601-1987"})
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError),
    *(RuntimeError, ValueError, struct.error),
)
_LITTER = frozenset({".ds_store", "thumbs.db", "desktop.ini"})


class Member(NamedTuple):
    """A file in the archive; `problem` says why it is not handed out."""

    path: str
    size_bytes: int
    problem: str


class ArchiveDocument:
    """The members of an archive, in its order; units list them and count from 1."""

    charset = None

    def __init__(self, file: IO[bytes]) -> None:
        self.warnings: list[Loss] = []
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
            infos = [info for info in self._zip.infolist() if not info.is_dir()]
        except _DAMAGE as error:
            raise FileError("corrupt", "The archive is damaged: its directory cannot be read.") from error
        self._check_overlaps(infos, file.seek(0, 2))
        self._infos, self.members = self._listed(infos)
        if not self.members:
            raise FileError("empty", "The archive holds no files.")
        if all(info.flag_bits & _ENCRYPTED_FLAG for info in self._infos):
            raise FileError("encrypted", "The archive is protected by a password.")
        self._open: tuple[int, IO[bytes], int] | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.members) / UNIT_MEMBERS)

    def unit(self, number: int) -> Unit:
        """Return a list of members as text."""
        names = [f"{member.path} ({member.size_bytes:,} bytes)" for member in self._of(number)]
        text = "\n".join(names)
        return Unit(text, [Block("list", 0, len(text))], "part")

    def listed(self, number: int) -> list[tuple[int, str, int, str]]:
        """Return the members of a unit: index, path, size in bytes, and what keeps each back."""
        first = (number - 1) * UNIT_MEMBERS
        return [(first + at, *member) for at, member in enumerate(self._of(number))]

    def piece(self, index: int, size: int) -> tuple[bytes, str]:
        """Return the next bytes of a member, none after its end, or that it is "damaged"."""
        try:
            return self._read(index, size), ""
        except _DAMAGE:
            self._let_go()
            return b"", "damaged"

    def close(self) -> None:
        """Close the file."""
        self._let_go()
        self._zip.close()
        self._file.close()

    def _of(self, number: int) -> list[Member]:
        return self.members[(number - 1) * UNIT_MEMBERS : number * UNIT_MEMBERS]

    def _read(self, index: int, size: int) -> bytes:
        info = self._infos[index]
        if self._open is None or self._open[0] != index:
            self._let_go()
            self._open = (index, self._zip.open(info), info.file_size)
        _, stream, left = self._open
        data = stream.read(min(size, left + 1))
        if len(data) > left or (not data and left):
            raise zipfile.BadZipFile("The member is not as long as it says.")
        self._open = (index, stream, left - len(data))
        return data

    def _let_go(self) -> None:
        if self._open is not None:
            self._open[1].close()
        self._open = None

    @staticmethod
    def _check_overlaps(infos: list[zipfile.ZipInfo], file_size: int) -> None:
        """Refuse what unpacks the same bytes again and again."""
        if sum(info.compress_size for info in infos) > file_size:
            raise FileError("parser_limit", "The archive packs more bytes than it has: its files overlap.")

    def _listed(self, infos: list[zipfile.ZipInfo]) -> tuple[list[zipfile.ZipInfo], list[Member]]:
        """Return the files that somebody packed, and what is told of each; too many are cut off."""
        names = _names(infos)
        kept = [(info, name) for info, name in zip(infos, names, strict=True) if not _is_litter(name)]
        if len(kept) > MAX_MEMBERS:
            lost = len(kept) - MAX_MEMBERS
            self.warnings.append(Loss("truncated", f"The last {lost} files of the archive were not taken."))
            kept = kept[:MAX_MEMBERS]
        members: list[Member] = []
        left = MAX_BYTES
        for info, name in kept:
            problem = _problem(info, left)
            left -= 0 if problem else info.file_size
            members.append(Member(name, info.file_size, problem))
        return [info for info, _ in kept], members


def open_document(source: Source, media_type: str, max_pages: int) -> ArchiveDocument:  # noqa: ARG001 - as all readers
    """Return the archive. Raises: FileError."""
    file = opened(source)  # closed with the document
    try:
        return ArchiveDocument(file)
    except BaseException:
        file.close()
        raise


def _problem(info: zipfile.ZipInfo, left_bytes: int) -> str:
    """Return what keeps a member from being handed out, or ""."""
    if info.flag_bits & _ENCRYPTED_FLAG:
        return "encrypted"
    if info.compress_type not in _METHODS:
        return "method"
    if info.file_size > _RATIO_COUNTS_FROM and info.file_size > MAX_RATIO * info.compress_size:
        return "bomb"
    return "too_much" if info.file_size > left_bytes else ""


def _is_litter(name: str) -> bool:
    """Return whether it is what systems put into archives beside the files."""
    parts = name.replace("\\", "/").lower().split("/")
    return "__macosx" in parts or parts[-1] in _LITTER


def _names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """Return the names, decoded together where nothing says how: one alone is too short to tell."""
    sure = [_sure_name(info) for info in infos]
    raw = [_raw(info) for info, name in zip(infos, sure, strict=True) if name is None]
    guessed = iter(_guessed(raw))
    return [next(guessed) if name is None else name for name in sure]


def _sure_name(info: zipfile.ZipInfo) -> str | None:
    """Return the name where the archive says how it is written."""
    if info.flag_bits & _UTF8_FLAG or info.orig_filename.isascii():
        return info.orig_filename
    raw = _raw(info)
    for kind, data in _extras(info.extra):
        if kind == _UNICODE_PATH and data[:1] == b"\x01" and data[1:5] == struct.pack("<I", zlib.crc32(raw)):
            return data[5:].decode("utf-8", "replace")
    return None


def _raw(info: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a name that zipfile took for cp437."""
    return info.orig_filename.encode("cp437", "replace")


def _guessed(raw: list[bytes]) -> list[str]:
    try:
        return [name.decode() for name in raw]
    except UnicodeDecodeError:
        text, charset = decoded(b"\n".join(raw))
    names = text.split("\n")
    if charset in _NATIONAL and len(names) == len(raw):
        return names
    return [name.decode("cp437") for name in raw]


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        yield kind, extra[4 : 4 + length]
        extra = extra[4 + length :]
