"""Read a backup, front to back, and name the member that is not as it was written."""

import hashlib
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.operations.backup.format import (
    BLOCK,
    FORMAT,
    MANIFEST,
    PIECE_BYTES,
    TAIL_BYTES,
    TRAILER,
    BadBackup,
    Manifest,
    Trailer,
    padding,
)

S = TypeVar("S", bound=msgspec.Struct)

_NOWHERE: Final = Path(os.devnull)
_MANIFEST_LIMIT_BYTES: Final = 64 * 1024**2
#: Names that cannot lead out of a folder that they are unpacked into.
_BESIDE: Final = re.compile(r"[a-z]+(\.[a-z]+){1,2}")
_BLOB: Final = re.compile(r"blobs/([0-9a-f]{2})/(\1[0-9a-f]{62})")


class BackupReader:
    """A backup whose manifest could be read."""

    def __init__(self, file: BinaryIO, path: Path, trailer: Trailer, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self.sha256 = trailer.sha256
        self.size_bytes = os.fstat(file.fileno()).st_size
        self._file = file
        self._trailer = trailer
        self._hash = hashlib.sha256()

    def check(self, open_sink: Callable[[str], BinaryIO] = lambda _: _NOWHERE.open("wb")) -> None:
        """Check that every byte is the one that was written, and write each member to what is opened for it.

        Raises: BadBackup naming the member that is not.
        """
        self._file.seek(0)
        self._hash = hashlib.sha256()
        left, blobs, at = set(self.manifest.members), 0, 0
        while at < self._trailer.manifest_at:
            info = self._header(f"the member at byte {at}")
            blobs += self._check_member(info, open_sink)
            left.discard(info.name)
            at = self._file.tell()
        if left or blobs != self.manifest.blobs:
            raise BadBackup(
                f"{self.path}: {', '.join(sorted(left)) or 'uploaded files'} cannot be found in it."
            )
        self._hash.update(self._file.read(self.size_bytes - TAIL_BYTES - at))
        if self._hash.hexdigest() != self._trailer.sha256:
            raise BadBackup(f"{self.path}: the bytes between its members are not those that were written.")

    def _check_member(self, info: tarfile.TarInfo, open_sink: Callable[[str], BinaryIO]) -> bool:
        """Check a member and write it to its sink; return whether it is an uploaded file."""
        blob = _BLOB.fullmatch(info.name)
        known = self.manifest.members.get(info.name)
        if blob is None and (known is None or not _BESIDE.fullmatch(info.name)):
            raise BadBackup(f"{self.path}: {info.name!r} does not belong into a backup.")
        expected = blob[2] if blob else known.sha256 if known else ""
        content, left = hashlib.sha256(), info.size
        with open_sink(info.name) as sink:
            while left:
                piece = self._read(min(PIECE_BYTES, left), info.name)
                content.update(piece)
                sink.write(piece)
                left -= len(piece)
        self._read(len(padding(info.size)), info.name)
        if content.hexdigest() != expected and not (blob and expected in self.manifest.lacking):
            raise BadBackup(f"{self.path}: the bytes of {info.name} are not those that were saved.")
        return blob is not None

    def _header(self, what: str) -> tarfile.TarInfo:
        return _header_of(self._read(BLOCK, what), f"{self.path}: {what}")

    def _read(self, size_bytes: int, what: str) -> bytes:
        data = self._file.read(size_bytes)
        if len(data) != size_bytes:
            raise BadBackup(f"{self.path} ends in the middle of {what}.")
        self._hash.update(data)
        return data


@contextmanager
def open_backup(path: Path) -> Iterator[BackupReader]:
    """Open the backup and read no more than its manifest.

    Raises: BadBackup; Misconfigured when there is no such file, or a newer release wrote it.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise Misconfigured(f"The backup {path} cannot be read: {error.strerror}.", hint="") from error
    with file:
        trailer = _trailer(file, path)
        yield BackupReader(file, path, trailer, _manifest(file, path, trailer))


def _trailer(file: BinaryIO, path: Path) -> Trailer:
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(max(0, size_bytes - TAIL_BYTES))
    tail = file.read(TAIL_BYTES)
    if len(tail) < TAIL_BYTES or tail[2 * BLOCK :] != bytes(2 * BLOCK) or size_bytes % BLOCK:
        raise BadBackup(f"{path} is no backup, or its end is missing.")
    text = _small(tail[:BLOCK], tail[BLOCK : 2 * BLOCK], f"{path}: {TRAILER}", TRAILER)
    return _decoded(text, Trailer, f"{path}: {TRAILER}")


def _manifest(file: BinaryIO, path: Path, trailer: Trailer) -> Manifest:
    what = f"{path}: {MANIFEST}"
    size_bytes = file.seek(0, os.SEEK_END) - TAIL_BYTES - trailer.manifest_at - BLOCK
    if trailer.manifest_at < 0 or not 0 < size_bytes <= _MANIFEST_LIMIT_BYTES:
        raise BadBackup(f"{what} is not where it should be.")
    file.seek(trailer.manifest_at)
    text = _small(file.read(BLOCK), file.read(size_bytes), what, MANIFEST)
    form = _decoded(text, _Form, what).format
    if form > FORMAT:
        raise Misconfigured(
            f"{path} has the form {form}, this release knows {FORMAT}.",
            hint="Use the release that wrote it, or a newer one.",
        )
    return _decoded(text, Manifest, what)


class _Form(msgspec.Struct, frozen=True):
    """The part of a manifest that all releases understand."""

    format: int


def _small(header: bytes, data: bytes, what: str, name: str) -> bytes:
    info = _header_of(header, what)
    text = data[: info.size]
    if info.name != name or data[info.size :] != padding(info.size) or len(data) - info.size >= BLOCK:
        raise BadBackup(f"{what} is not as it was written.")
    return text


def _header_of(header: bytes, what: str) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
    except (tarfile.HeaderError, ValueError) as error:
        raise BadBackup(f"{what} is not as it was written.") from error
    if info.type != tarfile.REGTYPE or info.size < 0:
        raise BadBackup(f"{what} is not as it was written.")
    return info


def _decoded(text: bytes, kind: type[S], what: str) -> S:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBackup(f"{what} is not as it was written.") from error
