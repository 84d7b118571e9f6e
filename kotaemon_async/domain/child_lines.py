"""What a printed line tells by its form: how wide it is, whether it is a point of a list, whether it goes on.

Without imports of the package, so that parser children can have it, too.
"""

import re
from typing import Final

_CJK: Final = "\u3005-\u3007\u3041-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
_WIDE: Final = re.compile(f"[{_CJK}\u3000-\u303f\uff00-\uff60]")
_IS_CJK: Final = re.compile(f"[{_CJK}]")
_POINT: Final = re.compile(
    r"\s*(?:[•‣●▪◦○■□*+·–—-]\s|\(?\d{1,3}[.)]\s|\d{1,2}、|\(?[a-z][.)]\s"
    r"|[一二三四五六七八九十]{1,3}、|[（(][一二三四五六七八九十\d]{1,3}[)）])"
)
#: A line that ends with one of these goes on in the next.
_UNFINISHED_WORDS = """
    the a an of and or in on at to for with by from that which as is are was were be been their its his her
    into than but not has have had this these when where while who whose between under over after before
    because if can may will would could should such also other more most very both including during
    against through
    und oder der das dem den des ein eine einen einem einer von vom zu zum zur mit für auf im bei nach als wie
    durch gegen über unter et les des dans pour avec que qui
"""
_UNFINISHED: Final = frozenset(_UNFINISHED_WORDS.split())
_DIVIDED: Final = re.compile(r"[a-z][-\u00ad\u2010]\Z")


def width(text: str) -> int:
    """Return how wide the text is printed, in letters: a Chinese character takes the room of two."""
    return len(text) + len(_WIDE.findall(text))


def is_mostly_cjk(line: str) -> bool:
    """Return whether over a third of the characters are Chinese, Japanese or Korean."""
    return 3 * len(_IS_CJK.findall(line)) > len(line)


def is_point(line: str) -> bool:
    """Return whether the line begins as a point of a list does."""
    return _POINT.match(line) is not None


def goes_on(line: str) -> bool:
    """Return whether the line cannot be the last of a sentence: it ends with a comma or a word like "of"."""
    words = line.rsplit(None, 1)
    if not words:
        return False
    last = words[-1]
    if last[-1] in ",，、(（" or _DIVIDED.search(last[-2:]):
        return True
    return last.lstrip("(“\"'[") in _UNFINISHED
