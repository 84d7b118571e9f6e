"""Styles of Word documents: which paragraphs are headings, numbered or hidden; runs inside a parser child."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import NamedTuple

from kotaemon_async.documents.parsing.office.child_package import attribute, local

#: Style names of headings as other languages' programs write them; Word itself always writes "heading 1".
_HEADING_NAMES = """
heading überschrift titre título titulo titolo título cabeçalho encabezado kop rubrik overskrift otsikko
nagłówek nadpis заголовок başlık címsor επικεφαλίδα 标题 標題 見出し 제목
"""
_HEADING = re.compile(rf"(?:{'|'.join(_HEADING_NAMES.split())})[ _]?([1-9])\b", re.IGNORECASE)
_TITLES = frozenset({"title", "titel", "标题", "標題", "表題", "제목"})
_LISTS = re.compile(r"(?:list (?:bullet|number)|toc\b|table of figures)", re.IGNORECASE)
#: Levels of outlines are 0 to 8; 9 says "body text".
BODY_LEVEL = 9
_MOST_ANCESTORS = 50
_DELETED = frozenset({"del", "moveFrom"})
_OFF = frozenset({"0", "false", "off", "none"})


class Numbering(NamedTuple):
    """Which list a paragraph belongs to, and at which level: None is the list's or style's."""

    list_id: str
    level: int | None


@dataclass(slots=True)
class Style:
    """What one style says itself; None leaves it to the style that it is based on."""

    based_on: str | None = None
    level: int | None = None
    numbering: Numbering | None = None
    hidden: bool | None = None
    is_list: bool | None = None
    bold: bool | None = None
    #: Of a table's style: whether it gives the first row a look of its own.
    sets_off_head: bool | None = None


class Styles:
    """The styles by their ids, each with all that it has from those it is based on."""

    def __init__(self, root: ET.Element | None) -> None:
        self._styles: dict[str, Style] = {}
        self.default = ""
        for element in root if root is not None else ():
            if local(element) == "style":
                self._add(element)
        self._resolved = {key: self._whole(key) for key in self._styles}

    def of(self, key: str | None) -> Style:
        """Return the style; one that is not described is known by its id alone ("Heading1")."""
        key = self.default if key is None else key
        found = self._resolved.get(key)
        return found or Style(level=named_level(key))

    def _add(self, element: ET.Element) -> None:
        key, style, name = attribute(element, "styleId") or "", Style(), ""
        for part in element:
            match local(part):
                case "name":
                    name = attribute(part, "val") or ""
                case "basedOn":
                    style.based_on = attribute(part, "val")
                case "pPr":
                    style.level, style.numbering = outline_level(part), numbering_of(part)
                case "rPr":
                    style.hidden, style.bold = switch(part, "vanish"), switch(part, "b")
                case "tblStylePr" if attribute(part, "type") == "firstRow":
                    style.sets_off_head = True
        level = named_level(name)
        style.level = style.level if level is None else level
        style.is_list = True if _LISTS.match(name) else None
        self._styles[key] = style
        if attribute(element, "type") == "paragraph" and attribute(element, "default") in ("1", "true", "on"):
            self.default = key

    def _whole(self, key: str) -> Style:
        whole, seen = Style(), 0
        at: str | None = key
        while at in self._styles and seen < _MOST_ANCESTORS:  # a style may be based on itself
            one, seen = self._styles[at], seen + 1
            for field in ("level", "numbering", "hidden", "is_list", "bold", "sets_off_head"):
                if getattr(whole, field) is None:
                    setattr(whole, field, getattr(one, field))
            at = one.based_on
        return whole


class Mark(NamedTuple):
    """What the properties of a paragraph say; it is deleted when the next one goes on with it."""

    style: str | None
    level: int | None
    numbering: Numbering | None
    is_deleted: bool


def mark_of(element: ET.Element) -> Mark:
    properties = next((part for part in element if local(part) == "pPr"), None)
    if properties is None:
        return Mark(None, None, None, is_deleted=False)
    style = next((attribute(part, "val") for part in properties if local(part) == "pStyle"), None)
    ends = [one for part in properties if local(part) == "rPr" for one in part if local(one) in _DELETED]
    return Mark(style, outline_level(properties), numbering_of(properties), bool(ends))


def outline_level(properties: ET.Element) -> int | None:
    """Return the level that a paragraph's properties name themselves, from 0 on."""
    found = next((part for part in properties if local(part) == "outlineLvl"), None)
    return None if found is None else number(attribute(found, "val"), BODY_LEVEL)


def numbering_of(properties: ET.Element) -> Numbering | None:
    """Return the list that a paragraph's properties name themselves."""
    found = next((part for part in properties if local(part) == "numPr"), None)
    if found is None:
        return None
    values = {local(part): attribute(part, "val") for part in found}
    level = values.get("ilvl")
    return Numbering(values.get("numId") or "", None if level is None else number(level, 0))


def switch(properties: ET.Element, name: str) -> bool | None:
    """Return whether a property is on; None where nothing is said."""
    found = next((part for part in properties if local(part) == name), None)
    return None if found is None else (attribute(found, "val") or "").lower() not in _OFF


def number(value: str | None, otherwise: int) -> int:
    """Return a small number that a file holds."""
    try:
        return int(value) if value is not None and len(value) < 10 else otherwise
    except ValueError:
        return otherwise


def named_level(name: str) -> int | None:
    """Return the level of a heading's style, from 0 on, by the name of the style."""
    if found := _HEADING.match(name):
        return int(found[1]) - 1
    return 0 if name.lower() in _TITLES else None
