"""Numbers of a Word document's headings and lists, counted as Word does; runs inside a parser child."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from kotaemon_async.documents.parsing.office.child_docx_styles import Numbering, number
from kotaemon_async.documents.parsing.office.child_numerals import numeral
from kotaemon_async.documents.parsing.office.child_package import attribute, local

_PLACE = re.compile(r"%([1-9])")
_LEVELS = 9
_BULLET = "•"
_ENDINGS = {"tab": " ", "space": " ", "nothing": ""}


@dataclass(slots=True)
class Level:
    """One level of a list."""

    start: int = 1
    form: str = "decimal"
    text: str = ""
    style: str = ""
    ending: str = "tab"
    restarts: int | None = None
    is_legal: bool = False


@dataclass(slots=True)
class NumberedList:
    """A list: the abstract one that counts for it, its levels, and where it starts anew."""

    abstract: str
    levels: dict[int, Level]
    starts: dict[int, int] = field(default_factory=dict)


class Numbers:
    """Counts the paragraphs of all lists, in the order of reading."""

    def __init__(self, lists: dict[str, NumberedList]) -> None:
        self._lists = lists
        self._counts: dict[str, dict[int, int]] = {}

    def next(self, numbering: Numbering | None, style: str | None) -> tuple[str, str]:
        """Return what stands before the next paragraph of a list ("1.2 ", "• ") and the form of its number.

        The form is "" where the paragraph is in no list.
        """
        one = self._lists.get(numbering.list_id) if numbering else None
        if numbering is None or one is None:
            return "", ""
        place = numbering.level
        if place is None:
            place = next((key for key, level in one.levels.items() if level.style == style and style), 0)
        place = min(max(place, 0), _LEVELS - 1)
        counts = self._count(one, place)
        level = one.levels.get(place, Level())
        if level.form == "bullet":
            return _BULLET + _ENDINGS.get(level.ending, " "), "bullet"
        text = _PLACE.sub(lambda found: _written(one, counts, int(found[1]) - 1, level.is_legal), level.text)
        return (text + _ENDINGS.get(level.ending, " ") if text.strip() else ""), level.form

    def _count(self, one: NumberedList, place: int) -> dict[int, int]:
        counts = self._counts.setdefault(one.abstract, {})
        start = one.starts.pop(place, None)
        if start is not None:
            counts[place] = start
        elif place in counts:
            counts[place] += 1
        else:
            counts[place] = _start(one, place)
        for deeper in [key for key in counts if key > place]:
            restarts = one.levels.get(deeper, Level()).restarts
            if restarts is None or (restarts and place < restarts):
                del counts[deeper]
        return counts


def numbered_lists(root: ET.Element | None) -> dict[str, NumberedList]:
    """Return the lists that a part of numberings describes, by their ids."""
    if root is None:
        return {}
    abstracts, by_style, linked = _abstract_lists(root)
    found = {}
    for element in root:
        if local(element) != "num":
            continue
        key = next((attribute(part, "val") for part in element if local(part) == "abstractNumId"), None)
        key = by_style.get(linked.get(key or "", ""), key) or ""
        one = NumberedList(key, dict(abstracts.get(key, {})))
        for part in element:
            if local(part) == "lvlOverride":
                _override(one, part)
        found[attribute(element, "numId") or ""] = one
    found.pop("0", None)  # says "in no list"
    return found


def _abstract_lists(root: ET.Element) -> tuple[dict[str, dict[int, Level]], dict[str, str], dict[str, str]]:
    """Return the levels by abstract list, the list of each list style, and the style that each refers to."""
    abstracts: dict[str, dict[int, Level]] = {}
    by_style: dict[str, str] = {}
    linked: dict[str, str] = {}
    for element in root:
        if local(element) != "abstractNum":
            continue
        key = attribute(element, "abstractNumId") or ""
        abstracts[key] = dict(_level(part) for part in element if local(part) == "lvl")
        for part in element:
            value = attribute(part, "val") or ""
            if local(part) == "styleLink":
                by_style[value] = key
            elif local(part) == "numStyleLink":
                linked[key] = value
    return abstracts, by_style, linked


def _level(element: ET.Element) -> tuple[int, Level]:
    values = {local(part): attribute(part, "val") for part in element}
    restarts = values.get("lvlRestart")
    level = Level(
        start=number(values.get("start"), 1),
        form=values.get("numFmt") or "decimal",
        text=values.get("lvlText") or "",
        style=values.get("pStyle") or "",
        ending=values.get("suff") or "tab",
        restarts=None if restarts is None else number(restarts, 0),
        is_legal="isLgl" in values and (values["isLgl"] or "1") not in ("0", "false"),
    )
    return number(attribute(element, "ilvl"), 0), level


def _override(one: NumberedList, element: ET.Element) -> None:
    place = number(attribute(element, "ilvl"), 0)
    for part in element:
        if local(part) == "lvl":
            one.levels[place] = _level(part)[1]
        elif local(part) == "startOverride":
            one.starts[place] = number(attribute(part, "val"), 1)


def _start(one: NumberedList, place: int) -> int:
    return one.levels.get(place, Level()).start


def _written(one: NumberedList, counts: dict[int, int], place: int, is_legal: bool) -> str:
    form = one.levels.get(place, Level()).form
    value = counts.get(place, _start(one, place))
    return "" if form == "none" else numeral(value, "decimal" if is_legal else form)
