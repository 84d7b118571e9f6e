"""The text of a binary Word document and where its parts stand; runs inside a parser child.

Source: MS-DOC 2.5 (the file's information block), 2.8 (PLCs), 2.9.38 (Clx: the pieces of the text).
"""

import re
import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NamedTuple

from kotaemon_async.documents.parsing.child_charsets import decoded
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.office.child_doc_properties import Formats, ParagraphFormat
from kotaemon_async.documents.parsing.office.child_symbols import symbol

MAX_STREAM_BYTES = 128 * 1024**2
_WORD, _WORD_95 = 0xA5EC, 0xA5DC
_FIRST_97 = 0xC1
_COMPLEX, _ENCRYPTED, _FIRST_TABLE = 0x0004, 0x0100, 0x0200
_PAIRS_AT, _LENGTHS_AT = 0x9A, 0x4C
_PIECES = 33
_CHARACTER_PAGES, _PARAGRAPH_PAGES = 12, 13
#: Stands where text is that nobody sees, until it is taken out: places must keep their numbers.
GONE = "\x00"
_MARK = re.compile("[\r\x07\x0c]")
_MOST_FONTS = 5000
_MOST_CHARS = 64_000_000


class Lengths(NamedTuple):
    """How many characters each part of the text has, in this order."""

    body: int
    footnotes: int
    heads: int
    macros: int
    comments: int
    endnotes: int
    boxes: int
    head_boxes: int


def _starts(lengths: Lengths) -> Lengths:
    """Return where each part of the text begins."""
    return Lengths(*accumulate(lengths[:-1], initial=0))


class Paragraph(NamedTuple):
    """A paragraph of any part: its text with its mark, where it begins, and what is said of it."""

    text: str
    start: int
    mark: str
    format: ParagraphFormat


class Piece(NamedTuple):
    """A run of text: its places, and the bytes at which it stands, one or two for each character."""

    start: int
    end: int
    at: int
    width: int


