"""The words of a page that was read from its picture, with boxes, as they are kept and looked up; pure."""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise

from kotaemon_async.documents.parsing.child_places import Box, Glyph, marks

#: A word and its box, as parts of the sides of the upright page.
Word = tuple[str, Box]


def encoded(rows: Sequence[Sequence[Word]], turn: int, aspect: float) -> str:
    """Return the rows of a page as JSON.

    `turn` is by how many degrees the page was turned to the left to be upright, `aspect` is what it then
    measures from left to right for each part from above to below.
    """
    kept = [[[text, *(round(side, 4) for side in box)] for text, box in row] for row in rows]
    return json.dumps({"turn": turn, "aspect": round(aspect, 4), "rows": kept}, ensure_ascii=False)


def marked(words: str, quote: str) -> list[Box]:
    """Return where a quote stands, as parts of the sides of the page as it is shown."""
    page = json.loads(words)
    aspect = page["aspect"]
    found = marks(list(_glyphs(page["rows"], aspect)), quote)
    return [shown((x0 / aspect, y0, x1 / aspect, y1), page["turn"]) for x0, y0, x1, y1 in found]


def shown(box: Box, turn: int) -> Box:
    """Return the box on the page as it is shown, which lay turned by so many degrees."""
    for _ in range(turn // 90):
        x0, y0, x1, y1 = box
        box = (1 - y1, x0, 1 - y0, x1)
    x0, y0, x1, y1 = (round(min(max(side, 0.0), 1.0), 5) for side in box)
    return x0, y0, x1, y1


def _glyphs(rows: Sequence[Sequence[Sequence[object]]], aspect: float) -> Iterator[Glyph]:
    """Yield every letter with its part of its word's box, where a unit is the page's height."""
    for number, row in enumerate(rows):
        for text, *sides in row:
            x0, y0, x1, y1 = (float(str(side)) for side in sides)
            letters = str(text)
            edges = (aspect * (x0 + (x1 - x0) * place / len(letters)) for place in range(len(letters) + 1))
            for letter, (left, right) in zip(letters, pairwise(edges), strict=True):
                yield Glyph(letter, (left, y0, right, y1), number)
