"""The text of PDF pages, by PyMuPDF; runs inside a parser child."""

import contextlib
import ctypes
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any

from kotaemon_async.documents.parsing import child_scans
from kotaemon_async.documents.parsing.child_page import PageParts
from kotaemon_async.documents.parsing.child_paragraphs import clean
from kotaemon_async.documents.parsing.child_pdf_damage import (
    is_picture,
    lacks_content,
    losses,
    shows_something,
    whole_part,
)
from kotaemon_async.documents.parsing.child_pdf_labels import PageLabels
from kotaemon_async.documents.parsing.child_pdf_lines import PageLines, read_lines
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_pymupdf import pymupdf
from kotaemon_async.documents.parsing.child_running import REACH, running_keys
from kotaemon_async.documents.parsing.child_source import Source, give_back, mapped
from kotaemon_async.documents.parsing.child_units import Loss, Unit

#: MuPDF's errors are no RuntimeErrors everywhere.
ERRORS = (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, IndexError, TypeError, KeyError, OSError)
#: A page, those around it, and those that a batch of pages adds.
_KEPT_PAGES = 2 * REACH + 9
_TITLE_LINES = 4
_MOST_BOOKMARKS = 5_000
_TITLE_CHARS = 300
#: A table is followed back over so many pages when reading begins within it.
_LONGEST_TABLE = 30
_MEMORY_WORDS = ("malloc", "calloc", "realloc", "out of memory", "bad_alloc")


def open_document(source: Source, _media_type: str, _max_pages: int) -> "PdfDocument":
    """Open the document. Raises: FileError(encrypted | corrupt | empty | parser_limit)."""
    try:
        data = mapped(source)
        document = _opened(data)
        if document.needs_pass and not document.authenticate(""):
            raise FileError("encrypted", "The PDF is protected by a password.")
        if document.page_count == 0 and not document.is_repaired:
            raise FileError("empty", "The PDF has no pages.")
        return PdfDocument(document, data)
    except ERRORS as error:
        raise translated(error) from error


def _opened(data: memoryview) -> Any:
    """Open the file, or what is whole of it: MuPDF gives up where the last object is cut in two."""
    try:
        document = pymupdf.open(stream=data, filetype="pdf")
        int(document.page_count)
    except ERRORS as error:
        whole = whole_part(data)
        if not whole or translated(error).code == "parser_limit":
            raise
        document = pymupdf.open(stream=whole, filetype="pdf")
    return document


class PdfDocument:
    """One PDF; pages count from 1."""

    charset = None

    def __init__(self, document: Any, data: memoryview) -> None:
        self._document = document
        self._data = data
        self._pages = int(document.page_count)  # may lie in either direction
        self._labels = PageLabels(document.get_page_labels())
        self._known: OrderedDict[int, PageLines] = OrderedDict()
        self._title: str | None = None
        self._last: tuple[int, PageParts] | None = None
        self.warnings: list[Loss] = []
        if document.is_repaired:
            self.warnings += losses(data, len(self))

    def __len__(self) -> int:
        return max(0, self._pages)

    def unit(self, number: int) -> Unit:
        """Return a page, 1-based, with its text and blocks, and what is wrong with it."""
        label = self._labels.label(number)
        try:
            return self._unit(number)._replace(label=label)
        except ERRORS as error:
            problem = translated(error)
            if problem.code == "parser_limit":
                raise problem from error
            return Unit("", [], label=label, problem="unreadable")

    def _unit(self, number: int) -> Unit:
        page, parts = self._lines(number), self._parts(number, _LONGEST_TABLE)
        self._last = number, parts
        give_back(self._data)
        problem = self._problem(number, page)
        return Unit(parts.text, [page.placed(block) for block in parts.blocks], problem=problem)

    def _parts(self, number: int, back: int) -> PageParts:
        """Return the blocks of a page; a table that it begins with may go on from so many pages before."""
        if self._last is not None and self._last[0] == number:
            return self._last[1]
        made = self._alone(number)
        if made.begins_with_table and number > 1 and back:
            with contextlib.suppress(*ERRORS):
                made.continue_table(self._parts(number - 1, back - 1))
        return made

    def _alone(self, number: int) -> PageParts:
        page = self._lines(number)
        neighbours = range(max(1, number - REACH), min(len(self), number + REACH) + 1)
        near = [self._lines_if_readable(other) for other in neighbours]
        keys = running_keys(other.edges for other in near)
        return PageParts(page, keys, self._first_words(), _body_size(near))

    def _problem(self, number: int, page: PageLines) -> str:
        shown = self._document[number - 1]
        if self._document.is_repaired and lacks_content(self._document, shown, page.has_text):
            return "unreadable"
        if page.is_garbled:
            return "garbled"
        if not page.has_body and (is_picture(shown) if page.has_text else shows_something(shown)):
            return "no_text"
        return ""

    def _lines(self, number: int) -> PageLines:
        """Return the lines of a page; those of the pages around it are kept."""
        if number not in self._known:
            self._known[number] = read_lines(self._document[number - 1])
            while len(self._known) > _KEPT_PAGES:
                self._known.popitem(last=False)
        self._known.move_to_end(number)
        return self._known[number]

    def _lines_if_readable(self, number: int) -> PageLines:
        try:
            return self._lines(number)
        except ERRORS:
            return PageLines((), 0.0, 0.0)

    def _first_words(self) -> str:
        """Return what stands at the beginning of the first page."""
        if self._title is None:
            first = self._lines_if_readable(1).lines[:_TITLE_LINES]
            self._title = " ".join(" ".join(line.text for line in first).split())
        return self._title

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

    def outline(self) -> list[tuple[int, str, int]]:
        """Return level, title and page of each bookmark that leads to a page, in order. Raises: FileError."""
        try:
            found = self._document.get_toc(simple=True)[:_MOST_BOOKMARKS]
        except ERRORS as error:
            raise translated(error) from error
        cleaned = ((level, clean(title)[:_TITLE_CHARS], page) for level, title, page in found)
        return [one for one in cleaned if one[1] and 1 <= one[2] <= len(self)]

    def close(self) -> None:
        """Close the file and give back what MuPDF and malloc keep of it."""
        self._document.close()
        pymupdf.TOOLS.store_shrink(100)
        pymupdf.TOOLS.reset_mupdf_warnings()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)


def _body_size(pages: Sequence[PageLines]) -> float:
    """Return the size in which most letters of these pages are set."""
    count: Counter[float] = Counter()
    for page in pages:
        count.update(page.letters)
    return max(count.items(), key=lambda one: (one[1], one[0]), default=(0.0, 0))[0]


def translated(error: Exception) -> FileError:
    """Translate an exception of ERRORS into what it says of the file."""
    text = str(error)
    if any(word in text.lower() for word in _MEMORY_WORDS):
        return FileError("parser_limit", "Reading the PDF takes more memory than is allowed.")
    if isinstance(error, pymupdf.FileDataError):  # its text holds the path
        return FileError("corrupt", "The PDF is damaged: it cannot be opened.")
    cause = text.splitlines()[0].rpartition(": ")[2] if text else type(error).__name__
    return FileError("corrupt", f"The PDF is damaged: {cause}.")
