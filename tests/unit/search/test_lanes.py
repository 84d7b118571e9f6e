"""What a lane hands over when passages of two languages share a space, and of which collections."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.model import Scope
from kotaemon_async.search.lanes import Hits, VectorLane, shared


def hits(languages: str) -> list[tuple[str, float]]:
    """One hit for each letter, nearest first; a capital is CJK."""
    return [(f"{number}{letter}", 1 - number / 100) for number, letter in enumerate(languages)]


def kinds(languages: str) -> dict[str, bool]:
    return {key: key[-1].isupper() for key, _ in hits(languages)}


def found(languages: str, limit: int) -> str:
    return "".join(key[-1] for key, _ in shared(hits(languages), kinds(languages), limit))


def test_a_language_that_is_left_out_gets_a_fifth_of_the_places_on_top() -> None:
    assert found("C" * 12 + "abc", 10) == "C" * 10 + "ab"
    assert found("c" * 12 + "ABC", 10) == "c" * 10 + "AB"


def test_a_language_with_its_part_gets_no_more() -> None:
    assert found("CCCCaCCCbCCCcde", 10) == "CCCCaCCCbC"


def test_one_language_alone_is_cut_at_the_limit() -> None:
    assert found("c" * 20, 10) == "c" * 10


@given(st.text("cC", max_size=40), st.integers(1, 12))
def test_the_nearest_are_always_there_and_in_order(languages: str, limit: int) -> None:
    kept = shared(hits(languages), kinds(languages), limit)
    assert kept[:limit] == hits(languages)[:limit]
    assert kept == sorted(kept, key=lambda hit: -hit[1])
    assert len(kept) <= limit + limit // 5


class Filed:
    """An index and a ledger of chunks, nearest first, each in a collection; remembers how it was asked."""

    def __init__(self, *collections: str) -> None:
        self._chunks = [(f"c{number}", name) for number, name in enumerate(collections)]
        self.asked: list[tuple[int, bool]] = []
        self.embedder = self.vectors = self.status = self
        self.calibrated, self.outage, self.era, self.is_partial = False, None, 1, False
        self.is_exact = False

    async def embed_query(self, text: str) -> str:
        return text

    async def search(self, vector: object, *, limit: int, scope: Scope) -> Hits:
        self.asked.append((limit, scope != Scope()))
        return [(key, 0.5) for key, name in self._chunks if _is_in(name, scope)][:limit]

    async def searchable(self, chunk_ids: Sequence[str], scope: Scope) -> dict[str, bool]:
        return {key: False for key, name in self._chunks if key in chunk_ids and _is_in(name, scope)}

    async def find(self, *collections: str) -> list[str]:
        return await self.find_in(Scope(collections))

    async def find_in(self, scope: Scope) -> list[str]:
        lane = VectorLane(space=lambda: self, documents=self, timeout_s=5)
        return [key for key, _ in (await lane.find("q", scope, 2)).hits]


def _is_in(name: str, scope: Scope) -> bool:
    """Return whether a chunk is there; its document is called as its collection is."""
    is_there = scope.collections is None or name in scope.collections
    return is_there and (not scope.document_ids or name in scope.document_ids)


MANY = [f"m{number}" for number in range(9)]


async def test_of_many_collections_the_nearest_are_found_without_a_filter() -> None:
    filed = Filed(*"x" * 3, *MANY)
    assert await filed.find(*MANY) == ["c3", "c4"]
    assert filed.asked == [(8, False)]


async def test_many_collections_that_hold_little_are_filtered() -> None:
    filed = Filed(*"x" * 20, *MANY)
    assert await filed.find(*MANY) == ["c20", "c21"]
    assert filed.asked == [(8, False), (2, True)]


async def test_an_index_that_is_seen_whole_is_not_asked_again() -> None:
    filed = Filed("x", "m1", "x")
    assert await filed.find(*MANY) == ["c1"]
    assert filed.asked == [(8, False)]


async def test_a_few_collections_are_filtered() -> None:
    filed = Filed("x", "a", "b")
    assert await filed.find("a", "b") == ["c1", "c2"]
    assert filed.asked == [(2, True)]


async def test_an_exact_index_is_asked_for_any_scope_at_once() -> None:
    filed = Filed(*"x" * 20, *MANY)
    filed.is_exact = True
    assert await filed.find(*MANY) == ["c20", "c21"]
    assert filed.asked == [(2, True)]


@pytest.mark.parametrize(
    ("documents", "asked"),
    [
        (200, [(2, True)]),
        (201, [(8, False), (2, True)]),
    ],
)
async def test_all_that_filters_leave_is_found_however_many_documents_they_are(
    documents: int, asked: list[tuple[int, bool]]
) -> None:
    names = tuple(f"d{number}" for number in range(documents))
    filed = Filed(*"x" * 20, *names[:3])
    assert await filed.find_in(Scope(None, names)) == ["c20", "c21"]
    assert filed.asked == asked
