"""Slides of OpenDocument presentations (ODP): the title first, then the shapes in the order of reading."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import UnitWriter
from kotaemon_async.documents.parsing.office.child_odf_styles import Styles
from kotaemon_async.documents.parsing.office.child_odf_text import MAX_DEPTH, TextReader, described
from kotaemon_async.documents.parsing.office.child_package import attribute, local
from kotaemon_async.documents.parsing.office.child_slide_layout import Box, in_reading_order

_MOST_SHAPES = 5_000
_LENGTH = re.compile(r"(-?\d{1,7}(?:\.\d{1,12})?)(cm|mm|in|pt|pc|px)")
#: English metric units in a unit of length.
_UNITS = {"cm": 360_000, "mm": 36_000, "in": 914_400, "pt": 12_700, "pc": 152_400, "px": 9_525}
#: What stands on each slide, or is no part of it.
_RUNNING = frozenset({"footer", "header", "date-time", "page-number", "handout"})
_NO_BODY = _RUNNING | {"title"}
_NO_SHAPES = frozenset(
    {"notes", "annotation", "forms", "page-thumbnail", "animations", "par", "title", "desc"}
)


class SlideReader:
    """Writes the pages of a presentation or drawing as slides, numbered in their order."""

    def __init__(self, writer: UnitWriter, styles: Styles, text: TextReader) -> None:
        self._writer = writer
        self._styles = styles
        self._text = text
        self._number = 0

    def page(self, page: ET.Element) -> None:
        """Write a slide with its notes and comments; hidden ones are counted, too."""
        self._number += 1
        is_hidden = self._styles.hides_page(page)
        label = f"slide {self._number}" + (" (hidden)" if is_hidden else "")
        shapes = list(_shapes(page, 0))[:_MOST_SHAPES]
        titles = [shape for _, shape in shapes if attribute(shape, "class") == "title"]
        others = [(box, shape) for box, shape in shapes if attribute(shape, "class") not in _NO_BODY]
        if not any(map(self._says, page)) and any(map(_is_picture, page.iter())):
            self._writer.lost("no_text", "slide", label)
            return
        self._writer.begin("slide", label, (), ("hidden",) if is_hidden else ())
        for title in titles:
            self._writer.heading(self._text.line(title), 1)
        for shape in in_reading_order(others):
            self._text.block(shape)
        self._write_notes(page)

    def _says(self, part: ET.Element) -> bool:
        """Return whether a part of the slide holds words."""
        is_running = attribute(part, "class") in _RUNNING
        return not is_running and bool(self._text.line(part) or any(map(described, part.iter())))

    def _write_notes(self, page: ET.Element) -> None:
        for part in page:
            if local(part) == "notes":
                bodies = (one for _, one in _shapes(part, 0) if attribute(one, "class") not in _RUNNING)
                self._writer.add("note", "\n".join(filter(None, map(self._text.line, bodies))))
            elif local(part) == "annotation":
                self._text.block(part)


def _shapes(element: ET.Element, depth: int) -> Iterator[tuple[Box, ET.Element]]:
    """Yield the shapes of a slide with their places, those of groups one by one."""
    if depth > MAX_DEPTH:
        raise FileError("corrupt", "The file is nested too deeply.")
    for one in element:
        name = local(one)
        if name == "g" or (name == "a" and len(one)):
            yield from _shapes(one, depth + 1)
        elif name not in _NO_SHAPES and attribute(one, "placeholder") != "true":
            x, y, width, height = (_length(attribute(one, key)) for key in ("x", "y", "width", "height"))
            yield Box(x, y, width, height), one


def _length(text: str | None) -> float:
    found = _LENGTH.fullmatch(text or "")
    return float(found[1]) * _UNITS[found[2]] if found else 0.0


def _is_picture(element: ET.Element) -> bool:
    return local(element) == "image"
