"""The text of PDF pages, by PyMuPDF; runs inside a parser child."""

import ctypes
import importlib
import sys
from collections.abc import Iterator
from typing import Any

from kotaemon_async.documents.parsing.child_blocks import Block, settled, text_blocks
from kotaemon_async.documents.parsing.child_paragraphs import Line, page_text
from kotaemon_async.documents.parsing.child_problem import FileError

# PyMuPDF's first import pulls these in for table and layout features that are not used here:
# without them 0.1 s and 47 MB instead of 0.6 to 1.0 s and 138 MB.
for _unused in (
    "onnxruntime", "networkx", "numpy", "yaml", "tabulate", "pandas", "PIL", "fontTools", "pymupdf4llm",
    "pymupdf.layout", "pymupdf_fonts",
):  # fmt: skip
    sys.modules.setdefault(_unused, None)  # type: ignore[arg-type]

pymupdf: Any = importlib.import_module("pymupdf")  # without types, so its calls need none
pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)

_FLAGS = pymupdf.TEXTFLAGS_TEXT & ~pymupdf.TEXT_PRESERVE_LIGATURES
#: MuPDF's errors are no RuntimeErrors everywhere.
ERRORS = (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, IndexError, TypeError, KeyError, OSError)
_MEMORY_WORDS = ("malloc", "calloc", "realloc", "out of memory", "bad_alloc")


def open_document(path: str, _media_type: str, _max_pages: int) -> "PdfDocument":
    """Open the document. Raises: FileError(encrypted | corrupt | parser_limit)."""
    try:
        document = pymupdf.open(path, filetype="pdf")
        if document.needs_pass and not document.authenticate(""):
            raise FileError("encrypted", "The PDF is protected by a password.")
        return PdfDocument(document)
    except ERRORS as error:
        raise translated(error) from error


class PdfDocument:
    """One PDF; pages count from 1."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._pages = int(document.page_count)  # may lie in either direction

    def __len__(self) -> int:
        return max(0, self._pages)

    def page_parts(self, number: int) -> tuple[str, list[Block]] | None:
        """Return the text and the blocks of a page, both empty when it has none; None when it is damaged."""
        try:
            page = self._document[number - 1]
            blocks = page.get_text("dict", flags=_FLAGS)["blocks"]
            text = page_text([list(_lines(block)) for block in blocks])
            return text, settled(text, text_blocks(text))
        except ERRORS as error:
            problem = translated(error)
            if problem.code == "parser_limit":
                raise problem from error
            return None

    def page(self, number: int) -> Any:
        """Return the page itself, to be drawn. Raises: FileError."""
        try:
            return self._document[number - 1]
        except ERRORS as error:
            raise translated(error) from error

    def close(self) -> None:
        """Close the file and give back what MuPDF and malloc keep of it."""
        self._document.close()
        pymupdf.TOOLS.store_shrink(100)
        pymupdf.TOOLS.reset_mupdf_warnings()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)


def _lines(block: dict[str, Any]) -> Iterator[Line]:
    for line in block.get("lines", ()):
        spans = [span for span in line["spans"] if span["text"]]
        if spans:
            size = max(spans, key=lambda span: len(span["text"]))["size"]
            upright = tuple(line["dir"]) == (1.0, 0.0) and not line["wmode"]
            x0, y0, x1, y1 = line["bbox"]
            yield Line(x0, y0, x1, y1, size, "".join(span["text"] for span in spans), upright)


def translated(error: Exception) -> FileError:
    """Translate an exception of ERRORS into what it says of the file."""
    text = str(error)
    if any(word in text.lower() for word in _MEMORY_WORDS):
        return FileError("parser_limit", "Reading the PDF takes more memory than is allowed.")
    if isinstance(error, pymupdf.FileDataError):  # its text holds the path
        return FileError("corrupt", "The PDF is damaged: it cannot be opened.")
    cause = text.splitlines()[0].rpartition(": ")[2] if text else type(error).__name__
    return FileError("corrupt", f"The PDF is damaged: {cause}.")
