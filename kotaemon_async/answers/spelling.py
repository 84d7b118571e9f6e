"""Slips of the keyboard in a question: a word that no document has, next to one that the sources have."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from kotaemon_async.domain import text

#: Shorter words are one slip away from too many others.
_LETTERS: Final = 6
_WORD: Final = re.compile(r"[^\W\d_]+")


def respelled(question: str, unknown: Collection[str], sources: Iterable[str]) -> str:
    """Return the question with its slips mended; `unknown` are those of its terms that no document has.

    >>> respelled("harvrad libary size", {"harvrad", "libari"}, ["The Harvard Library is large."])
    'harvard library size'
    """
    slips = [word for word in _WORD.findall(question) if _may_be_slip(word, unknown)]
    if not slips:
        return question
    known = Counter(word for source in sources for word in _WORD.findall(source.casefold()))
    for slip in slips:
        meant = [word for word in known if word[0] == slip[0].casefold() and is_slip(slip.casefold(), word)]
        if meant:
            question = question.replace(slip, max(meant, key=known.__getitem__))
    return question


def _may_be_slip(word: str, unknown: Collection[str]) -> bool:
    is_plain = len(word) >= _LETTERS and not text.is_cjk(word[0])
    return is_plain and any(term in unknown for term in text.terms(word))


def is_slip(typed: str, meant: str) -> bool:
    """Return whether one letter was left out, put in or replaced, or two neighbours have changed places."""
    while typed and meant and typed[0] == meant[0]:
        typed, meant = typed[1:], meant[1:]
    while typed and meant and typed[-1] == meant[-1]:
        typed, meant = typed[:-1], meant[:-1]
    if len(typed) == len(meant) == 2:
        return typed == meant[::-1]
    return max(len(typed), len(meant)) == 1
