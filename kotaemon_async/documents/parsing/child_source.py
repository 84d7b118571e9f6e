"""The bytes that a reader reads: a path, a descriptor that was handed over, or what is in memory already.

A parser child opens no files of its own: the service hands them over open. Runs inside a parser child.
"""

import io
import mmap
import os
from pathlib import Path
from typing import BinaryIO

Source = str | int | bytes


def opened(source: Source) -> BinaryIO:
    """Return the file at its beginning; what is handed over has one place for all who read it."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if isinstance(source, str):
        return Path(source).open("rb")
    file = os.fdopen(os.dup(source), "rb")
    file.seek(0)
    return file


def contents(source: Source) -> bytes:
    """Return all bytes."""
    if isinstance(source, bytes):
        return source
    with opened(source) as file:
        return file.read()


def size_of(source: Source) -> int:
    """Return how many bytes there are."""
    if isinstance(source, bytes):
        return len(source)
    return (Path(source).stat() if isinstance(source, str) else os.fstat(source)).st_size


def mapped(source: Source) -> memoryview:
    """Return the bytes without reading them: pages of the file's own, that go when others are needed."""
    if isinstance(source, bytes) or not size_of(source):
        return memoryview(source if isinstance(source, bytes) else b"")
    with opened(source) as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def give_back(data: memoryview) -> None:
    """Let what was read of a mapped file no longer count as this process's memory."""
    if isinstance(data.obj, mmap.mmap):
        data.obj.madvise(mmap.MADV_DONTNEED)
