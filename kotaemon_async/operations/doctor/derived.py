"""What the ledger derives from chunks: a keyword row and an entry in the vector log for each.

The keyword index is rebuilt whole when anything differs; the log is mended, as followers depend on its order.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import apsw
from anyio import to_thread

from kotaemon_async.domain.index_terms import VERSION, index_terms, segment
from kotaemon_async.domain.sentences import chunk_text
from kotaemon_async.operations.doctor.documents import ReadAnew
from kotaemon_async.operations.doctor.report import Difference
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("examination.sql")
KEYWORDS_SQL = queries("keywords.sql")

#: Rows that are looked at in one snapshot.
WINDOW: Final = 5_000
#: Chunks that are searched by their own words, without and with a deep look.
SAMPLE: Final = 32
DEEP_SAMPLE: Final = 1_000
PHRASE_TERMS: Final = 8
#: Chunks whose index terms are written in one transaction.
BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A chunk with its text, and the row that its keywords go by."""

    row: int
    id: str
    text: str


class Derived(Store):
    """Walks over rows in windows; every repair checks again, so that it may come too late but not wrong."""

    @reads
    def keyword_damage(self, conn: apsw.Connection) -> list[str]:
        """Return what FTS5 has against its own tables."""
        try:
            # FTS5 checks what it remembers; a search makes it look at what others have written since.
            conn.execute(SQL["refresh_keywords"]).fetchall()
            rows = [str(row[0]) for row in conn.execute("PRAGMA quick_check('keywords')")]
        except apsw.CorruptError as error:
            return [str(error)]
        return [row for row in rows if row != "ok"]

    @reads
    def texts(self, conn: apsw.Connection, rows: Sequence[int]) -> list[ChunkText]:
        """Return the chunks of these rows whose page is there."""
        found = conn.execute(SQL["texts"], {"rows": json.dumps(list(rows))})
        # Cut here and not in SQL, whose substr ends at a NUL.
        return [ChunkText(row, chunk_id, _text(head, *places)) for row, chunk_id, head, *places in found]

    @reads
    def sample(self, conn: apsw.Connection, count: int) -> list[int]:
        """Return about `count` rows of chunks, evenly spread."""
        first, last = conn.execute(SQL["row_range"]).get
        if first is None:
            return []
        step = max(1, (last - first + 1) // count)
        found = (conn.execute(SQL["row_from"], {"row": row}).get for row in range(first, last + 1, step))
        return sorted({row for row in found if row is not None})

    @reads
    def not_found(self, conn: apsw.Connection, phrases: Sequence[tuple[ChunkText, str]]) -> list[ChunkText]:
        """Return the chunks that a search for their phrase of index terms does not bring.

        None while the terms are renewed: phrases of today's form do not find those of an earlier one.
        """
        if not conn.execute(KEYWORDS_SQL["terms_are_renewed"], {"version": VERSION}).get:
            return []
        return [chunk for chunk, phrase in phrases if not _is_found(conn, chunk, phrase)]

    @writes
    def empty_keywords(self, conn: apsw.Connection) -> None:
        """Remove every keyword row, however damaged the tables are."""
        conn.execute(SQL["empty_keywords"])

    @writes
    def add_keywords(self, conn: apsw.Connection, found: Sequence[tuple[ChunkText, str]]) -> None:
        """Add the index terms of chunks that have none."""
        conn.executemany(
            SQL["add_keywords"], [{"row": chunk.row, "id": chunk.id, "terms": text} for chunk, text in found]
        )

    @reads
    def usual_dimension(self, conn: apsw.Connection, model: str) -> int | None:
        """Return the length of most of the model's vectors; None when it made none."""
        size = conn.execute(SQL["usual_vector"], {"model": model}).get
        return None if size is None else int(size) // 2

    @reads
    def log_peak(self, conn: apsw.Connection) -> int:
        """Return the highest number that an entry of the log ever had."""
        return int(conn.execute(SQL["log_peak"]).get or 0)

    @reads
    def settled(
        self, conn: apsw.Connection, chunk_ids: Sequence[str], position: int, model: str
    ) -> list[str]:
        """Return the ids that are chunks of the model and have no entry in the log after `position`."""
        values = {"ids": json.dumps(sorted(chunk_ids)), "position": position, "model": model}
        return sorted(row[0] for row in conn.execute(SQL["settled"], values))

    @writes
    def log_anew(self, conn: apsw.Connection, chunks: Sequence[tuple[str, str]]) -> None:
        """Put chunks, given with their document, at the end of the log: as they are, or deleted."""
        for chunk_id, document_id in chunks:
            conn.execute(SQL["forget_entries"], {"id": chunk_id})
            seq = conn.execute(SQL["append_upsert"], {"id": chunk_id}).get
            if seq is None:
                conn.execute(SQL["append_delete"], {"id": chunk_id, "document_id": document_id})
            else:
                conn.execute(SQL["wait_for"], {"id": chunk_id, "seq": seq}).fetchall()

    @writes
    def log_deleted(self, conn: apsw.Connection, chunks: Sequence[tuple[str, str]]) -> None:
        """Have followers delete chunks, given with their document, although they are there."""
        for chunk_id, document_id in chunks:
            conn.execute(SQL["forget_entries"], {"id": chunk_id})
            conn.execute(SQL["append_delete"], {"id": chunk_id, "document_id": document_id})

    async def walk(
        self, query: str, window: str = "chunk_window", **values: object
    ) -> AsyncIterator[list[Any]]:
        """Return what the query finds, window by window; each from one snapshot."""
        after: int | None = 0
        while after is not None:
            rows, after = await self._database.read(
                partial(_window, names=(window, query), values={**values, "after": after})
            )
            yield rows


def _text(head: str, *places: Any) -> str:
    start, stop, text, over_start, over_stop, over = places
    return chunk_text(head, text[start:stop], None if over is None else over[over_start:over_stop])


class KeywordArea:
    """One keyword row for each chunk, with the chunk's own words in it."""

    def __init__(self, derived: Derived) -> None:
        self._derived = derived

    async def differences(self, *, deep: bool) -> AsyncIterator[list[Difference]]:
        """Return what differs; the index cannot be read back, so a sample of chunks is searched for."""
        yield [Difference("keywords_damaged", message) for message in await self._derived.keyword_damage()]
        rows = await self._derived.sample(DEEP_SAMPLE if deep else SAMPLE)
        for batch in _batches(rows):
            lost = await self._derived.not_found(await self._phrases(batch))
            yield [Difference("keywords_wrong", chunk.id) for chunk in lost]
        async for missing in self._derived.walk("without_keywords"):
            yield [Difference("keywords_missing", chunk_id) for _, chunk_id in missing]
        async for orphans in self._derived.walk("keywords_without_chunk", window="keyword_window"):
            yield [Difference("keywords_orphaned", str(row)) for (row,) in orphans]

    async def mend(self, kind: str, found: Sequence[Difference]) -> int:  # noqa: ARG002 - all kinds alike
        """Rebuild the index from the page texts and return how many differences that mends."""
        await self._derived.empty_keywords()
        async for missing in self._derived.walk("without_keywords"):
            for batch in _batches([row for row, _ in missing]):
                chunks = await self._derived.texts(batch)
                await self._derived.add_keywords(await to_thread.run_sync(_segmented, chunks))
        return len(found)

    async def _phrases(self, rows: Sequence[int]) -> list[tuple[ChunkText, str]]:
        """Return the first index terms of each chunk that has any."""
        chunks = await self._derived.texts(rows)
        begun = await to_thread.run_sync(lambda: [index_terms(chunk.text)[:PHRASE_TERMS] for chunk in chunks])
        return [(chunk, " ".join(words)) for chunk, words in zip(chunks, begun, strict=True) if words]


class LogArea:
    """Who follows the vector log from the start must end with a copy of the chunks' vectors.

    `dimension` is None while no vector of the model is there to know it from.
    """

    def __init__(self, derived: Derived, read_anew: ReadAnew, *, model: str, dimension: int | None) -> None:
        self._derived = derived
        self._read_anew = read_anew
        self._model = model
        self._dimension = dimension

    async def differences(self, *, deep: bool) -> AsyncIterator[list[Difference]]:  # noqa: ARG002
        """Return entries without chunks, chunks without entries, and vectors that nobody could apply."""
        walk = self._derived.walk
        if self._dimension is not None:
            model, vector_bytes = self._model, 2 * self._dimension
            async for bad in walk("malformed", model=model, vector_bytes=vector_bytes):
                yield [Difference("vector_malformed", chunk[0], chunk) for chunk in bad]
            async for missing in walk("unlogged", model=model, vector_bytes=vector_bytes):
                yield [Difference("log_missing", chunk[0], chunk) for chunk in missing]
        async for orphans in walk("orphaned_entries", window="log_window"):
            yield [Difference("log_orphaned", chunk[0], chunk) for chunk in orphans]

    async def mend(self, kind: str, found: Sequence[Difference]) -> int:
        """Return how many are mended."""
        chunks = [cast("tuple[str, str]", one.about) for one in found]
        if kind != "vector_malformed":
            await self._derived.log_anew(chunks)
            return len(chunks)
        # First out of the log, where it would stop every follower; then away with the document's version.
        await self._derived.log_deleted(chunks)
        documents = {document_id for _, document_id in chunks}
        begun = {document_id for document_id in documents if await self._read_anew(document_id)}
        return sum(document_id in begun for _, document_id in chunks)


def _window(
    conn: apsw.Connection, names: tuple[str, str], values: dict[str, object]
) -> tuple[list[Any], int | None]:
    window, query = names
    until: int | None = conn.execute(SQL[window], {"after": values["after"], "limit": WINDOW}).get
    return (
        ([], None) if until is None else (list(conn.execute(SQL[query], {**values, "until": until})), until)
    )


def _is_found(conn: apsw.Connection, chunk: ChunkText, phrase: str) -> bool:
    """Tell whether the phrase finds the chunk, or it is gone or without keywords, which is another matter."""
    try:
        found = conn.execute(SQL["is_found"], {"match": f'"{phrase}"', "row": chunk.row}).get
    except apsw.CorruptError:
        return False
    return bool(found) or not conn.execute(SQL["is_there"], {"row": chunk.row, "id": chunk.id}).get


def _segmented(chunks: Sequence[ChunkText]) -> list[tuple[ChunkText, str]]:
    return [(chunk, segment(chunk.text)) for chunk in chunks]


def _batches(rows: Sequence[int]) -> list[Sequence[int]]:
    return [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
