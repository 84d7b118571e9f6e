"""Pages into chunks of about one paragraph: a heading opens one, and sentences end one."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from semantic_text_splitter import TextSplitter

from kotaemon_async.domain.model import Chunk, Page
from kotaemon_async.domain.text import cjk_share

#: Rises whenever the same page would be cut differently, because chunk ids rest on the cut.
CHUNKING_VERSION: Final = 1

ENGLISH_CHARACTERS: Final = 1000
CJK_CHARACTERS: Final = 300
#: A heading is at most this part of a chunk long.
_HEADING_SHARE: Final = 0.1
#: A last piece shorter than this part of a chunk does not stand alone.
_SCRAP_SHARE: Final = 0.2

#: Start of the headings, start of the text below them, end.
Section = tuple[int, int, int]

_BLOCK: Final = re.compile(r"\S(?:.|\n(?!\s*\n))*")
_ENDS_A_SENTENCE: Final = re.compile(r"[.!?;:,。！？；：，、…]$")


def split_page(page: Page) -> list[Chunk]:
    """Return the chunks of one page in reading order; none for a page without text."""
    characters = CJK_CHARACTERS if cjk_share(page.text) > 0.3 else ENGLISH_CHARACTERS
    spans = [
        span
        for section in _sections(page.text, characters)
        for span in _pieces(page.text, section, characters)
    ]
    return [
        Chunk(page.number, ordinal, start, end, page.text[start:end])
        for ordinal, (start, end) in enumerate(spans)
    ]


def _sections(text: str, characters: int) -> Iterator[Section]:
    """Yield each part of a page; a part begins where a heading follows a paragraph.

    Short parts stay together while they fit into one chunk.
    """
    blocks = [(block.start(), block.end()) for block in _BLOCK.finditer(text)]
    headings = [_is_heading(text[start:end], characters) for start, end in blocks[:-1]] + [False]
    opening = [index for index in range(1, len(blocks)) if headings[index] and not headings[index - 1]]
    ends = [blocks[index][0] for index in opening] + [len(text)]
    begin, body = 0, _body(blocks, headings, 0)
    for index, end, following in zip(opening, ends, ends[1:], strict=False):
        if following - begin > characters:
            yield begin, body, end
            begin, body = end, _body(blocks, headings, index)
    yield begin, body, len(text)


def _body(blocks: Sequence[tuple[int, int]], headings: Sequence[bool], index: int) -> int:
    """Return where the headings that open a section at block `index` end and its text begins."""
    return next((blocks[at][0] for at in range(index, len(blocks)) if not headings[at]), 0)


def _pieces(text: str, section: Section, characters: int) -> list[tuple[int, int]]:
    """Start and end of each chunk; headings go with the first, a scrap with the one before it."""
    begin, body, end = section
    spans: list[tuple[int, int]] = []
    for offset, piece in _splitter(characters).chunk_indices(text[body:end]):
        start, stop = body + offset, body + offset + len(piece)
        if spans and len(piece) < _SCRAP_SHARE * characters:
            spans[-1] = (spans[-1][0], stop)
        elif any(map(str.isalnum, text[start if spans else begin : stop])):
            spans.append((start if spans else begin, stop))
    return spans


def _is_heading(block: str, characters: int) -> bool:
    line = block.strip()
    return (
        "\n" not in line
        and len(line) <= _HEADING_SHARE * characters
        and any(map(str.isalpha, line))
        and not _ENDS_A_SENTENCE.search(line)
    )


@lru_cache(maxsize=2)
def _splitter(characters: int) -> TextSplitter:
    return TextSplitter(characters)
