"""Markdown of a model in which no link leads anywhere and no picture is loaded: both stay text.

A document may have made the model write them, and a program that shows them would call other hosts with what
was read in their addresses.
"""

import re
from typing import Final

_TAGS: Final = "a|img|svg|iframe|script|style|link|object|embed|video|audio|source|form|input|meta|base"
_SCHEMES: Final = r"https?:|ftp:|data:|javascript:|mailto:|//"
#: The beginning of a picture, the middle of a link, an address to refer to, a tag, a bare address.
_LINK: Final = re.compile(
    rf"(!)\[|(\])\(|(\]):(?=[ \t]{{0,4}}<?(?:{_SCHEMES}))|()<(?=/?(?:{_TAGS})\b|{_SCHEMES})", re.IGNORECASE
)
#: What may be the beginning of one where a text is not at its end yet.
_OPEN: Final = re.compile(r"(?:\]:[ \t]{0,4}<?[a-z/]{0,11}|</?[a-z]{0,11})\Z", re.IGNORECASE)


def unlinked(text: str) -> str:
    """Return the text with a backslash in each link, picture and tag, so that Markdown shows it as it is."""
    return _LINK.sub(_as_text, text)


class Unlinked:
    """A text in pieces, of which a beginning that may become a link waits for the next one."""

    def __init__(self) -> None:
        self._last = self._held = ""

    def feed(self, text: str) -> str:
        """Return what can be shown already."""
        return self._shown(text, is_end=False)

    def rest(self) -> str:
        """Return what was held back."""
        return self._shown("", is_end=True)

    def _shown(self, text: str, *, is_end: bool) -> str:
        # The last letter shown may begin a link with what comes now; the backslash stands behind it.
        before = len(self._last)
        text = self._last + self._held + text
        opened = None if is_end else _OPEN.search(text)
        cut = max(before, opened.start()) if opened else len(text)
        self._held = text[cut:]
        self._last = text[:cut][-1:]
        return unlinked(text[:cut])[before:]


def _as_text(match: re.Match[str]) -> str:
    kept = next(filter(None, match.groups()), "")
    return f"{kept}\\{match[0][len(kept) :]}"
