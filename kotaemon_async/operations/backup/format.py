"""One file that holds a whole data folder: a plain tar in which a changed or missing byte shows.

First the uploaded files, each named by its own SHA-256, then the ledger, compressed, and the small files
beside it, then the manifest with the hash of each. The last member has the hash of all bytes before it and
says where the manifest begins. Any tar program unpacks it.
"""

import hashlib
import tarfile
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO, Final

import msgspec

from kotaemon_async.domain.errors import BadDocument

#: The form of the file; a release reads all forms up to its own.
FORMAT: Final = 1
LEDGER: Final = "ledger.db.gz"
MANIFEST: Final = "manifest.json"
TRAILER: Final = "trailer.json"
BLOBS: Final = "blobs/"
BLOCK: Final = tarfile.BLOCKSIZE
#: The trailer, which is one block behind its header, and the two empty blocks that end a tar.
TAIL_BYTES: Final = 4 * BLOCK
PIECE_BYTES: Final = 1024**2
_OWNER_ONLY: Final = 0o600


class BadBackup(BadDocument):
    """The file is no backup, or not the one that was written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="Take another backup, or another copy of this one.")


class Member(msgspec.Struct, frozen=True):
    """A small file or the compressed ledger, as it stands in the tar."""

    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds; `documents` counts them by status, `lacking` are hashes of files not whole."""

    format: int = FORMAT
    release: str
    schema_version: int
    created_at: datetime
    documents: dict[str, int]
    blobs: int
    blobs_bytes: int
    ledger_bytes: int
    members: dict[str, Member]
    lacking: list[str]

    @property
    def unpacked_bytes(self) -> int:
        """Return how many bytes the data takes when it is restored."""
        return self.blobs_bytes + self.ledger_bytes


class Trailer(msgspec.Struct, frozen=True):
    """The last member: where the manifest's header begins, and the hash of all before this one's."""

    manifest_at: int
    sha256: str


def blob_member(sha256: str) -> str:
    """Return the name of an uploaded file in the tar."""
    return f"{BLOBS}{sha256[:2]}/{sha256}"


def padding(size_bytes: int) -> bytes:
    """Return what fills a member's last block."""
    return bytes(-size_bytes % BLOCK)


class BackupWriter:
    """Writes members one after another and never holds more than a piece of one.

    `pace` receives the number of bytes that were written and may raise to end it.
    """

    def __init__(self, file: BinaryIO, created_at: datetime, *, pace: Callable[[int], None]) -> None:
        self._file = file
        self._created_at = created_at
        self.pace = pace
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def add(self, name: str, source: BinaryIO, size_bytes: int) -> Member:
        """Write a member; what cannot be read of the source becomes zeros, which its hash shows."""
        self._header(name, size_bytes)
        content, left = hashlib.sha256(), size_bytes
        while left:
            piece = _read(source, min(PIECE_BYTES, left))
            content.update(piece)
            self._write(piece)
            self.pace(len(piece))
            left -= len(piece)
        self._write(padding(size_bytes))
        return Member(size_bytes, content.hexdigest())

    def finish(self, manifest: Manifest) -> str:
        """End the file and return the hash of the whole."""
        manifest_at, text = self.size_bytes, msgspec.json.encode(manifest)
        self._put(MANIFEST, text)
        whole = self._hash.hexdigest()
        self._put(TRAILER, msgspec.json.encode(Trailer(manifest_at, whole)))
        self._write(bytes(2 * BLOCK))
        return whole

    def _put(self, name: str, text: bytes) -> None:
        self._header(name, len(text))
        self._write(text + padding(len(text)))

    def _header(self, name: str, size_bytes: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size_bytes, _OWNER_ONLY, int(self._created_at.timestamp())
        self._write(info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict"))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size_bytes += len(data)


def _read(source: BinaryIO, size_bytes: int) -> bytes:
    try:
        return source.read(size_bytes) or bytes(size_bytes)
    except OSError:
        return bytes(size_bytes)
