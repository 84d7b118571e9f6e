"""What of a PDF is lost, or is no text: pages that are cut off, damaged, or pictures; runs inside a child."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from kotaemon_async.documents.parsing.child_pymupdf import pymupdf
from kotaemon_async.documents.parsing.child_units import Loss

#: The page tree says how many pages there are, and so does the head of a file that is made for the web.
_TREE = re.compile(rb"/Type\s*/Pages\b")
_COUNT = re.compile(rb"/Count\s+(\d{1,7})\b")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]{0,200}?/N\s+(\d{1,7})\b")
_OBJECT = re.compile(rb"\bobj\b|\bendobj\b")
_AROUND_BYTES, _HEAD_BYTES = 4000, 2048
_MOST_TREES = 2000
#: More pages than this beside those that are there are no lost pages but nonsense.
_MOST_LOST = 20_000
_REFERENCE = re.compile(r"(\d+) 0 R")
_MOST_STREAMS = 50
_SHOWS_TEXT = re.compile(rb"\bT[fjJ]\b")
_END, _EOF, _TAIL_BYTES = b"endobj", b"%%EOF", 2048
#: A page is looked at as a gray picture so wide, with as many dark pixels in 10,000 as dust may make.
_LOOK_PX, _INK, _DUST = 160, 225, 5
_TALLEST = 8.0
_COVERED = 0.5


def whole_part(file: memoryview) -> bytes:
    """Return the file up to its last whole object; nothing when it holds none, or ends with one."""
    data = bytes(file)
    end = data.rfind(_END)
    return data[: end + len(_END)] + b"\n" if 0 <= end < len(data) - 2 * len(_END) else b""


def losses(data: memoryview, found: int) -> Iterator[Loss]:
    """Yield what of a damaged file is gone, as far as what is left of it tells."""
    told, is_cut = _told_pages(data), _EOF not in bytes(data[-_TAIL_BYTES:])
    if found < told <= found + _MOST_LOST:
        yield Loss("truncated", f"The PDF is cut off or damaged: of its {told} pages only {found} are there.")
    elif is_cut:
        yield Loss("truncated", "The PDF is cut off: its end is missing.")


def _told_pages(data: memoryview) -> int:
    """Return how many pages the file says that it has; 0 when that part of it is lost."""
    head = _LINEARIZED.search(data[:_HEAD_BYTES])
    counts = [int(head[1])] if head else [0]
    for tree in islice(_TREE.finditer(data), _MOST_TREES):
        begin, stop = max(0, tree.start() - _AROUND_BYTES), tree.end() + _AROUND_BYTES
        before = _OBJECT.split(data[begin : tree.start()])[-1]
        after = _OBJECT.split(data[tree.end() : stop])[0]
        counts += [int(count[1]) for count in _COUNT.finditer(before + b" " + after)]
    return max(counts)


def lacks_content(document: Any, page: Any, has_text: bool) -> bool:
    """Return whether what the page shows is gone: the page itself, its streams, or the fonts of its text."""
    if page.xref <= 0:
        return True
    kind, value = document.xref_get_key(page.xref, "Contents")
    if kind not in {"xref", "array"}:
        return False
    named = _numbers(value)
    if kind == "xref" and named and not document.xref_is_stream(named[0]):
        named = _numbers(document.xref_object(named[0])) or [0]
    if any(number <= 0 or not document.xref_is_stream(number) for number in named):
        return True
    return not has_text and _SHOWS_TEXT.search(page.read_contents()) is not None


def _numbers(value: str) -> list[int]:
    return [int(number) for number in _REFERENCE.findall(value)[:_MOST_STREAMS]]


def is_picture(page: Any) -> bool:
    """Return whether a picture covers most of the page."""
    pictures = [pymupdf.Rect(box) & page.rect for kind, box in page.get_bboxlog() if "image" in kind]
    return any(picture.get_area() > _COVERED * page.rect.get_area() for picture in pictures)


def shows_something(page: Any) -> bool:
    """Return whether a page without text shows anything: a picture or drawings, but not dust."""
    if not any("text" not in kind for kind, _ in page.get_bboxlog()):
        return False
    width, height = page.rect.width, page.rect.height
    if width <= 0 or height <= 0 or height > _TALLEST * width:
        return True
    scale = _LOOK_PX / width
    look = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csGRAY, alpha=False)
    paper = max(look.samples)
    dark = sum(count for level, count in enumerate(_levels(look.samples)) if level < paper * _INK // 255)
    return dark * 10_000 > _DUST * len(look.samples)


def _levels(samples: bytes) -> list[int]:
    return [samples.count(level) for level in range(256)]
