"""One SQLite file with one writing thread and a few reading ones."""

from __future__ import annotations  # apsw names its async classes in its stubs only

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cache, partial, wraps
from importlib import resources
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import anyio
import apsw
import apsw.aio

from kotaemon_async.domain.errors import Misconfigured, Unavailable
from kotaemon_async.resilience import faults
from kotaemon_async.stores.upgrade_copy import keep_copy

P = ParamSpec("P")
S = TypeVar("S", bound="Store")
T = TypeVar("T")

READERS = 3
_PRAGMAS = """
    PRAGMA journal_mode = WAL;
    PRAGMA foreign_keys = ON;
    PRAGMA busy_timeout = 5000;
    PRAGMA journal_size_limit = 67108864;
"""
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Schema:
    """The form of a file: the newest in sql/`newest`, and the steps to it from every earlier one.

    `name` stands in messages, `code` is what a file that cannot be used fails with, `reading` is run for each
    reading connection; all statements may call `functions` of one value. `is_truth` says that what was
    committed survives the machine, too; a file that may be begun anew does not wait for the disk.
    """

    name: str
    code: str
    newest: str
    steps: tuple[str, ...] = ()
    reading: str = ""
    functions: Mapping[str, Callable[..., str]] = field(default_factory=dict)
    is_truth: bool = True

    @property
    def version(self) -> int:
        """Return the form's number; `steps` lead from 1 to it."""
        return len(self.steps) + 1


@cache
def queries(file: str) -> dict[str, str]:
    """Return the statements of sql/`file`, by the name in the `-- name:` line above each."""
    text = resources.files(f"{__package__}.sql").joinpath(file).read_text("utf8")
    parts = _NAME.split(text)[1:]
    return dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))


class Database:
    """Runs functions on the writing thread, inside a transaction, or on a reading one."""

    def __init__(
        self,
        schema: Schema,
        writer: apsw.AsyncConnection,
        readers: list[apsw.AsyncConnection],
        found_version: int,
    ) -> None:
        #: The schema that the file had before it was opened, 0 for a new one.
        self.found_version = found_version
        self._schema = schema
        self._writer = writer
        self._readers = readers
        self._idle = list(readers)
        self._free = anyio.CapacityLimiter(len(readers))

    @classmethod
    async def open(cls, path: Path, schema: Schema, *, readers: int = READERS) -> Database:
        """Open the database at `path`, created when it is not there.

        Raises:
            Misconfigured: the file cannot be opened, or a newer release wrote it.
        """
        opened: list[apsw.AsyncConnection] = []
        versions: list[int] = []
        try:
            # Connections opened in this task serve its event loop; nothing else in the process uses apsw.
            apsw.async_controller.set(apsw.aio.AsyncIO)  # type: ignore[arg-type]
            # Cancelled in its middle, as_async would leave a thread behind that nobody knows.
            with anyio.CancelScope(shield=True):
                for number in range(1 + readers):
                    opened.append(await apsw.Connection.as_async(str(path)))
                    prepare = _prepare_reader if number else partial(_prepare, path=path)
                    versions.append(await opened[-1].async_run(prepare, opened[-1], schema))
        except BaseException as error:
            # Each connection has a thread, which would keep the process alive.
            for connection in opened:
                await connection.aclose()
            if not isinstance(error, apsw.Error):
                raise
            raise Misconfigured(f"data_dir: the {schema.name} {path} cannot be opened: {error}") from error
        return cls(schema, opened[0], opened[1:], versions[0])

    async def write(self, change: Callable[[apsw.Connection], T]) -> T:
        """Return what `change` does, once its transaction is on the disk.

        Raises:
            Unavailable: the file cannot be written; nothing was changed.
        """
        with anyio.CancelScope(shield=True):
            done: T = await self._run(self._writer, partial(_transact, self._schema), change)
        return done

    async def read(self, look: Callable[[apsw.Connection], T]) -> T:
        """Return what `look` does, from one consistent snapshot."""
        async with self._free:
            reader = self._idle.pop()
            try:
                return await self._run(reader, _snapshot, look)
            finally:
                self._idle.append(reader)

    async def shrink(self) -> None:
        """Give back the pages that the connections keep for later."""
        for connection in (*self._readers, self._writer):
            await connection.async_run(_shrink, connection)

    async def aclose(self) -> None:
        """End every thread and fold the write-ahead log into the file."""
        with anyio.CancelScope(shield=True):
            for connection in (*self._readers, self._writer):
                await connection.aclose()

    async def _run(
        self,
        connection: apsw.AsyncConnection,
        runner: Callable[[apsw.Connection, Callable[[apsw.Connection], T]], T],
        function: Callable[[apsw.Connection], T],
    ) -> T:
        try:
            result: T = await connection.async_run(runner, connection, function)
        except apsw.ConstraintError:
            raise
        except (apsw.Error, OSError) as error:
            message = f"The {self._schema.name} cannot be used: {error}."
            raise Unavailable(message, code=self._schema.code) from error
        return result


