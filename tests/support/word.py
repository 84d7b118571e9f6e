"""Word documents of a few paragraphs, written as XML."""

from collections.abc import Mapping

from tests.support.packages import package, relationships

_SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    ' xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
    ' xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"'
    ' xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
)
#: What each further part is to the document.
_PARTS = {
    "styles": ("styles", "word/styles.xml"),
    "numbering": ("numbering", "word/numbering.xml"),
    "header": ("header", "word/header1.xml"),
    "footer": ("footer", "word/footer1.xml"),
    "footnotes": ("footnotes", "word/footnotes.xml"),
    "endnotes": ("endnotes", "word/endnotes.xml"),
    "comments": ("comments", "word/comments.xml"),
}
_ROOTS = {"header": "hdr", "footer": "ftr"}
HEADINGS = "".join(
    f'<w:style w:type="paragraph" w:styleId="H{level}"><w:name w:val="heading {level}"/></w:style>'
    for level in (1, 2, 3)
)


def docx(body: str, files: Mapping[str, str | bytes] | None = None, links: str = "", **parts: str) -> bytes:
    """Return a document of the body; `parts` ("styles", "footnotes" …) are contents of their root elements.

    `files` are further files as they are, and `links` further relationships: "id kind target", one a line.
    """
    entries = [(name, *_PARTS[name]) for name in parts]
    further = [(one[0], one[1], one[2]) for line in links.splitlines() if (one := line.split())]
    return package(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relationships(("a", "officeDocument", "word/document.xml")),
            "word/_rels/document.xml.rels": relationships(
                *((name, kind, f"/{path}") for name, kind, path in entries), *further
            ),
            "word/document.xml": root("document", f"<w:body>{body}</w:body>"),
            **{path: root(_ROOTS.get(name, name), parts[name]) for name, _, path in entries},
            **(files or {}),
        }
    )


def root(name: str, content: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><w:{name} {_SPACES}>{content}</w:{name}>'


def p(content: str = "", style: str = "", properties: str = "") -> str:
    """Return a paragraph; a content without markup is one run of text."""
    styled = f'<w:pStyle w:val="{style}"/>' if style else ""
    inside = content if content.startswith("<") else run(content)
    return f"<w:p><w:pPr>{styled}{properties}</w:pPr>{inside}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def tc(content: str, properties: str = "") -> str:
    """Return a cell of a table; a content without markup is one paragraph."""
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content if content.startswith('<') else p(content)}</w:tc>"


def tr(*cells: str, properties: str = "") -> str:
    """Return a row of a table; cells without markup are made."""
    inside = "".join(cell if cell.startswith("<w:tc") else tc(cell) for cell in cells)
    return f"<w:tr><w:trPr>{properties}</w:trPr>{inside}</w:tr>"


def tbl(*rows: str, properties: str = "") -> str:
    return f"<w:tbl><w:tblPr>{properties}</w:tblPr>{''.join(rows)}</w:tbl>"
