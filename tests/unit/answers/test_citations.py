"""Markers and the quotes behind them."""

import pytest

from kotaemon_async.answers.citations import cite, judged, uncited
from kotaemon_async.domain.model import Claim, Verdict
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


def test_a_quote_that_is_only_the_beginning_is_not_matched() -> None:
    answer = "Die Dichtung wird ersetzt [1]. 外壳打开前要断开电源[2]。"
    citations = cite("ans_1", answer, (source(SEAL), source(SEAL)), None)[1]
    assert [one.matched for one in citations] == [False, True]


@pytest.mark.parametrize(
    ("claims", "verdict"),
    [
        ((), None),
        ((Claim("It is red.", "supported", None, (2,)),), None),
        ((Claim("It is red.", "supported", None, (1,)),), "supported"),
        (
            (
                Claim("It is 4,000.", "unsupported", "figure", (1,)),
                Claim("It is red.", "supported", None, (1,)),
            ),
            "unsupported",
        ),
        ((Claim("Otto built it.", "check", "name", (1, 2)),), "unsupported"),
        ((Claim("It is loud.", "check", "subject", (1,)),), "check"),
    ],
)
def test_a_citation_has_the_worst_verdict_of_its_claims(
    claims: tuple[Claim, ...], verdict: Verdict | None
) -> None:
    citations = cite("ans_1", "The lamp is red [1].", (source("The lamp is red."),), None)[1]
    assert judged(citations, claims)[0].verdict == verdict


MARKDOWN = """## What the manual says

The seal holds 4,000 hours [1]. It is cheap.

| part | hours of use |
|:-----|-----:|
| shaft seal | 4,000 |
| oil filter | 2,000 |

**The steps are these:**

- Stop the pump [2].
- Close both of the valves.

> Replace the shaft seal after every 4,000 hours.

```sh
pump --stop --now
```
"""


def test_sentences_without_a_source_are_neither_tables_nor_code_nor_quotations() -> None:
    assert uncited(MARKDOWN) == ("It is cheap.", "- Close both of the valves.")


def test_code_that_is_not_closed_goes_to_the_end() -> None:
    assert uncited("It is so.\n~~~\nx = the pump\n```\ny = the valve") == ("It is so.",)


@pytest.mark.parametrize(
    "answer",
    [
        "A mutant of C. difficile makes no spores, as Dr. Hale says. [1] See Fig. 3 for the rest. [2]",
        "It costs 3.5 euros [1]. 他走了。[2]",
    ],
)
def test_a_stop_within_a_sentence_ends_none(answer: str) -> None:
    assert uncited(answer) == ()


def test_a_quote_is_looked_for_by_the_whole_sentence_in_front_of_its_marker() -> None:
    words = "Spores of other kinds are known. The mutant of C. difficile makes no spores."
    _, (citation,) = cite("a", "The mutant of C. difficile makes no spores. [1]", [source(words)], None)
    assert citation.quote == "The mutant of C. difficile makes no spores."
