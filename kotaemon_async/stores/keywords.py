"""Keyword search: BM25 over the ledger's table of index terms."""

import json
import math
from collections.abc import Sequence

import apsw

from kotaemon_async.domain.index_terms import search_terms
from kotaemon_async.domain.model import Scope
from kotaemon_async.stores.sqlite import Store, queries, reads

SQL = queries("keywords.sql")
MAX_TERMS = 64
#: Fewer chunks are counted as so many: the subject of a library's only document is no common word.
LEAST_CHUNKS = 1000


class Keywords(Store):
    """Finds chunks that share words with a query."""

    @reads
    def search(self, conn: apsw.Connection, query: str, scope: Scope, limit: int) -> list[tuple[str, float]]:
        """Return chunk ids with their BM25 score, best first; empty when the query has no words.

        Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", as in FTS5.
        """
        asked = search_terms(query)
        known = _frequencies(conn, [*asked.parts, *asked.terms[:MAX_TERMS]])
        terms, beginnings = asked.sought(known)
        looked_for = [*(f'"{term}"' for term in terms), *(f'"{one}"*' for one in beginnings)][:MAX_TERMS]
        if not looked_for:
            return []
        values: dict[str, str | int | None] = {
            "match": " OR ".join(looked_for),
            "collection": scope.collection,
            "document_ids": json.dumps(scope.document_ids) if scope.document_ids else None,
            "limit": limit,
        }
        return list(conn.execute(SQL["keyword_search"], values))

    @reads
    def rarity(self, conn: apsw.Connection, terms: Sequence[str]) -> dict[str, float]:
        """Return the inverse document frequency of each term that any chunk holds."""
        wanted = list(dict.fromkeys(terms))[:MAX_TERMS]
        chunks = max(LEAST_CHUNKS, int(conn.execute(SQL["last_row"]).get or 0))
        counts = _frequencies(conn, wanted)
        return {term: math.log(1 + chunks / (0.5 + count)) for term, count in counts.items()}


def _frequencies(conn: apsw.Connection, terms: Sequence[str]) -> dict[str, int]:
    """Return in how many chunks each term stands; a term that no chunk has is left out."""
    return dict(conn.execute(SQL["frequencies"], {"terms": json.dumps(list(terms))}))
