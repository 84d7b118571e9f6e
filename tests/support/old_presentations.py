"""Presentations of the old kind (PPT) of a few records, as their reader meets them."""

import struct
from collections.abc import Sequence

from tests.support.ole import ole_file

_CONTAINER = 0xF
_DOCUMENT, _DOCUMENT_ATOM, _SLIDE, _SLIDE_ATOM, _NOTES = 1000, 1001, 1006, 1007, 1008
_PERSIST, _LIST, _SHOW = 1011, 4080, 1017
_TEXT_KIND, _TEXT = 3999, 4000
_EDIT, _USER, _DIRECTORY = 4085, 4086, 6002
_DRAWING, _DRAWING_ART, _GROUP, _SHAPE = 1036, 0xF002, 0xF003, 0xF004
_GROUP_ATOM, _SHAPE_ATOM, _WORDS, _ANCHOR, _DATA, _PLACEHOLDER = 0xF009, 0xF00A, 0xF00D, 0xF010, 0xF011, 3011
TITLE, BODY, OTHER = 0, 1, 4


def record(kind: int, *content: bytes, version: int = _CONTAINER, instance: int = 0) -> bytes:
    """Return a record; one of others by default."""
    data = b"".join(content)
    return struct.pack("<HHI", version | instance << 4, kind, len(data)) + data


def box(text: str, at: tuple[int, int] = (0, 0), kind: int = OTHER) -> bytes:
    """Return a shape with text; of the kinds TITLE and BODY it is a placeholder."""
    left, top = at
    words = record(_TEXT_KIND, struct.pack("<I", kind), version=0)
    words += record(_TEXT, text.encode("utf-16-le"), version=0)
    told = record(_DATA, record(_PLACEHOLDER, struct.pack("<iBBH", 0, 13, 0, 0), version=0))
    return record(
        _SHAPE,
        _shape_atom(0xA00),
        record(_ANCHOR, struct.pack("<4h", top, left, left + 1000, top + 300), version=0),
        told if kind != OTHER else b"",
        record(_WORDS, words),
    )


def slide(*shapes: bytes, hidden: bool = False) -> bytes:
    """Return a slide of shapes."""
    atom = record(_SLIDE_ATOM, bytes(24), version=2)
    show = record(_SHOW, bytes(10) + b"\x04" + bytes(5), version=0) if hidden else b""
    group = record(_SHAPE, record(_GROUP_ATOM, bytes(16), version=1), _shape_atom(0x5))
    return record(_SLIDE, atom, show, record(_DRAWING, record(_DRAWING_ART, record(_GROUP, group, *shapes))))


def _shape_atom(flags: int) -> bytes:
    return record(_SHAPE_ATOM, struct.pack("<II", 1025, flags), version=2, instance=1)


def streams(slides: Sequence[bytes], token: int = 0xE391C05F) -> dict[str, bytes]:
    """Return the streams of a presentation."""
    entries = b"".join(
        record(_PERSIST, struct.pack("<IIiII", number + 1, 0, 0, 255 + number, 0), version=0)
        for number in range(1, len(slides) + 1)
    )
    size = record(_DOCUMENT_ATOM, struct.pack("<4i", 5760, 4320, 4320, 5760) + bytes(24), version=1)
    document = record(_DOCUMENT, size, record(_LIST, entries))
    offsets, stream = [0], document
    for part in slides:
        offsets.append(len(stream))
        stream += part
    directory = struct.pack("<I", 1 | len(offsets) << 20) + struct.pack(f"<{len(offsets)}I", *offsets)
    at = len(stream)
    stream += record(_DIRECTORY, directory, version=0)
    edit = struct.pack("<IHBBIIIIHH", 0, 0, 0, 3, 0, at, 1, len(offsets) + 1, 0, 0)
    current = len(stream)
    stream += record(_EDIT, edit, version=0)
    user = record(_USER, struct.pack("<IIIHHBBH", 20, token, current, 0, 1012, 3, 0, 0), version=0)
    return {"Current User": user, "PowerPoint Document": stream}


def old_presentation(*slides: bytes, token: int = 0xE391C05F) -> bytes:
    """Return a presentation in its OLE file."""
    return ole_file(streams(slides, token))
