"""Links and pictures of a model where its Markdown goes to other programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kotaemon_async.http.openai.limits import ReplyLimit
from kotaemon_async.http.unlinked import Unlinked, unlinked

LINKS = [
    "[x](https://example.org/a)",
    "![x](http://example.org/p.png)",
    "![x][1] and [x][1]\n\n[1]: https://example.org/p.png",
    "[1]: <//example.org/p>\n\n[1]",
    "<https://example.org>",
    "<img src=//example.org/p.png>",
    "</a><A href='https://example.org'>",
    "[![x](data:image/png;base64,AA)](javascript:alert)",
]
PIECES = st.lists(
    st.sampled_from(["!", "[", "]", "(", ")", ":", "<", " ", "a", "img", "https://x", "\n", "1"])
)


def shown(text: str) -> str:
    return str(MarkdownIt("commonmark").render(text))


@pytest.mark.parametrize("text", LINKS)
def test_no_link_and_no_picture_is_left_for_whoever_shows_it(text: str) -> None:
    html = shown(unlinked(text))
    assert not any(one in html.lower() for one in ("<a", "<img", 'href="', 'src="'))


@pytest.mark.parametrize(
    "text", ["It is red [1][2]. See [1]: so it is.", "a < b, x <y and 3 > 2!", "[x]", "**b**"]
)
def test_other_words_stay_as_they_are(text: str) -> None:
    assert unlinked(text) == text


@given(PIECES)
def test_in_pieces_it_comes_to_the_same(pieces: list[str]) -> None:
    one = Unlinked()
    assert "".join([*map(one.feed, pieces), one.rest()]) == unlinked("".join(pieces))


@given(PIECES)
def test_whatever_is_written_has_no_link_and_no_picture(pieces: list[str]) -> None:
    html = shown(unlinked("".join(pieces)))
    assert "<img" not in html and 'href="https:' not in html


@pytest.mark.parametrize("stop", [(), ("STOP",)])
def test_a_reply_to_a_chat_program_has_none_in_whatever_pieces_it_comes(stop: tuple[str, ...]) -> None:
    limit = ReplyLimit(None, stop)
    said = "".join([*map(limit.feed, "See ![x](http://e.org/p.png) and <img src=//e.org>."), limit.rest()])
    assert said == r"See !\[x]\(http://e.org/p.png) and \<img src=//e.org>."
