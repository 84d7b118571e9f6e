"""Two lanes of scored ids into one order: pure arithmetic, no clock, no store.

A lane counts by how far its scores stand out, never by its ranks: an embedding model that does not speak a
language finds everything about equally near, and so hardly moves the order there.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

Hits = Sequence[tuple[str, float]]
Scores = dict[str, float]

#: Weights beside the keyword lane's best score, which is 1; differences of similarity are seldom above 0.4.
VECTOR_WEIGHT: Final = 1.25
TOGETHER_WEIGHT: Final = 0.7
#: What each further passage of the same page keeps of its score.
REPEAT: Final = 0.8
WINDOW_TERMS: Final = 40


def scaled(hits: Hits) -> Scores:
    """Return each hit's share of the best score, so the best is 1; negative scores become 0."""
    best = max((score for _, score in hits), default=0.0)
    return {key: max(0.0, score) / best if best > 0 else 0.0 for key, score in hits}


def fused(vectors: Hits, keywords: Hits, close: Mapping[str, float]) -> Scores:
    """Return a score between 0 and 1 for every id of either lane.

    The sum of BM25 as a share of the best, of the similarity above the farthest candidate's, and of `close`.
    """
    by_keyword = scaled(keywords)
    floor = min((similarity for _, similarity in vectors), default=0.0)
    nearer = {key: min(1.0, similarity - floor) for key, similarity in vectors}
    whole = 1 + VECTOR_WEIGHT + TOGETHER_WEIGHT
    return {
        key: (
            by_keyword.get(key, 0.0)
            + VECTOR_WEIGHT * nearer.get(key, 0.0)
            + TOGETHER_WEIGHT * close.get(key, 0.0)
        )
        / whole
        for key in {**by_keyword, **nearer}
    }


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
