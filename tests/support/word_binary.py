"""Binary Word documents of a few paragraphs, written byte by byte. Source: MS-DOC."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.support.ole import ole_file

_TEXT_AT, _PAGE = 2048, 512
_TABLES = {
    "styles": 1, "footnote_places": 2, "footnotes": 3, "comment_places": 4, "comments": 5, "heads": 11,
    "endnote_places": 46, "endnotes": 47, "fonts": 15, "lists": 73, "overrides": 74,
}  # fmt: skip
_PARTS = ("body", "footnotes", "heads", "macros", "comments", "endnotes", "boxes", "head_boxes")


@dataclass
class Run:
    """Letters with properties: from, to, and single property modifiers."""

    start: int
    end: int
    properties: bytes


@dataclass
class Par:
    """A paragraph with its mark, the number of its style, and single property modifiers."""

    text: str
    properties: bytes = b""
    style: int = 0


@dataclass
class Doc:
    """A document: paragraphs of all its parts in order, and how many letters each part has."""

    paragraphs: Sequence[Par]
    runs: Sequence[Run] = ()
    tables: Mapping[str, bytes] = field(default_factory=dict)
    #: Letters of the parts behind the body.
    lengths: Mapping[str, int] = field(default_factory=dict)
    flags: int = 0x0200
    version: int = 0xC1
    narrow: bool = False
    streams: Mapping[str, bytes] = field(default_factory=dict)

    def file(self) -> bytes:
        """Return the document as it is stored."""
        return ole_file({"WordDocument": self._stream(), "1Table": self._table()[0], **self.streams})

    @property
    def _text(self) -> str:
        return "".join(one.text for one in self.paragraphs)

    @property
    def _width(self) -> int:
        return 1 if self.narrow else 2

    def _stream(self) -> bytes:
        text = self._text.encode("cp1252" if self.narrow else "utf-16-le", "surrogatepass")
        whole = bytearray(_TEXT_AT) + text
        whole += bytes(-len(whole) % _PAGE)
        pages = b"".join((*self._paragraph_pages(), *self._run_pages()))
        others = sum(self.lengths.values())
        lengths = [len(self._text) - others, *(self.lengths.get(name, 0) for name in _PARTS[1:])]
        struct.pack_into("<HH", whole, 0, 0xA5EC, self.version)
        struct.pack_into("<H", whole, 10, self.flags)
        struct.pack_into("<II", whole, 24, _TEXT_AT, _TEXT_AT + len(text))
        struct.pack_into("<8i", whole, 0x4C, *lengths)
        for number, (at, size) in self._table()[1].items():
            struct.pack_into("<II", whole, 0x9A + 8 * number, at, size)
        return bytes(whole) + pages

    def _table(self) -> tuple[bytes, dict[int, tuple[int, int]]]:
        first = (_TEXT_AT + len(self._text) * self._width + _PAGE - 1) // _PAGE
        code = _TEXT_AT * 2 | 0x40000000 if self.narrow else _TEXT_AT
        pieces = struct.pack("<IIHIH", 0, len(self._text), 0, code, 0)
        count = len(self.paragraphs)
        entries = {
            33: b"\x02" + struct.pack("<I", len(pieces)) + pieces,
            13: _pages(self._bounds(), first),
            12: _pages([bound for run in self.runs for bound in (self._at(run.start),)] + [0], first + count),
            **{_TABLES[name]: data for name, data in self.tables.items()},
        }
        whole, where = b"", {}
        for number, data in entries.items():
            where[number] = (len(whole), len(data))
            whole += data
        return whole, where

    def _at(self, place: int) -> int:
        return _TEXT_AT + place * self._width

    def _bounds(self) -> list[int]:
        places = [0]
        for one in self.paragraphs:
            places.append(places[-1] + len(one.text))
        return [self._at(place) for place in places]

    def _paragraph_pages(self) -> list[bytes]:
        bounds = self._bounds()
        pages = []
        for number, one in enumerate(self.paragraphs):
            content = struct.pack("<H", one.style) + one.properties
            content += bytes(len(content) % 2)
            entry = struct.pack("<IIB12x", bounds[number], bounds[number + 1], 128).ljust(256, b"\0")
            pages.append(_page(entry + bytes((0, len(content) // 2)) + content))
        return pages

    def _run_pages(self) -> list[bytes]:
        pages = []
        for run in self.runs:
            entry = struct.pack("<IIB", self._at(run.start), self._at(run.end), 128).ljust(256, b"\0")
            pages.append(_page(entry + bytes((len(run.properties),)) + run.properties))
        return pages


def _page(content: bytes) -> bytes:
    """Return a page of formats with one run."""
    return content.ljust(_PAGE - 1, b"\0") + b"\x01"


def _pages(bounds: Sequence[int], first: int) -> bytes:
    numbers = range(first, first + len(bounds) - 1)
    return struct.pack(f"<{len(bounds)}I", *bounds) + struct.pack(f"<{len(numbers)}I", *numbers)


def places(*numbers: int, extra: int = 0) -> bytes:
    """Return a table of places, each but the last with so many bytes more."""
    return struct.pack(f"<{len(numbers)}I", *numbers) + bytes(extra * (len(numbers) - 1))


def modifier(code: int, operand: bytes) -> bytes:
    return struct.pack("<H", code) + operand


def row(*edges: int, cells: Sequence[int] = ()) -> bytes:
    """Return what the mark of a row says: its cells end at these edges, and have these bits."""
    count = len(edges)
    shapes = b"".join(struct.pack("<H18x", bits) for bits in cells)
    operand = bytes((count,)) + struct.pack(f"<{count + 1}h", 0, *edges) + shapes
    define = modifier(0xD608, struct.pack("<H", len(operand) + 1) + operand)
    return IN_TABLE + modifier(0x2417, b"\x01") + define


def styles(*entries: tuple[int, int, str, bytes]) -> bytes:
    """Return a table of styles: (kind, number of the one it is based on, name, modifiers)."""
    whole = struct.pack("<HHHH", 6, len(entries), 10, 0)
    for kind, based, name, properties in entries:
        words = struct.pack("<H", len(name)) + name.encode("utf-16-le") + b"\0\0"
        format_bytes = struct.pack("<HH", len(properties) + 2, 0) + properties
        entry = struct.pack("<HHHHH", kind, based << 4 | 1, 1, 0, 0) + words + format_bytes
        whole += struct.pack("<H", len(entry)) + entry
    return whole


def numbered_list(*levels: tuple[int, str]) -> dict[str, bytes]:
    """Return the tables of one list with the number 1, of (form, text) for each level."""
    head = struct.pack("<HII9HBB", 1, 77, 0, *[0xFFF] * 9, 0, 0)
    filled = [*levels, *[(255, "")] * (9 - len(levels))]
    described = b"".join(
        struct.pack("<iBB9xB8xBBBB", 1, form, 0, 0, 0, 0, 0, 0)
        + struct.pack("<H", len(text))
        + text.encode("utf-16-le")
        for form, text in filled
    )
    return {"lists": head + described, "overrides": struct.pack("<II12x", 1, 77)}


IN_TABLE = modifier(0x2416, b"\x01")
DELETED = modifier(0x0800, b"\x01")
HIDDEN = modifier(0x083C, b"\x01")
