"""Pages as images, with a quote marked where it stands; runs inside a parser child."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kotaemon_async.documents.parsing import child_text_layer, child_words
from kotaemon_async.documents.parsing.child_drawing import CSS, Sheet, sheet_of
from kotaemon_async.documents.parsing.child_ligatures import as_they_come, in_order
from kotaemon_async.documents.parsing.child_pdf import ERRORS, translated
from kotaemon_async.documents.parsing.child_pdf_lines import parts_of
from kotaemon_async.documents.parsing.child_places import Box, Glyph, marks, plain
from kotaemon_async.documents.parsing.child_pymupdf import laid_text, pymupdf, text_page
from kotaemon_async.documents.parsing.child_text_layer import Line

#: No image has more pixels, whatever its page claims to measure.
_MOST_PIXELS = 6_000_000
_MOST_SCALE = 8.0
#: More text than this is not laid out on one sheet; a page of a text file holds some thousand characters.
_MOST_CHARS = 60_000
#: Where a quote is looked for: so many pages, and it in pieces of so many letters, of which most are there.
_MOST_SEARCHED = 400
_PIECE = 8
_LEAST_SHARE = 0.6
#: Round what has no pages of its own, in points.
_MARGIN = 44.0
_TALLEST = 14_000.0
#: What a mark does to the red, green and blue of what it lies on, as a marker pen does: white becomes yellow.
_PEN = tuple(bytes(round(level * share) for level in range(256)) for share in (1.0, 0.86, 0.28))


def of_page(page: Any, width_px: int, quote: str, words: str = "") -> dict[str, Any]:
    """Draw a page: `png`, its size in pixels, `marks` as parts of its sides.

    The quote is looked for in the `words` that were read from its picture, where there are any.
    """
    try:
        found = _places(page, _text_of(page), quote, words) if quote else []
        return _image(page, width_px, found)
    except ERRORS as error:
        raise translated(error) from error


def layer_of_page(page: Any, quote: str, words: str = "") -> dict[str, Any]:
    """Return what is laid over the drawn page: its `lines`, its size in points, and the `marks`."""
    try:
        text = _text_of(page)
        lines = child_text_layer.of_words(words) if words else child_text_layer.of_page(page, text)
        return _layer(page, lines, _places(page, text, quote, words) if quote else [])
    except ERRORS as error:
        raise translated(error) from error


def of_text(text: str, blocks: list[dict[str, Any]], title: str, width_px: int, quote: str) -> dict[str, Any]:
    """Draw what has no pages, laid out on one sheet."""
    with _drawn(text, blocks, title) as (page, laid):
        return _image(page, width_px, _laid_places(page, laid, quote) if quote else [])


def layer_of_text(text: str, blocks: list[dict[str, Any]], title: str, quote: str) -> dict[str, Any]:
    """Return what is laid over a drawn text, as `layer_of_page` does."""
    with _drawn(text, blocks, title) as (page, laid):
        found = _laid_places(page, laid, quote) if quote else []
        return _layer(page, child_text_layer.of_sheet(page, laid), found)


def page_with(document: Any, words: str) -> int | None:
    """Return the first page, 1-based, that holds the words, or most of them; None when there is none."""
    wanted = plain(words.replace("|", " "))
    pieces = {wanted[at : at + _PIECE] for at in range(0, max(1, len(wanted) - _PIECE + 1), _PIECE)}
    best, share = None, _LEAST_SHARE
    for number in range(1, min(len(document), _MOST_SEARCHED) + 1):
        text = plain(document.page(number).get_text())
        if wanted and wanted in text:
            return number
        found = sum(piece in text for piece in pieces) / len(pieces)
        if found > share:
            best, share = number, found
    return best


@contextmanager
def _drawn(text: str, blocks: list[dict[str, Any]], title: str) -> Iterator[tuple[Any, Any]]:
    """Draw a text as a page as tall as it needs, for the block, and give its text as it was laid out.

    What stands in a PDF may be signs alone: letters that are joined are no letters any more there.
    """
    shown = text[:_MOST_CHARS]
    sheet = sheet_of(shown, [one for one in blocks if one["start"] < len(shown)], title)
    try:
        data, laid = _laid_out(sheet)
        document = pymupdf.open("pdf", data)
        try:
            yield document[0], laid
        finally:
            document.close()
    except ERRORS as error:
        raise translated(error) from error


def _laid_out(sheet: Sheet) -> tuple[bytes, Any]:
    """Return a PDF of one page, and its text page."""
    column = sheet.width - 2 * _MARGIN
    fits = pymupdf.Story(sheet.body, user_css=CSS).fit_height(column)
    height = min(max(fits.rect.height if fits.big_enough else _TALLEST, 200.0) + 2.0, _TALLEST)
    whole = pymupdf.Rect(0, 0, sheet.width, height + 2 * _MARGIN)
    place = pymupdf.Rect(_MARGIN, _MARGIN, _MARGIN + column, _MARGIN + height)
    output = io.BytesIO()
    writer = pymupdf.DocumentWriter(output)
    _placed(sheet, place).draw(writer.begin_page(whole))
    laid = laid_text(_placed(sheet, place), whole)
    writer.end_page()
    writer.close()
    return output.getvalue(), laid


def _placed(sheet: Sheet, place: Any) -> Any:
    """Return what is drawn, once, at that place."""
    story = pymupdf.Story(sheet.body, user_css=CSS)
    story.place(place)
    return story


def _text_of(page: Any) -> Any:
    return text_page(page, pymupdf.TEXTFLAGS_TEXT & ~pymupdf.TEXT_PRESERVE_LIGATURES)


def _places(page: Any, text: Any, quote: str, words: str) -> list[Box]:
    """Return where the quote stands, as parts of the page's sides."""
    if words:
        return child_words.marked(words, quote)
    return _parts(
        page, [Glyph(*one, row) for row, line in enumerate(_lines(text)) for one in in_order(line)], quote
    )


