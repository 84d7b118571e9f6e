"""What is printed on the pages of a PDF as their numbers: iv, A-3; pure."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

_MOST_CHARS = 40
_ROMAN = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
    (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip
_MOST_ROMAN = 4999


class PageLabels:
    """The labels of a document, from the rules of its catalog as PyMuPDF tells them."""

    def __init__(self, rules: Sequence[Mapping[str, Any]]) -> None:
        self._rules = sorted(rules, key=lambda rule: int(rule["startpage"]))
        self._starts = [int(rule["startpage"]) for rule in self._rules]

    def label(self, number: int) -> str:
        """Return the label of a page, 1-based; "" when it has none, or its plain number."""
        at = bisect_right(self._starts, number - 1) - 1
        if at < 0:
            return ""
        rule = self._rules[at]
        value = int(rule.get("firstpagenum") or 1) + number - 1 - self._starts[at]
        label = " ".join(f"{rule.get('prefix') or ''}{_numeral(str(rule.get('style') or ''), value)}".split())
        return label if label != str(number) and len(label) <= _MOST_CHARS else ""


def _numeral(style: str, value: int) -> str:
    if style in {"R", "r"} and 0 < value <= _MOST_ROMAN:
        return _roman(value) if style == "R" else _roman(value).lower()
    if style in {"A", "a"} and value > 0:
        times, letter = divmod(value - 1, 26)
        return chr(ord(style) + letter) * (min(times, _MOST_CHARS) + 1)
    return "" if not style else str(value)


def _roman(value: int) -> str:
    text = ""
    for worth, letters in _ROMAN:
        times, value = divmod(value, worth)
        text += letters * times
    return text
