"""The ledger's collections: a name is one as long as a document has it."""

from dataclasses import dataclass

from kotaemon_async.stores.sqlite import Database, queries

SQL = queries("collections.sql")


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection and when the oldest document in it was accepted, in Unix seconds."""

    name: str
    since_s: float


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
