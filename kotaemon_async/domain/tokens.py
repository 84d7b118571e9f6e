"""How many tokens a text takes, counted by script: for budgets, where no tokenizer is at hand."""

import re
from typing import Final

from kotaemon_async.domain.text import CJK

_PIECE: Final = re.compile(f"(?P<cjk>[{CJK}]+)|(?P<figure>\\d+)|(?P<word>[^\\W\\d_{CJK}]+)|\\S")
#: How much of a longer word or figure one token holds.
_LATIN_LETTERS: Final = 5
_OTHER_LETTERS: Final = 3
_DIGITS: Final = 2


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a multilingual model counts, more often too many than too few.

    A CJK character and a sign are one token each, a figure one for two digits, a word one and one more for
    every five letters (every three outside of plain Latin); capitals inside of a word are hardly in a
    vocabulary, and make it two tokens for three letters.
    """
    return sum(_tokens(piece) for piece in _PIECE.finditer(text))


def _tokens(piece: re.Match[str]) -> int:
    length = piece.end() - piece.start()
    if piece.lastgroup == "figure":
        return -(-length // _DIGITS)
    if piece.lastgroup == "word":
        if not piece[0][1:].islower() and length > 1 and piece[0].upper() != piece[0].lower():
            return -(-2 * length // 3)
        return 1 + length // (_LATIN_LETTERS if piece[0].isascii() else _OTHER_LETTERS)
    return length


def beginning_within(text: str, tokens: int) -> str:
    """Return the longest beginning of the text of at most so many estimated tokens."""
    if estimated_tokens(text) <= tokens:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if estimated_tokens(text[:middle]) <= tokens:
            fits = middle
        else:
            too_long = middle
    return text[:fits]
