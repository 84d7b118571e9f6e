"""The files themselves, named by their SHA-256, written so that a power cut cannot tear them."""

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import anyio
from anyio import to_thread

from kotaemon_async.errors import Refused, Unavailable

HEAD_BYTES = 8192


class Incoming:
    """A file on its way in: hashed while it is written to a temporary place."""

    def __init__(self, file: BinaryIO, path: Path, max_bytes: int) -> None:
        self._file = file
        self.path = path
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self.size_bytes = 0
        self.head = b""

    @property
    def sha256(self) -> str:
        """The hash of what was written so far, in hex."""
        return self._hash.hexdigest()

    async def write(self, data: bytes) -> None:
        """The bytes are appended; raises Refused `too_large`, Unavailable `disk_full`."""
        self.size_bytes += len(data)
        if self.size_bytes > self._max_bytes:
            raise Refused(f"The file is larger than {self._max_bytes} bytes.", code="too_large")
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + data)[:HEAD_BYTES]
        await to_thread.run_sync(self._append, data)

    def _append(self, data: bytes) -> None:
        self._hash.update(data)
        with _disk_errors():
            self._file.write(data)

    def sync(self) -> None:
        """All bytes are on the disk."""
        with _disk_errors():
            self._file.flush()
            os.fsync(self._file.fileno())


class _disk_errors:  # noqa: N801 - reads as a statement
    """Turns what the operating system says of a disk into Unavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise Unavailable(f"The file cannot be written: {error.strerror}.", code="disk_full") from error


class Blobs:
    """A folder of files, two levels deep, and a folder of files on their way in."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._max_bytes = max_bytes
        self._incoming.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the blob lies, if it is there."""
        return self._folder / sha256[:2] / sha256

    @asynccontextmanager
    async def incoming(self) -> AsyncIterator[Incoming]:
        """A file to write to; what was not kept by then is removed."""
        path = self._incoming / secrets.token_hex(12)
        with _disk_errors():
            file = await to_thread.run_sync(lambda: path.open("xb"))
        try:
            yield Incoming(file, path, self._max_bytes)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(_discard, file, path)

    async def keep(self, incoming: Incoming) -> None:
        """The file lies under its hash and survives a power cut."""
        await to_thread.run_sync(self._keep, incoming)

    def _keep(self, incoming: Incoming) -> None:
        incoming.sync()
        target = self.path(incoming.sha256)
        with _disk_errors():
            if not target.parent.exists():
                target.parent.mkdir(exist_ok=True)
                _sync_folder(self._folder)
            incoming.path.replace(target)
            _sync_folder(target.parent)

    async def remove(self, sha256: str) -> None:
        """The blob is gone."""
        await to_thread.run_sync(lambda: self.path(sha256).unlink(missing_ok=True))

    async def sweep(self, used: set[str]) -> int:
        """How many files went that no document uses or that never arrived; only before uploads begin."""
        return await to_thread.run_sync(self._sweep, used)

    def _sweep(self, used: set[str]) -> int:
        stray = [path for path in self._folder.glob("??/*") if path.name not in used]
        stray.extend(self._incoming.iterdir())
        for path in stray:
            path.unlink(missing_ok=True)
        return len(stray)


def _discard(file: BinaryIO, path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
