"""Where a quote stands on a page, from the box of every character; pure."""

import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from kotaemon_async.domain.child_characters import legible

Box = tuple[float, float, float, float]

#: What reading changes at the ends of rows.
_HYPHENS = frozenset("-\u2010\u2011")
#: What stands between the cells of a row in a quote.
_BAR = "|"
#: A part of a quote that is shorter than this may stand anywhere.
_LEAST_PART_CHARS = 6
#: How much of a quote has to be found; the rest may be lost between columns.
_LEAST_SHARE = 0.6
#: Parts that are looked for one after the other.
_MOST_PARTS = 12
#: Boxes of one row whose gap is at most this part of their height are one mark.
_GAP = 2.0
#: Characters whose middles are nearer than this part of their height stand in one row.
_SAME_ROW = 0.4


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character of a page, its box in points, and the row that it stands in."""

    character: str
    box: Box
    row: int


def marks(glyphs: Sequence[Glyph], quote: str) -> list[Box]:
    """Return the boxes of the quote's words in order, one for each run in a row; none when not found."""
    wanted = plain(quote)
    found = _letters(glyphs, wanted) or _letters(_in_rows(glyphs), wanted)
    return list(_joined(found))


def _letters(glyphs: Sequence[Glyph], wanted: str) -> list[Glyph]:
    letters = [(letter, glyph) for glyph in glyphs for letter in plain(glyph.character)]
    stream = "".join(letter for letter, _ in letters)
    return [letters[at][1] for start, stop in _parts(stream, wanted) for at in range(start, stop)]


def _in_rows(glyphs: Sequence[Glyph]) -> list[Glyph]:
    """Return the characters as they are seen, row by row, since a table may be drawn column by column."""
    rows: list[list[Glyph]] = []
    for glyph in sorted(glyphs, key=lambda one: one.box[1] + one.box[3]):
        middle, height = (glyph.box[1] + glyph.box[3]) / 2, glyph.box[3] - glyph.box[1]
        if rows and middle - (rows[-1][0].box[1] + rows[-1][0].box[3]) / 2 < _SAME_ROW * height:
            rows[-1].append(glyph)
        else:
            rows.append([glyph])
    return [
        replace(glyph, row=place)
        for place, row in enumerate(rows)
        for glyph in sorted(row, key=lambda one: one.box[0])
    ]


def plain(text: str) -> str:
    """Return the text for comparison: no white space, hyphens, ligatures, radicals or variants of width."""
    folded = unicodedata.normalize("NFKC", legible(text))
    return "".join(one for one in folded if not one.isspace() and one not in _HYPHENS and one != _BAR)


def _parts(stream: str, wanted: str) -> list[tuple[int, int]]:
    """Return where the quote stands: one part or, when something stands between its rows, several."""
    start = stream.find(wanted)
    if not wanted or start >= 0:
        return [(start, start + len(wanted))] if wanted else []
    found: list[tuple[int, int]] = []
    rest = [(0, len(wanted))]
    while rest and len(found) < _MOST_PARTS:
        low, high = rest.pop()
        match = difflib.SequenceMatcher(None, stream, wanted[low:high], autojunk=False).find_longest_match()
        if match.size < _LEAST_PART_CHARS:
            continue
        found.append((match.a, match.a + match.size))
        rest += [(low, low + match.b), (low + match.b + match.size, high)]
    share = sum(stop - begin for begin, stop in found) / len(wanted)
    return sorted(found) if share >= _LEAST_SHARE else []


def _joined(glyphs: Iterable[Glyph]) -> Iterator[Box]:
    """Join neighbours in a row to one box, in whichever direction its words are read."""
    for _, row in groupby(glyphs, key=lambda one: one.row):
        first, *rest = sorted(glyph.box for glyph in row)
        for other in rest:
            if _is_near(first, other):
                first = _around(first, other)
            else:
                yield first
                first = other
        yield first


def _is_near(one: Box, other: Box) -> bool:
    height = max(one[3] - one[1], other[3] - other[1])
    return max(other[0] - one[2], one[0] - other[2]) <= _GAP * height


def _around(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])
