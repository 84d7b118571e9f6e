"""Workbooks of a few strings, as their reader meets them."""

from collections.abc import Mapping, Sequence
from html import escape

from tests.support.packages import package, relationships

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def row(number: int, *cells: str) -> str:
    """Return a row of cells; plain words become text in place."""
    return f'<row r="{number}">{"".join(map(cell, cells))}</row>'


def cell(content: str) -> str:
    """Return a cell; what begins with "<" is one already."""
    if content.startswith("<") or not content:
        return content or "<c/>"
    return f'<c t="inlineStr"><is><t>{escape(content)}</t></is></c>'


def sheet(rows: str, after: str = "") -> str:
    """Return a worksheet of rows, and what stands behind them."""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>'


def merged(*areas: str) -> str:
    """Return the areas as merged cells."""
    return f"<mergeCells>{''.join(f'<mergeCell ref={area!r}/>' for area in areas)}</mergeCells>"


def strings(*texts: str) -> str:
    """Return the list of texts that cells share; what begins with "<" is the inside of one already."""
    inner = "".join(f"<si>{text if text.startswith('<') else f'<t>{text}</t>'}</si>" for text in texts)
    return f'<sst xmlns="{_MAIN}">{inner}</sst>'


def styles(*codes: str) -> str:
    """Return styles with these format codes, the first of number 0; a code in <b> is in bold letters."""
    formats, cells = "", ""
    for place, code in enumerate(codes):
        is_bold = code.startswith("<b>")
        formats += f'<numFmt numFmtId="{200 + place}" formatCode="{escape(code.removeprefix("<b>"))}"/>'
        cells += f'<xf numFmtId="{200 + place}" fontId="{int(is_bold)}"/>'
    fonts = "<fonts><font/><font><b/></font></fonts>"
    inside = f"<numFmts>{formats}</numFmts>{fonts}<cellXfs>{cells}</cellXfs>"
    return f'<styleSheet xmlns="{_MAIN}">{inside}</styleSheet>'


def workbook(
    sheets: Mapping[str, str],
    parts: Mapping[str, str | bytes] | None = None,
    inside: str = "",
    states: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> bytes:
    """Return a workbook: the parts of its sheets by their names, other parts by their paths below xl/."""
    parts = dict(parts or {})
    entries: list[tuple[str, str, str]] = []
    listed = ""
    for number, name in enumerate(sheets, 1):
        entries.append(
            (f"rId{number}", (kinds or {}).get(name, "worksheet"), f"worksheets/sheet{number}.xml")
        )
        state = (states or {}).get(name, "visible")
        listed += f'<sheet name="{escape(name)}" sheetId="{number}" state="{state}" r:id="rId{number}"/>'
    for name, kind in (("styles.xml", "styles"), ("sharedStrings.xml", "sharedStrings")):
        entries += [(f"r{kind}", kind, name)] if name in parts else []
    book = f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}">{inside}<sheets>{listed}</sheets></workbook>'
    return package(
        {
            "_rels/.rels": relationships(("rId1", "officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": relationships(*entries),
            **{f"xl/worksheets/sheet{number}.xml": part for number, part in enumerate(sheets.values(), 1)},
            **{f"xl/{name}": part for name, part in parts.items()},
        }
    )


def grid(*rows: Sequence[str]) -> str:
    """Return a worksheet whose rows hold these words."""
    return sheet("".join(row(number, *cells) for number, cells in enumerate(rows, 1)))
