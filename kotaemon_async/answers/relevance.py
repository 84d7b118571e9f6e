"""Whether what was found has to do with the question and can hold its answer, told by the question's words.

Measured on the evaluation pack (README, Figures): of questions whose document is there, about 2 in 100 fail
here; of those whose document is taken away, about 65; of those that only resemble a paragraph, about 20.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from kotaemon_async.answers import conditions
from kotaemon_async.answers.llm.extractive import best_sentences
from kotaemon_async.domain import text
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Passage

#: The part of the question's words, rare ones and names more, that the best passage has to hold.
LEAST_WORDS: Final = 0.42
#: The same for pairs of Chinese characters, many of which stand across the borders of words.
LEAST_PAIRS: Final = 0.20
#: How much more than other words names and numbers count, which have no synonyms.
NAME_WEIGHT: Final = 1.5

#: Two words of asking that are no stop words, as they may also be a passage's.
_ASKING: Final = re.compile(r"\bhow (?:many|much)\b", re.IGNORECASE)


class Rarity(Protocol):
    """Knows how rare a term is in all documents."""

    async def rarity(self, terms: Sequence[str]) -> Mapping[str, float]: ...


class Relevance:
    """Tells questions that the documents say nothing about."""

    def __init__(self, rarity: Rarity) -> None:
        self._rarity = rarity

    async def holds(self, question: str, passages: Sequence[Passage]) -> bool:
        """Whether some passage has enough of the question in it, and they have what the question insists on.

        True when that cannot be told.
        """
        asked = text.query_terms(_ASKING.sub(" ", question))
        try:
            weights = await self._rarity.rarity(asked)
        except Unavailable:
            return True
        if not sum(weights.values()):
            return True
        names = conditions.name_terms(question)
        weights = {term: weight * (NAME_WEIGHT if term in names else 1) for term, weight in weights.items()}
        least = LEAST_PAIRS if text.cjk_share(question) > 0.3 else LEAST_WORDS
        enough = covered(weights, _texts(passages)) >= least
        return enough and meets(question, passages)


def meets(question: str, passages: Sequence[Passage]) -> bool:
    """Whether the passages have the question's numbers and names, the best sentences its denial or figure."""
    texts = _texts(passages)
    if not (conditions.numbers_stand(question, texts) and conditions.names_stand(question, texts)):
        return False
    denies, asks_figure = conditions.denies(question), conditions.asks_figure(question)
    if not denies and not asks_figure:
        return True
    said = " ".join(picked.text for picked in best_sentences(question, passages))
    if denies and not conditions.denied(said):
        return False
    return not asks_figure or conditions.holds_figure(question, said)


def _texts(passages: Sequence[Passage]) -> list[str]:
    """Each passage under the name of its document, which may be all that says whose or which year's it is."""
    return [f"{passage.document_name}\n{passage.text}" for passage in passages]


def covered(weights: Mapping[str, float], passages: Iterable[str]) -> float:
    """The largest share of the weights that one passage holds, between 0 and 1."""
    whole = sum(weights.values()) or 1.0
    held = (set(text.terms(passage)) for passage in passages)
    return max(
        (sum(weights[term] for term in weights if term in terms) / whole for terms in held), default=0.0
    )
