"""A part of a text without pages as HTML to be drawn: headings, lists, tables as tables; pure.

Everything of the file is escaped: it is shown, never obeyed.
"""

import html
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

#: A table of more columns is drawn in bands, so that its letters stay legible.
_BAND: Final = 12
#: From this many columns on the sheet is as wide as _WIDE.
_MANY: Final = 7
_NARROW, _WIDE = 595.0, 842.0
#: All cells of a sheet, however it is made.
_MOST_CELLS: Final = 12_000
_LEVELS: Final = 4
#: Where the first letter of a part is looked for.
_LOOKED_AT: Final = 400

CSS: Final = """
body { font-family: sans-serif; font-size: 11px; line-height: 1.5; color: #222 }
p, pre { margin: 0 0 9px }
h1 { font-size: 19px } h2 { font-size: 16px } h3 { font-size: 13px } h4 { font-size: 12px }
h1, h2, h3, h4 { margin: 4px 0 8px } table { width: 100%; margin: 0 0 10px }
td, th { border: 1px solid #bbb; padding: 2px 5px; font-size: 9px; text-align: left }
th { background-color: #eee; font-weight: bold }
.number, .place, .edge { color: #888; font-size: 9px } .list { margin-left: 14px; margin-right: 14px }
.note { border: 1px solid #ccc; background-color: #fafafa; padding: 4px 8px } .caption { font-weight: bold }
pre { font-size: 9px }
"""
_CLASSES: Final = {
    "list": "list", "note": "note", "comment": "note", "caption": "caption", "attachment": "note",
    "page_header": "edge", "page_footer": "edge",
}  # fmt: skip


class Sheet(NamedTuple):
    """What is drawn, and how wide the sheet is in points."""

    body: str
    width: float


def sheet_of(text: str, blocks: Sequence[dict[str, Any]], title: str) -> Sheet:
    """Return a text with its blocks (kind, start, end, level, header, head_lines, rows) under a title."""
    parts = [f'<p class="place"{_direction(title)}>{html.escape(title)}</p>'] if title else []
    is_wide, cells = False, 0
    for block in blocks or [{"kind": "paragraph", "start": 0, "end": len(text)}]:
        words = text[block["start"] : block["end"]]
        if block["kind"] == "table":
            rows = _rows(words, block)
            cells += sum(map(len, rows))
            if cells <= _MOST_CELLS:
                is_wide = is_wide or max(map(len, rows), default=0) >= _MANY
                parts += _table(rows, block)
                continue
        parts.append(_block(words, block))
    return Sheet(f"<body>{''.join(parts)}</body>", _WIDE if is_wide else _NARROW)


def _block(words: str, block: dict[str, Any]) -> str:
    kind = block["kind"]
    if kind == "heading":
        level = min(max(block.get("level", 1), 1), _LEVELS)
        return f"<h{level}{_direction(words)}>{_lines(words)}</h{level}>"
    if kind == "code":
        return f"<pre>{html.escape(words)}</pre>"
    name = f' class="{_CLASSES[kind]}"' if kind in _CLASSES else ""
    return "".join(f"<p{name}{_direction(part)}>{_lines(part)}</p>" for part in words.split("\n\n"))


def _direction(words: str) -> str:
    """Return the attribute for words whose first letter is written from right to left."""
    kinds = (unicodedata.bidirectional(one) for one in words[:_LOOKED_AT])
    first = next((kind for kind in kinds if kind in ("L", "R", "AL")), "L")
    return "" if first == "L" else ' dir="rtl"'


def _lines(words: str) -> str:
    return html.escape(words).replace("\n", "<br/>")


def _rows(words: str, block: dict[str, Any]) -> list[list[str]]:
    """Return the cells of each row; a table that goes on begins with the names of its columns."""
    lines = words.split("\n")
    if block.get("header") and not block.get("head_lines"):
        lines.insert(0, block["header"])
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    width = max(map(len, rows))
    return [row + [""] * (width - len(row)) for row in rows]


def _table(rows: list[list[str]], block: dict[str, Any]) -> Iterator[str]:
    """Yield the table in bands of columns, each with the numbers of the rows."""
    heads = block.get("head_lines") or (1 if block.get("header") else 0)
    numbers = [str(number) for number in block.get("rows") or ()]
    if len(numbers) < len(rows):
        numbers[:0] = [""] * (len(rows) - len(numbers)) if numbers else []
    for first in range(0, len(rows[0]), _BAND):
        lines = (
            _row(row[first : first + _BAND], numbers[at] if numbers else None, is_head=at < heads)
            for at, row in enumerate(rows)
        )
        yield f"<table>{''.join(lines)}</table>"


def _row(cells: Sequence[str], number: str | None, *, is_head: bool) -> str:
    name = "th" if is_head else "td"
    before = "" if number is None else f'<{name}><span class="number">{number}</span></{name}>'
    drawn = (f"<{name}{_direction(cell)}>{html.escape(cell)}</{name}>" for cell in cells)
    return f"<tr>{before}{''.join(drawn)}</tr>"
