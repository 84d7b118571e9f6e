"""Workbooks of the old kind (BIFF8) of a few records, as their reader meets them."""

import struct
from collections.abc import Mapping, Sequence

from tests.support.ole import ole_file

_BOF, _EOF, _FONT, _FORMAT, _STYLE, _SHEET = 0x809, 0x0A, 0x31, 0x41E, 0xE0, 0x85
_LABEL, _NUMBER, _BOOLEAN, _MERGED, _DATES, _PASSWORD = 0x204, 0x203, 0x205, 0xE5, 0x22, 0x2F
_GLOBALS, _CELLS, _CHART = 0x05, 0x10, 0x20

Cell = str | float | bool | tuple[float, int] | None


def record(kind: int, data: bytes = b"") -> bytes:
    """Return a record of a stream."""
    return struct.pack("<HH", kind, len(data)) + data


def text(words: str, count: str = "<H") -> bytes:
    """Return a text as BIFF8 holds it, two bytes a character."""
    return struct.pack(count, len(words)) + b"\x01" + words.encode("utf-16-le")


def sheet(rows: Sequence[Sequence[Cell]], merges: Sequence[tuple[int, int, int, int]] = ()) -> bytes:
    """Return the stream of a sheet; (number, style) has a format, merges are first and last rows, columns."""
    records = b""
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            records += _cell(row, column, cell) if cell is not None else b""
    areas = struct.pack("<H", len(merges)) + b"".join(struct.pack("<4H", *area) for area in merges)
    return _begin(_CELLS) + records + (record(_MERGED, areas) if merges else b"") + record(_EOF)


def _cell(row: int, column: int, cell: Cell) -> bytes:
    value, style = cell if isinstance(cell, tuple) else (cell, 0)
    place = struct.pack("<3H", row, column, style)
    if isinstance(value, str):
        return record(_LABEL, place + text(value))
    if isinstance(value, bool):
        return record(_BOOLEAN, place + bytes([value, 0]))
    return record(_NUMBER, place + struct.pack("<d", value))


def _begin(kind: int) -> bytes:
    return record(_BOF, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 1996, 0, 6))


def stream(
    sheets: Mapping[str, bytes], codes: Sequence[str] = (), hidden: Sequence[str] = (), head: bytes = b""
) -> bytes:
    """Return the stream of a workbook; style 1 has the first of the format codes, style 2 the next."""
    fonts = record(_FONT, struct.pack("<5H4BB", 200, 0, 8, 400, 0, 0, 0, 0, 0, 5) + b"\x00Arial") * 5
    formats, styles = b"", _style(0)
    for number, code in enumerate(codes, 164):
        formats += record(_FORMAT, struct.pack("<H", number) + text(code))
        styles += _style(number)
    before = _begin(_GLOBALS) + head + fonts + formats + styles
    size = sum(len(_entry(name, 0, 0)) for name in sheets) + len(record(_EOF))
    entries, at = b"", len(before) + size
    for name, part in sheets.items():
        entries += _entry(name, at, name in hidden)
        at += len(part)
    return before + entries + record(_EOF) + b"".join(sheets.values())


def _style(code: int) -> bytes:
    return record(_STYLE, struct.pack("<3H", 0, code, 1) + bytes(14))


def _entry(name: str, at: int, hidden: int) -> bytes:
    kind = 2 if name.startswith("Chart") else 0
    return record(_SHEET, struct.pack("<IBB", at, hidden, kind) + text(name, "<B"))


def old_workbook(
    sheets: Mapping[str, bytes], codes: Sequence[str] = (), hidden: Sequence[str] = (), head: bytes = b""
) -> bytes:
    """Return a workbook in its OLE file."""
    return ole_file({"Workbook": stream(sheets, codes, hidden, head)})


FROM_1904 = record(_DATES, b"\x01\x00")
ENCRYPTED = record(_PASSWORD, bytes(54))
