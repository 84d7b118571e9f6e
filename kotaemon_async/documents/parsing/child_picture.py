"""Pictures as documents: PNG, JPEG, TIFF of many, WebP, BMP, first of a GIF; runs inside a parser child."""

import io
import sys
from typing import Any

from kotaemon_async.documents.parsing import child_scans
from kotaemon_async.documents.parsing.child_pdf import ERRORS
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_pymupdf import pymupdf
from kotaemon_async.documents.parsing.child_source import Source, mapped, opened
from kotaemon_async.documents.parsing.child_units import Unit

_TYPES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/tiff": "tiff",
    "image/bmp": "bmp",
    "image/webp": "webp",
    "image/gif": "gif",
}
#: MuPDF cannot read the one and shows the last picture of the other.
_READ_BY_PILLOW = frozenset({"webp", "gif"})
#: What a picture may measure; one as large takes about 0.5 GiB and some seconds.
_MOST_PIXELS = 100_000_000


def open_document(source: Source, media_type: str, _max_pages: int) -> "PictureDocument":
    """Open the pictures. Raises: FileError(corrupt | parser_limit)."""
    kind = _TYPES[media_type]
    try:
        if kind in _READ_BY_PILLOW:
            return PictureDocument(pymupdf.open(stream=_first_frame(source, kind), filetype="png"))
        return PictureDocument(pymupdf.open(stream=mapped(source), filetype=kind))
    except ERRORS as error:
        raise _translated(error) from error


class PictureDocument:
    """One file of pictures; each is a page without text, until somebody reads it from its picture."""

    charset: str | None = None

    def __init__(self, document: Any) -> None:
        self._document = document
        self._last: tuple[int, dict[str, Any]] = (0, {})
        self.warnings: list[Any] = []

    def __len__(self) -> int:
        return max(0, int(self._document.page_count))

    def unit(self, number: int) -> Unit:
        """Return the page without text; it is unreadable when the picture is damaged."""
        try:
            self.scan(number)
        except FileError as error:
            if error.code == "parser_limit":
                raise
            return Unit("", [], "page", problem="unreadable")
        return Unit("", [], "page", problem="no_text")

    def scan(self, number: int) -> dict[str, Any]:
        """Return the picture in gray, as `child_scans.of_page` does. Raises: FileError."""
        if self._last[0] != number:
            try:
                page, scale = self._picture(number)
                self._last = (number, child_scans.of_page(page, 72 * scale))
            except ERRORS as error:
                raise _translated(error) from error
        return self._last[1]

    def page(self, number: int) -> Any:
        """Return the picture as a page, to be drawn. Raises: FileError."""
        try:
            return self._picture(number)[0]
        except ERRORS as error:
            raise _translated(error) from error

    def close(self) -> None:
        """Close the file."""
        self._document.close()
        self._last = (0, {})

    def _picture(self, number: int) -> tuple[Any, float]:
        """Return the picture as a page, and its pixels for each point. Raises: FileError(parser_limit)."""
        page = self._document[number - 1]
        info = page.get_image_info()[0]
        _check_size(info["width"], info["height"])
        return page, max(info["width"], info["height"]) / max(page.rect.width, page.rect.height)


def _first_frame(source: Source, kind: str) -> bytes:
    """Return the first picture of the file as a PNG."""
    if sys.modules.get("PIL", True) is None:
        del sys.modules["PIL"]  # kept from PyMuPDF, which needs some time to import it
    from PIL import Image  # noqa: PLC0415 - hardly any file needs it

    Image.MAX_IMAGE_PIXELS = None
    with opened(source) as file, Image.open(file, formats=[kind]) as picture:
        _check_size(*picture.size)
        output = io.BytesIO()
        picture.convert("RGBA" if picture.has_transparency_data else "RGB").save(
            output, "PNG", compress_level=1
        )
    return output.getvalue()


def _check_size(width: int, height: int) -> None:
    if width * height > _MOST_PIXELS:
        message = f"The picture has {width} × {height} points; at most {_MOST_PIXELS:,} are read."
        raise FileError("parser_limit", message)


def _translated(error: Exception) -> FileError:
    if isinstance(error, pymupdf.mupdf.FzErrorLimit | pymupdf.mupdf.FzErrorSystem):
        return FileError("parser_limit", "The picture takes more memory than is allowed.")
    return FileError("corrupt", "The picture is damaged: it cannot be decoded.")
