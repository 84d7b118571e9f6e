"""The readable text of an HTML page, by Lexbor; runs inside a parser child."""

import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

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
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,30})""", re.IGNORECASE)
_CHARSET_WITHIN_BYTES = 4096


def declared_charset(data: bytes) -> str | None:
    """Return the charset that a meta element names."""
    found = _CHARSET.search(data[:_CHARSET_WITHIN_BYTES])
    return found[1].decode("ascii") if found else None


def html_text(markup: str) -> str:
    """Return the visible text: blocks as paragraphs, cells parted by " | ", no scripts and no styles."""
    root = _tree(markup).root
    parts: list[str] = []
    if root is not None:
        _collect(root, parts)
    # "\x01" parts blocks and "\x02" cells; white space inside a block means nothing.
    paragraphs = []
    for block in "".join(parts).split("\x01"):
        cells = [clean(cell) for cell in block.split("\x02")]
        if any(cells):
            paragraphs.append(" | ".join(cell for cell in cells if cell))
    return "\n\n".join(paragraphs)


def _tree(markup: str) -> LexborHTMLParser:
    """Parse any text as HTML; Lexbor only fails when no memory is left."""
    try:
        return LexborHTMLParser(markup)
    except SelectolaxError as error:
        raise MemoryError from error


def _collect(root: Any, parts: list[str]) -> None:
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


def _enter(node: Any, parts: list[str]) -> bool:
    tag = node.tag
    if tag == "-text":
        parts.append((node.text_content or "").replace("\x01", " ").replace("\x02", " "))
    elif tag in _BLOCKS:
        parts.append("\x01")
    elif tag == "br":
        parts.append(" ")
    return tag in _SKIPPED or tag == "-comment"


def _leave(node: Any, parts: list[str]) -> None:
    tag = node.tag
    if tag in _BLOCKS:
        parts.append("\x01")
    elif tag in _CELLS:
        parts.append("\x02")
