"""Pages into chunks."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.documents.chunking import (
    CJK_CHARACTERS,
    ENGLISH_CHARACTERS,
    WINDOW_TOKENS,
    Chunker,
    chunks_of,
)
from kotaemon_async.domain.model import Block, Locator, Page, Place
from kotaemon_async.domain.tokens import estimated_tokens

ENGLISH = "The pump runs at a steady pace. " * 120
CHINESE = "设备在正常运行时保持稳定。" * 120


@pytest.mark.parametrize(
    ("text", "end", "most"), [(ENGLISH, "pace.", ENGLISH_CHARACTERS), (CHINESE, "。", CJK_CHARACTERS)]
)
def test_chunks_end_with_a_sentence_and_fit(text: str, end: str, most: int) -> None:
    chunks = chunks_of([Page(3, text)])
    assert all(chunk.text.endswith(end) for chunk in chunks)
    assert max(len(chunk.text) for chunk in chunks) <= most


def test_ordinals_count_from_zero_on_each_page() -> None:
    chunks = chunks_of([Page(7, ENGLISH), Page(8, ENGLISH)])
    half = len(chunks) // 2
    assert [(chunk.page, chunk.ordinal) for chunk in chunks] == [
        (page, at) for page in (7, 8) for at in range(half)
    ]


def test_a_heading_opens_its_chunk_and_never_ends_one() -> None:
    page = Page(1, f"{'Water is wet. ' * 60}\n\nSecond part\n\n{'Fire is hot. ' * 70}")
    texts = [chunk.text for chunk in chunks_of([page])]
    assert [text[:11] for text in texts] == ["Water is we", "Second part"]


def test_short_parts_stay_together() -> None:
    page = Page(1, "One\n\nIt is short.\n\nTwo\n\nIt is short too.")
    assert [chunk.text for chunk in chunks_of([page])] == [page.text]


def test_a_scrap_is_joined_to_the_chunk_before_it() -> None:
    page = Page(1, "A" + "b" * 500 + ".\n\n" + "C" + "d" * 490 + ".\n\nThe end.")
    assert chunks_of([page])[-1].text.endswith("The end.")
    assert len(chunks_of([page])) <= 2


def test_a_heading_that_nothing_follows_on_its_page_stays_with_what_is_before() -> None:
    blocks = (Block("paragraph", 0, 980), Block("heading", 982, 993))
    page = Page(1, f"{'Water is wet. ' * 70}\n\nSecond part", blocks)
    assert [chunk.text for chunk in chunks_of([page])] == [page.text]


@pytest.mark.parametrize("text", ["A report", "2031-017"])
def test_a_page_without_a_sentence_is_a_chunk_all_the_same(text: str) -> None:
    assert [(chunk.text, chunk.sentences) for chunk in chunks_of([Page(1, text)])] == [(text, ())]


def test_a_page_without_letters_has_no_chunks() -> None:
    assert chunks_of([Page(1, " \n\n … \n")]) == []


def test_running_heads_and_feet_are_in_no_chunk() -> None:
    blocks = (Block("page_header", 0, 6), Block("paragraph", 8, 21), Block("page_footer", 23, 30))
    (chunk,) = chunks_of([Page(1, "Report\n\nIt is all wet.\n\n- 1/9 -", blocks)])
    assert chunk.text == "It is all wet"


def test_a_sentence_over_a_page_break_belongs_to_the_page_where_it_begins() -> None:
    begun, rest = "The old signal tower was equipped with a lamp of", "1100 candelas by Brandt."
    first, second = chunks_of([Page(1, begun), Page(2, f"{rest} It is dark now.")])
    assert (first.text, first.over) == (f"{begun} {rest}", Place(2, 0, 24))
    assert second.text == "It is dark now."


def test_a_document_is_cut_alike_when_its_first_pages_are_gone_over_again() -> None:
    texts = [f"Part {n}\n\n{'It is so wet. ' * 90}And the old lamp of" for n in range(1, 5)]
    pages = [Page(number, text) for number, text in enumerate(texts, 1)]
    again = Chunker()
    for page in pages[:2]:
        again.feed(page)
    rest = [chunk for page in pages[2:] for chunk in again.feed(page)] + again.finish()
    assert [one for one in rest if one.page > 2] == [one for one in chunks_of(pages) if one.page > 2]


def test_a_sentence_longer_than_a_chunk_is_cut_at_its_pauses() -> None:
    chunks = chunks_of([Page(1, "one long clause of a sentence that has no end, " * 60)])
    assert all(chunk.text.endswith(",") and len(chunk.text) <= ENGLISH_CHARACTERS for chunk in chunks)


def test_dense_text_is_bounded_by_the_window_of_the_model() -> None:
    text = "K-1/7 " * 20 + "is one. "
    assert max(estimated_tokens(one.text) for one in chunks_of([Page(1, text * 12)])) <= WINDOW_TOKENS


@given(st.lists(st.text(alphabet=st.sampled_from("ab 。.\n中文#1,"), max_size=1500), max_size=3))
def test_chunks_stand_in_their_pages_in_order_and_lose_no_letter(texts: list[str]) -> None:
    pages = [Page(number, text) for number, text in enumerate(texts, 1)]
    chunks = chunks_of(pages)
    taken = ""
    for chunk in chunks:
        over = chunk.over
        taken += texts[chunk.page - 1][chunk.start : chunk.end]
        taken += texts[over.page - 1][over.start : over.stop] if over else ""
    assert list(filter(str.isalnum, taken)) == list(filter(str.isalnum, "".join(texts)))
    assert all(one.end <= other.start for one, other in pairwise(chunks) if one.page == other.page)


@pytest.mark.parametrize("piece", ["Ab cd e.\n\n", "他走了。"])
def test_the_cut_of_a_huge_page_takes_time_in_proportion_to_it(piece: str) -> None:
    began_s = time.process_time()
    assert len(chunks_of([Page(1, piece * 50_000)])) > 400
    assert time.process_time() - began_s < 15  # a page of four times as much took a minute and more


def table(rows: int, *, page: int = 1, head: bool = True, first: int = 2) -> Page:
    header = "Model | Width"
    lines = [header] * head + [f"KT-{number} | {7000 + number} mm of steel" for number in range(rows)]
    numbers = (1,) * head + tuple(range(first, first + rows))
    text = "\n".join(lines)
    block = Block("table", 0, len(text), header=header, head_lines=int(head), rows=numbers)
    return Page(page, text, (block,), Locator("sheet", page, "Stock"))


def test_every_chunk_of_a_table_has_the_names_of_its_columns_and_whole_rows() -> None:
    chunks = chunks_of([table(200), table(50, page=2, head=False, first=202)])
    assert len(chunks) > 5
    assert all(chunk.text.count("Model | Width") == 1 for chunk in chunks)
    rows = [one.text for chunk in chunks for one in chunk.sentences]
    assert rows == [f"KT-{n} | {7000 + n} mm of steel" for n in [*range(200), *range(50)]]


def test_a_chunk_of_a_table_knows_its_rows() -> None:
    chunks = chunks_of([table(200)])
    spans = [chunk.place.rows for chunk in chunks]
    assert spans[0] is not None and spans[-1] is not None
    assert (spans[0][0], spans[-1][1]) == (2, 201)
    assert (chunks[1].place.label, chunks[1].head) == ("Stock", "Model | Width")


def test_a_chunk_knows_the_headings_above_it() -> None:
    text = "Pumps\n\nThey run by day.\n\nPrices\n\nThey rise by night."
    spans = [("heading", 0, 5, 1), ("paragraph", 7, 23, 0), ("heading", 25, 31, 2), ("paragraph", 33, 52, 0)]
    blocks = tuple(Block(kind, start, end, level) for kind, start, end, level in spans)  # type: ignore[arg-type]
    after = Page(2, "It " + "goes on. " * 200, place=Locator("section", 2))
    chunks = chunks_of([Page(1, text, blocks, Locator("section", 1)), after])
    assert chunks[-1].place.headings == ("Pumps", "Prices")


def test_what_a_speaker_has_noted_is_a_chunk_of_its_own_and_says_so() -> None:
    text = "Prices rise by ten.\n\nSmile at this point."
    blocks = (Block("paragraph", 0, 19), Block("note", 21, len(text)))
    slide, page = Locator("slide", 1, flags=("hidden",)), Locator("section", 1)
    shown, noted = chunks_of([Page(1, text, blocks, slide)])
    assert (shown.text, shown.place.flags) == ("Prices rise by ten.", ("hidden",))
    assert (noted.text, noted.place.flags) == ("Smile at this point.", ("hidden", "notes"))
    assert len(chunks_of([Page(1, text, blocks, page)])) == 1
