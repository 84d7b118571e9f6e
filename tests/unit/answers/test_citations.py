"""Markers and the quotes behind them."""

from kotaemon_async.answers.citations import cite
from tests.support.answering import over_two_pages, source

MANUAL = """5 Maintenance

Write down the hour counter once a month. Replace the shaft seal after every 4,000 hours of operation.
Use only grease of class NLGI 2.

6 Spare parts

Shaft seal set P40-S2, to be replaced with its two O-rings, after hours of use."""
SEAL = "轴封每四千小时更换一次。打开外壳之前先断开电源。"


def quote_of(answer: str, text: str) -> str:
    (citation,) = cite("ans_1", answer, (source(text),), None)[1]
    return citation.quote


def test_a_claim_that_says_just_what_a_sentence_says_is_quoted_by_it() -> None:
    answer = "Replace the shaft seal after every **4,000 hours** of operation [1]."
    assert quote_of(answer, MANUAL) == "Replace the shaft seal after every 4,000 hours of operation."


def test_a_claim_in_other_words_is_quoted_by_the_nearest_sentence() -> None:
    assert quote_of("The seal has to be changed every 4,000 hours [1].", MANUAL).startswith("Replace the")
    assert quote_of("外壳打开前要断开电源[1]。", SEAL) == "打开外壳之前先断开电源。"


def test_of_two_sentences_that_are_as_near_the_shorter_one_is_quoted() -> None:
    text = "The lamp is red, and so is the cover of the box. The lamp is red."
    assert quote_of("Its lamp: red [1].", text) == "The lamp is red."


def test_a_claim_in_another_language_is_quoted_by_the_beginning() -> None:
    assert quote_of("Die Dichtung wird ersetzt [1].", SEAL) == SEAL


def test_a_quote_over_a_page_break_names_the_page_with_more_of_it() -> None:
    over = over_two_pages("The bridge of Hale was closed", "in 1931 after the great storm of March.")
    (citation,) = cite("ans_1", "The bridge was closed in 1931 [1].", (over,), None)[1]
    assert (citation.page, citation.quote) == (5, "in 1931 after the great storm of March.")
    assert [part.page for part in citation.parts] == [4, 5]
