"""OLE files (compound files) of a few streams: Outlook's mails as their reader meets them."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

_SECTOR, _MINI = 512, 64
_END, _FREE, _TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
#: Shorter streams lie in the mini stream.
_CUTOFF = 4096
_STORAGE, _STREAM, _ROOT = 1, 2, 5
_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass
class _Sectors:
    """Sectors of one size and the chains that link them."""

    size: int
    data: bytes = b""
    links: list[int] = field(default_factory=list)

    def add(self, content: bytes) -> int:
        """Append a stream, and return its first sector."""
        if not content:
            return _END
        start = len(self.links)
        self.data += content + b"\0" * (-len(content) % self.size)
        count = len(self.data) // self.size - start
        self.links += [*range(start + 1, start + count), _END]
        return start


def ole_file(streams: Mapping[str, bytes]) -> bytes:
    """Return a file with the streams; "folder/name" lies in a folder."""
    sectors, mini = _Sectors(_SECTOR), _Sectors(_MINI)
    paths = sorted({path.rsplit("/", count)[0] for path in streams for count in range(path.count("/") + 1)})
    entries = []
    for path in paths:
        data = streams.get(path)
        target = mini if data is not None and len(data) < _CUTOFF else sectors
        start = target.add(data) if data is not None else 0
        entries.append(_entry(path, paths, _STORAGE if data is None else _STREAM, start, len(data or b"")))
    root = _entry("", paths, _ROOT, sectors.add(mini.data), len(mini.data))
    mini_table = sectors.add(_table(mini.links))
    directory = sectors.add(b"".join([root, *entries]))
    count = 1
    while (len(sectors.links) + count) * 4 > count * _SECTOR:
        count += 1
    first = len(sectors.links)
    table = _table([*sectors.links, *[_TABLE] * count])
    return _head(first, count, directory, mini_table) + sectors.data + table


def _entry(path: str, paths: list[str], kind: int, start: int, size: int) -> bytes:
    """Return a directory entry; entries of a folder follow each other to the right."""
    children = [one for one in paths if path == one.rpartition("/")[0] and one]
    siblings = [one for one in paths if one.rpartition("/")[0] == path.rpartition("/")[0]]
    place = siblings.index(path) if path else len(siblings)
    right = paths.index(siblings[place + 1]) + 1 if place + 1 < len(siblings) else _FREE
    child = paths.index(children[0]) + 1 if children else _FREE
    name = (path.rpartition("/")[2] or "Root Entry").encode("utf-16-le") + b"\0\0"
    links = struct.pack("<3I", _FREE, right, child)
    return struct.pack("<64sHBB12s36xIQ", name, len(name), kind, 1, links, start, size)


def _table(links: list[int]) -> bytes:
    whole = [*links, *[_FREE] * (-len(links) % (_SECTOR // 4))]
    return struct.pack(f"<{len(whole)}I", *whole)


def _head(table: int, count: int, directory: int, mini_table: int) -> bytes:
    mini_count = 0 if mini_table == _END else 1
    numbers = (count, directory, 0, _CUTOFF, mini_table, mini_count, _END, 0)
    where = [*range(table, table + count), *[_FREE] * (109 - count)]
    versions = struct.pack("<16x5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    return _MAGIC + versions + struct.pack("<I8I109I", 0, *numbers, *where)


def properties(head_bytes: int, **numbers: int) -> bytes:
    """Return a stream of a mail's numbers, by their tags: `x3FFD=936`."""
    entries = (struct.pack("<HHIQ", 3, int(tag[1:], 16), 6, value) for tag, value in numbers.items())
    return b"\0" * head_bytes + b"".join(entries)


def outlook_mail(texts: Mapping[str, str | bytes], head_bytes: int = 32, **numbers: int) -> dict[str, bytes]:
    """Return the streams of a mail: its texts by tag and type ("0037001F"), its numbers by tag."""
    streams = {
        f"__substg1.0_{tag}": text.encode("utf-16-le") if isinstance(text, str) else text
        for tag, text in texts.items()
    }
    return {**streams, "__properties_version1.0": properties(head_bytes, **numbers)}


def within(folder: str, streams: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the streams with a folder before their names."""
    return {f"{folder}/{name}": data for name, data in streams.items()}