def _laid_places(page: Any, laid: Any, quote: str) -> list[Box]:
    """Return where the quote stands on a sheet; its bars between cells are no letters there."""
    glyphs = [Glyph(*one, row) for row, line in enumerate(_lines(laid)) for one in as_they_come(line)]
    return _parts(page, glyphs, quote.replace("|", " "))


def _parts(page: Any, glyphs: list[Glyph], quote: str) -> list[Box]:
    width, height = page.rect.width, page.rect.height
    return [parts_of(box, width, height) for box in marks(glyphs, quote)]


def _lines(text: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield the characters of each line, in the order in which the page's text is read."""
    for block in text.extractRAWDICT()["blocks"]:
        for line in block.get("lines", ()):
            yield [one for span in line["spans"] for one in span["chars"]]


def _layer(page: Any, lines: list[Line], found: list[Box]) -> dict[str, Any]:
    return {"width": page.rect.width, "height": page.rect.height, "lines": lines, "marks": found}


def _image(page: Any, width_px: int, shown: list[Box]) -> dict[str, Any]:
    whole = page.rect
    if whole.width <= 0 or whole.height <= 0:
        raise ValueError("the page has no size")
    scale = min(width_px / whole.width, _MOST_SCALE, (_MOST_PIXELS / (whole.width * whole.height)) ** 0.5)
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False)
    if shown:
        pixels = _marked(pixels, shown)
    return {
        "png": pixels.tobytes("png"),
        "width_px": pixels.width,
        "height_px": pixels.height,
        "marks": shown,
    }


def _marked(pixels: Any, boxes: list[Box]) -> Any:
    """Return the picture with the boxes, parts of its sides, coloured; where two overlap, once."""
    width, height, plain = pixels.width, pixels.height, bytes(pixels.samples)
    drawn = bytearray(plain)
    for left, top, right, bottom in boxes:
        first, last = int(left * width), math.ceil(right * width)
        for row in range(int(top * height), math.ceil(bottom * height)):
            begin, stop = 3 * (row * width + first), 3 * (row * width + last)
            for channel, pen in enumerate(_PEN):
                drawn[begin + channel : stop : 3] = plain[begin + channel : stop : 3].translate(pen)
    return pymupdf.Pixmap(pymupdf.csRGB, width, height, bytes(drawn), False)
