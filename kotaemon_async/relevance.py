"""Whether what was found has to do with the question at all, told by the question's words in it.

Measured on the evaluation pack (README, Figures): of questions whose document is there, about 1 in 100 has
less than the shares below in its best passage; of those whose document is taken away, about half.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from kotaemon_async import text
from kotaemon_async.errors import Unavailable
from kotaemon_async.model import Passage

#: The part of the question's words, rare ones more, that the best passage has to hold.
LEAST_WORDS: Final = 0.38
#: The same for pairs of Chinese characters, many of which stand across the borders of words.
LEAST_PAIRS: Final = 0.15


class Rarity(Protocol):
    """Knows how rare a term is in all documents."""

    async def rarity(self, terms: Sequence[str]) -> Mapping[str, float]: ...


class Relevance:
    """Tells questions that the documents say nothing about."""

    def __init__(self, rarity: Rarity) -> None:
        self._rarity = rarity

    async def holds(self, question: str, passages: Sequence[Passage]) -> bool:
        """Whether some passage has enough of the question in it; True when that cannot be told."""
        asked = text.query_terms(question)
        try:
            weights = await self._rarity.rarity(asked)
        except Unavailable:
            return True
        if not sum(weights.values()):
            return True
        least = LEAST_PAIRS if text.cjk_share(question) > 0.3 else LEAST_WORDS
        return covered(weights, (passage.text for passage in passages)) >= least


def covered(weights: Mapping[str, float], passages: Iterable[str]) -> float:
    """The largest share of the weights that one passage holds, between 0 and 1."""
    whole = sum(weights.values()) or 1.0
    held = (set(text.terms(passage)) for passage in passages)
    return max(
        (sum(weights[term] for term in weights if term in terms) / whole for terms in held), default=0.0
    )
