"""Word documents of plain paragraphs: the parts of the package that every reader of them asks for."""

import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final, Literal
from xml.sax.saxutils import escape

Style = Literal["Normal", "Title", "Heading1", "Heading2", "List", "Code", "Source", "Note"]
_MAIN: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
#: What no XML document may hold.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKS: Final = re.compile(r"(\*\*|__)(?P<bold>.+?)\1|(?<![*\w])\*(?P<italic>[^*\s][^*]*)\*(?![*\w])")
_TYPES: Final = (
    f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/word/document.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>'
    '<Override PartName="/word/styles.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/></Types>'
)
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _relation(kind: str, target: str) -> str:
    return (
        f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


_PARTS: Final = {
    "[Content_Types].xml": _TYPES,
    "_rels/.rels": _relation("officeDocument", "word/document.xml"),
    "word/_rels/document.xml.rels": _relation("styles", "styles.xml"),
}
#: By style: half points of its letters, and more of their look.
_LOOKS: Final[dict[Style, tuple[int, str]]] = {
    "Title": (40, "<w:b/>"),
    "Heading1": (28, "<w:b/>"),
    "Heading2": (24, "<w:b/>"),
    "List": (22, ""),
    "Code": (20, '<w:rFonts w:ascii="Consolas" w:hAnsi="Consolas"/>'),
    "Source": (20, '<w:color w:val="595959"/>'),
    "Note": (18, '<w:i/><w:color w:val="595959"/>'),
}
_LEVELS: Final[dict[Style, int]] = {"Heading1": 0, "Heading2": 1}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One line of text; in it, Markdown's marks stand for bold and italic."""

    text: str
    style: Style = "Normal"


class WordFile:
    """Writes paragraphs into a file as a Word document; those from right to left are laid out so.

    It is whole once it is closed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._package = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        for name, content in _PARTS.items():
            self._package.writestr(name, content)
        self._package.writestr("word/styles.xml", _styles())
        self._body = self._package.open("word/document.xml", "w")
        self._body.write(f'{_HEAD}<w:document xmlns:w="{_MAIN}"><w:body>'.encode())

    def write(self, paragraphs: Iterable[Paragraph]) -> None:
        """Add the paragraphs at the end."""
        for one in paragraphs:
            self._body.write(_paragraph(one).encode())

    def close(self) -> None:
        """End the document."""
        self._body.write(b"</w:body></w:document>")
        self._body.close()
        self._package.close()


def is_right_to_left(text: str) -> bool:
    """Return whether the first letter of the text is of a script that is written from right to left.

    >>> is_right_to_left("1. مضخة"), is_right_to_left("A pump مضخة")
    (True, False)
    """
    return next((kind != "L" for kind in map(unicodedata.bidirectional, text) if kind in "LRAL"), False)


def _paragraph(one: Paragraph) -> str:
    backward = is_right_to_left(one.text)
    set_up = f'<w:pStyle w:val="{one.style}"/>' + ("<w:bidi/>" if backward else "")
    runs = _runs(one.text) if one.style != "Code" else [(one.text, "")]
    look = "<w:rtl/>" if backward else ""
    words = "".join(_run(words, f"{marks}{look}") for words, marks in runs if words)
    return f"<w:p><w:pPr>{set_up}</w:pPr>{words}</w:p>"


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the pieces of a line, each with how it is marked."""
    at = 0
    for match in _MARKS.finditer(text):
        yield text[at : match.start()], ""
        yield (match["bold"], "<w:b/>") if match["bold"] else (match["italic"], "<w:i/>")
        at = match.end()
    yield text[at:], ""


def _run(text: str, look: str) -> str:
    words = escape(_NOT_XML.sub("", text))
    return f'<w:r><w:rPr>{look}</w:rPr><w:t xml:space="preserve">{words}</w:t></w:r>'


def _styles() -> str:
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{_name(name)}"/>'
        f'<w:basedOn w:val="Normal"/><w:pPr>{_level(name)}</w:pPr>'
        f'<w:rPr>{look}<w:sz w:val="{size}"/><w:szCs w:val="{size}"/></w:rPr></w:style>'
        for name, (size, look) in _LOOKS.items()
    )
    return (
        f'{_HEAD}<w:styles xmlns:w="{_MAIN}"><w:docDefaults><w:rPrDefault><w:rPr><w:sz w:val="22"/></w:rPr>'
        '</w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after="120"/></w:pPr></w:pPrDefault>'
        "</w:docDefaults>"
        '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>'
        f"{styles}</w:styles>"
    )


def _name(style: Style) -> str:
    """Return what Word calls the style: it knows headings by their names."""
    return f"heading {style[-1]}" if style in _LEVELS else style


def _level(style: Style) -> str:
    level = _LEVELS.get(style)
    return "" if level is None else f'<w:spacing w:before="240"/><w:outlineLvl w:val="{level}"/>'
