"""OpenDocument files of a few elements, packed and flat."""

from collections.abc import Mapping

from tests.support.packages import package

_NAMES = {
    "office": "office",
    "text": "text",
    "table": "table",
    "draw": "drawing",
    "presentation": "presentation",
    "style": "style",
    "svg": "svg-compatible",
    "fo": "xsl-fo-compatible",
}
_SPACES = " ".join(
    f'xmlns:{key}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for key, name in _NAMES.items()
)
_OTHERS = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'
SPACES = f"{_SPACES} {_OTHERS}"
MANIFEST = '<manifest:manifest xmlns:manifest="m">{}</manifest:manifest>'


def content(kind: str, body: str, automatic: str = "") -> str:
    """Return content.xml with a body of the kind: text, presentation or spreadsheet."""
    styles = f"<office:automatic-styles>{automatic}</office:automatic-styles>"
    inner = f"{styles}<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    return f"<office:document-content {SPACES}>{inner}</office:document-content>"


def style_part(styles: str = "", master: str = "") -> str:
    """Return styles.xml."""
    inner = f"<office:styles>{styles}</office:styles><office:master-styles>{master}</office:master-styles>"
    return f"<office:document-styles {SPACES}>{inner}</office:document-styles>"


def packed(content_xml: str, parts: Mapping[str, str | bytes] | None = None) -> bytes:
    """Return a packed file with the content and other parts."""
    return package(
        {"content.xml": content_xml, "META-INF/manifest.xml": MANIFEST.format(""), **(parts or {})}
    )


def odt(body: str, automatic: str = "", parts: Mapping[str, str | bytes] | None = None) -> bytes:
    return packed(content("text", body, automatic), parts)


def odp(body: str, automatic: str = "", parts: Mapping[str, str | bytes] | None = None) -> bytes:
    return packed(content("presentation", body, automatic), parts)


def ods(body: str, automatic: str = "", parts: Mapping[str, str | bytes] | None = None) -> bytes:
    return packed(content("spreadsheet", body, automatic), parts)


def flat(kind: str, body: str) -> bytes:
    """Return a flat file, all in one XML."""
    inner = f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    return f"<?xml version='1.0'?><office:document {SPACES}>{inner}</office:document>".encode()


def paragraph(text: str, style: str = "") -> str:
    named = f' text:style-name="{style}"' if style else ""
    return f"<text:p{named}>{text}</text:p>"


def heading(text: str, level: int = 1) -> str:
    return f'<text:h text:outline-level="{level}">{text}</text:h>'


def cell(text: str = "", **numbers: str | int) -> str:
    """Return a cell; `numbers` are attributes, as columns_spanned=2."""
    more = "".join(f' table:number-{key.replace("_", "-")}="{value}"' for key, value in numbers.items())
    return f"<table:table-cell{more}>{paragraph(text) if text else ''}</table:table-cell>"


def covered(times: int = 1) -> str:
    return f'<table:covered-table-cell table:number-columns-repeated="{times}"/>'


def row(*cells: str, times: int = 1) -> str:
    """Return a row of cells, or of plain texts."""
    inner = "".join(one if one.startswith("<") else cell(one) for one in cells)
    return f'<table:table-row table:number-rows-repeated="{times}">{inner}</table:table-row>'


def table(*rows: str, name: str = "T", more: str = "") -> str:
    return f'<table:table table:name="{name}"{more}>{"".join(rows)}</table:table>'


def box(text: str, x: float = 1, y: float = 1, kind: str = "") -> str:
    """Return a text box on a slide, at a place in centimetres."""
    named = f' presentation:class="{kind}"' if kind else ""
    place = f'svg:x="{x}cm" svg:y="{y}cm" svg:width="8cm" svg:height="2cm"'
    return f"<draw:frame{named} {place}><draw:text-box>{paragraph(text)}</draw:text-box></draw:frame>"


def slide(*shapes: str, style: str = "") -> str:
    return f'<draw:page draw:style-name="{style}">{"".join(shapes)}</draw:page>'
