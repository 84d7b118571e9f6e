"""The ledger: the one truth about documents, their contents, the vector log and answers."""

from pathlib import Path
from typing import Final, Self

import apsw

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.domain.text import folded
from kotaemon_async.stores.access import Access
from kotaemon_async.stores.answers import Answers
from kotaemon_async.stores.api_keys import ApiKeys
from kotaemon_async.stores.audit import Audit
from kotaemon_async.stores.claims import Claims
from kotaemon_async.stores.collections import Collections
from kotaemon_async.stores.conversations import Conversations
from kotaemon_async.stores.documents import Documents
from kotaemon_async.stores.feedback import Feedbacks
from kotaemon_async.stores.folder_lock import FolderLock
from kotaemon_async.stores.idempotency import Idempotency
from kotaemon_async.stores.keywords import Keywords
from kotaemon_async.stores.models import Models
from kotaemon_async.stores.overviews import OverviewStore
from kotaemon_async.stores.preferences import ChosenPreferences
from kotaemon_async.stores.reading import Reading
from kotaemon_async.stores.sessions import Sessions
from kotaemon_async.stores.sqlite import Database, Schema
from kotaemon_async.stores.turns import Turns
from kotaemon_async.stores.usage import Usage
from kotaemon_async.stores.vector_log import VectorLog
from kotaemon_async.stores.watched import Watched
from kotaemon_async.telemetry.health import Health

FILE: Final = "ledger.db"
#: `vocabulary` tells how often a term stands in the keyword index: a view of it, which holds nothing itself.
SCHEMA: Final = Schema(
    name="ledger",
    code="ledger_unavailable",
    newest="schema.sql",
    steps=tuple(f"migrate_{version}.sql" for version in range(1, 7)),
    reading="CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, keywords, row)",
    functions={"folded": folded},
)


def check_upgrade(folder: Path) -> None:
    """Raise Misconfigured where opening the ledger would change its form under a service that runs."""
    try:
        connection = apsw.Connection(str(folder / FILE), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.CantOpenError:
        return
    try:
        version = connection.pragma("user_version")
    except apsw.Error as error:
        raise Misconfigured(f"data_dir: the ledger in {folder} cannot be opened: {error}") from error
    finally:
        connection.close()
    if not 0 < version < SCHEMA.version:
        return
    lock = FolderLock.take(folder, shared=False)
    if lock is None:
        raise Misconfigured(
            f"data_dir: a service of an earlier release uses {folder}.",
            hint="Restart it with this release first; that upgrades its ledger.",
        )
    lock.release()


class Ledger:
    """One SQLite file; each part is described in the module that it comes from."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.access = Access(database)
        self.collections = Collections(database)
        self.documents = Documents(database)
        self.reading = Reading(database)
        self.usage = Usage(database)
        self.claims = Claims(database)
        self.idempotency = Idempotency(database)
        self.vector_log = VectorLog(database)
        self.models = Models(database)
        self.keywords = Keywords(database)
        self.answers = Answers(database)
        self.conversations = Conversations(database)
        self.turns = Turns(database)
        self.feedback = Feedbacks(database)
        self.watched = Watched(database)
        self.preferences = ChosenPreferences(database)
        self.audit = Audit(database)
        self.api_keys = ApiKeys(database)
        self.sessions = Sessions(database)
        self.overviews = OverviewStore(database)

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the ledger at `path`, created when it is not there; raises Misconfigured."""
        return cls(await Database.open(path, SCHEMA))

    def register_in(self, health: Health) -> None:
        """Make its check part of the report."""
        health.register("ledger", self.check, core=True)

    async def check(self) -> None:
        """Check that the ledger can be written; raises Unavailable."""
        await self.database.write(lambda _: None)

    async def aclose(self) -> None:
        """Close the file, whole."""
        await self.database.aclose()
