"""What the ledger derives from chunks, looked at: a keyword row and an entry in the vector log for each."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import apsw

from kotaemon_async.stores.sqlite import Database, queries

SQL = queries("examination.sql")

#: Rows that are looked at in one snapshot.
WINDOW: Final = 5_000


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A chunk with its text, and the row that its keywords go by."""

    row: int
    id: str
    text: str


class Derived:
    """Walks over rows in windows; every repair checks again, so that it may come too late but not wrong."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keyword_damage(self) -> list[str]:
        """What FTS5 has against its own tables."""
        return await self._database.read(_keyword_damage)

    async def without_keywords(self) -> AsyncIterator[list[tuple[int, str]]]:
        """Rows and ids of chunks that no word finds although their page is there."""
        async for rows in self._walk("chunk_window", "without_keywords"):
            yield rows

    async def keywords_without_chunk(self) -> AsyncIterator[list[tuple[int]]]:
        """Keyword rows that point nowhere."""
        async for rows in self._walk("keyword_window", "keywords_without_chunk"):
            yield rows

    async def texts(self, rows: Sequence[int]) -> list[ChunkText]:
        """The chunks of these rows whose page is there."""
        return await self._database.read(partial(_texts, rows=rows))

    async def sample(self, count: int) -> list[int]:
        """About `count` rows of chunks, evenly spread."""
        return await self._database.read(partial(_sample, count=count))

    async def not_found(self, phrases: Sequence[tuple[ChunkText, str]]) -> list[ChunkText]:
        """Those of the chunks that a search for their phrase of index terms does not bring."""
        return await self._database.read(partial(_not_found, phrases=phrases))

    async def add_keywords(self, terms: Sequence[tuple[ChunkText, str]]) -> int:
        """How many chunks got their index terms."""
        return await self._count("add_keywords", [{"row": c.row, "id": c.id, "terms": t} for c, t in terms])

    async def remove_keywords(self, rows: Sequence[int]) -> int:
        """How many keyword rows without a chunk went."""
        return await self._count("remove_keywords", [{"row": row} for row in rows])

    async def empty_keywords(self) -> None:
        """No keyword row is left, however damaged the tables were."""
        await self._database.write(lambda conn: conn.execute(SQL["empty_keywords"]) and None)

    async def usual_dimension(self, model: str) -> int | None:
        """The length of the model's vectors, as most chunks have it; None when it made none."""
        size = await self._database.read(lambda conn: conn.execute(SQL["usual_vector"], {"model": model}).get)
        return None if size is None else int(size) // 2

    async def unlogged(self, model: str, dimension: int) -> AsyncIterator[list[tuple[str, str]]]:
        """Chunks of the model, with their document, that a follower of the log would not have in the end."""
        async for rows in self._walk("chunk_window", "unlogged", model=model, vector_bytes=2 * dimension):
            yield rows

    async def malformed(self, model: str, dimension: int) -> AsyncIterator[list[tuple[str, str]]]:
        """Ids and documents of the model's chunks with a vector of another length, if anybody uses it."""
        async for rows in self._walk("chunk_window", "malformed", model=model, vector_bytes=2 * dimension):
            yield rows

    async def orphaned_entries(self) -> AsyncIterator[list[tuple[str, str]]]:
        """Chunks, with their document, that the log has although they are gone."""
        async for rows in self._walk("log_window", "orphaned_entries"):
            yield rows

    async def log_peak(self) -> int:
        """The highest number that an entry of the log ever had."""
        return await self._database.read(lambda conn: int(conn.execute(SQL["log_peak"]).get or 0))

    async def settled(self, chunk_ids: Sequence[str], position: int, model: str) -> set[str]:
        """Those of the ids that are chunks of the model and have no entry in the log after `position`."""
        values = {"ids": json.dumps(list(chunk_ids)), "position": position, "model": model}
        return await self._database.read(
            lambda conn: {row[0] for row in conn.execute(SQL["settled"], values)}
        )

    async def log_anew(self, chunks: Sequence[tuple[str, str]]) -> int:
        """How many chunks, given with their document, stand at the end of the log: there, or gone."""
        return await self._database.write(partial(_log_anew, chunks=chunks))

    async def log_deleted(self, chunks: Sequence[tuple[str, str]]) -> int:
        """How many chunks, given with their document, followers will forget although they are there."""
        return await self._database.write(partial(_log_deleted, chunks=chunks))

    async def _count(self, query: str, values: Sequence[dict[str, object]]) -> int:
        return await self._database.write(partial(_execute_all, query=query, values=values))

    async def _walk(self, window: str, query: str, **values: object) -> AsyncIterator[list[Any]]:
        after = 0
        while True:
            look: Callable[[apsw.Connection], tuple[list[Any], int | None]] = partial(
                _window, names=(window, query), values={**values, "after": after}
            )
            rows, until = await self._database.read(look)
            if until is None:
                return
            yield rows
            after = until


