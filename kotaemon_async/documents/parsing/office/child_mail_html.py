"""The HTML body of a mail, written as a part of it."""

from kotaemon_async.documents.parsing.child_html import html_parts
from kotaemon_async.documents.parsing.child_units import UnitWriter


def letters(markup: str) -> int:
    """Return how long the text of a page is."""
    return len(html_parts(markup)[0])


def feed(writer: UnitWriter, markup: str, level: int = 0) -> None:
    """Write the blocks of a page; its headings stand so many levels deeper."""
    text, blocks = html_parts(markup)
    for block in blocks:
        words = text[block.start : block.end]
        if block.kind == "heading":
            writer.heading(words, block.level + level)
        else:
            writer.add(block.kind, words)
