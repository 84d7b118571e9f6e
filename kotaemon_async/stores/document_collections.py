"""The ledger's collections: a name is one as long as a document has it."""

from dataclasses import dataclass

import apsw

from kotaemon_async.domain.errors import Refused
from kotaemon_async.stores.sqlite import Database, queries

SQL = queries("collections.sql")


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection and when the oldest document in it was accepted, in Unix seconds."""

    name: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Counted:
    """A collection with the number of its documents, and of those that are ready."""

    name: str
    since_s: float
    documents: int
    ready: int


class Collections:
    """Reads which collections there are: one step down an index for each, however many documents it has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, limit: int) -> list[Collection]:
        """Up to `limit` collections by name; raises Unavailable."""
        rows = await self._database.read(
            lambda conn: list(conn.execute(SQL["collections"], {"limit": limit}))
        )
        return [Collection(*row) for row in rows]

    async def get(self, name: str) -> Collection | None:
        """The collection, or None when no document is in it; raises Unavailable."""
        rows = await self._database.read(lambda conn: list(conn.execute(SQL["collection"], {"name": name})))
        return Collection(*rows[0]) if rows else None

    async def counted(self, limit: int) -> list[Counted]:
        """Up to `limit` collections by name, with their documents counted; raises Unavailable."""
        values = {"limit": limit}
        return await self._database.read(
            lambda conn: [Counted(*row) for row in conn.execute(SQL["counted"], values)]
        )

    async def move(self, document_id: str, collection: str, now_s: float) -> None:
        """The document stands in the collection, and the vector index will know.

        Raises: Refused `conflict` when the same bytes stand there already, Unavailable.
        """
        values = {"id": document_id, "collection": collection, "now": now_s}
        await self._database.write(lambda conn: _move(conn, values))


def _move(conn: apsw.Connection, values: dict[str, object]) -> None:
    twin = conn.execute(SQL["twin"], values).get
    if twin == values["id"]:
        return
    if twin is not None:
        raise Refused(
            "The same file is in that collection already.",
            code="conflict",
            hint=f"Delete one of the two; the other one is {twin}.",
        )
    # The vectors carry their collection, so the log has them written again.
    for name in ("move", "forget_upserts", "log_upserts", "follow"):
        conn.execute(SQL[name], values)
