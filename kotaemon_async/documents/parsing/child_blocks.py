"""The blocks of a text: headings, paragraphs, lists, tables; runs inside a parser child, too."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kotaemon_async.domain.child_lines import goes_on, is_mostly_cjk, is_point, width

HEADING_CHARS = 100
_CJK_HEADING_CHARS = 30
#: A line of this width at a page's end is rather the beginning of a sentence than a heading.
_LAST_LINE = 40
_BLOCK = re.compile(r"\S(?:.|\n(?!\s*\n))*")
_ENDS_A_SENTENCE = re.compile(r"[.!?;:,。！？；：，、…][\"'”’」』）)\]】》]*\Z")
#: "License: none" tells something; "Part 2: Pumps" is a heading.
_LABELLED = re.compile(r"[^\W\d]{2,12}\s?[:：]\s?\S")
_CELLS = re.compile(r"\s\|\s|\t")


class Block(NamedTuple):
    """A part of a text with one purpose; see `domain.model.Block`."""

    kind: str
    start: int
    end: int
    level: int = 0
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    header: str = ""
    head_lines: int = 0
    rows: tuple[int, ...] = ()


def text_blocks(text: str) -> list[Block]:
    """Return the blocks of a text in which empty lines part them."""
    return [Block(kind_of(found[0]), *found.span(), level_of(found[0])) for found in _BLOCK.finditer(text)]


def settled(text: str, blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks of a page, where headings at its edges that may be parts of a sentence are none."""
    body = [place for place, block in enumerate(blocks) if not block.kind.startswith("page_")]
    torn = set()
    if body and _begins_inside(text, blocks[body[0]]):
        torn.add(body[0])
    if body and _may_go_on(text, blocks[body[-1]]):
        torn.add(body[-1])
    return [
        block._replace(kind="paragraph", level=0) if place in torn and block.kind == "heading" else block
        for place, block in enumerate(blocks)
    ]


def kind_of(block: str) -> str:
    """Return what a block of plain text is: heading, list, table or paragraph."""
    if is_heading(block):
        return "heading"
    if is_point(block):
        return "list"
    lines = block.split("\n")
    return "table" if len(lines) > 1 and all(map(_CELLS.search, lines)) else "paragraph"


def level_of(block: str) -> int:
    """Return the level of a heading that only its form tells; 0 for what is none."""
    return 2 if is_heading(block) else 0


def is_heading(block: str) -> bool:
    """Return whether the block is one short line with letters, that ends as no sentence does."""
    line = block.strip()
    if "\n" in line or not any(map(str.isalpha, line)) or _ENDS_A_SENTENCE.search(line):
        return False
    if _LABELLED.match(line) or _CELLS.search(line) or line.startswith(("http://", "https://", "www.")):
        return False
    if goes_on(line):
        return False
    if is_mostly_cjk(line):
        return len(line) <= _CJK_HEADING_CHARS and "，" not in line
    return len(line) <= HEADING_CHARS


def _begins_inside(text: str, block: Block) -> bool:
    return text[block.start : block.start + 1].islower()


def _may_go_on(text: str, block: Block) -> bool:
    return block.level != 1 and width(text[block.start : block.end].strip()) >= _LAST_LINE


def clipped(blocks: Sequence[Block], start: int, end: int) -> Iterator[Block]:
    """Yield the parts of the blocks that lie between two places, counted from the first of them.

    Tables are not cut in this way: their rows have numbers.
    """
    for block in blocks:
        low, high = max(block.start, start), min(block.end, end)
        if low < high:
            yield block._replace(start=low - start, end=high - start)
