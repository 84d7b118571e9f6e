"""Keyword search: BM25 over the ledger's table of index terms."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import anyio.to_thread
import apsw

from kotaemon_async.domain import text
from kotaemon_async.domain.index_terms import VERSION, SearchTerms, earlier_terms, search_terms, segment
from kotaemon_async.domain.model import Scope
from kotaemon_async.domain.sentences import chunk_text
from kotaemon_async.stores.scopes import holds, scope_values
from kotaemon_async.stores.sqlite import Store, queries, reads, writes

SQL = queries("keywords.sql")
MAX_TERMS = 64
#: Fewer chunks are counted as so many: the subject of a library's only document is no common word.
LEAST_CHUNKS = 1000
#: In a scope of fewer chunks than these, or than this part of all, its rows are read and only they scored.
FEW_CHUNKS, FEW_OF_ALL = 5000, 1 / 16
#: In a larger one so many times the hits asked for are looked at first, and then so many times more.
WIDER = 8
#: Among so many chunks, what holds only terms that more than this part of them have is not scored: that takes
#: most of the time. Of 100,000 all the first and 99 % of the best 50 stay, at 0.6 of the 95th percentile.
MANY_CHUNKS, COMMON = 20_000, 1 / 10
#: Chunks whose terms are renewed in one transaction.
RENEWED_TOGETHER = 50

#: Row, id and index terms of a chunk.
ChunkTerms = tuple[int, str, str]


class Keywords(Store):
    """Finds chunks that share words with a query."""

    @reads
    def search(
        self, conn: apsw.Connection, query: str, scope: Scope, limit: int, *, as_typed: bool = False
    ) -> list[tuple[str, float]]:
        """Return chunk ids with their BM25 score, best first; empty when the query has no words.

        The last word of a query `as_typed` may be the beginning of one.

        Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", as in FTS5.
        """
        terms, beginnings, counts = _sought(conn, query, search_terms(query))
        begun = _begun(conn, query) if as_typed else []
        match = _any_of(terms, list(dict.fromkeys([*beginnings, *begun])))
        if not match:
            return []
        rows = _few_rows(conn, scope)
        if rows is not None:
            return _in_scope(conn, _best_of(conn, match, rows, limit), scope, limit)
        # A lone CJK character begins so many terms that it is common, too.
        rare = _rare(conn, terms, counts)
        return _best(conn, match, _any_of(rare, begun) if rare else match, scope, limit)

    @reads
    def rarity(self, conn: apsw.Connection, terms: Sequence[str]) -> dict[str, float]:
        """Return the inverse document frequency of each term that any chunk holds."""
        wanted = list(dict.fromkeys(terms))[:MAX_TERMS]
        chunks = max(LEAST_CHUNKS, _chunks(conn))
        counts = _frequencies(conn, wanted)
        return {term: math.log(1 + chunks / (0.5 + count)) for term, count in counts.items()}

    async def renew(self) -> int:
        """Give every chunk the terms of today's form, in its own time, and return how many had others.

        Goes on where it was interrupted; the index is searched meanwhile.
        """
        renewed = 0
        while (after := await self.renewed_to()) is not None:
            rows = await self.chunks_after(after)
            found = await anyio.to_thread.run_sync(_segmented, rows)
            await self.replace(found, rows[-1][0] if rows else None)
            renewed += len(found)
        return renewed

    @reads
    def renewed_to(self, conn: apsw.Connection) -> int | None:
        """Return the last row whose terms have today's form, or None when all have."""
        entry = conn.execute(SQL["terms_done"], {"version": VERSION}).fetchone()
        return 0 if entry is None else entry[0]

    @reads
    def chunks_after(self, conn: apsw.Connection, row: int) -> list[tuple[Any, ...]]:
        """Return chunks with the pages that they stand on, in the order of their rows."""
        return list(conn.execute(SQL["chunks_after"], {"after": row, "limit": RENEWED_TOGETHER}))

    @writes
    def replace(self, conn: apsw.Connection, found: Sequence[ChunkTerms], renewed_to: int | None) -> None:
        """Replace the terms of chunks that are still there, and note how far that has come."""
        for row, chunk_id, terms in found:
            values = {"row": row, "id": chunk_id, "terms": terms}
            conn.execute(SQL["forget_terms"], values)
            conn.execute(SQL["insert_terms"], values)
        conn.execute(SQL["forget_terms_done"])
        conn.execute(SQL["insert_terms_done"], {"version": VERSION, "row": renewed_to})


def _any_of(terms: Sequence[str], beginnings: Sequence[str]) -> str:
    return " OR ".join([*(f'"{term}"' for term in terms), *(f'"{one}"*' for one in beginnings)][:MAX_TERMS])


def _chunks(conn: apsw.Connection) -> int:
    """Return about how many chunks there are: rows of deleted ones count until the last are gone."""
    return int(conn.execute(SQL["last_row"]).get or 0)


def _rare(conn: apsw.Connection, terms: Sequence[str], counts: Mapping[str, int]) -> Sequence[str]:
    """Return the terms that are not common among many chunks; none where chunks are few."""
    chunks = _chunks(conn)
    if chunks < MANY_CHUNKS:
        return ()
    return [term for term in terms if counts.get(term, 0) <= COMMON * chunks]


