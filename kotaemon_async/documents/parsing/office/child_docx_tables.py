"""Tables of a Word document as rows of texts, with what is merged repeated; runs inside a parser child."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import NamedTuple

from kotaemon_async.documents.parsing.office.child_docx_styles import number, switch
from kotaemon_async.documents.parsing.office.child_package import attribute, local

#: Word itself has 63 columns at most.
MOST_COLUMNS = 256
_WRAPPERS = frozenset({"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"})
_MOST_WRAPPERS = 20
#: A longer text is not repeated in the other cells that it was merged with.
_REPEATED_CHARS = 300
#: A cell with so much text is no cell of data: the table only lays out a page.
_LAYOUT_CHARS = 1500
_LAYOUT_COLUMN_CHARS = 120
_FIRST_ROW = 0x20
_HEX = re.compile(r"[0-9A-Fa-f]{1,8}")


class Cell(NamedTuple):
    """A cell: how many columns it spans, and whether it begins or continues one that is merged downwards."""

    element: ET.Element
    span: int
    down: str


class Row(NamedTuple):
    """A row of a table; `skipped` columns are left free before its first cell."""

    cells: list[Cell]
    skipped: int
    is_header: bool


class Table:
    """The cells of a table in the order of reading."""

    def __init__(self, element: ET.Element) -> None:
        #: Whether the first row looks unlike the others, as soon as that is known.
        self.sets_off_first = False
        self.style, self.shows_head = _look(element)
        self.rows = [row for tr in inner(element, "tr") if (row := _row(tr)) is not None]

    @property
    def cells(self) -> Iterator[Cell]:
        """Yield the cells but those that only go on with the one above."""
        return (cell for row in self.rows for cell in row.cells if cell.down != "goes on")

    def texts(self, text_of: Callable[[ET.Element], str]) -> Iterator[list[str]]:
        """Yield the texts of each row, of which one may have fewer than another."""
        above: dict[int, str] = {}
        for row in self.rows:
            yield self._texts(row, above, text_of)

    def pop_title(self) -> Cell | None:
        """Take away a first row that is one cell over all columns, and return that cell."""
        first = self.rows[0] if len(self.rows) > 2 else None
        if first is None or first.is_header or first.skipped or len(first.cells) != 1:
            return None
        return self.rows.pop(0).cells[0] if first.cells[0].span > 1 else None

    @property
    def head(self) -> int:
        """Return how many rows name the columns: those that say so, or what merged cells span, or one.

        0 where nothing tells: two columns without such a sign may be names and their values.
        """
        said = next((place for place, row in enumerate(self.rows) if not row.is_header), 0)
        if said or len(self.rows) < 2:
            return said
        first = self.rows[0]
        spans_columns = any(cell.span > 1 for cell in first.cells) and len(first.cells) > 1
        if not (spans_columns and any(cell.down == "begins" for cell in first.cells)):
            return int(self.sets_off_first or any(len(row.cells) > 2 for row in self.rows))
        rows = enumerate(self.rows[1:], 1)
        end = next((place for place, row in rows if all(cell.down != "goes on" for cell in row.cells)), 1)
        return min(end, 3)

    @property
    def only_lays_out(self) -> bool:
        """Return whether it is a frame for texts or other tables, and its rows say nothing as rows."""
        cells = list(self.cells)
        letters = [_letters(cell.element) for cell in cells]
        longest = max(letters, default=0)
        has_one_column = all(len(row.cells) == 1 for row in self.rows)
        if longest > _LAYOUT_CHARS or (
            has_one_column and (longest > _LAYOUT_COLUMN_CHARS or len(cells) == 1)
        ):
            return True
        nested = [part for cell in cells for part in cell.element.iter() if local(part) == "tbl"]
        inside = sum(_letters(one) for one in nested if len(Table(one).rows) > 1)
        return inside > _LAYOUT_COLUMN_CHARS and 2 * inside > sum(letters)

    def _texts(self, row: Row, above: dict[int, str], text_of: Callable[[ET.Element], str]) -> list[str]:
        texts = [""] * row.skipped
        for cell in row.cells:
            place = len(texts)
            text = above.get(place, "") if cell.down == "goes on" else text_of(cell.element)
            is_repeated = len(text) <= _REPEATED_CHARS and len(row.cells) > 1
            above[place] = text if cell.down and len(text) <= _REPEATED_CHARS else ""
            texts += [text] + [text if is_repeated else ""] * (min(cell.span, MOST_COLUMNS - place) - 1)
            if len(texts) >= MOST_COLUMNS:
                break
        return texts


def inner(element: ET.Element, name: str, depth: int = 0) -> Iterator[ET.Element]:
    """Yield the rows or cells of the name, also those in content controls and what was inserted."""
    for part in element:
        if local(part) == name:
            yield part
        elif local(part) in _WRAPPERS and depth < _MOST_WRAPPERS:
            yield from inner(part, name, depth + 1)


def _look(element: ET.Element) -> tuple[str, bool]:
    """Return the style of a table, and whether that is to set off its first row."""
    properties = next((part for part in element if local(part) == "tblPr"), None)
    parts = {local(part): part for part in properties} if properties is not None else {}
    style = attribute(parts["tblStyle"], "val") if "tblStyle" in parts else None
    if (look := parts.get("tblLook")) is None:
        return style or "", True
    if (said := attribute(look, "firstRow")) is not None:
        return style or "", said in ("1", "true", "on")
    bits = attribute(look, "val") or ""
    return style or "", bool(int(bits, 16) & _FIRST_ROW) if _HEX.fullmatch(bits) else False


def _letters(element: ET.Element) -> int:
    return sum(len(part.text or "") for part in element.iter() if local(part) == "t")


def _row(element: ET.Element) -> Row | None:
    """Return the row; None for one that was deleted."""
    properties = next((part for part in element if local(part) == "trPr"), None)
    skipped, is_header = 0, False
    if properties is not None:
        if any(local(part) == "del" for part in properties):
            return None
        before = next((part for part in properties if local(part) == "gridBefore"), None)
        skipped = number(attribute(before, "val"), 0) if before is not None else 0
        is_header = bool(switch(properties, "tblHeader"))
    cells = [cell for tc in inner(element, "tc") if (cell := _cell(tc)) is not None]
    return Row(cells, min(max(skipped, 0), MOST_COLUMNS), is_header)


def _cell(element: ET.Element) -> Cell | None:
    properties = next((part for part in element if local(part) == "tcPr"), None)
    span, down = 1, ""
    for part in properties if properties is not None else ():
        match local(part):
            case "gridSpan":
                span = min(max(number(attribute(part, "val"), 1), 1), MOST_COLUMNS)
            case "vMerge":
                down = "begins" if attribute(part, "val") == "restart" else "goes on"
            case "cellDel":
                return None
    return Cell(element, span, down)
