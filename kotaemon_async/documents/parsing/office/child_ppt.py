"""Presentations of the old kind (PPT), by ppt2pptx; runs inside a parser child.

Only its reading is used: nothing is converted or written.
"""

from collections import Counter
from typing import Any

from ppt2pptx.cfb import CompoundFile
from ppt2pptx.errors import EncryptedPresentationError, UnsupportedPptVersionError
from ppt2pptx.ppt import extract_presentation

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_source import Source, contents
from kotaemon_async.documents.parsing.child_units import Units, UnitWriter
from kotaemon_async.documents.parsing.office.child_sheet import header_rows
from kotaemon_async.documents.parsing.office.child_slide_layout import Box, in_reading_order

_EMU = 1587.5  # of the file's unit, 1/576 of an inch
_TITLE_CHARS = 200
#: Words in the same place of at least so many slides, and of half of them, come from the master.
_RUNNING_SLIDES = 3
_ENCRYPTED = b"\xdf\xc4\xd1\xf3"
_PERSISTENT_RECORD = b"\xf6\x0f"


def open_document(source: Source, media_type: str, max_pages: int) -> Units:  # noqa: ARG001 - as all readers have it
    """Return the slides of a presentation. Raises: FileError."""
    data = contents(source)
    try:
        presentation = _presentation(data)
    except Exception as error:
        raise translated(error) from error
    writer = UnitWriter(max_units=max_pages)
    running = _running(presentation.slides)
    for number, slide in enumerate(presentation.slides, 1):
        _write_slide(writer, slide, number, running)
    return writer.finish()


def translated(error: Exception) -> Exception:
    """Return what an error of the library says about the file; what is not its own stays as it is."""
    if isinstance(error, (MemoryError, RecursionError, FileError)):
        return error
    if isinstance(error, EncryptedPresentationError):
        return FileError("encrypted", "The presentation is protected by a password.")
    if isinstance(error, UnsupportedPptVersionError):
        return FileError("unsupported_format", "The presentation is of PowerPoint 95 or older.")
    return FileError("corrupt", "The presentation is damaged and cannot be opened.")


def _presentation(data: bytes) -> Any:
    file = CompoundFile(data)
    user, document = file.open_stream("Current User"), file.open_stream("PowerPoint Document")
    if user[12:16] == _ENCRYPTED:
        raise EncryptedPresentationError
    if user[2:4] != _PERSISTENT_RECORD:
        raise UnsupportedPptVersionError
    pictures = file.open_stream("Pictures") if "pictures" in file.by_name else None
    return extract_presentation(document, pictures, current_user=user)


def _running(slides: Any) -> set[tuple[str, int, int]]:
    """Return the texts that stand in the same place of most slides."""
    found = Counter(
        place
        for slide in slides
        for place in {_place(box) for box in slide.text_boxes if not box.is_placeholder}
    )
    least = max(_RUNNING_SLIDES, len(slides) // 2)
    return {place for place, count in found.items() if count >= least}


def _place(box: Any) -> tuple[str, int, int]:
    return box.text, box.left, box.top


def _write_slide(writer: UnitWriter, slide: Any, number: int, running: set[tuple[str, int, int]]) -> None:
    label = f"slide {number}" + (" (hidden)" if slide.hidden else "")
    texts = [box for box in slide.text_boxes if box.text.strip() and box.field_type is None]
    if not (texts or slide.tables or slide.notes or slide.comments) and slide.pictures:
        writer.lost("no_text", "slide", label)
        return
    writer.begin("slide", label, flags=("hidden",) if slide.hidden else ())
    title = _title(texts)
    if title is not None:
        writer.heading(title.text, 1)
    shapes = [(_box(one), one) for one in (*texts, *slide.tables) if one is not title]
    for shape in in_reading_order(shapes):
        if hasattr(shape, "cells"):
            _write_table(writer, shape)
        elif _place(shape) in running:
            writer.add("page_footer", shape.text)
        else:
            _write_text(writer, shape.text)
    for picture in slide.pictures:
        if picture.embedded_object_data is not None:
            said = f"An embedded object ({str(picture.embedded_object_prog_id)[:60]}) is not read."
            writer.warn("part_skipped", said, "slide", number, label)
    for kind, words in (("note", slide.notes), ("comment", [one.text for one in slide.comments])):
        for text in words:
            writer.add(kind, _lines(text))


def _title(boxes: list[Any]) -> Any:
    """Return the title's placeholder: the uppermost one, whose text does not shrink as points do."""
    places = [box for box in boxes if box.is_placeholder and len(box.text) <= _TITLE_CHARS]
    first = min(places, key=lambda box: box.top, default=None)
    return first if first is not None and not first.auto_fit else None


def _box(shape: Any) -> Box:
    return Box(shape.left * _EMU, shape.top * _EMU, shape.width * _EMU, shape.height * _EMU)


def _write_text(writer: UnitWriter, text: str) -> None:
    paragraphs = [one for one in _lines(text).split("\n") if one.strip()]
    for paragraph in paragraphs:
        writer.add("list" if len(paragraphs) > 1 else "paragraph", paragraph.replace("\x0b", "\n"))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _write_table(writer: UnitWriter, table: Any) -> None:
    rows = [[""] * table.cols for _ in range(table.rows)]
    for cell in table.cells:
        if cell.row < table.rows and cell.col < table.cols:
            rows[cell.row][cell.col] = _lines(cell.text)
    writer.table(rows, header_rows(rows))
