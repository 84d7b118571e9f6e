"""One SQLite file with one writing thread and a few reading ones."""

from __future__ import annotations  # apsw names its async classes in its stubs only

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeVar

import anyio
import apsw
import apsw.aio

from kotaemon_async import faults
from kotaemon_async.errors import Misconfigured, Unavailable

T = TypeVar("T")

READERS = 3
SCHEMA_VERSION = 3
_PRAGMAS = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA busy_timeout = 5000;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -8000;
    PRAGMA journal_size_limit = 67108864;
"""
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def queries(file: str) -> dict[str, str]:
    """The statements of sql/`file`, by the name in the `-- name:` line above each."""
    text = resources.files(f"{__package__}.sql").joinpath(file).read_text("utf8")
    parts = _NAME.split(text)[1:]
    return dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))


class Database:
    """Runs functions on the writing thread, inside a transaction, or on a reading one."""

    def __init__(self, writer: apsw.AsyncConnection, readers: list[apsw.AsyncConnection]) -> None:
        self._writer = writer
        self._readers = readers
        self._idle = list(readers)
        self._places = anyio.CapacityLimiter(len(readers))

    @classmethod
    async def open(cls, path: Path, *, readers: int = READERS) -> Database:
        """The database at `path`, created when it is not there.

        Raises:
            Misconfigured: the file cannot be opened, or a newer release wrote it.
        """
        opened: list[apsw.AsyncConnection] = []
        try:
            # Connections opened in this task serve its event loop; nothing else in the process uses apsw.
            apsw.async_controller.set(apsw.aio.AsyncIO)  # type: ignore[arg-type]
            # Cancelled in its middle, as_async would leave a thread behind that nobody knows.
            with anyio.CancelScope(shield=True):
                for number in range(1 + readers):
                    opened.append(await apsw.Connection.as_async(str(path)))
                    await opened[-1].async_run(_prepare_reader if number else _prepare, opened[-1], path)
        except BaseException as error:
            # Each connection has a thread, which would keep the process alive.
            for connection in opened:
                await connection.aclose()
            if not isinstance(error, apsw.Error):
                raise
            raise Misconfigured(f"data_dir: the ledger {path} cannot be opened: {error}") from error
        return cls(opened[0], opened[1:])

    async def write(self, change: Callable[[apsw.Connection], T]) -> T:
        """What `change` returns, once its transaction is on the disk.

        Raises:
            Unavailable: the ledger cannot be written; nothing was changed.
        """
        with anyio.CancelScope(shield=True):
            done = await _run(self._writer, _transact, change)
        return done  # noqa: RET504 - mypy: a scope might swallow, were the return inside

    async def read(self, look: Callable[[apsw.Connection], T]) -> T:
        """What `look` returns, from one consistent snapshot."""
        async with self._places:
            reader = self._idle.pop()
            try:
                return await _run(reader, _snapshot, look)
            finally:
                self._idle.append(reader)

    async def aclose(self) -> None:
        """Every thread ends; the write-ahead log is folded into the file."""
        with anyio.CancelScope(shield=True):
            for connection in (*self._readers, self._writer):
                await connection.aclose()


async def _run(
    connection: apsw.AsyncConnection,
    runner: Callable[[apsw.Connection, Callable[[apsw.Connection], T]], T],
    function: Callable[[apsw.Connection], T],
) -> T:
    try:
        result: T = await connection.async_run(runner, connection, function)
    except apsw.ConstraintError:
        raise
    except (apsw.Error, OSError) as error:
        raise Unavailable(f"The ledger cannot be used: {error}.", code="ledger_unavailable") from error
    return result


def _transact(connection: apsw.Connection, change: Callable[..., T], *given: object) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = change(connection, *given)
        faults.hit("sqlite.before_commit")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _snapshot(connection: apsw.Connection, look: Callable[[apsw.Connection], T]) -> T:
    connection.execute("BEGIN")
    try:
        return look(connection)
    finally:
        connection.execute("ROLLBACK")


def _prepare(connection: apsw.Connection, path: Path) -> None:
    connection.execute(_PRAGMAS)
    version = connection.pragma("user_version")
    if version > SCHEMA_VERSION:
        raise Misconfigured(
            f"data_dir: the ledger {path} has schema {version}, this release knows {SCHEMA_VERSION}.",
            hint="Start the release that wrote it, or choose another data_dir.",
        )
    while (version := connection.pragma("user_version")) < SCHEMA_VERSION:
        # Two processes may open a new ledger at once: the second one finds the first one's work done.
        _transact(connection, _migrate, version)


def _migrate(connection: apsw.Connection, version: int) -> None:
    if connection.pragma("user_version") != version:
        return
    file = f"migrate_{version}.sql" if version else "schema.sql"
    connection.execute(resources.files(f"{__package__}.sql").joinpath(file).read_text("utf8"))


def _prepare_reader(connection: apsw.Connection, _path: Path) -> None:
    connection.execute(_PRAGMAS)
    # How often a term stands in the keyword index; a view of it, which holds nothing itself.
    connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, keywords, row)")
    connection.execute("PRAGMA query_only = ON")
