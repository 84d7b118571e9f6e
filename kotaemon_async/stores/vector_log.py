"""The ledger's side of search: the log that followers replay, passages and page texts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import apsw
import numpy as np
from numpy.typing import NDArray

from kotaemon_async.domain.model import Passage
from kotaemon_async.stores.documents import remove_contents
from kotaemon_async.stores.sqlite import Database, queries

SQL = queries("index.sql")
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the ledger's vector log; `vector` is None for a delete and for a chunk that is gone."""

    seq: int
    op: Literal["upsert", "delete"]
    chunk_id: str
    document_id: str
    collection: str
    vector: Vector | None


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

    async def waits_for_follower(self, position: int) -> bool:
        """Whether a follower that got this far lacks vectors of documents that are searchable already."""
        values = {"position": position}
        return await self._database.read(
            lambda conn: bool(conn.execute(SQL["waits_for_follower"], values).get)
        )

    async def waits_for_model(self, model: str) -> bool:
        """Whether documents are searchable that have yet to be read anew before `model` can find them."""
        values = {"model": model}
        return await self._database.read(lambda conn: bool(conn.execute(SQL["waits_for_model"], values).get))

    async def log_length(self, position: int) -> int:
        """How many entries come after `position`."""
        values = {"position": position}
        return await self._database.read(lambda conn: int(conn.execute(SQL["log_length"], values).get))

    async def followed_sample(self, spots: Sequence[float], position: int, model: str) -> list[LogEntry]:
        """At most one chunk for each of the spots (0 to 1), as an index at `position` has to hold it.

        Chunks of other models than `model` and chunks with entries after `position` are left out.
        """
        return await self._database.read(lambda conn: _sample(conn, spots, position, model))

    async def followed_window(
        self, after: int, limit: int, position: int, model: str
    ) -> tuple[list[LogEntry], int | None]:
        """Chunks that an index at `position` has to hold, of `limit` rows after row `after`; and the last.

        The last row is None at the end; left out is what `followed_sample` leaves out.
        """
        return await self._database.read(lambda conn: _window(conn, (after, limit), position, model))

    async def followed_count(self, position: int, model: str) -> int | None:
        """How many vectors an index at `position` has to hold; None while there are entries after it."""
        return await self._database.read(lambda conn: _followed_count(conn, position, model))

    async def unknown_ids(self, chunk_ids: Sequence[str], position: int, model: str) -> set[str]:
        """Those of the ids that an index at `position` must not hold."""
        values = {"ids": json.dumps(list(chunk_ids)), "position": position, "model": model}
        return await self._database.read(
            lambda conn: {row[0] for row in conn.execute(SQL["unknown_ids"], values)}
        )

    async def searchable_ids(self, chunk_ids: Sequence[str]) -> set[str]:
        """Those of the chunks that can be found at present."""
        values = {"ids": json.dumps(list(chunk_ids))}
        return await self._database.read(
            lambda conn: {row[0] for row in conn.execute(SQL["searchable_ids"], values)}
        )

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
    usable = vector is not None and len(vector) % 2 == 0
    floats = np.frombuffer(vector or b"", np.float16).astype(np.float32) if usable else None
    return LogEntry(
        seq=seq,
        op="upsert" if op == "upsert" else "delete",
        chunk_id=chunk_id,
        document_id=document_id,
        collection=collection or "",
        vector=floats,
    )


def _held(row: tuple[int, str, str, str, bytes]) -> LogEntry:
    """A chunk as an index holds it, as if its row were an entry of the log."""
    number, chunk_id, document_id, collection, vector = row
    return _entry((number, "upsert", chunk_id, document_id, collection, vector))


def _sample(conn: apsw.Connection, spots: Sequence[float], position: int, model: str) -> list[LogEntry]:
    last_row = conn.execute(SQL["last_row"]).get
    points = json.dumps([int(spot * last_row) + 1 for spot in spots])
    values = {"points": points, "position": position, "model": model}
    return [_held(row) for row in conn.execute(SQL["followed_sample"], values)]


def _window(
    conn: apsw.Connection, rows: tuple[int, int], position: int, model: str
) -> tuple[list[LogEntry], int | None]:
    after, limit = rows
    until: int | None = conn.execute(SQL["window_end"], {"after": after, "limit": limit}).get
    values = {"after": after, "until": until, "position": position, "model": model}
    return [_held(row) for row in conn.execute(SQL["followed_window"], values)], until


def _followed_count(conn: apsw.Connection, position: int, model: str) -> int | None:
    if conn.execute(SQL["log_end"]).get > position:
        return None
    return int(conn.execute(SQL["followed_count"], {"model": model}).get)


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
