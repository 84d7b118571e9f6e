"""The text of one paragraph of a Word document, and what hangs on it; runs inside a parser child."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field

from kotaemon_async.documents.parsing.child_paragraphs import clean
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.office.child_docx_styles import Styles, number, switch
from kotaemon_async.documents.parsing.office.child_equations import equation
from kotaemon_async.documents.parsing.office.child_package import attribute, local, relation
from kotaemon_async.documents.parsing.office.child_symbols import symbol

MOST_LEVELS = 150
#: Deleted or moved away, instructions to Word, what ruby writes above a word, and properties.
_SKIPPED_NAMES = """
del moveFrom delText instrText delInstrText rPr pPr sdtPr sdtEndPr tblPr trPr tcPr sectPr rt Fallback ffData
pgNum annotationRef footnoteRef endnoteRef
"""
_SKIPPED = frozenset(_SKIPPED_NAMES.split())
_PRIVATE = ("\ue000", "\uf8ff")
_CHECKED, _UNCHECKED = "☑", "☐"


@dataclass(slots=True)
class Paragraph:
    """What a paragraph holds; `breaks` are page marks before its first word and after it."""

    pieces: list[str] = field(default_factory=list)
    boxes: list[ET.Element] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    captions: dict[str, None] = field(default_factory=dict)
    #: Relationships of what is embedded: (kind of element, id).
    parts: list[tuple[str, str]] = field(default_factory=list)
    breaks: list[int] = field(default_factory=lambda: [0, 0])
    #: Open fields; those that are True are still at their instructions.
    fields: list[bool] = field(default_factory=list)
    break_is_counted: bool = False
    is_begun: bool = False
    #: Whether all its letters are bold by what their runs say.
    is_bold: bool = False
    has_plain_letters: bool = False

    @property
    def text(self) -> str:
        """Return the visible text with its line breaks, spaces made plain."""
        return "\n".join(filter(None, map(clean, "".join(self.pieces).split("\n"))))

    def write(self, text: str) -> None:
        if text and not any(self.fields):
            self.pieces.append(text)
            if not text.isspace():
                self.is_begun, self.break_is_counted = True, False

    def note_weight(self, start: int, *, is_bold: bool) -> None:
        """Note whether what was written from a piece on is bold."""
        if any(piece.strip() for piece in self.pieces[start:]):
            self.has_plain_letters = self.has_plain_letters or not is_bold
            self.is_bold = not self.has_plain_letters

    def mark_page(self, is_rendered: bool) -> None:
        """Count a page break; Word's own mark behind one that was asked for is the same."""
        if is_rendered and self.break_is_counted:
            self.break_is_counted = False
            return
        self.breaks[self.is_begun] += 1
        self.break_is_counted = not is_rendered

    @property
    def fill(self) -> int:
        return len(self.pieces) + len(self.boxes) + len(self.captions) + len(self.parts)


