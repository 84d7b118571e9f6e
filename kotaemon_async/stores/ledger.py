"""The ledger: the one truth about documents, their contents, the vector log and answers."""

from pathlib import Path

from kotaemon_async.stores.answers import Answers
from kotaemon_async.stores.claims import Claims
from kotaemon_async.stores.conversations import Conversations
from kotaemon_async.stores.documents import Documents
from kotaemon_async.stores.idempotency import Idempotency
from kotaemon_async.stores.index import Index
from kotaemon_async.stores.sqlite import Database


class Ledger(Documents, Claims, Idempotency, Index, Answers, Conversations):
    """One SQLite file; each part of the class is described in the module that it comes from."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.database = database

    @classmethod
    async def open(cls, path: Path) -> "Ledger":
        """The ledger at `path`, created when it is not there; raises Misconfigured."""
        return cls(await Database.open(path))

    async def check(self) -> None:
        """Nothing, when the ledger can be written; raises Unavailable."""
        await self.database.write(lambda _: None)

    async def aclose(self) -> None:
        """The file is closed and whole."""
        await self.database.aclose()
