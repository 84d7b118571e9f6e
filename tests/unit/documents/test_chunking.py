"""Pages into chunks."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.documents.chunking import CJK_CHARACTERS, ENGLISH_CHARACTERS, split_page
from kotaemon_async.domain.model import Page

ENGLISH = "The pump runs at a steady pace. " * 120
CHINESE = "设备在正常运行时保持稳定。" * 120


@pytest.mark.parametrize(
    ("text", "end", "most"), [(ENGLISH, "pace.", ENGLISH_CHARACTERS), (CHINESE, "。", CJK_CHARACTERS)]
)
def test_chunks_end_with_a_sentence_and_fit(text: str, end: str, most: int) -> None:
    chunks = split_page(Page(3, text))
    assert all(chunk.text.endswith(end) for chunk in chunks)
    assert max(len(chunk.text) for chunk in chunks) <= most


def test_ordinals_count_from_zero_on_each_page() -> None:
    chunks = split_page(Page(7, ENGLISH))
    assert [(chunk.page, chunk.ordinal) for chunk in chunks] == [(7, at) for at in range(len(chunks))]


def test_a_heading_opens_its_chunk_and_never_ends_one() -> None:
    page = Page(1, f"{'Water is wet. ' * 60}\n\nSecond part\n\n{'Fire is hot. ' * 70}")
    texts = [chunk.text for chunk in split_page(page)]
    assert [text[:11] for text in texts] == ["Water is we", "Second part"]


def test_short_parts_stay_together() -> None:
    page = Page(1, "One\n\nIt is short.\n\nTwo\n\nIt is short too.")
    assert [chunk.text for chunk in split_page(page)] == [page.text]


def test_a_scrap_is_joined_to_the_chunk_before_it() -> None:
    page = Page(1, "A" + "b" * 500 + ".\n\n" + "C" + "d" * 490 + ".\n\nThe end.")
    assert split_page(page)[-1].text.endswith("The end.")
    assert len(split_page(page)) <= 2


def test_a_page_without_letters_has_no_chunks() -> None:
    assert split_page(Page(1, " \n\n … \n")) == []


@given(st.text(alphabet=st.sampled_from("ab 。.\n中文#1"), max_size=3000))
def test_chunks_stand_in_the_page_in_order_and_lose_no_letter(text: str) -> None:
    chunks = split_page(Page(1, text))
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    assert all(before.end <= after.start for before, after in pairwise(chunks))
    kept = "".join(chunk.text for chunk in chunks)
    assert list(filter(str.isalnum, kept)) == list(filter(str.isalnum, text))
