"""The readable text of an HTML page, by Lexbor; runs inside a parser child."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from kotaemon_async.documents.parsing.child_blocks import Block
from kotaemon_async.documents.parsing.child_paragraphs import clean

_SKIPPED_TAGS = "script style template noscript svg math iframe object select button"
_SKIPPED = frozenset(_SKIPPED_TAGS.split())
_BLOCK_TAGS = """
address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure
footer form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section summary table tbody tfoot thead
title tr ul
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_CELLS = frozenset({"td", "th"})
#: What a tag says of the text in it; the level of headings.
_KINDS = {
    "title": ("heading", 1),
    **{f"h{level}": ("heading", level) for level in range(1, 7)},
    **dict.fromkeys(("li", "dd"), ("list", 0)),
    "tr": ("table", 0),
    "pre": ("code", 0),
}
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,30})""", re.IGNORECASE)
_CHARSET_WITHIN_BYTES = 4096


class _Edge(NamedTuple):
    """Where a block opens or closes."""

    tag: str
    opens: bool


def declared_charset(data: bytes) -> str | None:
    """Return the charset that a meta element names."""
    found = _CHARSET.search(data[:_CHARSET_WITHIN_BYTES])
    return found[1].decode("ascii") if found else None


def html_parts(markup: str) -> tuple[str, list[Block]]:
    """Return the visible text and its blocks, parted by empty lines, cells by bars; no scripts, no styles."""
    root = _tree(markup).root
    parts: list[str | _Edge] = []
    if root is not None:
        _collect(root, parts)
    texts: list[str] = []
    blocks: list[Block] = []
    length = 0
    for text, tag in _texts(parts):
        kind, level = _KINDS.get(tag, ("paragraph", 0))
        texts.append(text)
        blocks.append(Block(kind, length, length + len(text), level))
        length += len(text) + 2
    return "\n\n".join(texts), blocks


def _texts(parts: Iterable["str | _Edge"]) -> Iterator[tuple[str, str]]:
    """Yield the text of each block and the innermost tag around it that says what it is."""
    open_tags: list[str] = []
    pieces: list[str] = []
    for part in [*parts, _Edge("", opens=True)]:
        if isinstance(part, str):
            pieces.append(part)
            continue
        # White space inside a block means nothing; "\x02" parts cells.
        cells = [clean(cell) for cell in "".join(pieces).split("\x02")]
        pieces = []
        if any(cells):
            yield " | ".join(cell for cell in cells if cell), open_tags[-1] if open_tags else ""
        if part.tag in _KINDS:
            if part.opens:
                open_tags.append(part.tag)
            elif open_tags:
                open_tags.pop()


def _tree(markup: str) -> LexborHTMLParser:
    """Parse any text as HTML; Lexbor only fails when no memory is left."""
    try:
        return LexborHTMLParser(markup)
    except SelectolaxError as error:
        raise MemoryError from error


def _collect(root: Any, parts: list[str | _Edge]) -> None:
    """Walk the tree without recursion: a page may be nested deeper than the stack."""
    node, entering, depth = root, True, 0  # the depth, because comparing nodes compares their whole markup
    while True:
        if entering and not _enter(node, parts) and (child := node.child) is not None:
            node, depth = child, depth + 1
            continue
        _leave(node, parts)
        if depth == 0:
            return
        following = node.next
        entering = following is not None
        node = following if entering else node.parent
        depth -= not entering


def _enter(node: Any, parts: list[str | _Edge]) -> bool:
    tag = node.tag
    if tag == "-text":
        parts.append((node.text_content or "").replace("\x02", " "))
    elif tag in _BLOCKS:
        parts.append(_Edge(tag, opens=True))
    elif tag == "br":
        parts.append(" ")
    return tag in _SKIPPED or tag == "-comment"


def _leave(node: Any, parts: list[str | _Edge]) -> None:
    tag = node.tag
    if tag in _BLOCKS:
        parts.append(_Edge(tag, opens=False))
    elif tag in _CELLS:
        parts.append("\x02")
