"""How much users have in the ledger: documents count for whom their collection belongs to."""

from dataclasses import dataclass

import apsw

from kotaemon_async.domain.callers import Caller, default_owner
from kotaemon_async.stores.collections import place_for
from kotaemon_async.stores.sqlite import Store, queries, reads

SQL = queries("usage.sql")


@dataclass(frozen=True, slots=True)
class Used:
    """What is in all collections of one owner; `owner` is "" for nobody, of whom nothing is counted."""

    owner: str
    documents: int = 0
    size_bytes: int = 0


class Usage(Store):
    """Counts what users have."""

    @reads
    def around(
        self, conn: apsw.Connection, caller: Caller, name: str | None, sha256: str | None = None
    ) -> Used:
        """Return what he has whom the collection belongs to that the caller puts a document into.

        Without a name it is what the caller has. Nobody is named for bytes that are there already: they take
        no more room. Raises: Refused where the caller may not write.
        """
        owner = caller.user if name is None else _owner(conn, caller, name, sha256)
        if not owner:
            return Used("")
        documents, size_bytes = next(conn.execute(SQL["of_owner"], {"owner": owner}))
        return Used(owner, documents, size_bytes)


def _owner(conn: apsw.Connection, caller: Caller, name: str, sha256: str | None) -> str:
    kept, is_there = place_for(conn, caller, name)
    if not is_there:
        return default_owner(kept) or caller.user
    if conn.execute(SQL["holds"], {"name": kept, "sha256": sha256}).get:
        return ""
    return str(conn.execute(SQL["owner"], {"name": kept}).get or "")
