"""What a caller allows of a reply, however the reply is cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.domain.tokens import estimated_tokens
from kotaemon_async.http.openai.limits import ReplyLimit

TEXTS = st.text(alphabet="ab 三。\n#1", max_size=40)


def shown(limit: ReplyLimit, text: str, size: int) -> str:
    pieces = [limit.feed(text[start : start + size]) for start in range(0, len(text), size)]
    return "".join(pieces) + limit.rest()


@given(TEXTS, st.integers(1, 20), st.integers(1, 5))
def test_a_reply_has_at_most_its_tokens_and_says_when_it_was_cut(text: str, tokens: int, size: int) -> None:
    limit = ReplyLimit(tokens, [])
    found = shown(limit, text, size)
    assert text.startswith(found)
    assert estimated_tokens(found) <= tokens
    assert (limit.ended == "length") == (estimated_tokens(text) > tokens)


@given(TEXTS, st.lists(st.text(alphabet="ab#", min_size=1, max_size=3), max_size=2), st.integers(1, 5))
def test_a_reply_ends_before_the_first_stop_sequence(text: str, stop: list[str], size: int) -> None:
    limit = ReplyLimit(None, stop)
    places = [text.find(one) for one in stop if one in text]
    found = shown(limit, text, size)
    if not places:
        assert (found, limit.ended) == (text, None)
    else:
        assert limit.ended == "stop"
        assert not any(one in found for one in stop)
        assert found == text[: len(found)]


def test_a_footnote_is_shown_whole_or_not_at_all() -> None:
    limit = ReplyLimit(9, [])
    assert limit.feed("One two three.") == "One two three."
    assert (limit.whole("\n\n[1] a.pdf"), limit.ended) == ("", None)
    assert (limit.whole(" [1]"), limit.whole(" x")) == (" [1]", " x")


def test_after_a_restart_the_new_answer_has_all_the_room() -> None:
    limit = ReplyLimit(3, [])
    assert limit.feed("One ") == "One "
    limit.begin_anew()
    assert (limit.feed("Two three"), limit.ended) == ("Two three", None)
