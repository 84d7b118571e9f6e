"""Quotes and markers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.answers import quotes


def found_in(page: str, quote: str) -> str | None:
    place = quotes.span(page, quote)
    return page[place[0] : place[1]] if place else None


@pytest.mark.parametrize(
    ("page", "quote", "found"),
    [
        ("A first\n  line. More.", "first line.", "first\n  line."),
        ("系统\n稳定。其他", "系统稳定。", "系统\n稳定。"),
        ("broken", "bro ken", "broken"),
        ("The End", "the End", None),
        ("text", "  ", None),
        ("", "text", None),
    ],
)
def test_a_quote_is_found_in_the_words_of_the_page(page: str, quote: str, found: str | None) -> None:
    assert found_in(page, quote) == found


@given(st.text(), st.text(), st.text())
def test_any_part_of_a_page_is_found_up_to_white_space(before: str, part: str, after: str) -> None:
    found = found_in(before + part + after, part)
    assert ("".join(found.split()) if found else "") == "".join(part.split())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Yes [1]. No [7].", "Yes [1]. No."),
        ("Both [1, 2].", "Both [1][2]."),
        ("Some [2，9]", "Some [2]"),
        ("是的【1】。", "是的[1]。"),
        ("In [2019] it [a] was", "In [2019] it [a] was"),
    ],
)
def test_only_known_markers_stay_in_a_text(text: str, kept: str) -> None:
    assert quotes.keep_markers(text, {1, 2}) == kept


def test_markers_are_read_in_their_order() -> None:
    assert quotes.markers("a [2], b [1, 2] c [2019]") == [2, 1, 2]


@given(st.lists(st.sampled_from(["word", " ", "[", "]", "1", "9", ", ", ". "]), max_size=30))
def test_a_filtered_stream_has_the_text_of_the_whole(pieces: list[str]) -> None:
    markers = quotes.MarkerFilter(2)
    streamed = "".join(markers.feed(piece) for piece in pieces) + markers.rest()
    assert streamed == quotes.keep_markers("".join(pieces), {1, 2})
