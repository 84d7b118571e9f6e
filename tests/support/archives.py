"""ZIP archives as programs write them, and as nobody should."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping


def zipped(members: Mapping[str, bytes | str], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of the members, by path, in order; a path that ends with / is a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def named_in_bytes(members: Mapping[bytes, bytes], extra: Mapping[bytes, bytes] | None = None) -> bytes:
    """An archive whose names are these bytes and say nothing of their charset, with extra fields by name."""
    parts, directory = bytearray(), bytearray()
    for name, data in members.items():
        more = (extra or {}).get(name, b"")
        sizes = (zlib.crc32(data), len(data), len(data), len(name), len(more))
        head = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x21, *sizes)
        directory += (
            b"PK\x01\x02\x14\x00" + head + struct.pack("<HHHII", 0, 0, 0, 0, len(parts)) + name + more
        )
        parts += b"PK\x03\x04" + head + name + more + data
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(parts), 0)
    return bytes(parts + directory) + b"PK\x05\x06" + end


def unicode_path(name: bytes, meant: str) -> bytes:
    """The extra field of Info-ZIP that says what a name means."""
    body = b"\x01" + struct.pack("<I", zlib.crc32(name)) + meant.encode()
    return struct.pack("<HH", 0x7075, len(body)) + body


def flagged(archive: bytes, flag: int, *paths: str) -> bytes:
    """The archive with a flag set for the paths, or for all; what is packed stays as it is."""
    changed = bytearray(archive)
    for mark, at in ((b"PK\x03\x04", (6, 26, 30)), (b"PK\x01\x02", (8, 28, 46))):
        place = changed.find(mark)
        while place >= 0:
            length = int.from_bytes(changed[place + at[1] : place + at[1] + 2], "little")
            name = changed[place + at[2] : place + at[2] + length].decode()
            if not paths or name in paths:
                changed[place + at[0]] |= flag
            place = changed.find(mark, place + 4)
    return bytes(changed)
