"""How a place is said to a person: `p. 7 (iv)`, `slide 4 (hidden)`, `住宿标准, rows 4–5`, `§ 1.1 Prices`.

The page says them in its own words (http/web/frame/language.js); tests/data/places.json holds both to it.
"""

import re
from collections.abc import Sequence
from typing import Final

from kotaemon_async.domain.model import Locator

#: Each way to say a thing in English and in Chinese.
_WORDS: Final = {
    "page": ("p. {number}", "第 {number} 页"),
    "pages": ("pp. {first}–{last}", "第 {first}–{last} 页"),
    "slide": ("slide {number}", "幻灯片 {number}"),
    "part": ("part {number}", "第 {number} 部分"),
    "row": ("row {first}", "第 {first} 行"),
    "rows": ("rows {first}–{last}", "第 {first}–{last} 行"),
    "label": (" ({label})", "（{label}）"),
    "hidden": (" (hidden)", "（隐藏）"),
    "scanned": (", scanned", "，扫描件"),
    "unsure": (" (hard to read)", "（识别不确定）"),
    "notes": (", notes", "，备注"),
    "about": (", about p. {number}", "，约第 {number} 页"),
    "comma": (", ", "，"),
}
#: Longer names are cut, and so many of the headings above a place are named.
_NAME_CHARS: Final = 80
_HEADINGS: Final = 2
#: A scan that was read with less confidence may have wrong letters.
_SURE: Final = 0.8
_LAST_NUMBER: Final = re.compile(r"\d+$")
#: What is called a chapter already needs no sign in front.
_CHAPTER: Final = re.compile(r"(?:chapter|part|book|section|appendix)\b|§|第.{1,6}[章节節篇回部编編]", re.I)


def said(place: Locator, *, chinese: bool = False, pages: Sequence[int] = ()) -> str:
    """Return the place in words; `pages` are all pages of a quote that goes on over a page break.

    >>> said(Locator("sheet", 2, "Hotels", rows=(4, 5)))
    'Hotels, rows 4–5'
    """

    def word(name: str, **values: object) -> str:
        return _WORDS[name][chinese].format(**values)

    comma = word("comma")
    hidden = word("hidden") if "hidden" in place.flags else ""
    after = "".join(word(flag) for flag in ("notes", "scanned") if flag in place.flags)
    if place.confidence is not None and place.confidence < _SURE:
        after += word("unsure")
    match place.kind:
        case "page":
            return _page(place, pages, chinese=chinese) + after
        case "slide":
            return word("slide", number=place.number) + hidden + after
    names = _names(place)
    if names and hidden:
        names += hidden
    if "about" in place.flags and (page := _LAST_NUMBER.search(place.label)):
        after += word("about", number=page[0])
    rows = ""
    if place.rows is not None:
        first, last = place.rows
        rows = word("row" if first == last else "rows", first=first, last=last)
    whole = comma.join(filter(None, (names, rows))) or word("part", number=place.number) + hidden
    return whole + after


def _page(place: Locator, pages: Sequence[int], *, chinese: bool) -> str:
    numbers = sorted(set(pages))
    if len(numbers) > 1:
        return _WORDS["pages"][chinese].format(first=numbers[0], last=numbers[-1])
    whole = _WORDS["page"][chinese].format(number=place.number)
    is_named = place.label not in ("", str(place.number))
    return whole + (_WORDS["label"][chinese].format(label=_short(place.label)) if is_named else "")


def _names(place: Locator) -> str:
    """Return what the place is called: a sheet's name, a section's headings, an attachment below its mail."""
    label = "" if "about" in place.flags else _short(place.label)
    headings = [_short(one) for one in place.headings[-_HEADINGS:] if one.strip()]
    if place.kind == "sheet":
        return label
    if place.kind == "part":
        # A mail's own name holds its subject.
        above = [one for one in headings[:1] if one.removesuffix("…") not in place.label]
        return " · ".join(filter(None, (*above, label)))
    if label:
        return " › ".join(dict.fromkeys((label, *headings[-1:])))
    path = " › ".join(headings)
    return path if not path or _CHAPTER.match(path) else f"§ {path}"


def _short(name: str) -> str:
    plain = " ".join(name.split())
    return plain if len(plain) <= _NAME_CHARS else f"{plain[:_NAME_CHARS].rstrip()}…"