def _window(
    conn: apsw.Connection, names: tuple[str, str], values: dict[str, object]
) -> tuple[list[Any], int | None]:
    window, query = names
    until: int | None = conn.execute(SQL[window], {"after": values["after"], "limit": WINDOW}).get
    if until is None:
        return [], None
    return list(conn.execute(SQL[query], {**values, "until": until})), until


def _keyword_damage(conn: apsw.Connection) -> list[str]:
    try:
        # FTS5 checks what it remembers; a search makes it look at what others have written since.
        conn.execute(SQL["refresh_keywords"]).fetchall()
        rows = [str(row[0]) for row in conn.execute("PRAGMA quick_check('keywords')")]
    except apsw.CorruptError as error:
        return [str(error)]
    return [row for row in rows if row != "ok"]


def _texts(conn: apsw.Connection, rows: Sequence[int]) -> list[ChunkText]:
    found = conn.execute(SQL["texts"], {"rows": json.dumps(list(rows))})
    # Cut here and not in SQL, whose substr ends at a NUL.
    return [ChunkText(row, chunk_id, text[start:stop]) for row, chunk_id, start, stop, text in found]


def _sample(conn: apsw.Connection, count: int) -> list[int]:
    first, last = conn.execute(SQL["row_range"]).get
    if first is None:
        return []
    step = max(1, (last - first + 1) // count)
    found = (conn.execute(SQL["row_from"], {"row": row}).get for row in range(first, last + 1, step))
    return sorted({row for row in found if row is not None})


def _not_found(conn: apsw.Connection, phrases: Sequence[tuple[ChunkText, str]]) -> list[ChunkText]:
    return [chunk for chunk, phrase in phrases if not _is_found(conn, chunk, phrase)]


def _is_found(conn: apsw.Connection, chunk: ChunkText, phrase: str) -> bool:
    """True also for a chunk that is gone, and for one without keywords, which is another matter."""
    try:
        found = conn.execute(SQL["is_found"], {"match": f'"{phrase}"', "row": chunk.row}).get
    except apsw.CorruptError:
        return False
    return bool(found) or not conn.execute(SQL["is_there"], {"row": chunk.row, "id": chunk.id}).get


def _execute_all(conn: apsw.Connection, query: str, values: Sequence[dict[str, object]]) -> int:
    before = conn.total_changes()
    done = 0
    for one in values:
        conn.execute(SQL[query], one).fetchall()
        done += conn.total_changes() > before
        before = conn.total_changes()
    return done


def _log_anew(conn: apsw.Connection, chunks: Sequence[tuple[str, str]]) -> int:
    gone = []
    for chunk_id, document_id in chunks:
        conn.execute(SQL["forget_entries"], {"id": chunk_id})
        seq = conn.execute(SQL["append_upsert"], {"id": chunk_id}).get
        if seq is None:
            gone.append((chunk_id, document_id))
        else:
            conn.execute(SQL["wait_for"], {"id": chunk_id, "seq": seq}).fetchall()
    return len(chunks) - len(gone) + _log_deleted(conn, gone)


def _log_deleted(conn: apsw.Connection, chunks: Sequence[tuple[str, str]]) -> int:
    for chunk_id, document_id in chunks:
        conn.execute(SQL["forget_entries"], {"id": chunk_id})
        conn.execute(SQL["append_delete"], {"id": chunk_id, "document_id": document_id})
    return len(chunks)
