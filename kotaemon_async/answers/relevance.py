"""Whether what was found has to do with the question and can hold its answer, told by the question's words.

Measured on the evaluation pack (README, Figures): of questions whose document is there, about 2 in 100 fail
here; of those whose document is taken away, about 65; of those that only resemble a paragraph, about 20.

A question may resemble a paragraph that does not answer it: another year, another name, the opposite. So
what it insists on, its numbers and names, a denial, a figure, has to stand in what was found. Source:
Rajpurkar, Jia and Liang, "Know What You Don't Know: Unanswerable Questions for SQuAD", 2018, lists the kinds.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, Protocol

from kotaemon_async.answers.extractive import best_sentences
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

#: Shorter numbers may be spelled out in the passage, or stand in other places by chance.
_NUMBER_DIGITS: Final = 3
#: Names are compared by so many letters of their stems: Medal, Medalists.
_NAME_LETTERS: Final = 5
#: The two words of a name may stand so many words apart, in any order: the Treaty of Lisbon, Lisbon Treaty.
_NAME_SPAN: Final = 8

_WORD: Final = re.compile(r"[^\W\d_]+")
_DENIES: Final = re.compile(r"\b(?:not(?! only)|never|cannot|without)\b|n['\u2019]t\b", re.IGNORECASE)
_DENIED: Final = re.compile(
    r"\b(?:not?|never|nor|neither|none|cannot|without|unable|except|fail\w*|refus\w*|reject\w*|lack\w*|den(?:y|ie)\w*)\b"
    r"|n['\u2019]t\b",
    re.IGNORECASE,
)
_EITHER: Final = re.compile(
    r"\bor not\b|\b(?:is|are|was|were|do|does|did|has|have)n['\u2019]t (?:it|they|he|she)\b"
)
_ASKS_YEAR: Final = re.compile(r"\b(?:what|which) (?:year|century|decade)\b|哪一?年|何年", re.IGNORECASE)
_ASKS_COUNT: Final = re.compile(r"\bhow many\b|\b(?:what|which) (?:percentage|number)\b", re.IGNORECASE)
_COUNT: Final = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty"
    r"|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|half|dozens?|thirds?|quarters?|once|twice"
    r"|single|first|second|no|none|few|several|many)\b",
    re.IGNORECASE,
)
_CHINESE_YEAR: Final = re.compile("[元〇零一二三四五六七八九十]年")


class Rarity(Protocol):
    """Knows how rare a term is in all documents."""

    async def rarity(self, terms: Sequence[str]) -> Mapping[str, float]: ...


class Relevance:
    """Tells questions that the documents say nothing about."""

    def __init__(self, rarity: Rarity) -> None:
        self._rarity = rarity

    async def holds(self, question: str, passages: Sequence[Passage]) -> bool:
        """Return whether some passage has enough of the question, and all together what it insists on.

        True when that cannot be told.
        """
        asked = text.query_terms(_ASKING.sub(" ", question))
        try:
            weights = await self._rarity.rarity(asked)
        except Unavailable:
            return True
        if not sum(weights.values()):
            return True
        names = name_terms(question)
        weights = {term: weight * (NAME_WEIGHT if term in names else 1) for term, weight in weights.items()}
        least = LEAST_PAIRS if text.cjk_share(question) > 0.3 else LEAST_WORDS
        enough = covered(weights, _texts(passages)) >= least
        return enough and meets(question, passages)


def meets(question: str, passages: Sequence[Passage]) -> bool:
    """Return whether the passages have the question's numbers and names, and its denial or figure."""
    texts = _texts(passages)
    if not (numbers_stand(question, texts) and names_stand(question, texts)):
        return False
    if not denies(question) and not asks_figure(question):
        return True
    said = " ".join(picked.text for picked in best_sentences(question, passages))
    if denies(question) and not denied(said):
        return False
    return not asks_figure(question) or holds_figure(question, said)


