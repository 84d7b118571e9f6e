"""Tokens estimated by script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.tokens import estimated_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        (" \n\t", 0),
        ("轴封每年更换", 6),
        ("the pump is on", 4),
        ("immunoprecipitation", 4),
        ("Größenänderung", 5),
        ("4200", 2),
        ("ABCDEF The", 5),
        ("aGVsbG8gd29y", 8),
        ("31.12.2031", 6),
        ("V-8821 阀门。", 7),
    ],
)
def test_a_text_is_counted_by_its_scripts(text: str, tokens: int) -> None:
    assert estimated_tokens(text) == tokens


@given(st.text(max_size=200), st.text(max_size=200))
def test_texts_with_a_blank_between_count_as_much_as_both(one: str, other: str) -> None:
    assert estimated_tokens(f"{one} {other}") == estimated_tokens(one) + estimated_tokens(other)
