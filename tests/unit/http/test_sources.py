"""Sources as lines of text."""

from dataclasses import replace

from kotaemon_async.domain.model import Citation, Locator, QuotePart
from kotaemon_async.http.sources import source_line

ONE = Citation("a.1", 1, "doc_019aa5c1f2b07d1e3c5a9b42", "one.txt", 1, "Turn it\noff.", 0.9)
OTHER = replace(ONE, id="a.2", marker=2, document_id="doc_019aa5c1f2b07d1e3c5a0000")


def test_two_documents_of_one_name_are_told_apart_by_their_ids() -> None:
    assert source_line(ONE, [ONE, OTHER]) == "[1] one.txt (5a9b42), p. 1: “Turn it off.”"
    assert source_line(OTHER, [ONE, OTHER]) == "[2] one.txt (5a0000), p. 1: “Turn it off.”"
    assert source_line(ONE, [ONE, replace(ONE, marker=2, page=4)]) == "[1] one.txt, p. 1: “Turn it off.”"


def test_a_quote_over_a_page_break_names_both_pages() -> None:
    over = replace(ONE, parts=(QuotePart(3, "Turn it"), QuotePart(4, "off.")))
    assert source_line(over, [over]) == "[1] one.txt, pp. 3–4: “Turn it off.”"


def test_a_source_is_named_by_its_own_place_in_the_language_that_is_asked() -> None:
    place = Locator("sheet", 2, "住宿标准", rows=(4, 5))
    row = replace(ONE, document_name="差旅.xlsx", place=place, quote="兰州 | 340")
    assert source_line(row, [row]) == "[1] 差旅.xlsx, 住宿标准, rows 4–5: “兰州 | 340”"
    assert source_line(row, [row], chinese=True) == "[1] 差旅.xlsx，住宿标准，第 4–5 行：“兰州 | 340”"


def test_a_source_that_is_gone_says_so() -> None:
    gone = replace(ONE, gone=True)
    assert source_line(gone, [gone]) == "[1] one.txt (no longer there), p. 1: “Turn it off.”"
