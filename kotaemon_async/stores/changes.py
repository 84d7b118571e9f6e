"""What changes in the ledger's documents, for those who watch all of them."""

import json
from collections.abc import Collection

import apsw

from kotaemon_async.domain.model import Document
from kotaemon_async.stores.documents import SQL, document_of
from kotaemon_async.stores.sqlite import Database


class Changes:
    """Reads which documents there are and how often each has changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all_events(self) -> dict[str, int]:
        """The number of the last event of every document; raises Unavailable."""
        return await self._database.read(lambda conn: dict(conn.execute(SQL["all_events"])))

    async def several(self, document_ids: Collection[str]) -> list[Document]:
        """Those of the documents that are there, the one that changed last at the end; raises Unavailable."""
        ids = json.dumps(list(document_ids))
        return await self._database.read(lambda conn: _several(conn, ids))


def _several(conn: apsw.Connection, ids: str) -> list[Document]:
    cursor = conn.execute(SQL["by_ids"], {"ids": ids})
    return [document_of(cursor, row) for row in cursor]
