"""The ledger as it was at one moment, beside those who go on writing it; runs in any thread or process."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import apsw

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.stores.sqlite import queries

SQL = queries("snapshot.sql")
#: Pages of a copy between two looks at whether it may go on; 4 MiB.
_PAGES: Final = 1024
_PIECE_BYTES: Final = 1024**2
#: Most of the ledger is text and vectors: three levels more take twice the time for a twentieth less.
_LEVEL: Final = 3


class LedgerSnapshot:
    """What one transaction sees. While it is open the write-ahead log grows and nobody waits."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.schema_version = int(connection.pragma("user_version"))

    def blobs(self) -> dict[str, int]:
        """Return the hash of every file that a document uses, with its size in bytes."""
        return dict(self._connection.execute(SQL["blobs"]))

    def documents(self) -> dict[str, int]:
        """Return the number of documents by status."""
        return dict(self._connection.execute(SQL["counts"]))

    def damage(self) -> list[str]:
        """Return what SQLite has against the file."""
        rows = [str(row[0]) for row in self._connection.execute("PRAGMA quick_check")]
        return [row for row in rows if row != "ok"]

    def copy(self, path: Path, pace: Callable[[int], None] = lambda _: None) -> int:
        """Copy the ledger to a new file, not yet safe from a power cut; return its size in bytes."""
        with closing(apsw.Connection(str(path))) as target:
            target.execute("PRAGMA synchronous = OFF")
            with target.backup("main", self._connection, "main") as backup:
                while not backup.done:
                    backup.step(_PAGES)
                    pace(0)
        return path.stat().st_size


@contextmanager
def snapshot(ledger: Path) -> Iterator[LedgerSnapshot]:
    """Yield the ledger's state at this moment.

    Raises: Unavailable.
    """
    try:
        with closing(apsw.Connection(str(ledger), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.set_busy_timeout(5000)
            connection.execute("BEGIN")
            yield LedgerSnapshot(connection)
            connection.execute("ROLLBACK")
    except apsw.FullError as error:
        raise Unavailable("The disk is full.", code="disk_full", retry_after_s=30) from error
    except apsw.Error as error:
        message = f"The ledger {ledger} cannot be copied: {error}."
        raise Unavailable(message, code="ledger_unavailable") from error


def compress(source: Path, target: Path, pace: Callable[[int], None]) -> None:
    """Compress the source into `target`, in gzip's form."""
    with source.open("rb") as plain, gzip.GzipFile(target, "wb", _LEVEL, mtime=0) as packed:
        while piece := plain.read(_PIECE_BYTES):
            packed.write(piece)
            pace(0)