class Transactions(Protocol):
    """What runs a function in a transaction; each call raises Unavailable when the file cannot be used."""

    async def write(self, change: Callable[[apsw.Connection], T]) -> T: ...
    async def read(self, look: Callable[[apsw.Connection], T]) -> T: ...


class Store:
    """Something that a database keeps; what is marked with `reads` or `writes` is one transaction."""

    def __init__(self, database: Transactions) -> None:
        self._database = database


Operation = Callable[Concatenate[S, apsw.Connection, P], T]
Method = Callable[Concatenate[S, P], Coroutine[Any, Any, T]]


def reads(operation: Operation[S, P, T]) -> Method[S, P, T]:
    """Turn a function of a connection into a method that awaits it on a reading thread, in one snapshot."""

    @wraps(operation)
    async def method(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.read(lambda conn: operation(self, conn, *args, **kwargs))

    return method


def writes(operation: Operation[S, P, T]) -> Method[S, P, T]:
    """Turn a function of a connection into a method that awaits it on the writing thread, once committed."""

    @wraps(operation)
    async def method(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._database.write(lambda conn: operation(self, conn, *args, **kwargs))

    return method


def writes_in_turns(operation: Operation[S, P, int]) -> Method[S, P, int]:
    """Turn a function that does a part into a method that repeats it until nothing is left, and sums it up.

    Each part has its own transaction, so that others write in between; 0 says that nothing is left.
    """

    @wraps(operation)
    async def method(self: S, /, *args: P.args, **kwargs: P.kwargs) -> int:
        done = 0
        while more := await self._database.write(lambda conn: operation(self, conn, *args, **kwargs)):
            done += more
        return done

    return method


def _transact(schema: Schema, connection: apsw.Connection, change: Callable[..., T], *given: object) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = change(connection, *given)
        if schema.is_truth:
            faults.hit("sqlite.before_commit")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _shrink(connection: apsw.Connection) -> None:
    connection.execute("PRAGMA shrink_memory")


def _snapshot(connection: apsw.Connection, look: Callable[[apsw.Connection], T]) -> T:
    connection.execute("BEGIN")
    try:
        return look(connection)
    finally:
        connection.execute("ROLLBACK")


def _prepare(connection: apsw.Connection, schema: Schema, path: Path) -> int:
    """Bring the file to the newest schema; return the version that was found."""
    _set_up(connection, schema)
    found: int = connection.pragma("user_version")
    version = found
    if version > schema.version:
        raise Misconfigured(
            f"data_dir: the {schema.name} {path} has schema {version}, this release knows {schema.version}.",
            hint="Start the release that wrote it, or choose another data_dir.",
        )
    if schema.is_truth and 0 < version < schema.version:
        keep_copy(connection, path, version)
    while (version := connection.pragma("user_version")) < schema.version:
        # Two processes may open a new file at once: the second one finds the first one's work done.
        _transact(schema, connection, _migrate, schema, version)
    return found


def _migrate(connection: apsw.Connection, schema: Schema, version: int) -> None:
    if connection.pragma("user_version") != version:
        return
    file = schema.steps[version - 1] if version else schema.newest
    connection.execute(resources.files(f"{__package__}.sql").joinpath(file).read_text("utf8"))


def _prepare_reader(connection: apsw.Connection, schema: Schema) -> int:
    _set_up(connection, schema)
    connection.execute(schema.reading)
    connection.execute("PRAGMA query_only = ON")
    return schema.version


def _set_up(connection: apsw.Connection, schema: Schema) -> None:
    connection.execute(
        _PRAGMAS
    ).fetchall()  # each gives a row, and what follows a row runs when it is fetched
    connection.execute(f"PRAGMA synchronous = {'FULL' if schema.is_truth else 'NORMAL'}")
    for name, function in schema.functions.items():
        connection.create_scalar_function(name, function, 1, deterministic=True)
