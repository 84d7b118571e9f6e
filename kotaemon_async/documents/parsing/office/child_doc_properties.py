"""Formatting of binary Word documents: properties by place in the file; runs inside a parser child.

Source: MS-DOC 2.4 (how to find the properties of text), 2.6 (single property modifiers), 2.9 (structures).
"""

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kotaemon_async.documents.parsing.office.child_edge_tables import MOST_COLUMNS, Cell, RowShape

_PAGE_BYTES = 512
_BX_BYTES = 13
_CELL_BYTES = 20
#: Bytes of an operand by the kind that its modifier names; 6 says that its first byte counts.
_OPERAND_BYTES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2, 7: 3}
_DEFINES_ROW, _MERGES_DOWN, _CHANGES_TABS = 0xD608, 0xD62B, 0xC615
#: Modifiers that stand in another stream, because they are many.
_ELSEWHERE = frozenset({0x6645, 0x6646})
_SWITCHES = {
    0x2416: "in_table",
    0x2417: "ends_row",
    0x244B: "ends_inner_cell",
    0x244C: "ends_inner_row",
    0x3404: "repeats_row",
}
_NUMBERS = {0x2640: "level", 0x260A: "list_level", 0x460B: "list_id"}
_DELETED, _HIDDEN, _SYMBOL = 0x0800, 0x083C, 0x6A09
_GOES_ON = 1


@dataclass(slots=True)
class ParagraphFormat:
    """What a paragraph's properties say; None leaves it to the style."""

    style: int = 0
    level: int | None = None
    list_id: int | None = None
    list_level: int | None = None
    in_table: bool = False
    ends_row: bool = False
    ends_inner_cell: bool = False
    ends_inner_row: bool = False
    row: RowShape | None = None
    repeats_row: bool = False


class CharacterFormat(NamedTuple):
    """Of text: whether it is left out, or which sign of which font it shows."""

    is_hidden: bool
    symbol: tuple[int, int] | None


class Formats:
    """The properties of all paragraphs and letters, by the byte of the stream at which these stand."""

    def __init__(self, stream: bytes, paragraph_pages: bytes, character_pages: bytes, data: bytes) -> None:
        self._data = data
        self._paragraph_starts: list[int] = []
        self._paragraphs: list[bytes] = []
        for start, _end, properties in _runs(stream, paragraph_pages, _paragraph_properties):
            self._paragraph_starts.append(start)
            self._paragraphs.append(properties)
        #: Only runs that are not plain text, in order.
        self.special: list[tuple[int, int, CharacterFormat]] = []
        for start, end, properties in _runs(stream, character_pages, _character_properties):
            if properties and (found := _character_format(properties)) is not None:
                self.special.append((start, end, found))
        self.special.sort(key=lambda run: run[0])
        order = sorted(range(len(self._paragraph_starts)), key=self._paragraph_starts.__getitem__)
        self._paragraph_starts = [self._paragraph_starts[place] for place in order]
        self._paragraphs = [self._paragraphs[place] for place in order]

    def paragraph(self, place: int) -> ParagraphFormat:
        """Return the format of the paragraph whose mark stands at the byte."""
        at = bisect_right(self._paragraph_starts, place) - 1
        found = ParagraphFormat()
        if at >= 0 and len(self._paragraphs[at]) >= 2:
            properties = self._paragraphs[at]
            found.style = struct.unpack_from("<H", properties)[0]
            apply_to_paragraph(found, properties[2:], self._data)
        return found


def apply_to_paragraph(to: ParagraphFormat, properties: bytes, data: bytes = b"") -> None:
    """Set what single property modifiers say of a paragraph; `data` is the stream of those that are long."""
    for code, operand in modifiers(properties):
        value = int.from_bytes(operand[:2], "little")
        if (name := _SWITCHES.get(code)) is not None:
            setattr(to, name, bool(value))
        elif (name := _NUMBERS.get(code)) is not None:
            setattr(to, name, value)
        elif code == _DEFINES_ROW:
            to.row = _row_shape(operand)
        elif code == _MERGES_DOWN:
            _merge_down(to.row, operand)
        elif code in _ELSEWHERE:
            at = int.from_bytes(operand, "little")
            size = int.from_bytes(data[at : at + 2], "little")
            apply_to_paragraph(to, data[at + 2 : at + 2 + size])  # without data: it names no further one