class TextReader:
    """Reads paragraphs; what is hidden by their styles is left out."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._break_is_counted = False
        #: Which pictures were met, by their relationships, and how many letters.
        self.pictures: set[str] = set()
        self.letters = 0
        self._readers: dict[str, Callable[[ET.Element, Paragraph, int], None]] = {
            "r": self._run,
            "p": self._inner_paragraph,
            "AlternateContent": self._alternatives,
            "fldChar": _field,
            "br": _line_break,
            "lastRenderedPageBreak": lambda _element, out, _depth: out.mark_page(is_rendered=True),
            "txbxContent": lambda element, out, _depth: out.boxes.append(element),
            "docPr": _caption,
            "cNvPr": _caption,
            "shape": self._shape,
            "textpath": _word_art,
            "object": self._object,
            "blip": self._picture,
            "imagedata": self._picture,
            "chart": _part,
            "relIds": _part,
            "oMath": lambda element, out, _depth: out.write(equation(element)),
            "oMathPara": _equations,
            "footnoteReference": _note,
            "endnoteReference": _note,
            "commentReference": _note,
            "sym": _symbol,
        }
        self._signs = {"tab": "\t", "ptab": "\t", "cr": "\n", "noBreakHyphen": "-", "t": ""}

    def read(self, element: ET.Element) -> Paragraph:
        """Return the paragraph; call it in the order of reading, because page marks may follow each other."""
        out = Paragraph(break_is_counted=self._break_is_counted)
        self._walk(element, out, 0)
        self._break_is_counted = out.break_is_counted
        self.letters += sum(map(len, out.pieces))
        return out

    def _walk(self, element: ET.Element, out: Paragraph, depth: int) -> None:
        if depth > MOST_LEVELS:
            raise FileError("corrupt", "The file is nested too deeply.")
        for part in element:
            name = local(part)
            if name in _SKIPPED:
                continue
            if (sign := self._signs.get(name)) is not None:
                out.write(sign or part.text or "")
            elif (reader := self._readers.get(name)) is not None:
                reader(part, out, depth + 1)
            else:
                self._walk(part, out, depth + 1)

    def _run(self, element: ET.Element, out: Paragraph, depth: int) -> None:
        first = element[0] if len(element) else None
        start = len(out.pieces)
        if first is None or local(first) != "rPr":
            self._walk(element, out, depth)
            out.note_weight(start, is_bold=False)
            return
        if self.is_hidden(first):
            return
        self._walk(element, out, depth)
        out.note_weight(start, is_bold=bool(switch(first, "b")))
        if any(_PRIVATE[0] <= sign <= _PRIVATE[1] for piece in out.pieces[start:] for sign in piece):
            font = _font(first)
            out.pieces[start:] = [_shown(piece, font) for piece in out.pieces[start:]]

    def is_hidden(self, properties: ET.Element) -> bool:
        """Return whether a run with these properties is hidden text."""
        own = switch(properties, "vanish")
        if own is None:
            style = next((attribute(one, "val") for one in properties if local(one) == "rStyle"), None)
            own = self._styles.of(style).hidden if style else None
        return bool(own)

    def _inner_paragraph(self, element: ET.Element, out: Paragraph, depth: int) -> None:
        out.write("\n")
        self._walk(element, out, depth)
        out.write("\n")

    def _alternatives(self, element: ET.Element, out: Paragraph, depth: int) -> None:
        """Read the first alternative that holds something: the others repeat it for older programs."""
        before = out.fill
        for part in element:
            if local(part) in ("Choice", "Fallback") and out.fill == before:
                self._walk(part, out, depth)

    def _shape(self, element: ET.Element, out: Paragraph, depth: int) -> None:
        _add_caption(out, element.get("alt"))
        self._walk(element, out, depth)

    def _picture(self, element: ET.Element, _out: Paragraph, _depth: int) -> None:
        if key := relation(element, "embed") or relation(element):
            self.pictures.add(key)

    def _object(self, element: ET.Element, out: Paragraph, depth: int) -> None:
        for part in element.iter():
            if local(part) == "OLEObject":
                out.parts.append(("object", relation(part)))
        self._walk(element, out, depth)


def _field(element: ET.Element, out: Paragraph, _depth: int) -> None:
    match attribute(element, "fldCharType"):
        case "begin":
            if shown := _form_field(element):
                out.write(shown)
            out.fields.append(True)
        case "separate" if out.fields:
            out.fields[-1] = False
        case "end" if out.fields:
            out.fields.pop()


def _form_field(element: ET.Element) -> str:
    """Return what a check box or a list of a form shows: it is in no run."""
    parts = {local(part): part for part in element.iter()}
    if "checkBox" in parts:
        box = parts.get("checked", parts.get("default"))
        is_on = box is not None and (attribute(box, "val") or "1") not in ("0", "false")
        return _CHECKED if is_on else _UNCHECKED
    if "ddList" in parts:
        entries = [attribute(part, "val") or "" for part in parts["ddList"] if local(part) == "listEntry"]
        chosen = parts.get("result", parts.get("default"))
        place = number(attribute(chosen, "val"), 0) if chosen is not None else 0
        return entries[place] if 0 <= place < len(entries) else ""
    return ""


def _line_break(element: ET.Element, out: Paragraph, _depth: int) -> None:
    if attribute(element, "type") == "page":
        out.mark_page(is_rendered=False)
    out.write("\n")


def _caption(element: ET.Element, out: Paragraph, _depth: int) -> None:
    _add_caption(out, element.get("descr") or element.get("title"))


def _add_caption(out: Paragraph, text: str | None) -> None:
    if text and (words := clean(text)):
        out.captions[words] = None


def _word_art(element: ET.Element, out: Paragraph, _depth: int) -> None:
    if words := clean(element.get("string") or ""):
        out.write(f"\n{words}\n")


def _part(element: ET.Element, out: Paragraph, _depth: int) -> None:
    """Note a chart or a diagram that stands in a part of its own."""
    name = local(element)
    if key := relation(element, "id" if name == "chart" else "dm"):
        out.parts.append((name, key))


def _equations(element: ET.Element, out: Paragraph, _depth: int) -> None:
    lines = [equation(part).strip() for part in element if local(part) == "oMath"]
    out.write("\n" + "\n".join(lines) + "\n")


def _note(element: ET.Element, out: Paragraph, _depth: int) -> None:
    out.notes.append((local(element).removesuffix("Reference"), attribute(element, "id") or ""))


def _symbol(element: ET.Element, out: Paragraph, _depth: int) -> None:
    try:
        code = int(attribute(element, "char") or "20", 16)
    except ValueError:
        return
    out.write(symbol(code, attribute(element, "font") or ""))


def _font(properties: ET.Element) -> str:
    fonts = next((one for one in properties if local(one) == "rFonts"), None)
    return (attribute(fonts, "ascii") or attribute(fonts, "hAnsi") or "") if fonts is not None else ""


def _shown(text: str, font: str) -> str:
    return "".join(symbol(ord(sign), font) if _PRIVATE[0] <= sign <= _PRIVATE[1] else sign for sign in text)
