"""What a model sees of a text: its spelling, and its parts where it is long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.search.embedding.encoders import in_parts, plain


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a \n\t b\u00a0c\u3000d", "a b c d"),
        ("\ufb01le №５ ｱ", "file No5 ア"),
        ("cafe\u0301", "café"),
        ("３～５", "3～5"),
        ("bell\x07 tab\tzero\u200bwidth", "bell tab zero width"),
        ("设备\ufffd运行", "设备 运行"),
        ("  ", ""),
    ],
)
def test_a_text_is_spelled_as_the_model_was_trained(text: str, seen: str) -> None:
    assert plain(text) == seen


@given(st.integers(0, 3000), st.integers(1, 600))
def test_the_parts_of_a_text_hold_all_of_it_and_are_as_few_as_can_be_and_about_equal(
    count: int, most: int
) -> None:
    parts = in_parts(list(range(count)), most)
    assert [token for part in parts for token in part] == list(range(count))
    assert len(parts) == max(1, -(-count // most))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
