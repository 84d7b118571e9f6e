"""Plain text, Markdown and HTML as sections of about 3,000 characters; runs inside a parser child."""

import re
from typing import Final

from kotaemon_async.documents.parsing import child_html, child_markdown
from kotaemon_async.documents.parsing.child_blocks import kind_of, level_of, text_blocks
from kotaemon_async.documents.parsing.child_charsets import LOST, decoded, tidy
from kotaemon_async.documents.parsing.child_paragraphs import undivided
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, contents, size_of
from kotaemon_async.documents.parsing.child_units import UNIT_CHARS, Units, UnitWriter
from kotaemon_async.documents.parsing.office.child_sheet import header_rows

#: UTF-8 needs at most four bytes a character: a longer file has too many parts for sure.
_BYTES_PER_CHAR: Final = 4
_MAX_BYTES: Final = {"text/html": 32 * 1024**2}
#: A text of longer sheets has no pages: its form feeds part chapters.
_SHEET_CHARS: Final = 12_000
#: More of a text that cannot be read, and it is none.
_LOST_PART: Final = 0.2
_CELL_END: Final = re.compile(r"\t|\s\|\s")


def open_document(source: Source, media_type: str, max_pages: int) -> Units:
    """Return the whole text, cut into sections. Raises: FileError(empty | too_large | corrupt)."""
    size = size_of(source)
    ceiling = min(max_pages * UNIT_CHARS * _BYTES_PER_CHAR, _MAX_BYTES.get(media_type, size))
    if size > ceiling:
        raise FileError("too_large", f"The text has {size} bytes; at most {ceiling} are read.")
    data = contents(source)
    if not data:
        raise FileError("empty", "The file holds no bytes.")
    declared = child_html.declared_charset(data) if media_type == "text/html" else None
    text, charset = decoded(data, declared)
    writer = UnitWriter(max_units=max_pages)
    writer.charset = charset
    _note_lost(writer, text)
    if media_type == "text/html":
        child_html.feed(writer, text, is_page=True)
    elif media_type == "text/markdown":
        _feed_markdown(writer, tidy(text))
    else:
        _feed_sheets(writer, undivided(tidy(text)))
    return writer.finish()


def _note_lost(writer: UnitWriter, text: str) -> None:
    lost = text.count(LOST)
    if lost > len(text) * _LOST_PART:
        raise FileError("corrupt", "The bytes are no text in any charset.")
    if lost:
        signs = "A character" if lost == 1 else f"{lost} characters"
        writer.warn("part_skipped", f"{signs} could not be read: the bytes are damaged.")


def _feed_markdown(writer: UnitWriter, text: str) -> None:
    """Write Markdown; where it marks no heading, headings are told by their form."""
    if any(part.kind == "heading" for part in child_markdown.parts(text)):
        child_markdown.feed(writer, text)
        return
    for part in child_markdown.parts(text):
        if part.kind == "paragraph" and (level := level_of(part.text)):
            writer.heading(part.text, level)
        else:
            child_markdown.write(writer, part)


def _feed_sheets(writer: UnitWriter, text: str) -> None:
    """Write a text; form feeds part its pages, as they do where it is printed."""
    sheets = text.rstrip("\f \n\t").split("\f")
    are_pages = len(sheets) > 1 and max(map(len, sheets)) <= _SHEET_CHARS
    for number, sheet in enumerate(sheets, 1):
        if are_pages:
            writer.begin("page", label=str(number))
        _feed_text(writer, sheet)


def _feed_text(writer: UnitWriter, text: str) -> None:
    """Write a text whose blocks are told by their form."""
    for block in text_blocks(text):
        words = text[block.start : block.end]
        kind = kind_of(words)
        if kind == "heading":
            writer.heading(words, block.level)
        elif kind == "table":
            _feed_table(writer, words.split("\n"))
        else:
            writer.add(kind, words)


def _feed_table(writer: UnitWriter, lines: list[str]) -> None:
    """Write rows whose cells are parted by bars or tabs."""
    rules = [at for at, line in enumerate(lines) if child_markdown.is_table_rule(line)]
    rows = [_cells(line) for at, line in enumerate(lines) if at not in rules]
    head = rules[0] if rules else header_rows(rows)
    writer.table(rows, head=head)


def _cells(line: str) -> list[str]:
    return _CELL_END.split(line) if "\t" in line else child_markdown.cells(line)
