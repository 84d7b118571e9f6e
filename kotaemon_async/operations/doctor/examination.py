"""The ledger examined for what cannot be: each page from one snapshot, each repair in one transaction."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import apsw

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.domain.model import Failure, Page
from kotaemon_async.stores.context import page_of
from kotaemon_async.stores.documents import kept_version, remove_contents
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("examination.sql")

DOCUMENTS: Final = 100
PAGES: Final = 50
VERSIONS: Final = 200
MESSAGES: Final = 5
_DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError)

#: Page, ordinal, start and end of a chunk, start and end on the next page.
Cut = tuple[int, int, int, int, int | None, int | None]


@dataclass(frozen=True, slots=True)
class DocumentState:
    """What the row of a document says, beside what is there of the version that counts.

    `event` changes with the document, so that a repair can tell whether it still is the one looked at.
    """

    id: str
    event: int
    status: str
    stage: str | None
    version: int
    recipe: str
    pages_done: int
    pages_total: int | None
    chunks_done: int
    sha256: str
    size_bytes: int
    error_code: str | None
    lease_until: float | None
    waiting_until: float | None
    waits_for_nothing: int
    pages_in_order: int = 0
    pages_found: int = 0
    chunks_found: int = 0

    @property
    def is_complete(self) -> bool:
        """Return whether every page was committed, so that the file is not needed for it any more."""
        return self.status == "ready" or (self.status == "processing" and self.stage == "indexing")

    @property
    def pages_wanted(self) -> int:
        """Return how many pages the row promises."""
        if self.status in ("failed", "cancelled"):
            return 0
        return (self.pages_total or 0) if self.is_complete else self.pages_done


class Examination(Store):
    """Finds what differs within the ledger, and mends a document unless it has changed since."""

    async def damage(self, *, deep: bool) -> list[str]:
        """Return the first things that SQLite has against the file; none for a whole one."""
        for table in await self._tables():
            if found := await self._check_table(table, deep=deep):
                return found
        return []

    async def strays(self) -> AsyncIterator[list[tuple[str, int]]]:
        """Return ids and versions with contents that no document has a use for, or whose document is gone."""
        after: tuple[str, int] | None = ("", 0)
        while after is not None:
            found, after = await self._strays(after)
            yield found

    async def states(self) -> AsyncIterator[list[DocumentState]]:
        """Return every document with what is there of it."""
        after = ""
        while found := await self._states(after):
            yield found
            after = found[-1].id

    async def pages(self, state: DocumentState) -> AsyncIterator[tuple[list[Page], list[Cut]]]:
        """Return a few pages at a time, with the chunks that were cut from them, in order."""
        after = 0
        while (found := await self._pages(state, after))[0]:
            yield found
            after = found[0][-1].number

    @writes
    def remove_stray(self, conn: apsw.Connection, document_id: str, version: int) -> bool:
        """Remove the version with its keywords, and have its vectors deleted by the log."""
        values = {"document_id": document_id, "version": version}
        if not conn.execute(SQL["is_stray"], values).get:
            return False
        for name in ("forget_upserts", "log_deletes", "delete_keywords", "delete_chunks", "delete_pages"):
            conn.execute(SQL[name], values)
        return True

    @writes
    def correct_counters(self, conn: apsw.Connection, state: DocumentState, now_s: float) -> bool:
        """Make the row count what is there."""
        counted = {"pages": state.pages_wanted, "chunks": state.chunks_found}
        return bool(_row(conn, "set_counters", id=state.id, event=state.event, now=now_s, **counted))

    @writes
    def release(self, conn: apsw.Connection, state: DocumentState, now_s: float) -> bool:
        """Let whoever has to go on with the document do so now."""
        return bool(_row(conn, "release", id=state.id, event=state.event, now=now_s))

    @writes
    def fail(self, conn: apsw.Connection, state: DocumentState, failure: Failure, now_s: float) -> bool:
        """Fail the document; a version of it that was searchable stays so."""
        if not _is_unchanged(conn, state):
            return False
        remove_contents(conn, state.id, kept_version=kept_version(conn, state.id))
        values = {"id": state.id, "code": failure.code, "message": failure.message, "hint": failure.hint}
        conn.execute(SQL["fail"], values | {"now": now_s})
        return True

    @reads
    def is_unchanged(self, conn: apsw.Connection, state: DocumentState) -> bool:
        """Tell whether nothing has happened to the document since."""
        return _is_unchanged(conn, state)

    @reads
    def used_blobs(self, conn: apsw.Connection, names: Sequence[str]) -> set[str]:
        """Return those of the hashes that a document uses."""
        return {row[0] for row in conn.execute(SQL["used_blobs"], {"names": json.dumps(list(names))})}

    @reads
    def _tables(self, conn: apsw.Connection) -> list[str]:
        """Return the names of tables, checked one by one; an unreadable list is one without a name."""
        try:
            return [row[0] for row in conn.execute(SQL["tables"])]
        except _DAMAGE:
            return [""]

    @reads
    def _check_table(self, conn: apsw.Connection, table: str, *, deep: bool) -> list[str]:
        check = "integrity_check" if deep else "quick_check"
        try:
            quoted = table.replace("'", "''")
            rows = [str(row[0]) for row in conn.execute(f"PRAGMA {check}('{quoted}')")]
        except _DAMAGE as error:
            return [str(error)]
        return [row for row in rows if row != "ok"][:MESSAGES]

    @reads
    def _strays(
        self, conn: apsw.Connection, after: tuple[str, int]
    ) -> tuple[list[tuple[str, int]], tuple[str, int] | None]:
        """Return the strays among the next versions, and where the walk goes on."""
        found = []
        at: tuple[str, int] | None = after
        for _ in range(VERSIONS):
            at = _row(conn, "next_version", document_id=at[0], version=at[1]) if at else None
            if at is None:
                break
            if conn.execute(SQL["is_stray"], {"document_id": at[0], "version": at[1]}).get:
                found.append(at)
        return found, at

    @reads
    def _states(self, conn: apsw.Connection, after: str) -> list[DocumentState]:
        rows = conn.execute(SQL["documents_after"], {"after": after, "limit": DOCUMENTS})
        return [_counted(conn, DocumentState(*row)) for row in rows]

    @reads
    def _pages(self, conn: apsw.Connection, state: DocumentState, after: int) -> tuple[list[Page], list[Cut]]:
        values = {"id": state.id, "version": state.version, "after": after, "limit": PAGES}
        pages = [page_of(*row) for row in conn.execute(SQL["page_texts"], values)]
        until = pages[-1].number if pages else after
        return pages, list(conn.execute(SQL["cuts"], values | {"until": until}))


def is_damage(error: Misconfigured) -> bool:
    """Tell whether the ledger could not be opened because its file is no good, not for another reason."""
    return isinstance(error.__cause__, _DAMAGE)


def _row(conn: apsw.Connection, query: str, **values: object) -> Any:
    return conn.execute(SQL[query], values).fetchone()


def _is_unchanged(conn: apsw.Connection, state: DocumentState) -> bool:
    return _row(conn, "same_event", id=state.id, event=state.event) is not None


def _counted(conn: apsw.Connection, state: DocumentState) -> DocumentState:
    values = {"id": state.id, "version": state.version, "pages": state.pages_wanted}
    in_order, pages, chunks = _row(conn, "contents", **values)
    return replace(state, pages_in_order=in_order, pages_found=pages, chunks_found=chunks)
