"""Where the sentences of a passage end that was kept without them."""

import re
from collections.abc import Iterator
from typing import Final

#: Spaces, and what Markdown writes before headings, quotes and points of a list.
_MARKUP: Final = " \t\r\n\f\u3000#>*-"
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|al|cf|Fig|Figs|No|Nos|Vol|pp|approx|ca|Inc|Ltd|Co|Gen"
    r"|Col|Lt|Sgt|Gov|Sen|Rep|Rev|Eq|Ref|Refs|Sec|Ch|e\.g|i\.e|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec))$"
)
_SENTENCE_END: Final = re.compile(
    r"[。！？；!?]+[”’」』）)\"']*|\.+[”’)\"'\]]*(?:\[\d{1,3}\])*(?=\s|$)|\n\s*\n"
)


def sentences_of(passage: str) -> list[tuple[int, str]]:
    """Return each sentence with its offset, in order; abbreviations, initials and decimals do not end one."""
    found, begin = [], 0
    for end in [*_ends(passage), len(passage)]:
        piece = passage[begin:end]
        stripped = piece.lstrip(_MARKUP).rstrip()
        if any(map(str.isalnum, stripped)):
            found.append((begin + len(piece) - len(piece.lstrip(_MARKUP)), stripped))
        begin = end
    return found


def _ends(passage: str) -> Iterator[int]:
    for match in _SENTENCE_END.finditer(passage):
        dot = match[0].startswith(".")
        if not (
            dot
            and len(match[0]) == 1
            and _ABBREVIATION.search(passage, max(0, match.start() - 8), match.start())
        ):
            yield match.end()
