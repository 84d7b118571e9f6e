"""Looking through a folder: what is there now, read a little at a time in a thread.

Works by polling alone, so that network and bind mounts do as well. Paths are bytes below the folder, as the
file system has them. Links are not followed: what they name may lie anywhere.
"""

import errno
import os
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from anyio import to_thread

from kotaemon_async.domain.paths import is_hidden
from kotaemon_async.stores.watched import FileState

#: Entries that are looked at before others get their turn, and how long they have it.
STEP_ENTRIES: Final = 256
STEP_PAUSE_S: Final = 0.02
#: More files below one folder are not followed.
MAX_FILES: Final = 200_000
_MAX_DEPTH: Final = 64
#: The largest number that the ledger can hold.
_LARGEST: Final = 2**63 - 1
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(slots=True)
class Scan:
    """What one look through a folder found; `folders` holds the device of each folder that was read whole."""

    root: FileState
    files: dict[bytes, FileState] = field(default_factory=dict)
    folders: dict[bytes, int] = field(default_factory=dict)
    unreadable: set[bytes] = field(default_factory=set)
    is_cut: bool = False

    def is_gone(self, path: bytes, device: int) -> bool:
        """Return whether a file that was on the device is gone, and not only out of sight.

        It is out of sight where its folder could not be read, or stands on another disk than it did.
        """
        if path in self.files or self.is_cut:
            return False
        folder = _parent(path)
        while folder not in self.folders:
            if not folder or folder in self.unreadable:
                return False
            folder = _parent(folder)
        return self.folders[folder] == device


async def scanned(
    root: bytes,
    *,
    sleep: Callable[[float], Awaitable[None]],
    left_out: frozenset[tuple[int, int]] = frozenset(),
    max_files: int = MAX_FILES,
) -> Scan:
    """Return what is below the folder. Raises: OSError for the folder itself.

    `left_out` are folders, by device and inode, whose contents are nobody's documents.
    """
    scan = Scan(await to_thread.run_sync(_state, root))
    steps = _steps(root, scan, left_out, max_files)
    while await to_thread.run_sync(_go_on, steps):
        await sleep(STEP_PAUSE_S)
    return scan


def _go_on(steps: Iterator[int]) -> bool:
    """Look at some entries, and return whether there may be more."""
    seen = 0
    for count in steps:
        seen += count
        if seen >= STEP_ENTRIES:
            return True
    return False


def _steps(root: bytes, scan: Scan, left_out: frozenset[tuple[int, int]], max_files: int) -> Iterator[int]:
    """Fill the scan, and yield after every few entries how many they were; a folder counts as one."""
    waiting = [(b"", scan.root.device)]
    while waiting and not scan.is_cut:
        folder, device = waiting.pop()
        try:
            with os.scandir(root + b"/" + folder) as entries:
                while batch := list(islice(entries, STEP_ENTRIES)):
                    found = _noted(batch, folder, scan, max_files)
                    waiting += [(path, on) for path, on, inode in found if (on, inode) not in left_out]
                    yield len(batch)
        except OSError:
            if not folder:
                raise
            scan.unreadable.add(folder)
        else:
            scan.folders[folder] = device
        yield 1


def _noted(
    batch: Iterable["os.DirEntry[bytes]"], folder: bytes, scan: Scan, max_files: int
) -> Iterator[tuple[bytes, int, int]]:
    """Note the files among the entries of a folder, and yield its folders with their devices and inodes."""
    for entry in batch:
        if is_hidden(os.fsdecode(entry.name)):
            continue
        path = folder + b"/" + entry.name if folder else entry.name
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # gone between two calls
        if stat.S_ISDIR(found.st_mode) and path.count(b"/") < _MAX_DEPTH:
            yield path, found.st_dev & _LARGEST, found.st_ino & _LARGEST
        elif stat.S_ISREG(found.st_mode):
            scan.is_cut = len(scan.files) >= max_files
            if scan.is_cut:
                return
            scan.files[path] = state_of(found)


def state_of(found: os.stat_result) -> FileState:
    """Return what tells a file's contents from those it had before."""
    return FileState(found.st_size, found.st_mtime_ns, found.st_ino & _LARGEST, found.st_dev & _LARGEST)


def opened_below(root: bytes, path: bytes) -> int:
    """Return a descriptor of the regular file, reached without links that may have come since the look."""
    folder = os.open(root, _FOLDER)
    *folders, name = path.split(b"/")
    try:
        for part in folders:
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        descriptor = os.open(name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a file any more")
    return descriptor


def text_of(path: bytes) -> str:
    """Return a path of the file system in letters: UTF-8, else what Chinese systems write, else Latin-1."""
    for charset in ("utf-8", "gb18030"):
        try:
            return path.decode(charset)
        except UnicodeDecodeError:
            continue
    return path.decode("latin-1")


def _state(root: bytes) -> FileState:
    return state_of(os.stat(root))  # noqa: PTH116 - the path is bytes


def _parent(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]