def modifiers(properties: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield code and operand of each single property modifier, as far as they are whole."""
    place, end = 0, len(properties)
    while place + 2 < end:
        code = int.from_bytes(properties[place : place + 2], "little")
        place += 2
        size = _OPERAND_BYTES.get(code >> 13)
        if size is None:
            wide = code == _DEFINES_ROW
            size = int.from_bytes(properties[place : place + 1 + wide], "little") - wide
            place += 1 + wide
            if code == _CHANGES_TABS and size == 255:
                return  # its true length is hidden in it; nothing that follows is looked for
        if size < 0 or place + size > end:
            return
        yield code, properties[place : place + size]
        place += size


def _runs(
    stream: bytes, pages: bytes, read: Callable[[bytes, int, int], bytes]
) -> Iterator[tuple[int, int, bytes]]:
    """Yield start, end and properties of each run that the pages of a table describe."""
    count = max(len(pages) - 4, 0) // 8
    for number in struct.unpack_from(f"<{count}I", pages, 4 * (count + 1)) if count else ():
        at = (number & 0x3FFFFF) * _PAGE_BYTES
        page = stream[at : at + _PAGE_BYTES]
        if len(page) < _PAGE_BYTES:
            continue
        runs = page[-1]
        if 4 * (runs + 1) > _PAGE_BYTES:
            continue
        places = struct.unpack_from(f"<{runs + 1}I", page)
        for run in range(runs):
            yield places[run], places[run + 1], read(page, runs, run)


def _paragraph_properties(page: bytes, runs: int, run: int) -> bytes:
    """Return the number of a style, in two bytes, and modifiers."""
    at = 2 * page[min(4 * (runs + 1) + _BX_BYTES * run, _PAGE_BYTES - 1)]
    if not at or at + 2 > _PAGE_BYTES:
        return b""
    if size := page[at]:
        return page[at + 1 : at + 2 * size]
    return page[at + 2 : at + 2 + 2 * page[at + 1]]


def _character_properties(page: bytes, runs: int, run: int) -> bytes:
    at = 2 * page[min(4 * (runs + 1) + run, _PAGE_BYTES - 1)]
    return page[at + 1 : at + 1 + page[at]] if at else b""


def _character_format(properties: bytes) -> CharacterFormat | None:
    is_hidden, symbol = False, None
    for code, operand in modifiers(properties):
        if code in (_DELETED, _HIDDEN):
            is_hidden = is_hidden or bool(operand[0])
        elif code == _SYMBOL:
            symbol = struct.unpack_from("<HH", operand)
    return CharacterFormat(is_hidden, symbol) if is_hidden or symbol else None


def _merge_down(row: RowShape | None, operand: bytes) -> None:
    if row and len(operand) > 1 and operand[0] < len(row.cells):
        goes_on = operand[1] & 3 == _GOES_ON
        row.cells[operand[0]] = row.cells[operand[0]]._replace(goes_on_down=goes_on)


def _row_shape(operand: bytes) -> RowShape:
    """Return the cells of a row by their right edges, in twips."""
    count = min(operand[0] if operand else 0, MOST_COLUMNS)
    total = operand[0] if operand else 0
    if len(operand) < 1 + 2 * (total + 1):
        return RowShape()
    edges = struct.unpack_from(f"<{total + 1}h", operand, 1)
    shape = RowShape()
    for cell in range(count):
        at = 1 + 2 * (total + 1) + _CELL_BYTES * cell
        bits = int.from_bytes(operand[at : at + 2], "little")
        goes_on_down = (bits >> 5) & 3 == _GOES_ON
        shape.cells.append(Cell(edges[cell + 1], bits & 3 == _GOES_ON, goes_on_down))
    return shape
