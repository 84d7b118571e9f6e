"""The ledger's side of search: the log that followers replay, passages and page texts."""

import json
from collections.abc import Sequence

import apsw
import numpy as np

from kotaemon_async.model import Passage
from kotaemon_async.stores.documents import remove_contents
from kotaemon_async.stores.sqlite import Database, queries
from kotaemon_async.stores.vectors import LogEntry

SQL = queries("index.sql")


class Index:
    """What the derived indexes are made from, and what they point back to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def log_after(self, position: int, limit: int, model: str) -> list[LogEntry]:
        """At most `limit` entries after `position`, in order.

        A vector is None when its chunk is gone, or when another model than `model` made it.
        """
        values = {"position": position, "limit": limit, "model": model}
        return await self._database.read(
            lambda conn: [_entry(row) for row in conn.execute(SQL["log_after"], values)]
        )

    async def log_end(self) -> int:
        """The number of the last entry."""
        return await self._database.read(lambda conn: int(conn.execute(SQL["log_end"]).get))

    async def follower_position(self, generation: str) -> int:
        """How far the index folder of this generation has followed; 0 for an unknown one."""
        values = {"generation": generation}
        return await self._database.read(lambda conn: int(conn.execute(SQL["position"], values).get or 0))

    async def follower_advance(self, generation: str, position: int, now_s: float) -> list[str]:
        """The ids of the documents that became ready because the follower has passed their last entry."""
        return await self._database.write(lambda conn: _advance(conn, generation, position, now_s))

    async def follower_settle(self, position: int, now_s: float) -> list[str]:
        """The ids of documents that the follower had passed before their last page was committed."""
        values = {"position": position}
        if not await self._database.read(lambda conn: conn.execute(SQL["passed"], values).get):
            return []
        return await self._database.write(lambda conn: _make_ready(conn, position, now_s))

    async def passages(self, chunk_ids: Sequence[str]) -> dict[str, Passage]:
        """The passages of the chunks that can still be found, by id, with score 0."""
        ids = json.dumps(list(chunk_ids))
        return await self._database.read(
            lambda conn: {row[0]: _passage(*row) for row in conn.execute(SQL["passages"], {"ids": ids})}
        )

    async def page_text(self, document_id: str, page: int) -> str | None:
        """The text of one page, 1-based, or None when there is no such page."""
        values = {"document_id": document_id, "number": page}
        return await self._database.read(lambda conn: conn.execute(SQL["page_text"], values).get)


def _passage(chunk_id: str, document_id: str, name: str, page: int, text: str) -> Passage:
    return Passage(chunk_id, document_id, name, page, text, 0.0)


def _entry(row: tuple[int, str, str, str, str | None, bytes | None]) -> LogEntry:
    seq, op, chunk_id, document_id, collection, vector = row
    floats = None if vector is None else np.frombuffer(vector, np.float16).astype(np.float32)
    return LogEntry(
        seq=seq,
        op="upsert" if op == "upsert" else "delete",
        chunk_id=chunk_id,
        document_id=document_id,
        collection=collection or "",
        vector=floats,
    )


def _advance(conn: apsw.Connection, generation: str, position: int, now_s: float) -> list[str]:
    values = {"generation": generation, "position": position, "now": now_s}
    conn.execute(SQL["advance"], values)
    conn.execute(SQL["forget_other_followers"], {"generation": generation})
    conn.execute(SQL["forget_applied_deletes"], {"position": position})
    return _make_ready(conn, position, now_s)


def _make_ready(conn: apsw.Connection, position: int, now_s: float) -> list[str]:
    """The version that arrived is searchable and the one before is gone, in the caller's transaction."""
    arrived = list(conn.execute(SQL["arrived"], {"position": position}))
    for document_id, version in arrived:
        remove_contents(conn, document_id, kept_version=version)
        conn.execute(SQL["make_ready"], {"id": document_id, "now": now_s})
    return [document_id for document_id, _ in arrived]
