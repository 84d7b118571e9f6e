"""Pages as images, with a quote marked where it stands; runs inside a parser child."""

import html
import io
from collections.abc import Iterator
from typing import Any

from kotaemon_async.documents.parsing.child_pdf import ERRORS, parts_of, pymupdf, translated
from kotaemon_async.documents.parsing.child_places import Box, Glyph, marks

#: No image has more pixels, whatever its page claims to measure.
_MOST_PIXELS = 6_000_000
_MOST_SCALE = 8.0
#: More text than this is not laid out on one sheet; a page of a text file holds some thousand characters.
_MOST_CHARS = 60_000
#: A sheet for text that has no pages of its own, in points.
_SHEET_WIDTH, _MARGIN = 595.0, 56.0
_TALLEST = 14_000.0
_CSS = "body{font-family:sans-serif;font-size:11px;line-height:1.55;color:#222} p{margin:0 0 9px}"
_MARK = (1.0, 0.86, 0.28)


def of_page(page: Any, width_px: int, quote: str) -> dict[str, Any]:
    """Draw a page of a PDF: `png`, its size in pixels, `marks` as parts of its sides."""
    try:
        found = marks(list(_glyphs(page)), quote) if quote else []
        return _image(page, width_px, found)
    except ERRORS as error:
        raise translated(error) from error


def of_text(text: str, width_px: int, quote: str) -> dict[str, Any]:
    """Draw a page of text, laid out on one sheet."""
    document = pymupdf.open("pdf", _sheet(text[:_MOST_CHARS]))
    try:
        return of_page(document[0], width_px, quote)
    finally:
        document.close()


def _sheet(text: str) -> bytes:
    """Return a PDF of one page as tall as the text needs; HTML in the text is shown, not obeyed."""
    paragraphs = [html.escape(part).replace("\n", "<br/>") for part in text.split("\n\n")]
    body = "<body>" + "".join(f"<p>{part}</p>" for part in paragraphs) + "</body>"
    column = _SHEET_WIDTH - 2 * _MARGIN
    fits = pymupdf.Story(body, user_css=_CSS).fit_height(column)
    height = min(max(fits.rect.height if fits.big_enough else _TALLEST, 200.0) + 2.0, _TALLEST)
    output = io.BytesIO()
    writer = pymupdf.DocumentWriter(output)
    device = writer.begin_page(pymupdf.Rect(0, 0, _SHEET_WIDTH, height + 2 * _MARGIN))
    story = pymupdf.Story(body, user_css=_CSS)
    story.place(pymupdf.Rect(_MARGIN, _MARGIN, _MARGIN + column, _MARGIN + height))
    story.draw(device)
    writer.end_page()
    writer.close()
    return output.getvalue()


def _glyphs(page: Any) -> Iterator[Glyph]:
    """Return every character with its box, in the order in which the page's text is read."""
    row = 0
    for block in page.get_text("rawdict", flags=pymupdf.TEXTFLAGS_TEXT)["blocks"]:
        for line in block.get("lines", ()):
            row += 1
            for span in line["spans"]:
                for one in span["chars"]:
                    yield Glyph(one["c"], tuple(one["bbox"]), row)


def _image(page: Any, width_px: int, found: list[Box]) -> dict[str, Any]:
    whole = page.rect
    if whole.width <= 0 or whole.height <= 0:
        raise ValueError("the page has no size")
    scale = min(width_px / whole.width, _MOST_SCALE, (_MOST_PIXELS / (whole.width * whole.height)) ** 0.5)
    for box in found:
        # PyMuPDF tells the boxes of characters, and places annotations, on the page before it is turned.
        mark = page.add_highlight_annot(pymupdf.Rect(box).quad)
        mark.set_colors(stroke=_MARK)
        mark.update()
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False)
    return {
        "png": pixels.tobytes("png"),
        "width_px": pixels.width,
        "height_px": pixels.height,
        "marks": [parts_of(pymupdf.Rect(box) * page.rotation_matrix, whole) for box in found],
    }
