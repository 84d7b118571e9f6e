"""What the styles of an OpenDocument file say about its text: hidden, a title, numbers; inside a child."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from kotaemon_async.documents.parsing.office.child_numerals import numeral
from kotaemon_async.documents.parsing.office.child_package import attribute, local

MAX_LEVEL = 10
_MOST_PARENTS = 20
_COUNT_DIGITS = 12
_BULLET = "• "
#: The name of the style that LibreOffice and others give a document's title.
_TITLE = "Title"
#: Under this name the numbers of headings are kept beside the lists.
_OUTLINE = "\0outline"
#: A form of numbers in ODF -> its name in OOXML, by which they are written.
_FORMS = {
    "1": "decimal",
    "i": "lowerRoman",
    "I": "upperRoman",
    "a": "lowerLetter",
    "A": "upperLetter",
    "一, 二, 三, ...": "chineseCounting",
    "壹, 贰, 叁, ...": "chineseLegalSimplified",
    "①, ②, ③, ...": "decimalEnclosedCircle",
    "甲, 乙, 丙, ...": "ideographTraditional",
}
_PATTERN_PLACE = re.compile(r"%(\d{1,2})%")


def count_of(element: ET.Element, name: str, most: int) -> int:
    """Return a count that an attribute gives, from 1 on and bounded; 1 where it is none."""
    text = attribute(element, name) or ""
    return (
        max(1, min(int(text), most))
        if text.isdecimal() and len(text) < 12
        else (most if text.isdecimal() else 1)
    )


@dataclass(slots=True)
class _Level:
    """How one level of a list is marked."""

    form: str = ""
    prefix: str = ""
    suffix: str = ""
    pattern: str = ""
    shown: int = 1
    start: int = 1
    is_bullet: bool = False


@dataclass(slots=True)
class Styles:
    """The styles by their names; later ones replace those of the same name."""

    _hidden: set[str] = field(default_factory=set)
    _hidden_pages: set[str] = field(default_factory=set)
    _hidden_tables: set[str] = field(default_factory=set)
    _parents: dict[str, str] = field(default_factory=dict)
    _lists: dict[str, dict[int, _Level]] = field(default_factory=dict)
    _counts: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, element: ET.Element) -> None:
        """Take a style: of text, pages, tables, a list, or of the outline."""
        kind, name = local(element), attribute(element, "name") or ""
        if kind == "style":
            self._add_style(element, name)
        elif kind == "list-style":
            self._lists[name] = dict(map(_level, element))
        elif kind == "outline-style":
            self._lists[_OUTLINE] = dict(map(_level, element))

    def _add_style(self, element: ET.Element, name: str) -> None:
        self._parents[name] = attribute(element, "parent-style-name") or ""
        sets = (
            (self._hidden, "text-properties", "display", "none"),
            (self._hidden_pages, "drawing-page-properties", "visibility", "hidden"),
            (self._hidden_tables, "table-properties", "display", "false"),
        )
        for names, part, key, value in sets:
            if any(local(one) == part and attribute(one, key) == value for one in element):
                names.add(name)
            else:
                names.discard(name)

    def hides(self, element: ET.Element) -> bool:
        """Return whether a paragraph, span or section is hidden text."""
        return attribute(element, "style-name") in self._hidden or attribute(element, "display") in (
            "none",
            "condition",
        )

    def hides_page(self, element: ET.Element) -> bool:
        return attribute(element, "style-name") in self._hidden_pages

    def hides_table(self, element: ET.Element) -> bool:
        is_hidden = attribute(element, "style-name") in self._hidden_tables
        return is_hidden or attribute(element, "display") == "false"

    def is_title(self, element: ET.Element) -> bool:
        """Return whether a paragraph is the document's title."""
        name = attribute(element, "style-name") or ""
        for _ in range(_MOST_PARENTS):
            if name in (_TITLE, ""):
                return name == _TITLE
            name = self._parents.get(name, "")
        return False

    def heading_label(self, level: int, start: int | None = None) -> str:
        """Count a heading of a level, from 1 on, and return its number ("1.2 "), or nothing."""
        return self.item_label(_OUTLINE, level, start)

    def item_label(self, style: str, level: int, start: int | None = None) -> str:
        """Count an item of a list, and return its number ("2. ") or bullet; levels from 1 on."""
        levels = self._lists.get(style, {})
        own = levels.get(level)
        if own is None:
            return "" if style == _OUTLINE else _BULLET
        for deeper in range(level + 1, MAX_LEVEL + 1):
            self._counts.pop((style, deeper), None)
        self._counts[style, level] = (
            self._counts.get((style, level), own.start - 1) + 1 if start is None else start
        )
        if own.is_bullet or not own.form:
            return _BULLET if own.is_bullet else ""
        if own.pattern:
            text = _PATTERN_PLACE.sub(lambda found: self._number(style, int(found[1])), own.pattern)
        else:
            first = max(1, level - own.shown + 1)
            text = ".".join(filter(None, (self._number(style, one) for one in range(first, level + 1))))
            text = own.prefix + text + own.suffix
        return f"{text.strip()} "

    def restart(self, style: str, level: int) -> None:
        """Let the items of a level begin anew."""
        self._counts.pop((style, level), None)

    def _number(self, style: str, level: int) -> str:
        one = self._lists[style].get(level)
        if one is None or not one.form:
            return ""
        return numeral(self._counts.get((style, level), one.start), _FORMS.get(one.form, "decimal"))


def _level(element: ET.Element) -> tuple[int, _Level]:
    shown = count_of(element, "display-levels", MAX_LEVEL)
    start = count_of(element, "start-value", 1_000_000)
    found = _Level(
        attribute(element, "num-format") or "",
        attribute(element, "num-prefix") or "",
        attribute(element, "num-suffix") or "",
        attribute(element, "num-list-format") or "",
        shown,
        start,
        local(element) == "list-level-style-bullet",
    )
    return count_of(element, "level", MAX_LEVEL), found
