"""Two lanes of scored ids into one order: pure arithmetic, no clock, no store.

A lane counts by how far its scores stand out, never by its ranks: an embedding model that does not speak a
language finds everything about equally near, and so hardly moves the order there.
"""

import math
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Hits = Sequence[tuple[str, float]]
Scores = dict[str, float]


@dataclass(frozen=True, slots=True)
class Weights:
    """How much a model's similarities count beside the keyword lane's best score, which is 1.

    Args:
        vector: times the similarity above the farthest candidate's.
        coverage: the keyword lane counts in full when one of its first hits has this part of the question
            together, and less when none has, as for a question in another language; 0 if it always does.
        other_language: what passages in another language than the question's are farther away for that alone.
    """

    vector: float
    coverage: float = 0.0
    other_language: float = 0.0


#: For the model that speaks both languages. The best vector weight is flat from 2 to 6.
CALIBRATED: Final = Weights(vector=3.0, coverage=0.5, other_language=0.10)
#: For any other.
PLAIN: Final = Weights(vector=1.25)
TOGETHER_WEIGHT: Final = 0.7
#: What each further passage of the same page keeps of its score.
REPEAT: Final = 0.8
WINDOW_TERMS: Final = 40
#: Hits that show whether the keyword lane knows what the question is about.
FIRST_HITS: Final = 5


def scaled(hits: Hits) -> Scores:
    """Return each hit's share of the best score, so the best is 1; negative scores become 0."""
    best = max((score for _, score in hits), default=0.0)
    return {key: max(0.0, score) / best if best > 0 else 0.0 for key, score in hits}


def evened(vectors: Hits, others: Container[str], weights: Weights) -> Hits:
    """Return the hits, best first, as near as they would be if all were in the question's language."""
    offsets = {True: weights.other_language, False: 0.0}
    return sorted(((key, near + offsets[key in others]) for key, near in vectors), key=lambda hit: -hit[1])


def fused(vectors: Hits, keywords: Hits, close: Mapping[str, float], weights: Weights = PLAIN) -> Scores:
    """Return a score between 0 and 1 for every id of either lane, whose hits come best first.

    The sum of BM25 as a share of the best, of the similarity above the farthest candidate's, and of `close`.
    """
    trust = _trust(keywords, close, weights.coverage)
    by_keyword = scaled(keywords)
    floor = min((similarity for _, similarity in vectors), default=0.0)
    nearer = {key: min(1.0, similarity - floor) for key, similarity in vectors}
    whole = 1 + weights.vector + TOGETHER_WEIGHT
    return {
        key: (
            trust * by_keyword.get(key, 0.0)
            + weights.vector * nearer.get(key, 0.0)
            + TOGETHER_WEIGHT * close.get(key, 0.0)
        )
        / whole
        for key in {**by_keyword, **nearer}
    }


def _trust(keywords: Hits, close: Mapping[str, float], coverage: float) -> float:
    """Return how much the keyword lane counts, 0 to 1."""
    if not coverage:
        return 1.0
    return min(1.0, max((close.get(key, 0.0) for key, _ in keywords[:FIRST_HITS]), default=0.0) / coverage)


def together(asked: Sequence[str], texts: Mapping[str, Sequence[str]]) -> Scores:
    """Return for each text the part of the question, 0 to 1, that stands together in one stretch of it.

    A term weighs the more the fewer of the texts hold it.
    """
    wanted = set(asked)
    counts = Counter(term for terms in texts.values() for term in wanted.intersection(terms))
    weights = {
        term: math.log(1 + (len(texts) - counts[term] + 0.5) / (counts[term] + 0.5)) for term in wanted
    }
    whole = sum(weights.values()) or 1.0
    return {key: _densest(terms, weights) / whole for key, terms in texts.items()}


def _densest(terms: Sequence[str], weights: Mapping[str, float]) -> float:
    """Return the largest weight of different terms within WINDOW_TERMS terms in a row."""
    places = [(at, term) for at, term in enumerate(terms) if term in weights]
    inside: Counter[str] = Counter()
    best = weight = 0.0
    first = 0
    for at, term in places:
        weight += weights[term] if not inside[term] else 0.0
        inside[term] += 1
        while places[first][0] <= at - WINDOW_TERMS:
            gone = places[first][1]
            inside[gone] -= 1
            weight -= weights[gone] if not inside[gone] else 0.0
            first += 1
        best = max(best, weight)
    return best


def ranked(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the best first; equal scores in the order of their ids, so that a search repeats."""
    return sorted(scores.items(), key=lambda hit: (-hit[1], hit[0]))


def spread(scores: Mapping[str, float], pages: Mapping[str, object]) -> list[tuple[str, float]]:
    """Return the best first; a page's second passage keeps 0.8 of its score, the third 0.64 and so on."""
    seen: Counter[object] = Counter()
    kept: Scores = {}
    for key, score in ranked(scores):
        kept[key] = score * REPEAT ** seen[pages[key]]
        seen[pages[key]] += 1
    return ranked(kept)
