"""Who did what: rows are only added, and go when they are old; the schema refuses everything else."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path

import apsw

from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.stores.sqlite import Store, queries, reads, writes, writes_in_turns

SQL = queries("audit.sql")
#: How long a command waits for a service that writes.
_BUSY_MS = 5000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: `caller` is an id as in logs, `user` whom he stands for, `address` where he called from.

    `result` is `ok` or the code of a refusal or failure; `seq` counts all rows, 0 before it is written.
    """

    at: float
    caller: str
    user: str
    action: str
    object: str
    address: str
    result: str
    trace_id: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which acts: of a user or caller, one action or all of a group (`documents`), by time and by number."""

    user: str | None = None
    action: str | None = None
    since_s: float | None = None
    after: int | None = None
    limit: int = 50
    cursor: str | None = None


class Audit(Store):
    """Reads and adds acts; every method raises Unavailable."""

    @writes
    def add(self, conn: apsw.Connection, entries: Sequence[AuditEntry]) -> None:
        """Add acts, in order."""
        conn.executemany(SQL["add"], map(_values, entries))

    @reads
    def page(self, conn: apsw.Connection, query: AuditQuery) -> tuple[list[AuditEntry], str | None]:
        """Return one page, the latest first, and the cursor of the next; raises Refused."""
        values = {
            **{name: getattr(query, name) for name in ("user", "action", "since_s", "after")},
            "before": _before(query.cursor),
            "limit": query.limit + 1,
        }
        found = [AuditEntry(*row) for row in conn.execute(SQL["page"], values)]
        page = found[: query.limit]
        return page, str(page[-1].seq) if len(found) > query.limit else None

    @writes_in_turns
    def forget_old(self, conn: apsw.Connection, before_s: float) -> int:
        """Remove acts of before then, at least a day old; return how many."""
        conn.execute(SQL["forget_old"], {"before_s": before_s})
        return conn.changes()


def append(ledger: Path, entry: AuditEntry, version: int) -> None:
    """Add an act to a ledger of this schema `version`, beside a service or without one.

    Raises: Unavailable when it cannot be written, or has another schema.
    """
    try:
        flags = apsw.SQLITE_OPEN_READWRITE
        with closing(apsw.Connection(str(ledger), flags=flags)) as connection:
            connection.set_busy_timeout(_BUSY_MS)
            if connection.pragma("user_version") != version:
                raise Unavailable("The ledger has the schema of another release.", code="ledger_unavailable")
            connection.execute(SQL["add"], _values(entry))
    except apsw.Error as error:
        raise Unavailable(
            f"The ledger {ledger} cannot be written: {error}.", code="ledger_unavailable"
        ) from error


def _values(entry: AuditEntry) -> tuple[str | float, ...]:
    return tuple(getattr(entry, one.name) for one in fields(entry) if one.name != "seq")


def _before(cursor: str | None) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Refused("The cursor is not one that this service gave out.")
    return int(cursor)
