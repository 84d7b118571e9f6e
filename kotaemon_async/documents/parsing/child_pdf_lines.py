"""The lines of a PDF's page as they are seen; runs inside a parser child."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from kotaemon_async.documents.parsing.child_blocks import Block
from kotaemon_async.documents.parsing.child_grid import Box
from kotaemon_async.documents.parsing.child_layout import Line
from kotaemon_async.documents.parsing.child_legibility import Evidence, evidence, is_clear, is_illegible
from kotaemon_async.documents.parsing.child_ligatures import in_order, may_be_turned
from kotaemon_async.documents.parsing.child_page import Content
from kotaemon_async.documents.parsing.child_pymupdf import pymupdf, text_page
from kotaemon_async.documents.parsing.child_running import edges, is_at_edge
from kotaemon_async.documents.parsing.child_tables import Word

#: A letter that the file does not name is to come as U+FFFD, not as the number of its glyph.
_FLAGS = pymupdf.TEXTFLAGS_TEXT & ~pymupdf.TEXT_PRESERVE_LIGATURES & ~pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE
_BOLD = pymupdf.TEXT_FONT_BOLD
#: How many quarter turns clockwise make text upright that runs this way.
_TURNS = {(1, 0): 0, (0, -1): 1, (-1, 0): 2, (0, 1): 3}
#: A page is turned when so many of its letters run in another way.
_MOST_LETTERS = 0.6
#: A page is garbled when so many of its letters, or such a part of them, are none.
_MUCH, _PART = 12, 0.1
_VECTOR = 3
_THIN = 3.2
#: A page with more parts than this is a map or a plot: its lines are not looked at.
_MOST_BLOCKS = 4000
_FEW_RULES, _FEW_ROWS = 4, 3
#: A longer line is one of running text, which may stand beside another column.
_LONG = 40
#: Letters of a column are nearer than this, in sizes.
_NEAR = 0.6


@dataclass(frozen=True, slots=True)
class PageLines(Content):
    """What a page shows, turned so that most of its lines are upright."""

    turns: int = 0
    #: Whether some of its text was none and is left out.
    is_garbled: bool = False
    edges: frozenset[str] = field(init=False)
    #: How many letters are set in each size; the pages around it ask as well.
    letters: Counter[float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", edges(self.lines, self.height))
        letters: Counter[float] = Counter()
        for line in self.lines:
            letters[round(line.size, 1)] += len(line.text)
        object.__setattr__(self, "letters", letters)

    @property
    def has_text(self) -> bool:
        return any(line.text.strip() for line in self.lines)

    @property
    def has_body(self) -> bool:
        """Return whether there is any text but at the edges, where scanners put stamps."""
        return any(line.text.strip() and not is_at_edge(line, self.height) for line in self.lines)

    def placed(self, block: Block) -> Block:
        """Return the block with its boxes as parts of the sides of the page, as it is shown."""
        if self.width <= 0 or self.height <= 0:
            return block._replace(boxes=())
        back = -self.turns % 4
        boxes = (turned(box, back, self.width, self.height) for box in block.boxes)
        size = (self.height, self.width) if self.turns % 2 else (self.width, self.height)
        return block._replace(boxes=tuple(parts_of(box, *size) for box in boxes))


def read_lines(page: Any) -> PageLines:
    """Read the lines of a page, without what a font draws and calls by other letters."""
    found, blocks = _read(page)
    turns, size = _turns(blocks), (page.rect.width, page.rect.height)
    garbled, is_garbled, is_lost = _garbled(blocks)
    lines: list[Line] = []
    for place, block in enumerate([] if is_lost else blocks):
        lost = {font for of, font in garbled if of == place}
        lines += _columns(_lines(block, place, turns, size, lost))
    turned_size = size[::-1] if turns % 2 else size
    if is_garbled:
        return PageLines(lines, *turned_size, turns=turns, is_garbled=True)
    rules = [
        turned(tuple(block["bbox"]), turns, *size)
        for block in blocks
        if block["type"] == _VECTOR and (block["isrect"] or _is_thin(block["bbox"]))
    ]
    words = _words(found, blocks, turns, size) if _may_hold_tables(lines, rules) else []
    return PageLines(lines, *turned_size, words, rules, turns)


def _read(page: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Return the text of the page and its blocks, with lines that are drawn unless there are very many."""
    found = text_page(page, _FLAGS | pymupdf.TEXT_COLLECT_VECTORS)
    if _has_many_blocks(found):
        found = text_page(page, _FLAGS)
    blocks = found.extractDICT()["blocks"]
    if any(may_be_turned(span["text"]) for span in _spans(blocks)):
        for span, letters in zip(_spans(blocks), _spans(found.extractRAWDICT()["blocks"]), strict=True):
            span["text"] = "".join(one for one, _ in in_order(letters["chars"]))
    return found, blocks


