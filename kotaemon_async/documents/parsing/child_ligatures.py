"""Letters that one sign of an Arabic font draws, in the order in which they are read; pure.

A file names the letters of such a sign in order, but what turns its lines around turns these around as well:
the lam and alef of "لا" come as "ال". Of the letters of one sign only the first has a width.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

Box = tuple[float, float, float, float]
Letters = list[tuple[str, Box]]
#: Letters that signs draw together: no marks, which have no width of their own.
_LETTER: Final = re.compile("[\u0620-\u063f\u0641-\u064a\u0671-\u06d3]")
#: What may be turned around.
_MAY: Final = re.compile("[\u0622\u0623\u0625\u0627]\u0644|[\u0620-\u063f\u0641-\u064a]\u0644")
#: The first letter of all of them; another one beside a letter without a width is the next sign's.
_LAM: Final = "\u0644"
_NARROW: Final = 0.02


def may_be_turned(text: str) -> bool:
    """Return whether letters of the text may be those of one sign, turned around."""
    return _MAY.search(text) is not None


def in_order(chars: Sequence[dict[str, Any]]) -> Letters:
    """Return the letters of a line with their boxes; those of one sign share its width, from the right."""
    found: Letters = []
    at = 0
    while at < len(chars):
        end = at
        while end < len(chars) - 1 and _is_of_next(chars[end], chars[end + 1]):
            end += 1
        if end > at and chars[end]["c"] == _LAM:
            found += _shared([one["c"] for one in reversed(chars[at : end + 1])], chars[end]["bbox"])
            at = end
        else:
            found.append((chars[at]["c"], tuple(chars[at]["bbox"])))
        at += 1
    return found


def as_they_come(chars: Sequence[dict[str, Any]]) -> Letters:
    """Return the letters of a line that was laid out here: those of a sign are in order there."""
    return [(one["c"], tuple(one["bbox"])) for one in chars]


def _is_of_next(one: dict[str, Any], following: dict[str, Any]) -> bool:
    """Return whether a letter has no width and stands where the one after it ends, which is read first."""
    left, _, right, _ = one["bbox"]
    if right - left > _NARROW or not (_LETTER.match(one["c"]) and _LETTER.match(following["c"])):
        return False
    return bool(abs(following["bbox"][2] - left) <= _NARROW)


def _shared(letters: Sequence[str], box: Sequence[float]) -> Letters:
    x0, y0, x1, y1 = box
    step = (x1 - x0) / len(letters)
    return [(one, (x1 - step * (at + 1), y0, x1 - step * at, y1)) for at, one in enumerate(letters)]
