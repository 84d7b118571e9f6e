"""Quotes: found again on their page, and citation markers in a text."""

import re
from collections.abc import Callable, Collection

#: `[3]` or `[1, 2]` with the blank before it; four digits are a year, not a marker.
MARKER = re.compile(r"[ \t]?[\[【]\s?(\d{1,3}(?:\s?[,，、]\s?\d{1,3}){0,8})\s?[\]】]")
_MAY_BECOME_MARKER = re.compile(r"(?:[ \t]|[ \t]?[\[【][\d\s,，、]{0,40})$")


def span(page: str, quote: str) -> tuple[int, int] | None:
    """Return start and end of the quote on the page, whatever the white space in either."""
    wanted = "".join(quote.split())
    start = "".join(page.split()).find(wanted)
    if not wanted or start < 0:
        return None
    places = [place for place, character in enumerate(page) if not character.isspace()]
    return places[start], places[start + len(wanted) - 1] + 1


def markers(text: str) -> list[int]:
    """Return the numbers of all markers in the text, in order, each as often as it stands there."""
    return [number for match in MARKER.finditer(text) for number in _numbers(match)]


def keep_markers(text: str, known: Callable[[int], bool] | Collection[int]) -> str:
    """Return the text with each known marker as `[n]` and without the unknown ones."""
    is_known = known if callable(known) else known.__contains__

    def rewrite(match: re.Match[str]) -> str:
        kept = "".join(f"[{number}]" for number in _numbers(match) if is_known(number))
        blank = match[0][0] if kept and match[0][0] in " \t" else ""
        return blank + kept

    return MARKER.sub(rewrite, text)


def unmarked(words: str) -> str:
    """Return a document's text with round brackets where its own would be taken for citation markers."""
    return MARKER.sub(lambda match: f"{match[0][0] if match[0][0].isspace() else ''}({match[1]})", words)


def _numbers(match: re.Match[str]) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", match[1])]


class MarkerFilter:
    """Text piece by piece, without the markers above `highest`, however the pieces are cut."""

    def __init__(self, highest: int) -> None:
        self._known = frozenset(range(1, highest + 1))
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what can be shown already; the beginning of a marker is held back."""
        text = self._held + text
        maybe = _MAY_BECOME_MARKER.search(text)
        cut = maybe.start() if maybe else len(text)
        self._held = text[cut:]
        return keep_markers(text[:cut], self._known)

    def rest(self) -> str:
        """Return what was held back and did not become a marker."""
        held, self._held = self._held, ""
        return keep_markers(held, self._known)
