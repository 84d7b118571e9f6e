"""Compressed RTF, the form in which Outlook keeps the body of a mail. Source: MS-OXRTFCP."""

import struct

from kotaemon_async.documents.parsing.child_problem import FileError

MAX_BYTES = 64 * 1024**2
_HEAD = struct.Struct("<IIII")
_COMPRESSED, _PLAIN = 0x75465A4C, 0x414C454D
_DICTIONARY = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_WINDOW = 4096


def rtf_of(data: bytes) -> bytes:
    """Return the RTF. Raises: FileError(corrupt | parser_limit). A cut stream gives what it holds."""
    if len(data) < _HEAD.size:
        raise FileError("corrupt", "The body of the mail is damaged.")
    _, size, kind, _ = _HEAD.unpack_from(data)
    if size > MAX_BYTES:
        raise FileError("parser_limit", f"The body has {size} bytes; at most {MAX_BYTES} are read.")
    if kind == _PLAIN:
        return data[_HEAD.size : _HEAD.size + size]
    if kind != _COMPRESSED:
        raise FileError("corrupt", "The body of the mail is packed as no program does.")
    return _expanded(data, size)


def _expanded(data: bytes, size: int) -> bytes:
    """Follow literals and references into a ring of 4 kB, which begins with common words of RTF."""
    ring = bytearray(_DICTIONARY.ljust(_WINDOW, b"\0"))
    place, write = _HEAD.size, len(_DICTIONARY)
    out = bytearray()
    while place < len(data) and len(out) < size:
        control = data[place]
        place += 1
        for bit in range(8):
            width = 2 if control >> bit & 1 else 1
            if place + width > len(data):
                return bytes(out)
            if width == 1:
                piece = data[place : place + 1]
            else:
                reference = int.from_bytes(data[place : place + 2], "big")
                if reference >> 4 == write % _WINDOW:
                    return bytes(out)
                piece = _copied(ring, reference >> 4, (reference & 15) + 2, write)
            place += width
            for byte in piece:
                ring[write % _WINDOW] = byte
                write += 1
            out += piece
    return bytes(out[:size])


def _copied(ring: bytearray, start: int, length: int, write: int) -> bytes:
    """Return what a reference means; it may run into what it writes itself."""
    piece = bytearray()
    for offset in range(length):
        distance = (write - start) % _WINDOW
        piece.append(piece[offset - distance] if offset >= distance else ring[(start + offset) % _WINDOW])
    return bytes(piece)
