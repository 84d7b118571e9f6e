"""What a question insists on and a similar paragraph lacks: another year, another name, the opposite.

Source: Rajpurkar, Jia and Liang, "Know What You Don't Know: Unanswerable Questions for SQuAD", 2018, lists
the kinds.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from kotaemon_async.domain import text

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


def missing(question: str, passage: str) -> tuple[str, ...]:
    """Return the question's longer numbers and names of two words that the passage lacks."""
    numbers = [term for term in text.terms(question) if term.isdecimal() and len(term) >= _NUMBER_DIGITS]
    held = set(text.terms(passage))
    names = () if names_stand(question, [passage]) else ("",)
    return (*(number for number in numbers if number not in held), *names)


def is_unmet(question: str, said: str) -> bool:
    """Return whether a denial or a figure is asked for and what is said has none."""
    if denies(question) and not denied(said):
        return True
    return asks_figure(question) and not holds_figure(question, said)


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
