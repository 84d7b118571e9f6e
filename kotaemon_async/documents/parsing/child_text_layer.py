"""The lines of a page with their boxes, to be laid over its image; runs inside a parser child.

A line is its text, its box as parts of the page's sides, and `edges`: left and right of every character as
parts of the page's width, two bytes each; none where the line does not run from side to side.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from kotaemon_async.documents.parsing.child_layout import Line as LaidLine
from kotaemon_async.documents.parsing.child_layout import regions
from kotaemon_async.documents.parsing.child_ligatures import Letters, as_they_come, in_order
from kotaemon_async.documents.parsing.child_pdf_lines import parts_of
from kotaemon_async.documents.parsing.child_places import Box
from kotaemon_async.documents.parsing.child_words import shown
from kotaemon_async.domain.child_lines import is_mostly_cjk

Line = tuple[str, Box, bytes]
T = TypeVar("T")

#: No page has more lines or characters laid over it.
_MOST_LINES = 5_000
_MOST_CHARS = 60_000
_WHOLE = 65_535
#: What no reply can hold or no page shows.
_ODD = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff]")


def of_page(page: Any, text_page: Any) -> list[Line]:
    """Return the lines of a page in the order of reading: a column after the other."""
    drawn = list(_bounded(_lines(page, text_page, in_order)))
    places = {id(line): place for place, (line, _) in enumerate(drawn)}
    columns = regions([line for line, _ in drawn])
    return [drawn[places[id(line)]][1] for column in columns for line in column]


def of_sheet(page: Any, text_page: Any) -> list[Line]:
    """Return the lines of a sheet that was laid out, in the order of its text."""
    return [line for _, line in _bounded(_lines(page, text_page, as_they_come))]


def of_words(words: str) -> list[Line]:
    """Return the lines of a page that was read from its picture, as `child_words.encoded` keeps them."""
    page = json.loads(words)
    rows = (_row(row, page["turn"]) for row in page["rows"] if row)
    return [line for _, line in _bounded((None, row) for row in rows)]


def _bounded(lines: Iterable[tuple[T, Line]]) -> Iterator[tuple[T, Line]]:
    room = _MOST_CHARS
    for number, (laid, line) in enumerate(lines):
        room -= len(line[0])
        if number >= _MOST_LINES or room < 0:
            return
        yield laid, line


def _lines(
    page: Any, text_page: Any, letters_of: Callable[[Sequence[dict[str, Any]]], Letters]
) -> Iterator[tuple[LaidLine, Line]]:
    """Yield each line as the layout knows it, and as it is laid over the image."""
    width, height = page.rect.width, page.rect.height
    for place, block in enumerate(text_page.extractRAWDICT()["blocks"]):
        for line in block.get("lines", ()):
            chars = letters_of([one for span in line["spans"] for one in span["chars"]])
            text = _ODD.sub("\ufffd", "".join(one[:1] or "\ufffd" for one, _ in chars))
            if not text.strip():
                continue
            is_level = abs(line["dir"][1]) < 0.05 and line["dir"][0] > 0
            sides = [(box[0] / width, box[2] / width) for _, box in chars] if is_level else []
            size = max(span["size"] for span in line["spans"])
            left, top, right, bottom = line["bbox"]
            laid = LaidLine(left, top, right, bottom, size, text, upright=is_level, block=place)
            yield laid, (text, parts_of(tuple(line["bbox"]), width, height), _edges(sides))


def _row(row: Sequence[Sequence[Any]], turn: int) -> Line:
    """Return one row of words; between words of letters there is a blank."""
    text, sides = "", list[tuple[float, float]]()
    left, top, right, bottom = row[0][1:5]
    for word, x0, y0, x1, y1 in row:
        if text and not (is_mostly_cjk(text[-1]) or is_mostly_cjk(word[0])):
            text += " "
            sides.append((sides[-1][1], x0))
        step = (x1 - x0) / max(1, len(word))
        sides += [(x0 + step * place, x0 + step * (place + 1)) for place in range(len(word))]
        text += word
        left, top, right, bottom = min(left, x0), min(top, y0), max(right, x1), max(bottom, y1)
    return _ODD.sub("\ufffd", text), shown((left, top, right, bottom), turn), _edges([] if turn else sides)


def _edges(sides: Sequence[tuple[float, float]]) -> bytes:
    whole = (round(min(max(side, 0.0), 1.0) * _WHOLE) for pair in sides for side in pair)
    return b"".join(side.to_bytes(2, "little") for side in whole)
