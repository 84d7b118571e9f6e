"""What a lane hands over when passages of two languages share a space."""

from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.search.lanes import shared


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
