"""Sentences of passages that were kept without them."""

import pytest

from kotaemon_async.answers.splitting import sentences_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dr. J. Smith paid 3.5 dollars, i.e. too much. He left.", [(0, 45), (46, 54)]),
        ("他来了。她走了！谁在？「好。」完", [(0, 4), (4, 8), (8, 11), (11, 15), (15, 16)]),
        ("Heading\n\nText here.", [(0, 7), (9, 19)]),
        ("# Rules\n\n- Five books.", [(2, 7), (11, 22)]),
    ],
    ids=["abbreviations, initials, decimals", "marks of Chinese", "an empty line", "marks of Markdown"],
)
def test_a_text_is_cut_into_its_sentences(text: str, found: list[tuple[int, int]]) -> None:
    assert sentences_of(text) == [(start, text[start:end]) for start, end in found]
