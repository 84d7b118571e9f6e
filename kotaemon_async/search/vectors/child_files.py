"""What the vector child knows of its folder: who may use it, and whether somebody else has touched it.

Chroma 1.5.9 writes inside of calls alone, and in calls that only read never (watched for an hour, idle and in
use): so whatever changes between two calls was changed by somebody else. Imports nothing of the package.
"""

import fcntl
import json
import os
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import IO

#: Written by a child that ends in order: length and checksum of every file, for the next one to compare.
SEAL = "seal"
_PIECE_BYTES = 1 << 20
#: The folder of the exact vectors, which have a seal of their own.
EXACT = "exact"
#: Files that come and go within a call of Chroma, and what we write ourselves.
_FLEETING = ("-journal", "-wal", "-shm", ".new", SEAL)

State = tuple[int, int, int]


class FolderError(Exception):
    """The folder is no good any more; `reason` says why in one word."""

    reason = "broken"


class FolderLostError(FolderError):
    """The folder was deleted or exchanged under us."""

    reason = "lost"


class FolderChangedError(FolderError):
    """Somebody else has changed a file in it."""

    reason = "changed"


class FolderTakenError(Exception):
    """Another process works on the folder: no fault, it will be free some day."""


def lock_of(folder: Path) -> Path:
    """Return the file beside the folder by which one process alone has it."""
    return folder.with_name(f"{folder.name}.lock")


def take(folder: Path) -> IO[str]:
    """Return the open lock file beside the folder; the lock is ours until the process ends.

    Raises: FolderTakenError.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = lock_of(folder).open("a", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise FolderTakenError("another process uses the folder of the vector index") from None
    return lock


def places(folder: Path, dimension: int, max_neighbors: int) -> int:
    """Return how many vectors the index file has room for; Chroma never reuses that of a deleted one.

    Source: hnswlib; a place is the links of the lowest level and their number, the vector and a label.
    """
    place_bytes = 2 * max_neighbors * 4 + 4 + dimension * 4 + 8
    return sum(path.stat().st_size for path in folder.glob("*/data_level0.bin")) // place_bytes


class Files:
    """The files of the folder as the last call left them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, State] = {}

    def remember(self) -> None:
        """Remember the files that are there now, for the check before the next call.

        Raises: FolderLostError when files vanished meanwhile; Chroma never deletes one.
        """
        states = {name: _state_of(self._folder / name) for name in names_in(self._folder)}
        found = {name: state for name, state in states.items() if state is not None}
        if not self._known.keys() <= found.keys():
            raise FolderLostError("files of the vector index vanished while it was written")
        self._known = found

    def check(self) -> None:
        """Raise FolderLostError or FolderChangedError when somebody else was here since `remember`."""
        for name, (inode, size, written_ns) in self._known.items():
            state = _state_of(self._folder / name)
            if state is None or state[0] != inode:
                raise FolderLostError("the folder of the vector index was taken away")
            # Older than we left it is no change: some file systems round times when they forget a file.
            if state[1] != size or state[2] > written_ns:
                raise FolderChangedError("a file of the vector index was changed by somebody else")


def names_in(folder: Path) -> list[str]:
    """Return the paths below the folder of all files that stay, but for those of the exact vectors."""
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != EXACT]
        kept = (name for name in names if not name.endswith(_FLEETING))
        found += [str(Path(where, name).relative_to(folder)) for name in kept]
    return found


def seal(folder: Path) -> None:
    """Record every file, so that the next child knows whether any was changed meanwhile."""
    draft = folder / f"{SEAL}.new"
    with draft.open("w", encoding="ascii") as file:
        json.dump({name: _sum_of(folder / name) for name in names_in(folder)}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / SEAL)


def break_seal(folder: Path) -> bool:
    """Remove the seal, since Chroma is going to write, and return whether there was one.

    Raises: FolderLostError, FolderChangedError when the files are not those that were sealed.
    """
    mark = folder / SEAL
    try:
        sums: dict[str, list[int]] = json.loads(mark.read_text("ascii"))
    except FileNotFoundError:
        return False
    except ValueError:
        raise FolderChangedError("the seal of the vector index cannot be read") from None
    for name, expected in sums.items():
        try:
            found = _sum_of(folder / name)
        except FileNotFoundError:
            raise FolderLostError("a file of the vector index was deleted while it was closed") from None
        if found != expected:
            raise FolderChangedError("a file of the vector index was changed while it was closed")
    mark.unlink()
    return True


def check(folder: Path, database: Path) -> bool:
    """Return whether the last child has sealed the files, and they are as it left them.

    After a crash there is no seal; then only the database says whether it is whole.

    Raises: FolderLostError, FolderChangedError when they are not.
    """
    if not database.exists():
        raise FolderLostError("the vector index's database was deleted while it was closed")
    if break_seal(folder):
        return True
    check_database(database)
    return False


def check_database(path: Path) -> None:
    """Raise FolderChangedError when SQLite finds its own file damaged."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.OperationalError:
        raise  # busy, full, not to be opened: nothing against the file itself
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise FolderChangedError(f"the vector index's database is damaged: {found}")


def _state_of(path: Path) -> State | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _sum_of(path: Path) -> list[int]:
    size_bytes = checksum = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            size_bytes += len(piece)
            checksum = zlib.crc32(piece, checksum)
    return [size_bytes, checksum]
