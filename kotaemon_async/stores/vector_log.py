"""The ledger's vector log: what followers replay, and what an index that has followed it must hold."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

import apsw
import numpy as np
from numpy.typing import NDArray

from kotaemon_async.stores.documents import remove_contents
from kotaemon_async.stores.models import is_target
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("index.sql")
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log; `vector` is None for a delete and for a chunk that is gone."""

    seq: int
    op: Literal["upsert", "delete"]
    chunk_id: str
    document_id: str
    collection: str
    vector: Vector | None


class VectorLog(Store):
    """The log, how far followers got in it, and the chunks with their vectors as of a position in it."""

    @reads
    def after(self, conn: apsw.Connection, position: int, limit: int, model: str) -> list[LogEntry]:
        """Return at most `limit` entries after `position`, in order.

        A vector is None when its chunk is gone, or when another model than `model` made it. For a model that
        is being changed to, the entries end in front of a chunk that it has yet to embed.
        """
        values = {"position": position, "limit": limit, "model": model}
        rows = conn.execute(SQL["log_after"], values)
        return [_entry(row[:-1]) for row in takewhile(lambda row: not row[-1], rows)]

    @reads
    def end(self, conn: apsw.Connection) -> int:
        """Return the number of the last entry."""
        return int(conn.execute(SQL["log_end"]).get)

    @reads
    def length(self, conn: apsw.Connection, position: int) -> int:
        """Return how many entries come after `position`."""
        return int(conn.execute(SQL["log_length"], {"position": position}).get)

    @reads
    def position(self, conn: apsw.Connection, generation: str) -> int:
        """Return how far the index folder of this generation has followed; 0 for an unknown one."""
        return int(conn.execute(SQL["position"], {"generation": generation}).get or 0)

    @writes
    def advance(
        self, conn: apsw.Connection, generation: str, model: str, position: int, now_s: float
    ) -> list[str]:
        """Note how far the follower of a model's index got; return the ids of documents now ready with it.

        The index of a model that is being changed to makes none ready: nobody searches it yet.
        """
        values = {"generation": generation, "model": model}
        conn.execute(SQL["advance"], {**values, "position": position, "now": now_s})
        conn.execute(SQL["forget_other_followers"], values)
        conn.execute(SQL["forget_applied_deletes"])
        return [] if is_target(conn, model) else _make_ready(conn, position, now_s)

    async def make_ready(self, model: str, position: int, now_s: float) -> list[str]:
        """Make documents ready that were passed before their last page was committed; return their ids."""
        return await self._make_ready(position, now_s) if await self._has_passed(model, position) else []

    @reads
    def _has_passed(self, conn: apsw.Connection, model: str, position: int) -> bool:
        passed = conn.execute(SQL["passed"], {"position": position}).get
        return bool(passed) and not is_target(conn, model)

    @writes
    def _make_ready(self, conn: apsw.Connection, position: int, now_s: float) -> list[str]:
        return _make_ready(conn, position, now_s)

    @reads
    def waits_for_follower(self, conn: apsw.Connection, position: int) -> bool:
        """Return whether a follower that got this far lacks vectors of searchable documents."""
        return bool(conn.execute(SQL["waits_for_follower"], {"position": position}).get)

    @reads
    def waits_for_model(self, conn: apsw.Connection, model: str) -> bool:
        """Return whether searchable documents have yet to be read anew before `model` can find them."""
        return bool(conn.execute(SQL["waits_for_model"], {"model": model}).get)

    @reads
    def sample(
        self, conn: apsw.Connection, spots: Sequence[float], position: int, model: str
    ) -> list[LogEntry]:
        """Return at most one chunk for each of the spots (0 to 1), as an index at `position` has to hold it.

        Chunks of other models than `model` and chunks with entries after `position` are left out.
        """
        last_row = conn.execute(SQL["last_row"]).get
        points = json.dumps([int(spot * last_row) + 1 for spot in spots])
        values = {"points": points, "position": position, "model": model}
        return [_held(row) for row in conn.execute(SQL["followed_sample"], values)]

    @reads
    def canaries(self, conn: apsw.Connection, count: int, position: int, model: str) -> list[LogEntry]:
        """Return a chunk of each of at most `count` documents, drawn by chance, as `sample` does."""
        points = [row for (row,) in conn.execute(SQL["some_documents_rows"], {"count": count})]
        values = {"points": json.dumps(points), "position": position, "model": model}
        return [_held(row) for row in conn.execute(SQL["followed_sample"], values)]

    @reads
    def window(
        self, conn: apsw.Connection, after: int, limit: int, position: int, model: str
    ) -> tuple[list[LogEntry], int | None]:
        """Return the chunks among `limit` rows after row `after`, as `sample` does, and the last row.

        The last row is None at the end.
        """
        until: int | None = conn.execute(SQL["window_end"], {"after": after, "limit": limit}).get
        values = {"after": after, "until": until, "position": position, "model": model}
        return [_held(row) for row in conn.execute(SQL["followed_window"], values)], until

    @reads
    def count(self, conn: apsw.Connection, position: int, model: str) -> int | None:
        """Return how many vectors an index at `position` has to hold; None while it has entries to follow."""
        if conn.execute(SQL["log_end"]).get > position:
            return None
        return int(conn.execute(SQL["followed_count"], {"model": model}).get)

    @reads
    def unknown_ids(
        self, conn: apsw.Connection, chunk_ids: Sequence[str], position: int, model: str
    ) -> set[str]:
        """Return those of the ids that an index at `position` must not hold."""
        values = {"ids": json.dumps(list(chunk_ids)), "position": position, "model": model}
        return {row[0] for row in conn.execute(SQL["unknown_ids"], values)}


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
    """Return a chunk as an index holds it, as if its row were an entry of the log."""
    number, chunk_id, document_id, collection, vector = row
    return _entry((number, "upsert", chunk_id, document_id, collection, vector))


def _make_ready(conn: apsw.Connection, position: int, now_s: float) -> list[str]:
    """Make the versions that arrived searchable and remove the ones before; return the documents' ids."""
    arrived = list(conn.execute(SQL["arrived"], {"position": position}))
    for document_id, version in arrived:
        remove_contents(conn, document_id, kept_version=version)
        conn.execute(SQL["make_ready"], {"id": document_id, "now": now_s})
    return [document_id for document_id, _ in arrived]
