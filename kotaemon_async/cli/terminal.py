"""What reaches a terminal: text without the characters that a terminal obeys, in one place for all.

Names, quotes and answers were written by others. A control character among them could move the cursor, set
the window's title or the clipboard, or turn the order of what is read.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

#: Where nobody's terminal ends.
_WIDE: Final = 1000
#: Controls (C0, DEL, C1) but for tab and line feed, half a character, separators of lines.
_CONTROLS: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
#: What turns the direction of text, and tags that nobody sees.
_UNSEEN: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f"
_OBEYED: Final = re.compile(f"[{_CONTROLS}{_UNSEEN}]")
_DROPPED: Final = re.compile(f"[{_UNSEEN}]")


def visible(text: str) -> str:
    """Return the text with a picture for each control character, and without marks of direction.

    >>> visible("a\\x1b[31m\\u202eb")
    'a␛[31mb'
    """
    if _OBEYED.search(text) is None:
        return text
    return _OBEYED.sub(lambda found: _picture(found[0]), text.replace("\r\n", "\n"))


def _picture(character: str) -> str:
    code = ord(character)
    if _DROPPED.match(character):
        return ""
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


def json_line(value: Any) -> str:
    r"""Return the value as JSON on one line; what a terminal obeys is a `\u` escape, so no value changes."""
    return _OBEYED.sub(lambda found: _escape(found[0]), json.dumps(value, ensure_ascii=False))


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


class Terminal(Console):
    """A console that sends no control character but its own."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of the renderable, those of its parts included, with their text made visible."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def out(*, wide: bool = False, soft_wrap: bool = True) -> Console:
    """Return standard output, looked up when it is used; `wide` lets no table break where nobody looks."""
    console = Terminal(highlight=False, soft_wrap=soft_wrap)
    if wide and not console.is_terminal:
        return Terminal(highlight=False, soft_wrap=soft_wrap, width=_WIDE)
    return console


def err() -> Console:
    """Return standard error."""
    return Terminal(stderr=True, highlight=False, soft_wrap=True)
