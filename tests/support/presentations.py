"""Presentations of a few strings, as their reader meets them."""

from collections.abc import Mapping, Sequence

from tests.support.packages import package, relationships

_NAMES = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:d="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)


def body(*texts: str, name: str = "p:txBody") -> str:
    """Return a text body, a paragraph for each text."""
    inner = "".join(f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>" for text in texts)
    return f"<{name}><a:bodyPr/>{inner}</{name}>"


def frame(x: int, y: int, width: int = 1_000_000, height: int = 500_000, name: str = "a:xfrm") -> str:
    """Return where a shape stands, in EMU."""
    return f'<{name}><a:off x="{x}" y="{y}"/><a:ext cx="{width}" cy="{height}"/></{name}>'


def box(*texts: str, at: tuple[int, int] = (0, 0), kind: str = "", index: str = "") -> str:
    """Return a shape with text; a placeholder where it has a kind, without a place of its own."""
    place = f'<p:ph type="{kind}" idx="{index}"/>' if kind else ""
    own = "" if kind else frame(*at)
    return f"<p:sp><p:nvSpPr><p:nvPr>{place}</p:nvPr></p:nvSpPr><p:spPr>{own}</p:spPr>{body(*texts)}</p:sp>"


def table(*rows: Sequence[str], header: bool = True) -> str:
    """Return a table; what begins with "<" is a cell already."""
    inner = ""
    for row in rows:
        cells = (
            cell if cell.startswith("<") else f"<a:tc>{body(cell, name='a:txBody')}</a:tc>" for cell in row
        )
        inner += f"<a:tr>{''.join(cells)}</a:tr>"
    first = ' firstRow="1"' if header else ""
    return in_frame(f"<a:tbl><a:tblPr{first}/>{inner}</a:tbl>")


def _cell(content: str) -> str:
    return content if content.startswith("<") else f"<a:tc>{body(content, name='a:txBody')}</a:tc>"


def in_frame(content: str, at: tuple[int, int] = (0, 0)) -> str:
    """Return a frame for what is no shape: a table, a chart, a diagram."""
    place = frame(*at, name="p:xfrm")
    data = f"<a:graphicData>{content}</a:graphicData>"
    return f"<p:graphicFrame>{place}<a:graphic>{data}</a:graphic></p:graphicFrame>"


def picture(description: str = "") -> str:
    """Return a picture with what it is described with."""
    told = f'<p:nvPicPr><p:cNvPr id="1" name="p" descr="{description}"/><p:nvPr/></p:nvPicPr>'
    return f'<p:pic>{told}<p:blipFill><a:blip r:embed="rId9"/></p:blipFill><p:spPr/></p:pic>'


def slide(*shapes: str, hidden: bool = False, name: str = "sld") -> str:
    """Return a slide (or a layout, a master, notes) of shapes."""
    show = ' show="0"' if hidden else ""
    return f"<p:{name} {_NAMES}{show}><p:cSld><p:spTree>{''.join(shapes)}</p:spTree></p:cSld></p:{name}>"


def presentation(
    *slides: str, parts: Mapping[str, str | bytes] | None = None, links: Mapping[int, str] | None = None
) -> bytes:
    """Return a presentation: its slides, other parts by their paths below ppt/, links by number of slide.

    Slides are stored in the order opposite to that in which they are shown.
    """
    count = len(slides)
    ids = "".join(f'<p:sldId id="{256 + at}" r:id="rId{count - at}"/>' for at in range(count))
    main = f"<p:presentation {_NAMES}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"
    entries = [(f"rId{number}", "slide", f"slides/slide{number}.xml") for number in range(1, count + 1)]
    stored = {f"ppt/slides/slide{count - at}.xml": part for at, part in enumerate(slides) if part}
    linked = {
        f"ppt/slides/_rels/slide{count + 1 - number}.xml.rels": part for number, part in (links or {}).items()
    }
    return package(
        {
            "_rels/.rels": relationships(("rId1", "officeDocument", "ppt/presentation.xml")),
            "ppt/presentation.xml": main,
            "ppt/_rels/presentation.xml.rels": relationships(*entries),
            **stored,
            **linked,
            **{f"ppt/{name}": part for name, part in (parts or {}).items()},
        }
    )