def _best(conn: apsw.Connection, match: str, rare: str, scope: Scope, limit: int) -> list[tuple[str, float]]:
    """Return the best in the scope with their scores; equal ones in the order in which they were read.

    To look up every match, most of which are not returned, would take twice as long as to score it.
    """
    wide = limit
    while True:
        wide *= WIDER
        hits = _scored(conn, match, rare, wide)
        found = _in_scope(conn, hits, scope, limit)
        if len(found) == limit or len(hits) < wide:
            return found


def _scored(conn: apsw.Connection, match: str, rare: str, limit: int) -> list[tuple[int, float]]:
    """Return the best rows with their scores: those of the best by what is rare, where these are enough."""
    if rare != match:
        first = list(conn.execute(SQL["best_of_all"], {"match": rare, "limit": limit}))
        if len(first) == limit:
            return _best_of(conn, match, [row for row, _ in first], limit)
    return list(conn.execute(SQL["best_of_all"], {"match": match, "limit": limit}))


def _best_of(conn: apsw.Connection, match: str, rows: Sequence[int], limit: int) -> list[tuple[int, float]]:
    """Return the best of these rows with their scores; those of one document are near together."""
    ends = {"first": min(rows, default=0), "last": max(rows, default=0)}
    values = {"match": match, "rows": json.dumps(rows), "limit": limit, **ends}
    return list(conn.execute(SQL["best_of_rows"], values))


def _few_rows(conn: apsw.Connection, scope: Scope) -> list[int] | None:
    """Return the rows of the scope's searchable chunks, None when they are not few."""
    if scope.collections is None and not scope.document_ids:
        return None
    few = max(FEW_CHUNKS, int(FEW_OF_ALL * _chunks(conn)))
    of, values = "documents" if scope.document_ids else "collections", scope_values(scope)
    sizes = (size for (size,) in conn.execute(SQL[f"sizes_of_{of}"], values))
    if any(size >= few for size in accumulate(sizes)):
        return None
    # What documents say of themselves is not the truth while they are read anew.
    rows = [row for (row,) in conn.execute(SQL[f"rows_of_{of}"], {**values, "limit": few})]
    return rows if len(rows) < few else None


def _in_scope(
    conn: apsw.Connection, hits: Sequence[tuple[int, float]], scope: Scope, limit: int
) -> list[tuple[str, float]]:
    """Return the first of the hits, given by row, that are searchable and in the scope, by their ids."""
    found: list[tuple[str, float]] = []
    at, step, is_inside = 0, limit, holds(scope)
    while part := hits[at : at + step]:
        at, step = at + step, 2 * step
        rows = conn.execute(SQL["found"], {"rows": json.dumps([row for row, _ in part])})
        ids = {row: chunk_id for row, chunk_id, *place in rows if is_inside(*place)}
        found += [(ids[row], score) for row, score in part if row in ids]
        if len(found) >= limit:
            break
    return found[:limit]


def _sought(
    conn: apsw.Connection, query: str, asked: SearchTerms
) -> tuple[list[str], list[str], dict[str, int]]:
    """Return terms, and beginnings of terms, to look for in the index as it is, and how often it has each."""
    if not conn.execute(SQL["terms_are_renewed"], {"version": VERSION}).get:
        # Some chunks have terms of an earlier form: what those lack cannot be told from what is known.
        terms = dict.fromkeys([*asked.terms, *earlier_terms(query), *asked.otherwise])
        return list(terms), list(asked.beginnings), {}
    counts = _frequencies(conn, [*asked.parts, *asked.terms[:MAX_TERMS]])
    return *asked.sought(counts), counts


def _begun(conn: apsw.Connection, query: str) -> list[str]:
    """Return how terms begin that the last word of a query may become, none where it is a term already.

    Where no term begins like it, that is the stem of what it nearly is.
    """
    begun = text.unfinished(query)
    if not begun or _frequencies(conn, text.terms(query)[-1:]):
        return []
    if conn.execute(SQL["begins_a_term"], {"begun": begun}).get:
        return [begun]
    shorter = [begun[:length] for length in range(len(begun) - 1, 0, -1)]
    known = _frequencies(conn, [one for one in shorter if text.is_begun(one, begun)])
    return sorted(known, key=len, reverse=True)[:1]


def _segmented(rows: Sequence[tuple[Any, ...]]) -> list[ChunkTerms]:
    """Return row, id and terms of chunks as the ledger holds them."""
    found: list[ChunkTerms] = []
    for row, chunk_id, head, start, stop, page, over_start, over_stop, next_page in rows:
        over = next_page[over_start:over_stop] if next_page else None
        found.append((row, chunk_id, segment(chunk_text(head, page[start:stop], over))))
    return found


def _frequencies(conn: apsw.Connection, terms: Sequence[str]) -> dict[str, int]:
    """Return in how many chunks each term stands; a term that no chunk has is left out."""
    return dict(conn.execute(SQL["frequencies"], {"terms": json.dumps(list(terms))}))
