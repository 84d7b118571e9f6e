"""Damage as files meet it, and as somebody would do it on purpose: cut, turned, repeated, nested, swollen."""

import io
import random
import re
import zipfile
from collections.abc import Callable

Mutation = Callable[[random.Random, bytes], bytes]

#: A mutated file is not larger than this: what is tried is the reader, not the disk.
MOST_BYTES = 4 * 1024**2
_NUMBER = re.compile(rb"(?<![\w.])-?\d+(?![\w.])")
_ELEMENT = re.compile(rb"<([A-Za-z][\w:.-]*)\b[^<>]*>")
_ODD_NUMBERS = (b"-1", b"0", b"1000000000", b"4294967295", b"1e400", b"NaN", b"x", b"-2147483649", b"1048576")
_ODD_BYTES = (
    *(
        b"\0",
        b"\xff",
        b"\xef\xbf\xbe",
        b"&#0;",
        b"&lol;",
        b"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    ),
    *(
        b"]]>",
        b"<!--",
        b"\\bin99999999 ",
        b"{" * 5000,
        b"\xd8\x00",
        b'="',
        b"\r\n\r\n",
        b"--",
        b"\\u-99999999999 ",
    ),
)


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Return the file with one to three kinds of damage; a package is damaged in one of its parts, too."""
    if data.startswith(b"PK\x03\x04") and chance.random() < 0.85:
        data = in_package(chance, data)
        if chance.random() < 0.8:
            return data[:MOST_BYTES]
    for _ in range(chance.randint(1, 3)):
        data = chance.choice(MUTATIONS)(chance, data)
    return data[:MOST_BYTES]


def in_package(chance: random.Random, data: bytes) -> bytes:
    """Return the package with one of its parts damaged, lost, doubled, or put in the place of another."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = {info.filename: package.read(info) for info in package.infolist()}
    name = chance.choice(sorted(parts))
    match chance.randrange(8):
        case 0:
            del parts[name]
        case 1:
            parts[name] = parts[chance.choice(sorted(parts))]
        case 2:
            parts["../../" + name] = parts.pop(name)
        case _:
            for _ in range(chance.randint(1, 3)):
                parts[name] = chance.choice(MUTATIONS)(chance, parts[name])[:MOST_BYTES]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for part, content in parts.items():
            package.writestr(part, content)
    return out.getvalue()


def cut(chance: random.Random, data: bytes) -> bytes:
    """Return the beginning of the file."""
    return data[: chance.randrange(len(data) + 1)]


def flipped(chance: random.Random, data: bytes) -> bytes:
    """Return the file with some of its bits turned."""
    found = bytearray(data)
    for _ in range(min(len(found), chance.choice((1, 4, 32)))):
        found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def lost(chance: random.Random, data: bytes) -> bytes:
    """Return the file without a part of it."""
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.choice((1, 16, 512)) :]


def blanked(chance: random.Random, data: bytes) -> bytes:
    """Return the file with a sector of NULs, as a disk leaves it."""
    start = chance.randrange(len(data) + 1)
    return data[:start] + bytes(min(512, len(data) - start)) + data[start + 512 :]


def inserted(chance: random.Random, data: bytes) -> bytes:
    """Return the file with something in it that readers trip over."""
    start = chance.randrange(len(data) + 1)
    return data[:start] + chance.choice(_ODD_BYTES) + data[start:]


def renumbered(chance: random.Random, data: bytes) -> bytes:
    """Return the file with one or all of its numbers replaced."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    odd = chance.choice(_ODD_NUMBERS)
    if chance.random() < 0.2:
        return _NUMBER.sub(odd, data)
    one = chance.choice(found)
    return data[: one.start()] + odd + data[one.end() :]


def repeated(chance: random.Random, data: bytes) -> bytes:
    """Return the file with a part of it many times over."""
    start = chance.randrange(len(data) + 1)
    part = data[start : start + chance.choice((8, 64, 512))]
    return (
        data[:start] + part * min(chance.choice((2, 50, 5000)), MOST_BYTES // (len(part) + 1)) + data[start:]
    )


def nested(chance: random.Random, data: bytes) -> bytes:
    """Return the file with one of its elements within itself, thousands deep, closed or not."""
    found = list(_ELEMENT.finditer(data))
    if not found:
        return repeated(chance, data)
    one = chance.choice(found)
    depth = chance.choice((10, 500, 20_000))
    closing = (b"</" + one[1] + b">") * (depth if chance.random() < 0.7 else 0)
    return data[: one.start()] + one[0] * depth + closing + data[one.start() :]


MUTATIONS: tuple[Mutation, ...] = (cut, flipped, lost, blanked, inserted, renumbered, repeated, nested)
