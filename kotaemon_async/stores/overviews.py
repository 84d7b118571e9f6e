"""The ledger's overviews of documents: derived from their sentences, and made anew when they are missing."""

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

import apsw
import msgspec

from kotaemon_async.domain.model import Scope
from kotaemon_async.domain.overviews import DocumentOverview, KeptOverview
from kotaemon_async.stores.scopes import scope_values
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("overviews.sql")
#: The rules that overviews are made by; those of other rules are missing.
RECIPE: Final = 2


class Version(NamedTuple):
    """A document, and which version of it can be found at present."""

    document_id: str
    number: int


class OverviewStore(Store):
    """Keeps the overview of each document's version that can be found."""

    @writes
    def keep(self, conn: apsw.Connection, version: Version, overview: DocumentOverview, now_s: float) -> bool:
        """Keep the overview, and return whether that version can still be found."""
        values = {"id": version.document_id, "version": version.number, "recipe": RECIPE, "now": now_s}
        conn.execute(SQL["keep"], values | {"record": msgspec.json.encode(overview).decode()})
        return conn.changes() > 0

    @reads
    def version(self, conn: apsw.Connection, document_id: str) -> Version | None:
        """Return the version of the document that can be found, None when none can."""
        found = conn.execute(SQL["version"], {"id": document_id}).get
        return None if found is None else Version(document_id, found)

    @reads
    def of_documents(self, conn: apsw.Connection, document_ids: Sequence[str]) -> dict[str, KeptOverview]:
        """Return the overviews of the documents that have one, by id."""
        values = {"ids": json.dumps(list(document_ids)), "recipe": RECIPE}
        return {row[0]: _kept(*row) for row in conn.execute(SQL["of_documents"], values)}

    @reads
    def newest(self, conn: apsw.Connection, scope: Scope, limit: int) -> list[KeptOverview]:
        """Return the overviews of the scope's newest documents that have one."""
        values = scope_values(scope) | {"recipe": RECIPE, "limit": limit}
        return [_kept(*row) for row in conn.execute(SQL["newest"], values)]

    @reads
    def lacking(self, conn: apsw.Connection, limit: int, but: Sequence[str] = ()) -> list[Version]:
        """Return documents that can be found and have no overview, newest first; not those in `but`."""
        values = {"recipe": RECIPE, "limit": limit, "but": json.dumps(list(but))}
        return [Version(*row) for row in conn.execute(SQL["lacking"], values)]


def _kept(document_id: str, name: str, record: str) -> KeptOverview:
    return KeptOverview(document_id, name, msgspec.json.decode(record, type=DocumentOverview))
