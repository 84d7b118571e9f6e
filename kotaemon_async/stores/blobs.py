"""The files themselves, named by their SHA-256, written so that a power cut cannot tear them."""

import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

import anyio
from anyio import to_thread
from loguru import logger

from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.resilience import faults
from kotaemon_async.stores.files import disk_errors, sync, try_lock

HEAD_BYTES: Final = 8192
#: How long another process may take to accept or delete one document, and how often is looked.
_TURN_LIMIT_S: Final = 10.0
_TURN_POLL_S: Final = 0.01


class Incoming:
    """A file on its way in, hashed while it is written to a temporary place."""

    def __init__(self, file: BinaryIO, path: Path, max_bytes: int) -> None:
        self._file = file
        self.path = path
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._synced_bytes = -1
        self.size_bytes = 0
        self.head = b""

    @property
    def sha256(self) -> str:
        """Return the hash of what was written so far, in hex."""
        return self._hash.hexdigest()

    async def write(self, data: bytes) -> None:
        """Append the bytes.

        Raises:
            Refused: the file is `too_large`.
            Unavailable: `disk_full` or `storage_unavailable`.
        """
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

    async def written(self) -> Path:
        """Return the place where all bytes can be read that came so far; raises Unavailable."""
        await to_thread.run_sync(self._flush)
        return self.path

    def _flush(self) -> None:
        with _disk_errors():
            self._file.flush()

    async def sync(self) -> None:
        """Wait until all bytes are on the disk; `keep` has less to do afterwards; raises Unavailable."""
        await to_thread.run_sync(self.sync_now)

    def sync_now(self) -> None:
        """Block until all bytes are on the disk."""
        if self._synced_bytes == self.size_bytes:
            return
        with _disk_errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            faults.hit("blobs.after_sync")
        self._synced_bytes = self.size_bytes


def _disk_errors() -> AbstractContextManager[None]:
    return disk_errors("The folder of files", "The data disk")


class Blobs:
    """A folder of files, two levels deep, and a folder of files on their way in."""

    def __init__(
        self, folder: Path, max_bytes: int, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    ) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._max_bytes = max_bytes
        self._sleep = sleep
        self._turn = anyio.Lock()
        # Folders whose entry in the parent is known to be on the disk; what mkdir left may not be.
        self._synced: set[Path] = set()
        self._make_folder(self._folder)
        self._make_folder(self._incoming)

    def path(self, sha256: str) -> Path:
        """Return where the blob lies, if it is there."""
        return self._folder / sha256[:2] / sha256

    @asynccontextmanager
    async def incoming(self) -> AsyncIterator[Incoming]:
        """Yield a file to write to; remove what was not kept by the end."""
        path = self._incoming / secrets.token_hex(12)
        file = await to_thread.run_sync(self._create, path)
        try:
            yield Incoming(file, path, self._max_bytes)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(_discard, file, path)

    def _create(self, path: Path) -> BinaryIO:
        with _disk_errors():
            self._make_folder(self._incoming)
            return path.open("xb")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Keep every other process on the folder from keeping or removing blobs during the block.

        A blob and the rows that use it change together: an upload of bytes whose last document is being
        deleted would lose its file otherwise. Raises: Unavailable.
        """
        async with self._turn:
            with _disk_errors():
                descriptor = os.open(self._folder, os.O_RDONLY)
            try:
                await self._lock(descriptor)
                yield
            finally:
                os.close(descriptor)

    async def _lock(self, descriptor: int) -> None:
        for _ in range(int(_TURN_LIMIT_S / _TURN_POLL_S)):
            with _disk_errors():
                if try_lock(descriptor):
                    return
            await self._sleep(_TURN_POLL_S)
        raise Unavailable(
            "Another process holds the folder of files.", code="storage_unavailable", retry_after_s=5
        )

    async def keep(self, incoming: Incoming) -> None:
        """Move the file to its hash, where it survives a power cut; raises Unavailable."""
        await to_thread.run_sync(self._keep, incoming)

    def _keep(self, incoming: Incoming) -> None:
        with _disk_errors():
            incoming.sync_now()
            target = self.path(incoming.sha256)
            self._make_folder(target.parent)
            incoming.path.replace(target)
            faults.hit("blobs.after_rename")
            sync(target.parent)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder that survives a power cut."""
        folder.mkdir(parents=True, exist_ok=True)
        if folder not in self._synced:
            sync(folder.parent)
            self._synced.add(folder)

    async def remove(self, sha256: str) -> None:
        """Remove the blob; one that cannot be removed stays for the next sweep."""
        await to_thread.run_sync(_unlink, self.path(sha256))

    async def sweep(self, used: set[str]) -> int:
        """Remove files that no document uses or that never arrived, and return how many.

        Only before uploads begin.
        """
        return await to_thread.run_sync(self._sweep, used)

    def _sweep(self, used: set[str]) -> int:
        stray = [path for path in self._folder.glob("??/*") if path.name not in used]
        stray.extend(self._incoming.iterdir())
        return sum(map(_unlink, stray))


def _discard(file: BinaryIO, path: Path) -> None:
    with suppress(OSError):  # what is still in the buffer of a file that nobody wants may not fit
        file.close()
    _unlink(path)


def _unlink(path: Path) -> bool:
    """Remove the file and return whether that went well; nothing that was asked for depends on it."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.bind(reason=error.strerror).warning("file_left")
        return False
    return True
