"""Keys in a restored ledger: those that ended since the backup stay ended, and nobody is signed in."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from kotaemon_async.stores.api_keys import SQL

#: Before it the ledger had no keys; the service takes over those of the file beside it.
_FIRST_SCHEMA: Final = 6


@dataclass(frozen=True, slots=True)
class RestoredKeys:
    """How many keys open the service again, and how many the former ledger said have ended since."""

    valid: int
    ended_since: int


def settle(ledger: Path, former: Path | None, now_s: float) -> RestoredKeys:
    """Carry over from the former ledger which keys have ended, and end every session.

    Raises: apsw.Error when the restored ledger cannot be written.
    """
    ended = _ended(former, now_s) if former is not None else []
    with closing(apsw.Connection(str(ledger))) as connection:
        if connection.pragma("user_version") < _FIRST_SCHEMA:
            return RestoredKeys(0, 0)
        with connection:
            connection.execute(SQL["forget_all_sessions"])
            before = _valid(connection, now_s)
            connection.executemany(SQL["end_as_before"], ended)
            left = _valid(connection, now_s)
    return RestoredKeys(left, before - left)


def _ended(ledger: Path, now_s: float) -> list[tuple[float, str]]:
    """Return when keys of the former ledger ended, with their ids; none where it cannot be read."""
    try:
        with closing(apsw.Connection(str(ledger), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            return list(connection.execute(SQL["ended"], {"now": now_s}))
    except apsw.Error:
        return []


def _valid(connection: apsw.Connection, now_s: float) -> int:
    count: int = connection.execute(SQL["count_valid"], {"now": now_s}).get
    return count
