"""Whether the best sentence has to do with the question, by its meaning and by the question's words.

The cosine of a question and a sentence says how near they are in meaning; rare words of the question that
stand with the sentence say that it is about the same thing. Sentences in another language than the question
lie farther away, all of them.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from kotaemon_async.answers.selection import asked_terms, is_cjk
from kotaemon_async.domain.model import Outcome

#: What cosine and a fifth of the coverage have to reach together, by the language of the question...
_LEAST: Final = 0.60
_LEAST_CJK: Final = 0.54
#: ...and where the sentence is in another one, to be shown at all and to be called an answer: in between lie
#: about a fifth of the right ones and half of those about something else.
_LEAST_ACROSS: Final = 0.28
_ANSWER_ACROSS: Final = 0.34
#: The same by meaning alone where documents of the question's own language do not answer it.
_LEAST_BESIDE: Final = 0.37
_ANSWER_BESIDE: Final = 0.4
_COVERAGE: Final = 0.2
#: The part of the question's words that the best passage has to hold when words are all there is; the same
#: for pairs of CJK characters, many of which stand across the borders of words.
_LEAST_WORDS: Final = 0.42
_LEAST_PAIRS: Final = 0.25
#: What a term that no document holds weighs, as a share of the mean of the others.
_UNKNOWN: Final = 0.5
#: How many terms the last part of a question needs to be looked at alone.
_PART_TERMS: Final = 2
_PART_PAIRS: Final = 4

_PART_END: Final = re.compile(r"(?<=[:：。！!;；?？\n，])\s*|(?<=\.)\s+(?=[A-Z])|(?<=,)\s+")


class Rarity(Protocol):
    """Knows how rare a term is in all documents."""

    async def rarity(self, terms: Sequence[str]) -> Mapping[str, float]: ...


def weighted(terms: Sequence[str], rarity: Mapping[str, float], *, words_only: bool) -> dict[str, float]:
    """Return the weight of each term.

    One that no document holds may be another word for one of them, and weighs half as much as the mean; where
    words are all there is, it weighs as much as the rarest.
    """
    known = [rarity[term] for term in terms if term in rarity] or [1.0]
    unknown = max(known) if words_only else _UNKNOWN * sum(known) / len(known)
    return {term: rarity.get(term, unknown) for term in terms}


def covered(weights: Mapping[str, float], terms: Collection[str]) -> float:
    """Return the share of the weights whose terms are there, between 0 and 1."""
    whole = sum(weights.values()) or 1.0
    return sum(weight for term, weight in weights.items() if term in terms) / whole


def last_part(question: str) -> str | None:
    """Return what stands behind the last mark in a question, if that may be a question of its own."""
    *before, part = [piece for piece in _PART_END.split(question) if piece.strip()] or [question]
    needed = _PART_PAIRS if is_cjk(part) else _PART_TERMS
    return part if before and len(asked_terms(part)) >= needed else None


def outcome(question: str, cosine: float, coverage: float, *, across: bool) -> Outcome:
    """Return what a sentence is to a question by its nearness in meaning."""
    near = cosine + _COVERAGE * coverage
    if across:
        return "answer" if near >= _ANSWER_ACROSS else "nearest" if near >= _LEAST_ACROSS else "nothing"
    return "answer" if near >= (_LEAST_CJK if is_cjk(question) else _LEAST) else "nothing"


def outcome_beside(cosine: float) -> Outcome:
    """Return what a sentence of another language is where some of the question's own lie too far."""
    return "answer" if cosine >= _ANSWER_BESIDE else "nearest" if cosine >= _LEAST_BESIDE else "nothing"


def shares_enough(question: str, coverage: float) -> bool:
    """Return whether enough of a question's words stand in a passage, where words are all there is."""
    return coverage >= (_LEAST_PAIRS if is_cjk(question) else _LEAST_WORDS)
