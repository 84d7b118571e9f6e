"""The file of what the service notes about itself: put aside and begun anew when it is damaged."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, TypeVar

import anyio
import anyio.to_thread
import apsw
from loguru import logger

from kotaemon_async.domain.errors import CODES, Misconfigured, Unavailable
from kotaemon_async.stores.sqlite import Database, Schema

T = TypeVar("T")

FILE: Final = "telemetry.db"
SCHEMA: Final = Schema("telemetry file", code="telemetry_unavailable", newest="telemetry.sql", is_truth=False)
READERS: Final = 1
#: A file that could not be opened, or was lost again at once, is left alone for so long.
AGAIN_AFTER_S: Final = 30.0
_ASIDE: Final = ".aside"
_PARTS: Final = ("", "-wal", "-shm")
#: The file is not what it was, or not there any more; a full or failing disk says nothing about the file.
_LOST: Final = (apsw.NotADBError, apsw.CorruptError, apsw.CantOpenError, apsw.ReadOnlyError)


class TelemetryFile:
    """Reads and writes like a Database; every call raises Unavailable while there is no file to use."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._database: Database | None = None
        self._again_s = self._renewed_s = float("-inf")
        self._turn = anyio.Lock()
        #: How often a file was put aside.
        self.renewals = 0

    @classmethod
    async def open(cls, path: Path, *, clock: Callable[[], float] = time.monotonic) -> Self:
        """Open the file at `path`, created when it is not there; never fails, see `check`."""
        file = cls(path, clock=clock)
        await file._open()
        return file

    async def check(self) -> dict[str, object]:
        """Return how often it was begun anew, with a `code` while it cannot be used."""
        found: dict[str, object] = {"renewals": self.renewals}
        if self._database is None:
            found |= {"code": SCHEMA.code, "message": CODES[SCHEMA.code][1]}
        return found

    async def write(self, change: Callable[[apsw.Connection], T]) -> T:
        """Return what `change` does, once it is written; raises Unavailable."""
        return await self._using(lambda database: database.write(change))

    async def read(self, look: Callable[[apsw.Connection], T]) -> T:
        """Return what `look` does, from one consistent snapshot; raises Unavailable."""
        return await self._using(lambda database: database.read(look))

    async def aclose(self) -> None:
        """Close the file, whole."""
        database, self._database = self._database, None
        self._again_s = float("inf")
        if database is not None:
            await database.aclose()

    async def _using(self, call: Callable[[Database], Awaitable[T]]) -> T:
        database = self._database or await self._open()
        if database is None:
            raise Unavailable("The telemetry file cannot be used.", code=SCHEMA.code)
        try:
            return await call(database)
        except Unavailable as error:
            if _is_lost(error):
                await self._renew(database)
            raise

    async def _open(self) -> Database | None:
        async with self._turn:
            if self._database is None and self._clock() >= self._again_s:
                self._database = await self._opened()
                if self._database is None:
                    self._again_s = self._clock() + AGAIN_AFTER_S
                    logger.bind(component="traces").warning("telemetry_file_away")
            return self._database

    async def _opened(self) -> Database | None:
        try:
            return await Database.open(self._path, SCHEMA, readers=READERS)
        except Misconfigured as error:
            if not _is_lost(error):
                return None
        try:
            await anyio.to_thread.run_sync(self._put_aside)
            return await Database.open(self._path, SCHEMA, readers=READERS)
        except (Misconfigured, OSError):
            return None

    async def _renew(self, lost: Database) -> None:
        """Put the lost file out of the way, so that another one takes its place; not too often."""
        async with self._turn:
            if self._database is not lost:
                return
            self._database = None
            await lost.aclose()
            self._again_s = self._renewed_s + AGAIN_AFTER_S
            self._renewed_s = self._clock()
            with suppress(OSError):
                await anyio.to_thread.run_sync(self._put_aside)

    def _put_aside(self) -> None:
        """Keep the file for a person to look at, in place of the one put aside before."""
        for part in _PARTS:
            found = self._path.with_name(self._path.name + part)
            aside = self._path.with_name(self._path.name + _ASIDE + part)
            aside.unlink(missing_ok=True)
            if found.exists():
                found.rename(aside)
        self.renewals += 1
        logger.bind(component="traces").warning("telemetry_file_put_aside")


def _is_lost(error: Exception) -> bool:
    """Return whether the file is damaged, moved, or of a newer release, so that only another will do."""
    return isinstance(error.__cause__, _LOST) or (
        isinstance(error, Misconfigured) and error.__cause__ is None
    )
