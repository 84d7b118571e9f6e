"""Whether a sentence has to do with a question."""

import pytest

from kotaemon_async.answers import relevance


@pytest.mark.parametrize(
    ("question", "cosine", "coverage", "across", "expected"),
    [
        ("When did the ferry sail?", 0.50, 0.6, False, "answer"),
        ("When did the ferry sail?", 0.50, 0.4, False, "nothing"),
        ("渡轮什么时候起航？", 0.45, 0.6, False, "answer"),
        ("渡轮什么时候起航？", 0.43, 0.4, False, "nothing"),
        ("渡轮什么时候起航？", 0.34, 0.0, True, "answer"),
        ("渡轮什么时候起航？", 0.28, 0.0, True, "nearest"),
        ("When did the ferry sail?", 0.27, 0.0, True, "nothing"),
    ],
)
def test_meaning_and_words_together_say_what_a_sentence_is_to_a_question(
    question: str, cosine: float, coverage: float, across: bool, expected: str
) -> None:
    assert relevance.outcome(question, cosine, coverage, across=across) == expected


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("I have a question about the harbour: when did the ferry sail?", "when did the ferry sail?"),
        ("您好，请问渡轮公司哪一年获得执照？", "请问渡轮公司哪一年获得执照？"),
        ("When did the ferry sail?", None),
        ("How many people, roughly?", None),
        ("Was it 1,000 or 2,000 boats in all?", None),
    ],
)
def test_a_question_behind_a_polite_beginning_is_looked_at_alone(question: str, part: str | None) -> None:
    assert relevance.last_part(question) == part


def test_a_word_that_no_document_holds_weighs_little_beside_meaning_and_most_without() -> None:
    rarity = {"ferri": 4.0, "sail": 2.0}
    terms = [*rarity, "summar"]
    assert relevance.weighted(terms, rarity, words_only=False)["summar"] == 1.5
    assert relevance.weighted(terms, rarity, words_only=True)["summar"] == 4.0


def test_the_share_is_that_of_the_weights() -> None:
    assert relevance.covered({"a": 3.0, "b": 1.0}, {"a", "c"}) == 0.75
    assert relevance.covered({}, {"a"}) == 0.0


@pytest.mark.parametrize(
    ("question", "coverage", "enough"),
    [
        ("When did the ferry sail?", 0.42, True),
        ("When did the ferry sail?", 0.4, False),
        ("渡轮什么时候起航？", 0.25, True),
        ("渡轮什么时候起航？", 0.2, False),
    ],
)
def test_where_words_are_all_there_is_enough_of_them_have_to_be_there(
    question: str, coverage: float, enough: bool
) -> None:
    assert relevance.shares_enough(question, coverage) is enough