def _texts(passages: Sequence[Passage]) -> list[str]:
    """Return each passage under its document's name, which may be all that tells whose it is, or of when."""
    return [f"{passage.document_name}\n{passage.text}" for passage in passages]


def covered(weights: Mapping[str, float], passages: Iterable[str]) -> float:
    """Return the largest share of the weights that one passage holds, between 0 and 1."""
    whole = sum(weights.values()) or 1.0
    held = (set(text.terms(passage)) for passage in passages)
    return max(
        (sum(weights[term] for term in weights if term in terms) / whole for terms in held), default=0.0
    )


def name_terms(question: str) -> set[str]:
    """Return the index terms of numbers and of words that begin with a capital, but for the first word."""
    names = [word for word in _words(question)[1:] if word[0].isupper() and not _is_stopword(word)]
    numbers = [term for term in text.terms(question) if any(map(str.isdecimal, term))]
    return {*text.terms(" ".join(names)), *numbers}


def numbers_stand(question: str, passages: Sequence[str]) -> bool:
    """Return whether some passage holds one of the question's longer numbers, which mostly are years."""
    asked = {term for term in text.terms(question) if term.isdecimal() and len(term) >= _NUMBER_DIGITS}
    return not asked or any(asked.intersection(text.terms(passage)) for passage in passages)


def names_stand(question: str, passages: Sequence[str]) -> bool:
    """Return False when a name of two words stands in no passage, but one that shares a word with it does.

    A question that writes every word with a capital names nothing by it.
    """
    _, *words = _words(question) or [""]
    if not any(word.islower() and not _is_stopword(word) for word in words):
        return True
    asked = set(_names(question.lstrip().partition(" ")[2]))
    missing = [name for name in asked if not any(_together(name, passage) for passage in passages)]
    found = {name for passage in passages if missing for name in _names(passage)}
    return not any((one == a) != (two == b) for a, b in missing for one, two in found)


def _names(passage: str) -> Iterator[tuple[str, str]]:
    """Yield every two words in a row that begin with a capital, as the letters they are compared by."""
    for one, two in pairwise(_WORD.finditer(passage)):
        if _is_name(one[0]) and _is_name(two[0]) and passage[one.end() : two.start()].isspace():
            yield _compared(one[0]), _compared(two[0])


def _words(question: str) -> list[str]:
    return _WORD.findall(question)


def _is_name(word: str) -> bool:
    return len(word) > 2 and word.istitle() and not _is_stopword(word)


def _is_stopword(word: str) -> bool:
    return word.casefold() in text.STOPWORDS


def _compared(word: str) -> str:
    return "".join(text.terms(word))[:_NAME_LETTERS]


def _together(name: tuple[str, str], passage: str) -> bool:
    terms = [term[:_NAME_LETTERS] for term in text.terms(passage)]
    places = (at for at, term in enumerate(terms) if term == name[0])
    return any(name[1] in terms[max(0, at - _NAME_SPAN) : at + _NAME_SPAN + 1] for at in places)


def denies(question: str) -> bool:
    """Return whether the question asks for what is not, in English.

    In Chinese 不 and 没 stand in too many words and questions that deny nothing.
    """
    return _DENIES.search(_EITHER.sub("", question)) is not None


def denied(said: str) -> bool:
    """Return whether the sentences deny anything."""
    return _DENIED.search(said) is not None


def asks_figure(question: str) -> bool:
    """Return whether the question asks for a year or for how many."""
    return bool(_ASKS_YEAR.search(question) or _ASKS_COUNT.search(question))


def holds_figure(question: str, said: str) -> bool:
    """Return whether the sentences hold a number beside the question's own, or a word that counts."""
    new = set(text.terms(said)).difference(text.terms(question))
    if any(character.isdecimal() for term in new for character in term):
        return True
    return bool((_COUNT if _ASKS_COUNT.search(question) else _CHINESE_YEAR).search(said))