class WordFile:
    """A file of Word 97 or later, or the plain text of an older one."""

    def __init__(self, ole: Any) -> None:
        self._ole = ole
        self.stream = self._read("WordDocument")
        identity, version = struct.unpack_from("<HH", self.stream)
        flags = struct.unpack_from("<H", self.stream, 10)[0]
        if identity not in (_WORD, _WORD_95):
            raise FileError("corrupt", "The file holds no Word document.")
        if flags & _ENCRYPTED:
            raise FileError("encrypted", "The document is protected by a password.")
        self.is_cut = False
        self.has_formats = version >= _FIRST_97
        if version < _FIRST_97:
            self._read_95(flags)
            return
        self._table = self._read("1Table" if flags & _FIRST_TABLE else "0Table")
        lengths = Lengths(*(max(one, 0) for one in struct.unpack_from("<8i", self.stream, _LENGTHS_AT)))
        data = self._read("Data") if ole.exists("Data") else b""
        self._formats = Formats(self.stream, self.table(_PARAGRAPH_PAGES), self.table(_CHARACTER_PAGES), data)
        self._fonts = _font_names(self.table(15))
        self._read_pieces()
        self.starts = _starts(lengths)

    def table(self, number: int) -> bytes:
        """Return one of the tables by its number among the pairs of place and length."""
        at, size = struct.unpack_from("<II", self.stream, _PAIRS_AT + 8 * number)
        return self._table[at : at + size]

    def table_from(self, number: int) -> bytes:
        """Return a table with all that is written behind it: some are followed by what they count."""
        at, size = struct.unpack_from("<II", self.stream, _PAIRS_AT + 8 * number)
        return self._table[at:] if size else b""

    def paragraphs(self, start: int, end: int) -> Iterator[Paragraph]:
        """Yield the paragraphs between two places of the text."""
        at = start
        for found in _MARK.finditer(self.text, start, end):
            place = found.start()
            yield Paragraph(self.text[at:place], at, found[0], self._format(place))
            at = place + 1
        if at < end:
            yield Paragraph(self.text[at:end], at, "\r", ParagraphFormat())

    def _format(self, place: int) -> ParagraphFormat:
        if not self._pieces:
            return ParagraphFormat()
        piece = self._pieces[bisect_right(self._piece_starts, place) - 1]
        return self._formats.paragraph(piece.at + (place - piece.start) * piece.width)

    def _read(self, name: str) -> bytes:
        with self._ole.openstream(name) as stream:
            return bytes(stream.read(MAX_STREAM_BYTES))

    def _read_95(self, flags: int) -> None:
        """Take the text of Word 6 or 95, without its formats, which are written otherwise."""
        start, end = struct.unpack_from("<II", self.stream, 24)
        if flags & _COMPLEX:
            raise FileError(
                "unsupported_format", "The document was saved by Word 95 or older, in fast pieces."
            )
        self._pieces: list[Piece] = []
        self._piece_starts: list[int] = []
        self.text = _old_text(self.stream[start:end])
        self.starts = _starts(Lengths(len(self.text), 0, 0, 0, 0, 0, 0, 0))

    def _read_pieces(self) -> None:
        self._pieces = list(_pieces(self.table(_PIECES)))
        self._piece_starts = [piece.start for piece in self._pieces]
        texts = []
        for piece in self._pieces:
            count = piece.end - piece.start
            raw = self.stream[piece.at : piece.at + count * piece.width]
            self.is_cut = self.is_cut or len(raw) < count * piece.width
            text = raw.decode("cp1252", "replace") if piece.width == 1 else _wide(raw)
            texts.append(self._visible(text, piece) + GONE * (count - len(text)))
        self.text = "".join(texts)

    def _visible(self, text: str, piece: Piece) -> str:
        """Return the text with what is hidden or deleted taken out, and signs of symbol fonts put in."""
        special = self._formats.special
        end = piece.at + len(text) * piece.width
        number = max(bisect_right(special, piece.at, key=lambda run: run[0]) - 1, 0)
        parts: list[str] = []
        at = 0
        while number < len(special) and special[number][0] < end:
            start, stop, shape = special[number]
            number += 1
            low = max((start - piece.at) // piece.width, at)
            high = min((stop - piece.at) // piece.width, len(text))
            if low >= high:
                continue
            parts += [text[at:low], self._shown(high - low, shape.is_hidden, shape.symbol)]
            at = high
        return "".join((*parts, text[at:])) if parts else text

    def _shown(self, count: int, is_hidden: bool, sign: tuple[int, int] | None) -> str:
        if is_hidden or sign is None:
            return GONE * count
        font = self._fonts[sign[0]] if sign[0] < len(self._fonts) else ""
        return (symbol(sign[1], font) or GONE) + GONE * (count - 1)


def _pieces(table: bytes) -> Iterator[Piece]:
    """Yield the pieces of the text. Raises: FileError(corrupt) where there is no list of them."""
    place = 0
    while place + 3 <= len(table) and table[place] == 1:  # formats of pieces
        place += 3 + int.from_bytes(table[place + 1 : place + 3], "little")
    if place + 5 > len(table) or table[place] != 2:
        raise FileError("corrupt", "The document lacks the list of its texts.")
    size = int.from_bytes(table[place + 1 : place + 5], "little")
    plc = table[place + 5 : place + 5 + size]
    count = max(len(plc) - 4, 0) // 12
    places = struct.unpack_from(f"<{count + 1}I", plc)
    last = 0
    for number in range(count):
        start, end = places[number], places[number + 1]
        if start != last or end <= start or end > _MOST_CHARS:
            break
        last = end
        code = struct.unpack_from("<I", plc, 4 * (count + 1) + 8 * number + 2)[0]
        is_narrow = bool(code & 0x40000000)
        at = code & 0x3FFFFFFF
        yield Piece(start, end, at // 2 if is_narrow else at, 1 if is_narrow else 2)


def _old_text(raw: bytes) -> str:
    """Return text of one or two bytes a character, in the charset that its letters tell."""
    _, charset = decoded(raw.replace(b"\x07", b"\n"))
    return raw.decode("cp1252" if charset.startswith("utf") else charset, "replace")


def _wide(raw: bytes) -> str:
    """Return UTF-16 as one character for each two bytes, so that places keep their numbers."""
    return "".join(map(chr, array("H", raw[: len(raw) // 2 * 2])))


def _font_names(table: bytes) -> list[str]:
    """Return the names of the fonts in the order in which formats count them. Source: MS-DOC 2.9.286."""
    names: list[str] = []
    place = 4
    while place < len(table) and len(names) < _MOST_FONTS:
        size = table[place]
        entry = table[place + 1 : place + 1 + size]
        name = entry[39:].decode("utf-16-le", "replace")
        names.append(name.partition("\x00")[0])
        place += 1 + size
    return names


def places(table: bytes, extra_bytes: int) -> list[int]:
    """Return the places that a table lists which has so many bytes more for each but the last."""
    count = max(len(table) - 4, 0) // (4 + extra_bytes)
    return list(struct.unpack_from(f"<{count + 1}I", table)) if len(table) >= 4 else []
