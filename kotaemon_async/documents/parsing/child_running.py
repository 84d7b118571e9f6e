"""Running heads and feet: lines at a page's edges that its neighbours have as well; pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from kotaemon_async.documents.parsing.child_layout import Line

#: How many pages before and after a page are looked at.
REACH = 6
#: The part of a page's height that is its edge, above and below.
_EDGE = 0.09
#: How many of the pages have a running line at least, and how many of only a few.
_SHARE = 0.4
_PAGES, _PAGES_OF_FEW = 3, 2
_FEW = 4
_TITLE_CHARS = 6
#: What is free between a running line and the text, in sizes.
_ROOM = 0.5
_ROMAN = re.compile(r"[ivxlc]{1,7}")
_PAGE_NUMBER = re.compile(
    r"[^\w#]*(?:page|p\.|seite|第)?\s*#\s*(?:/|of|von|页|頁|页共|頁共)\s*(?:共\s*)?(?:#\s*(?:页|頁)?)?[^\w#]*"
)


def edges(lines: Sequence[Line], height: float) -> frozenset[str]:
    """Return what stands at the top and bottom of a page, each line as it is compared."""
    return frozenset(key(line.text) for line in lines if is_at_edge(line, height))


def key(text: str) -> str:
    """Return the text of a line as it is compared: every number alike."""
    plain = " ".join(text.split())
    return "#" if _ROMAN.fullmatch(plain) else re.sub(r"\d+", "#", plain)


def is_at_edge(line: Line, height: float) -> bool:
    """Return whether the line stands in the outer part of its page."""
    middle = (line.y0 + line.y1) / 2
    return line.upright and (middle < _EDGE * height or middle > (1 - _EDGE) * height)


def running_keys(pages: Iterable[frozenset[str]]) -> frozenset[str]:
    """Return the lines that stand at the edges of enough of the pages; those without any do not count."""
    counted = [page for page in pages if page]
    count = Counter(one for page in counted for one in page)
    least = _PAGES_OF_FEW if len(counted) <= _FEW else _PAGES
    return frozenset(one for one, times in count.items() if times >= max(least, _SHARE * len(counted)))


def running_lines(lines: Sequence[Line], height: float, keys: frozenset[str], title: str) -> list[Line]:
    """Return the running heads and feet of a page, which stand apart from its text; none without any text."""
    found = [line for line in lines if is_running(line, height, keys, title)]
    if not found:
        return []
    while True:
        taken = set(found)
        rest = [line for line in lines if line not in taken and line.text.strip()]
        kept = [line for line in found if _is_page_number(line) or _is_apart(line, rest)] if rest else []
        if len(kept) == len(found) or not kept:
            return kept
        found = kept  # what is none after all may be the row of a table that others stand close to


def _is_page_number(line: Line) -> bool:
    return _PAGE_NUMBER.fullmatch(key(line.text).lower()) is not None


def _is_apart(line: Line, rest: Sequence[Line]) -> bool:
    """Return whether there is room above and below the line, as there is none between rows of a paragraph."""
    height = line.y1 - line.y0
    gaps = (max(other.y0 - line.y1, line.y0 - other.y1) for other in rest if other.upright)
    return all(gap < -height / 2 or gap >= _ROOM * line.size for gap in gaps)


def is_running(line: Line, height: float, keys: frozenset[str], title: str) -> bool:
    """Return whether the line is a running head or foot, a page's number, or the cut title at its foot."""
    if not is_at_edge(line, height):
        return False
    own = key(line.text)
    if own in keys or _PAGE_NUMBER.fullmatch(own.lower()):
        return True
    begun = " ".join(line.text.split()).rstrip(".… ")
    is_foot = line.y0 > height / 2
    return is_foot and len(begun) >= _TITLE_CHARS and title.startswith(begun)
