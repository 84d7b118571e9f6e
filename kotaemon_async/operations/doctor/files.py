"""The files of documents compared with the ledger, in both directions."""

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Literal, cast

from anyio import to_thread

from kotaemon_async.domain.errors import CODES
from kotaemon_async.domain.model import Failure
from kotaemon_async.operations.doctor.examination import DocumentState, Examination
from kotaemon_async.operations.doctor.report import Difference
from kotaemon_async.stores.blobs import Blobs

Trouble = Literal["missing", "damaged"]

NAMES: Final = 500
_LOST: Final = Failure("corrupt", "The uploaded file is gone or damaged.", "Upload the file again.")


class FileArea:
    """Files that documents need, files that nobody needs.

    A blob and the rows that use it change together, in turns, so what a first look finds is confirmed in a
    turn of ours. What is on its way in is looked at only while nobody else uses the folder.
    """

    def __init__(
        self,
        examination: Examination,
        blobs: Blobs,
        *,
        folder: Path,
        is_alone: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._examination = examination
        self._blobs = blobs
        self._folder = folder
        self._is_alone = is_alone
        self._clock = clock

    async def differences(self, *, deep: bool) -> AsyncIterator[list[Difference]]:
        """Return what differs; `deep` reads every file and compares its hash, else its size is compared."""
        async for states in self._examination.states():
            troubled = [(state, await self._trouble(state, deep=deep)) for state in states]
            yield [Difference(_kind(state, found), state.id, state) for state, found in troubled if found]
        async for unused in self.unused():
            yield unused
        if self._is_alone:
            left = await to_thread.run_sync(_files, self._folder / "incoming")
            yield [Difference("upload_left_over", path.name, path) for path in left]

    async def unused(self) -> AsyncIterator[list[Difference]]:
        """Return files that no document uses."""
        names = self._names()
        while batch := await to_thread.run_sync(lambda: list(islice(names, NAMES))):
            yield [Difference("file_unused", path.name, path) for path in await self._unused(batch)]

    async def mend(self, kind: str, found: Sequence[Difference]) -> int:
        """Mend them and return how many are mended."""
        if kind == "file_lost":
            states = [cast("DocumentState", one.about) for one in found]
            return sum([await self._examination.fail(state, _LOST, self._clock()) for state in states])
        paths = [cast("Path", one.about) for one in found]
        if kind == "upload_left_over":
            return await to_thread.run_sync(_remove, paths)
        async with self._blobs.turn():
            return await to_thread.run_sync(_remove, await self._unreferenced(paths))

    async def _trouble(self, state: DocumentState, *, deep: bool) -> Trouble | None:
        if _is_final(state) or not await self._is_wrong(state, deep=deep):
            return None
        async with self._blobs.turn():
            if state.sha256 not in await self._examination.used_blobs([state.sha256]):
                return None
            return await self._is_wrong(state, deep=deep)

    async def _is_wrong(self, state: DocumentState, *, deep: bool) -> Trouble | None:
        path, expected = self._blobs.path(state.sha256), state.sha256 if deep else None
        return await to_thread.run_sync(trouble_of, path, state.size_bytes, expected)

    async def _unused(self, paths: Sequence[Path]) -> list[Path]:
        unused = await self._unreferenced(paths)
        if not unused:
            return []
        async with self._blobs.turn():
            return [path for path in await self._unreferenced(unused) if path.exists()]

    async def _unreferenced(self, paths: Sequence[Path]) -> list[Path]:
        used = await self._examination.used_blobs([path.name for path in paths])
        return [path for path in paths if path.name not in used or path != self._blobs.path(path.name)]

    def _names(self) -> Iterator[Path]:
        for folder in sorted(self._folder.glob("??")):
            yield from _files(folder)


def trouble_of(path: Path, size_bytes: int, sha256: str | None) -> Trouble | None:
    """Return what is wrong with a file of that size and, if it is given, that hash; None for nothing."""
    try:
        if path.stat().st_size != size_bytes:
            return "damaged"
        if sha256 is not None:
            with path.open("rb") as file:
                return None if hashlib.file_digest(file, "sha256").hexdigest() == sha256 else "damaged"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "damaged"
    return None


def _is_final(state: DocumentState) -> bool:
    """Tell whether the document has failed for good, which its file would not change."""
    return state.status == "failed" and CODES.get(state.error_code or "internal", (500, ""))[0] < 500


def _kind(state: DocumentState, trouble: Trouble) -> str:
    if not state.is_complete:
        return "file_lost"
    return "file_missing" if trouble == "missing" else "file_damaged"


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*")) if path.is_file()]


def _remove(paths: Sequence[Path]) -> int:
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)
