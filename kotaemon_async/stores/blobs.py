"""The files themselves, named by their SHA-256, written so that a power cut cannot tear them."""

import fcntl
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

import anyio
from anyio import to_thread
from loguru import logger

from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.resilience import faults
from kotaemon_async.stores.files import FULL, sync_folder

HEAD_BYTES: Final = 8192
#: How long another process may take to accept or delete one document, and how often is looked.
_TURN_LIMIT_S: Final = 10.0
_TURN_POLL_S: Final = 0.01


class Incoming:
    """A file on its way in: hashed while it is written to a temporary place."""

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
        """The hash of what was written so far, in hex."""
        return self._hash.hexdigest()

    async def write(self, data: bytes) -> None:
        """The bytes are appended.

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

    async def settle(self) -> None:
        """All bytes are on the disk, which takes its time and needs no turn; raises Unavailable."""
        await to_thread.run_sync(self.sync)

    def sync(self) -> None:
        """All bytes are on the disk; at once when they are there already."""
        if self._synced_bytes == self.size_bytes:
            return
        with _disk_errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            faults.hit("blobs.after_sync")
        self._synced_bytes = self.size_bytes


class _disk_errors:  # noqa: N801 - reads as a statement
    """Turns what the operating system says of a disk into Unavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        reason = error.strerror or type(error).__name__
        if error.errno in FULL:
            message = f"The data disk is full: {reason}."
            raise Unavailable(message, code="disk_full", retry_after_s=30) from error
        message = f"The folder of files cannot be used: {reason}."
        raise Unavailable(message, code="storage_unavailable", retry_after_s=5) from error


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
        """Where the blob lies, if it is there."""
        return self._folder / sha256[:2] / sha256

    @asynccontextmanager
    async def incoming(self) -> AsyncIterator[Incoming]:
        """A file to write to; what was not kept by then is removed."""
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
        """The only one, among all processes on the folder, that keeps or removes blobs during the block.

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
                if _try_lock(descriptor):
                    return
            await self._sleep(_TURN_POLL_S)
        raise Unavailable(
            "Another process holds the folder of files.", code="storage_unavailable", retry_after_s=5
        )

    async def keep(self, incoming: Incoming) -> None:
        """The file lies under its hash and survives a power cut; raises Unavailable."""
        await to_thread.run_sync(self._keep, incoming)

    def _keep(self, incoming: Incoming) -> None:
        with _disk_errors():
            incoming.sync()
            target = self.path(incoming.sha256)
            self._make_folder(target.parent)
            incoming.path.replace(target)
            faults.hit("blobs.after_rename")
            sync_folder(target.parent)

    def _make_folder(self, folder: Path) -> None:
        """The folder is there, also after a power cut."""
        folder.mkdir(parents=True, exist_ok=True)
        if folder not in self._synced:
            sync_folder(folder.parent)
            self._synced.add(folder)

    async def remove(self, sha256: str) -> None:
        """The blob is gone; one that cannot be removed stays for the next sweep."""
        await to_thread.run_sync(_unlink, self.path(sha256))

    async def sweep(self, used: set[str]) -> int:
        """How many files went that no document uses or that never arrived; only before uploads begin."""
        return await to_thread.run_sync(self._sweep, used)

    def _sweep(self, used: set[str]) -> int:
        stray = [path for path in self._folder.glob("??/*") if path.name not in used]
        stray.extend(self._incoming.iterdir())
        return sum(map(_unlink, stray))


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _discard(file: BinaryIO, path: Path) -> None:
    with suppress(OSError):  # what is still in the buffer of a file that nobody wants may not fit
        file.close()
    _unlink(path)


def _unlink(path: Path) -> bool:
    """Whether there is no such file any more; nothing that was asked for depends on it."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.bind(reason=error.strerror).warning("file_left")
        return False
    return True
