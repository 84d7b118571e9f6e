"""Presentations of the OOXML kind (PPTX, PPTM, PPSX), by own rules; runs inside a parser child.

Source: ECMA-376 part 1, 19. A slide is a unit: its title, then its shapes in the order of reading, notes,
comments. Running feet and dates stand outside of passages, numbers of slides are left out.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter
from kotaemon_async.documents.parsing.office import child_drawingml as drawing
from kotaemon_async.documents.parsing.office.child_attachments import write_embedded
from kotaemon_async.documents.parsing.office.child_package import (
    Package,
    Relationship,
    attribute,
    local,
    relation,
)
from kotaemon_async.documents.parsing.office.child_sheet import header_rows
from kotaemon_async.documents.parsing.office.child_slide_layout import Box, in_reading_order

#: More shapes than this are on no slide that a person made.
_MOST_SHAPES = 5_000
_DEEPEST_GROUP = 20
_MOST_POINTS = 2_000
_TITLES: Final = frozenset({"title", "ctrTitle"})
_RUNNING: Final = frozenset({"sldNum", "dt", "ftr", "hdr"})
_OFF: Final = frozenset({"0", "false"})
#: What a layout calls a placeholder that a slide may call otherwise.
_LIKE: Final = {"ctrTitle": "title", "subTitle": "body", "obj": "body"}
_UNNAMED: Final = frozenset(
    {"Default Section", "Untitled Section", "默认节", "无标题节", "Standardabschnitt"}
)
_NOWHERE = Box(0, 0, 0, 0)
#: Points of a diagram that say how it is drawn, not what.
_UNSAID: Final = frozenset({"pres", "parTrans", "sibTrans"})


def open_document(source: Source, media_type: str, max_pages: int) -> Units:  # noqa: ARG001 - as all readers have it
    """Return the slides of a presentation. Raises: FileError."""
    return read_slides(source, max_pages)


def read_slides(source: Source | IO[bytes], max_units: int) -> Units:
    """Return the slides of a presentation, given by its path or as a binary file. Raises: FileError."""
    package = Package(source)
    try:
        return _Presentation(package, max_units).read()
    finally:
        package.close()


@dataclass(slots=True)
class _Slide:
    """What is read of one slide, before it is put in order."""

    links: Mapping[str, Relationship]
    places: Mapping[tuple[str, str], Box]
    titles: list[str] = field(default_factory=list)
    running: list[ET.Element] = field(default_factory=list)
    shapes: list[tuple[Box, ET.Element]] = field(default_factory=list)


class _Presentation:
    """Reads the slides of one package."""

    def __init__(self, package: Package, max_units: int) -> None:
        self._package = package
        main = package.main_part("ppt/presentation.xml")
        self._links = package.relationships(main)
        self._root = package.xml(main)
        if local(self._root) != "presentation":
            raise FileError("corrupt", "The file holds no presentation.")
        self._max_units = max_units
        self._writer = UnitWriter(max_units=max_units)
        self._layouts: dict[str, dict[tuple[str, str], Box]] = {}
        self._label = ""
        self._files: dict[str, None] = {}

    def read(self) -> Units:
        """Return the slides in the order in which they are shown, hidden ones among them."""
        if self._package.has_macros:
            self._writer.warn("part_skipped", "Macros are not read.")
        sections = _sections(self._root)
        slides = drawing.child(self._root, "sldIdLst")
        if slides is not None and len(slides) > self._max_units:
            raise FileError("too_large", f"The file has {len(slides)} slides; {self._max_units} are read.")
        for number, entry in enumerate(slides if slides is not None else (), 1):
            link = self._links.get(relation(entry))
            self._label = f"slide {number}"
            section = sections.get(entry.get("id", ""), "")
            try:
                self._read_slide(link.target if link else "", (section,) if section else ())
            except FileError as error:
                if error.code != "corrupt":
                    raise
                self._writer.lost("unreadable", "slide", self._label)
        write_embedded(self._package, self._files, self._writer, self._max_units)
        return self._writer.finish()

    def _read_slide(self, part: str, headings: Sequence[str]) -> None:
        root = self._package.xml(part)
        if root.get("show") in _OFF:
            self._label += " (hidden)"
        links = self._package.relationships(part)
        slide = _Slide(links, self._places_of(links))
        tree = drawing.child(root, "cSld", "spTree")
        for box, shape in _shapes(tree, slide.places) if tree is not None else ():
            kind = _placeholder(shape)
            if kind[0] in _TITLES and (body := drawing.child(shape, "txBody")) is not None:
                slide.titles.append(" ".join(drawing.paragraphs(body)))
            elif kind[0] in _RUNNING:
                slide.running.append(shape)
            else:
                slide.shapes.append((box, shape))
        notes, comments = list(self._notes(links)), list(self._comments(links))
        if not (any(slide.titles) or notes or comments) and _has_pictures_only(slide.shapes):
            self._writer.lost("no_text", "slide", self._label)
            return
        self._writer.begin("slide", self._label, headings, ("hidden",) if root.get("show") in _OFF else ())
        for title in slide.titles:
            self._writer.heading(title, 1)
        for shape in in_reading_order(slide.shapes):
            self._write(shape, slide)
        for shape in slide.running:
            self._write_running(shape)
        for text in notes:
            self._writer.add("note", text)
        for text in comments:
            self._writer.add("comment", text)

    # ------------------------------------------------------------ shapes

    def _write(self, shape: ET.Element, slide: _Slide) -> None:
        match local(shape):
            case "sp":
                self._write_text(shape)
            case "pic":
                self._writer.add("caption", drawing.description(shape))
            case "graphicFrame":
                self._write_frame(shape, slide)

    def _write_text(self, shape: ET.Element) -> None:
        body = drawing.child(shape, "txBody")
        texts = drawing.paragraphs(body) if body is not None else []
        for text in texts:
            self._writer.add("list" if len(texts) > 1 else "paragraph", text)
        if not texts:
            self._writer.add("caption", drawing.description(shape))

    def _write_running(self, shape: ET.Element) -> None:
        """Write a foot or a date that says something; the number of the slide does not."""
        body = drawing.child(shape, "txBody")
        text = " ".join(drawing.paragraphs(body)) if body is not None else ""
        if any(map(str.isalpha, text)):
            self._writer.add("page_footer", text)

    def _write_frame(self, frame: ET.Element, slide: _Slide) -> None:
        """Write a table, a chart or a diagram."""
        data = drawing.child(frame, "graphic", "graphicData")
        inner = next(drawing.without_fallback(data), None) if data is not None else None
        if inner is None:
            return
        match local(inner):
            case "tbl":
                rows = drawing.table_rows(inner)
                told = 1 if drawing.has_header(inner) and len(rows) > 1 else header_rows(rows)
                self._writer.table(rows, told)
            case "chart":
                self._write_chart(slide.links.get(relation(inner)))
            case "relIds":
                self._write_diagram(slide.links.get(relation(inner, "dm")))
            case "oleObj":
                self._note_object(inner, slide.links.get(relation(inner)))

    def _note_object(self, element: ET.Element, link: Relationship | None) -> None:
        """Keep an embedded file for the end, when all slides have their numbers."""
        if link is not None and not link.external and self._package.has(link.target):
            self._files[link.target] = None
            return
        what = element.get("progId") or element.get("name") or "object"
        self._warn(f"An embedded object ({what[:60]}) is not read.")

    def _write_chart(self, link: Relationship | None) -> None:
        if link is None or not self._package.has(link.target):
            self._warn("A chart is missing in the file.")
            return
        try:
            chart = drawing.read_chart(self._package, link.target)
        except FileError as error:
            self._pardon(error, "A chart is damaged and was not read.")
            return
        if chart.rows:
            self._writer.table(chart.rows, 1, title=chart.title)
        else:
            self._writer.add("caption", chart.title)

    def _write_diagram(self, link: Relationship | None) -> None:
        try:
            texts = diagram_texts(self._package.xml(link.target)) if link else []
        except FileError as error:
            self._pardon(error, "A diagram is damaged and was not read.")
            return
        for text in texts:
            self._writer.add("list", text)

    def _pardon(self, error: FileError, said: str) -> None:
        """Name what a damaged part of the file cost; other errors end the reading."""
        if error.code != "corrupt":
            raise error
        self._warn(said)

    def _warn(self, said: str) -> None:
        self._writer.warn("part_skipped", said, "slide", self._writer.number, self._label)

    # ------------------------------------------------------------ what belongs to a slide

    def _notes(self, links: Mapping[str, Relationship]) -> Iterator[str]:
        for root in self._parts(links, "notesSlide"):
            for shape in (one for one in root.iter() if local(one) == "sp"):
                body = drawing.child(shape, "txBody")
                if _placeholder(shape)[0] == "body" and body is not None:
                    yield "\n".join(drawing.paragraphs(body))

    def _comments(self, links: Mapping[str, Relationship]) -> Iterator[str]:
        for root in self._parts(links, "comments"):
            for comment in (one for one in root.iter() if local(one) in {"cm", "reply"}):
                text, body = drawing.child(comment, "text"), drawing.child(comment, "txBody")
                if text is not None:
                    yield text.text or ""
                elif body is not None:
                    yield "\n".join(drawing.paragraphs(body))

    def _parts(self, links: Mapping[str, Relationship], kind: str) -> Iterator[ET.Element]:
        """Yield the parts of a kind; a damaged one is named."""
        for link in links.values():
            if link.kind != kind or not self._package.has(link.target):
                continue
            try:
                yield self._package.xml(link.target)
            except FileError as error:
                what = "The notes" if kind == "notesSlide" else "The comments"
                self._pardon(error, f"{what} of the slide are damaged and were not read.")

    # ------------------------------------------------------------ places

    def _places_of(self, links: Mapping[str, Relationship]) -> Mapping[tuple[str, str], Box]:
        """Return where the layout of a slide, or its master, puts placeholders."""
        layout = next((one.target for one in links.values() if one.kind == "slideLayout"), "")
        return self._places(layout, "slideMaster")

    def _places(self, part: str, above: str) -> dict[tuple[str, str], Box]:
        if part in self._layouts or not self._package.has(part):
            return self._layouts.get(part, {})
        self._layouts[part] = {}
        try:
            links = self._package.relationships(part)
            master = next((one.target for one in links.values() if one.kind == above), "")
            places = dict(self._places(master, "")) if above else {}
            tree = drawing.child(self._package.xml(part), "cSld", "spTree")
        except FileError:
            return {}
        for box, shape in _shapes(tree, places) if tree is not None else ():
            kind, index = _placeholder(shape)
            if kind or index:
                places[kind, index] = box
                places.setdefault((kind, ""), box)
        self._layouts[part] = places
        return places


def _sections(root: ET.Element) -> dict[str, str]:
    """Return the names of the sections by the ids of their slides."""
    found: dict[str, str] = {}
    for section in (one for one in root.iter() if local(one) == "section"):
        name = section.get("name", "").strip()
        for entry in (one for one in section.iter() if local(one) == "sldId"):
            found[entry.get("id", "")] = "" if name in _UNNAMED else name
    return found


def _placeholder(shape: ET.Element) -> tuple[str, str]:
    """Return the kind and the index of a placeholder; ("", "") for any other shape."""
    told = drawing.child(shape, f"nv{local(shape)[0].upper()}{local(shape)[1:]}Pr", "nvPr", "ph")
    return (told.get("type", "obj"), told.get("idx", "")) if told is not None else ("", "")


def _shapes(tree: ET.Element, places: Mapping[tuple[str, str], Box]) -> Iterator[tuple[Box, ET.Element]]:
    """Yield the shapes with their places, groups opened."""
    left = _MOST_SHAPES
    waiting: list[tuple[Iterator[ET.Element], _Scale]] = [(drawing.without_fallback(tree), _Scale())]
    while waiting and left:
        shape = next(waiting[-1][0], None)
        if shape is None:
            waiting.pop()
            continue
        scale = waiting[-1][1]
        if local(shape) == "grpSp":
            if len(waiting) <= _DEEPEST_GROUP:
                waiting.append((drawing.without_fallback(shape), scale.inside(shape)))
        elif local(shape) in {"sp", "pic", "graphicFrame"}:
            left -= 1
            box = _box(shape)
            yield (scale.box(box) if box else _inherited(shape, places)), shape


def _inherited(shape: ET.Element, places: Mapping[tuple[str, str], Box]) -> Box:
    kind, index = _placeholder(shape)
    candidates = ((kind, index), (_LIKE.get(kind, kind), index), (kind, ""), (_LIKE.get(kind, kind), ""))
    return next((places[one] for one in candidates if one in places), _NOWHERE)


def _box(shape: ET.Element) -> Box | None:
    frame = drawing.child(shape, "xfrm")
    if frame is None:
        properties = drawing.child(shape, "grpSpPr" if local(shape) == "grpSp" else "spPr")
        frame = drawing.child(properties, "xfrm") if properties is not None else None
    return _extent(frame, "off", "ext") if frame is not None else None


def _extent(frame: ET.Element, offset: str, extent: str) -> Box | None:
    place, size = drawing.child(frame, offset), drawing.child(frame, extent)
    if place is None or size is None:
        return None
    return Box(_number(place, "x"), _number(place, "y"), _number(size, "cx"), _number(size, "cy"))


def _number(element: ET.Element, name: str) -> float:
    text = attribute(element, name) or "0"
    return float(text) if len(text) < 16 and text.removeprefix("-").isdecimal() else 0.0


@dataclass(frozen=True, slots=True)
class _Scale:
    """How the coordinates inside a group become those of the slide."""

    x: float = 0.0
    y: float = 0.0
    across: float = 1.0
    down: float = 1.0

    def box(self, box: Box) -> Box:
        return Box(
            self.x + box.x * self.across,
            self.y + box.y * self.down,
            box.width * self.across,
            box.height * self.down,
        )

    def inside(self, group: ET.Element) -> "_Scale":
        outer = _box(group)
        frame = drawing.child(group, "grpSpPr", "xfrm")
        inner = _extent(frame, "chOff", "chExt") if frame is not None else None
        if outer is None or inner is None:
            return self
        across = outer.width / inner.width if inner.width > 0 else 1.0
        down = outer.height / inner.height if inner.height > 0 else 1.0
        placed = self.box(outer)
        across, down = across * self.across, down * self.down
        return _Scale(placed.x - inner.x * across, placed.y - inner.y * down, across, down)


def diagram_texts(model: ET.Element) -> list[str]:
    """Return the words of a diagram (SmartArt), each under what it belongs to."""
    points = [one for one in model.iter() if local(one) == "pt"][:_MOST_POINTS]
    texts = {one.get("modelId", ""): _said(one) for one in points if one.get("type") not in _UNSAID}
    below: dict[str, list[tuple[int, str]]] = {}
    for link in (one for one in model.iter() if local(one) == "cxn"):
        if link.get("type", "parOf") == "parOf":
            below.setdefault(link.get("srcId", ""), []).append(
                (int(_number(link, "srcOrd")), link.get("destId", ""))
            )
    waiting = [one.get("modelId", "") for one in points if one.get("type") == "doc"]
    ordered: dict[str, None] = {}
    while waiting:
        point = waiting.pop()
        if point not in ordered:
            ordered[point] = None
            waiting += [name for _, name in sorted(below.get(point, []), reverse=True)]
    found = [texts.get(point, "") for point in dict.fromkeys([*ordered, *texts])]
    return [text for text in found if text]


def _said(point: ET.Element) -> str:
    return " ".join(text for body in drawing.children(point, "t") for text in drawing.paragraphs(body))


def _has_pictures_only(shapes: Sequence[tuple[Box, ET.Element]]) -> bool:
    inner = [one for _, shape in shapes for one in shape.iter()]
    has_words = any(local(one) in {"t", "graphic"} or (one.get("descr") or "").strip() for one in inner)
    return not has_words and any(local(one) in {"blip", "blipFill"} for one in inner)
