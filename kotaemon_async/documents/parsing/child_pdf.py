"""The text of PDF pages, by PyMuPDF; runs inside a parser child."""

import ctypes
import importlib
import sys
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kotaemon_async.documents.parsing import child_scans
from kotaemon_async.documents.parsing.child_blocks import Block
from kotaemon_async.documents.parsing.child_layout import Line
from kotaemon_async.documents.parsing.child_page import PageParts
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_running import REACH, edges, running_keys
from kotaemon_async.documents.parsing.child_units import Loss, Unit

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
_BOLD = pymupdf.TEXT_FONT_BOLD
#: A page, those around it, and those that a batch of pages adds.
_KEPT_PAGES = 2 * REACH + 9
_TITLE_LINES = 4
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


@dataclass(frozen=True, slots=True)
class _PageLines:
    """The lines of a page as they are drawn, its height before it is turned, and what stands at its edges."""

    lines: list[Line]
    height: float
    edges: frozenset[str]


class PdfDocument:
    """One PDF; pages count from 1."""

    charset = None

    def __init__(self, document: Any) -> None:
        self.warnings: list[Loss] = []
        self._document = document
        self._pages = int(document.page_count)  # may lie in either direction
        self._known: OrderedDict[int, _PageLines] = OrderedDict()
        self._title: str | None = None

    def __len__(self) -> int:
        return max(0, self._pages)

    def unit(self, number: int) -> Unit:
        """Return a page, 1-based, with its text and blocks; `unreadable` when it is damaged."""
        try:
            page = self._lines(number)
            neighbours = range(max(1, number - REACH), min(len(self), number + REACH) + 1)
            near = [self._lines_if_readable(other) for other in neighbours]
            keys = running_keys(other.edges for other in near)
            parts = PageParts(page.lines, page.height, keys, self._first_words(), _body_size(near))
            return Unit(parts.text, self._placed(number, parts.blocks))
        except ERRORS as error:
            problem = translated(error)
            if problem.code == "parser_limit":
                raise problem from error
            return Unit("", [], problem="unreadable")

    def _lines(self, number: int) -> _PageLines:
        """Return the lines of a page; those of the pages around it are kept."""
        if number not in self._known:
            page = self._document[number - 1]
            blocks = page.get_text("dict", flags=_FLAGS)["blocks"]
            lines = [line for place, block in enumerate(blocks) for line in _lines(block, place)]
            height = (page.rect * page.derotation_matrix).height
            self._known[number] = _PageLines(lines, height, edges(lines, height))
            while len(self._known) > _KEPT_PAGES:
                self._known.popitem(last=False)
        self._known.move_to_end(number)
        return self._known[number]

    def _lines_if_readable(self, number: int) -> _PageLines:
        try:
            return self._lines(number)
        except ERRORS:
            return _PageLines([], 0.0, frozenset())

    def _first_words(self) -> str:
        """Return what stands at the beginning of the first page."""
        if self._title is None:
            first = self._lines_if_readable(1).lines[:_TITLE_LINES]
            self._title = " ".join(" ".join(line.text for line in first).split())
        return self._title

    def _placed(self, number: int, blocks: list[Block]) -> list[Block]:
        """Return the blocks with their boxes as parts of the sides of the page, as it is shown."""
        page = self._document[number - 1]
        whole, matrix = page.rect, page.rotation_matrix
        if whole.width <= 0 or whole.height <= 0:
            return [block._replace(boxes=()) for block in blocks]
        return [
            block._replace(boxes=tuple(parts_of(pymupdf.Rect(box) * matrix, whole) for box in block.boxes))
            for block in blocks
        ]

    def page(self, number: int) -> Any:
        """Return the page itself, to be drawn. Raises: FileError."""
        try:
            return self._document[number - 1]
        except ERRORS as error:
            raise translated(error) from error

    def scan(self, number: int) -> dict[str, Any]:
        """Return a page as a gray picture, as `child_scans.of_page` does. Raises: FileError."""
        try:
            return child_scans.of_page(self.page(number), child_scans.SCAN_DPI)
        except ERRORS as error:
            raise translated(error) from error

    def close(self) -> None:
        """Close the file and give back what MuPDF and malloc keep of it."""
        self._document.close()
        pymupdf.TOOLS.store_shrink(100)
        pymupdf.TOOLS.reset_mupdf_warnings()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)


def _lines(block: dict[str, Any], place: int) -> Iterator[Line]:
    for line in block.get("lines", ()):
        spans = [span for span in line["spans"] if span["text"]]
        if spans:
            main = max(spans, key=lambda span: len(span["text"]))
            upright = tuple(line["dir"]) == (1.0, 0.0) and not line["wmode"]
            bold = all(span["flags"] & _BOLD or not span["text"].strip() for span in spans)
            text = "".join(span["text"] for span in spans)
            x0, y0, x1, y1 = line["bbox"]
            yield Line(x0, y0, x1, y1, main["size"], text, upright, place, bold)


def _body_size(pages: Sequence[_PageLines]) -> float:
    """Return the size in which most letters of these pages are set."""
    count: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            count[round(line.size, 1)] += len(line.text)
    return max(count.items(), key=lambda one: (one[1], one[0]), default=(0.0, 0))[0]


def parts_of(box: Any, whole: Any) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom as parts of the page's sides, from 0 to 1."""
    x, y = (box.x0 - whole.x0, box.x1 - whole.x0), (box.y0 - whole.y0, box.y1 - whole.y0)
    sides = (x[0] / whole.width, y[0] / whole.height, x[1] / whole.width, y[1] / whole.height)
    left, top, right, bottom = (round(min(max(side, 0.0), 1.0), 5) for side in sides)
    return left, top, right, bottom


def translated(error: Exception) -> FileError:
    """Translate an exception of ERRORS into what it says of the file."""
    text = str(error)
    if any(word in text.lower() for word in _MEMORY_WORDS):
        return FileError("parser_limit", "Reading the PDF takes more memory than is allowed.")
    if isinstance(error, pymupdf.FileDataError):  # its text holds the path
        return FileError("corrupt", "The PDF is damaged: it cannot be opened.")
    cause = text.splitlines()[0].rpartition(": ")[2] if text else type(error).__name__
    return FileError("corrupt", f"The PDF is damaged: {cause}.")
