"""Where log lines end up: a stream of this process, or files that are rotated, compressed and aged out."""

import gzip
import io
import os
import select
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, TextIO

_DAY_S: Final = 86_400.0
_COPY_BYTES: Final = 1024**2


class Target(Protocol):
    """Takes bytes, from one thread; `write` may block as long as it likes."""

    def write(self, data: bytes) -> int:
        """Return how many bytes got there: fewer than given when the rest is lost."""

    def close(self) -> None:
        """Release what it holds."""


class StreamTarget:
    """A descriptor of this process, written past Python's buffers, whose locks a stuck writer would keep.

    It is a copy of the one that is given: a number that was closed meanwhile may be somebody else's file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)

    def write(self, data: bytes) -> int:
        """Wait for a reader that is slow; one that is gone takes nothing."""
        return write_all(self._descriptor, data)

    def close(self) -> None:
        """Close the copy."""
        os.close(self._descriptor)


class TextTarget:
    """A text stream without a descriptor."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write all of it; a stream that somebody has closed takes nothing."""
        try:
            self._stream.write(data.decode())
        except ValueError:
            return 0
        return len(data)

    def close(self) -> None:
        """Leave the stream open, it is not ours."""


def target_of(stream: TextIO) -> Target:
    """Return a target for the stream's descriptor, or for the stream itself where it has none."""
    try:
        return StreamTarget(stream.fileno())
    except (io.UnsupportedOperation, ValueError):
        return TextTarget(stream)


@dataclass(slots=True)
class LogFiles:
    """A file and what it was before: `NAME.TIME.gz`, at most `keep_files` of them and for `keep_s` at most.

    A new file is begun when the next line would make it longer than `max_bytes`, and after a day. One that
    was moved or deleted from outside is begun anew.
    """

    path: Path
    max_bytes: int
    keep_files: int
    keep_s: float
    clock: Callable[[], float] = time.time
    _descriptor: int | None = None
    _began_s: float = 0.0
    _swept_s: float = field(default=0.0)

    def open(self) -> None:
        """Open the file and tidy up those of earlier runs.

        Raises: OSError when the file cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._begin()
        for left in self._older():
            if left.suffix != ".gz":
                _compress(left)
        self._sweep()

    def write(self, data: bytes) -> int:
        """Write into the file, or the next one; nothing when no file can be opened."""
        try:
            self._rotate(len(data))
        except OSError:
            # A folder in which nothing can be made or renamed: the old file is better than none.
            if self._descriptor is None:
                return 0
        return 0 if self._descriptor is None else write_all(self._descriptor, data)

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _rotate(self, coming_bytes: int) -> None:
        if self._descriptor is None or self._is_elsewhere(self._descriptor):
            self.close()
            self._begin()
            return
        size_bytes = os.fstat(self._descriptor).st_size
        is_old = self.clock() - self._began_s >= _DAY_S
        if size_bytes and (is_old or size_bytes + coming_bytes > self.max_bytes):
            aside = self._name_aside()
            self.path.rename(aside)
            self.close()
            self._begin()
            _compress(aside)
            self._sweep()
        elif self.clock() - self._swept_s >= _DAY_S:
            self._sweep()

    def _begin(self) -> None:
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        status = os.fstat(self._descriptor)
        # A file that a restart goes on with is as old as its last line at least.
        self._began_s = status.st_mtime if status.st_size else self.clock()

    def _is_elsewhere(self, descriptor: int) -> bool:
        ours = os.fstat(descriptor)
        if not stat.S_ISREG(ours.st_mode):
            return False
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return True
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)

    def _name_aside(self) -> Path:
        moment = datetime.fromtimestamp(self.clock(), UTC)
        name = f"{self.path.name}.{moment:%Y%m%dT%H%M%S.%f}Z"
        return self.path.with_name(name)

    def _older(self) -> list[Path]:
        """Return the files that were put aside, oldest first."""
        return sorted(self.path.parent.glob(f"{self.path.name}.[0-9]*Z*"))

    def _sweep(self) -> None:
        self._swept_s = self.clock()
        older = self._older()
        surplus = older[: max(0, len(older) - self.keep_files)]
        for path in older:
            if path in surplus or self._swept_s - path.stat().st_mtime > self.keep_s:
                path.unlink(missing_ok=True)


def write_all(descriptor: int, data: bytes) -> int:
    """Write the data; return how many bytes were written before the first error."""
    view, written = memoryview(data), 0
    while written < len(data):
        try:
            written += os.write(descriptor, view[written:])
        except BlockingIOError:
            select.select([], [descriptor], [])  # somebody made the pipe non-blocking for all who share it
        except OSError:
            break
    return written


def _compress(path: Path) -> None:
    """Replace the file by `NAME.gz` with its own time; on failure it stays as it is."""
    packed = path.with_name(f"{path.name}.gz")
    status = path.stat()
    try:
        with path.open("rb") as source, gzip.open(packed, "wb", compresslevel=6) as sink:
            shutil.copyfileobj(source, sink, _COPY_BYTES)
        os.utime(packed, (status.st_mtime, status.st_mtime))
        packed.chmod(0o600)
        path.unlink()
    except OSError:
        packed.unlink(missing_ok=True)