def _spans(blocks: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        for line in block.get("lines", ()):
            yield from line["spans"]


def _has_many_blocks(found: Any) -> bool:
    blocks = iter(found.this)
    with contextlib.suppress(StopIteration):
        for _ in range(_MOST_BLOCKS):
            next(blocks)
        return True
    return False


def _is_thin(box: Sequence[float]) -> bool:
    return min(box[2] - box[0], box[3] - box[1]) <= _THIN


def _may_hold_tables(lines: Sequence[Line], rules: Sequence[Box]) -> bool:
    """Return whether there are ruled lines, or rows of several parts, on the page."""
    if len(rules) >= _FEW_RULES:
        return True
    upright = [line for line in lines if line.upright and line.text.strip()]
    rows = Counter(round((line.y0 + line.y1) / 4) for line in upright if len(line.text) < _LONG)
    parted = sum(count > 1 for count in rows.values()) + sum("   " in line.text.strip() for line in upright)
    return parted >= _FEW_ROWS


def _words(found: Any, blocks: Sequence[dict[str, Any]], turns: int, size: tuple[float, float]) -> list[Word]:
    """Return the words that are upright once the page is turned."""
    texts = [
        [_upright_and_bold(line, turns) for line in block["lines"]] for block in blocks if "lines" in block
    ]
    read: list[Word] = []
    for x0, y0, x1, y1, text, place, line_place, _ in found.extractWORDS():
        is_upright, is_bold = texts[place][line_place]
        if is_upright:
            box = turned((x0, y0, x1, y1), turns, *size) if turns else (x0, y0, x1, y1)
            read.append(Word(box[0], box[1], box[2], box[3], text, is_bold))
    return read


def _upright_and_bold(line: dict[str, Any], turns: int) -> tuple[bool, bool]:
    is_upright = not line["wmode"] and _TURNS.get(_direction(line)) == turns
    return is_upright, all(span["flags"] & _BOLD for span in line["spans"] if span["text"].strip())


def _garbled(blocks: Sequence[dict[str, Any]]) -> tuple[set[tuple[int, str]], bool, bool]:
    """Return blocks and fonts whose text is none, whether they are much of the page, and whether most."""
    texts: dict[tuple[int, str], list[str]] = {}
    for place, block in enumerate(blocks):
        for line in block.get("lines", ()):
            for span in line["spans"]:
                texts.setdefault((place, span["font"]), []).append(span["text"])
    found = {piece: evidence(" ".join(text)) for piece, text in texts.items()}
    fonts: dict[str, Evidence] = {}
    for (_, font), shown in found.items():
        fonts[font] = fonts.get(font, Evidence()) + shown
    bad = {font for font, shown in fonts.items() if is_illegible(shown)}
    lost = {
        (place, font)
        for (place, font), shown in found.items()
        if is_illegible(shown) or (font in bad and not is_clear(shown))
    }
    letters, all_letters = (sum(found[one].visible for one in pieces) for pieces in (lost, found))
    return lost, letters >= min(_MUCH, max(1.0, _PART * all_letters)), 2 * letters > all_letters


def turned(box: Box, turns: int, width: float, height: float) -> Box:
    """Return the box after so many quarter turns clockwise of a page of that size."""
    x0, y0, x1, y1 = box
    if turns == 1:
        return height - y1, x0, height - y0, x1
    if turns == 2:
        return width - x1, height - y1, width - x0, height - y0
    return (y0, width - x1, y1, width - x0) if turns else box


def parts_of(box: Box, width: float, height: float) -> Box:
    """Return left, top, right and bottom as parts of the page's sides, from 0 to 1."""
    sides = box[0] / width, box[1] / height, box[2] / width, box[3] / height
    left, top, right, bottom = (round(min(max(side, 0.0), 1.0), 5) for side in sides)
    return left, top, right, bottom


def _turns(blocks: Sequence[dict[str, Any]]) -> int:
    """Return how many quarter turns clockwise make most of the text upright."""
    count: Counter[int] = Counter()
    for block in blocks:
        for line in block.get("lines", ()):
            letters = sum(len(span["text"]) for span in line["spans"])
            turns = -1 if line["wmode"] else _TURNS.get(_direction(line), -1)
            count[turns] += letters
    turns, letters = max(count.items(), key=lambda one: one[1], default=(0, 0))
    return turns if turns > 0 and letters > _MOST_LETTERS * count.total() else 0


def _direction(line: dict[str, Any]) -> tuple[int, int]:
    """Return the way that a line runs, when it is along a side of the page; else (0, 0)."""
    x, y = line["dir"]
    if x == 1.0:
        return 1, 0
    if abs(abs(x) + abs(y) - 1.0) > 0.001:
        return 0, 0
    return round(x), round(y)


def _lines(
    block: dict[str, Any], place: int, turns: int, size: tuple[float, float], lost: Set[str]
) -> Iterator[tuple[Line, bool]]:
    """Yield each line without the lost fonts, and whether it is written from the top down."""
    for line in block.get("lines", ()):
        spans = [span for span in line["spans"] if span["text"] and span["font"] not in lost]
        if spans:
            main = max(spans, key=lambda span: len(span["text"]))
            upright = not line["wmode"] and _TURNS.get(_direction(line)) == turns
            bold = all(span["flags"] & _BOLD or not span["text"].strip() for span in spans)
            text = "".join(span["text"] for span in spans)
            box = turned(tuple(line["bbox"]), turns, *size)
            yield Line(*box, main["size"], text, upright, place, bold), bool(line["wmode"])


def _columns(lines: Iterable[tuple[Line, bool]]) -> list[Line]:
    """Return the lines, where what is written from the top down, which comes by letters, is joined."""
    found: list[Line] = []
    was_vertical = False
    for line, is_vertical in lines:
        if found and was_vertical and is_vertical and _is_below(found[-1], line):
            last = found[-1]
            x0, x1 = min(last.x0, line.x0), max(last.x1, line.x1)
            found[-1] = replace(last, x0=x0, x1=x1, y1=line.y1, text=last.text + line.text)
        else:
            found.append(line)
        was_vertical = is_vertical
    return found


def _is_below(one: Line, other: Line) -> bool:
    """Return whether a letter stands right below those of a column."""
    middle = (other.x0 + other.x1) / 2
    return one.x0 <= middle <= one.x1 and abs(other.y0 - one.y1) < _NEAR * other.size
