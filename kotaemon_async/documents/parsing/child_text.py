"""Plain text, Markdown and HTML as pages of about 3,000 characters; runs inside a parser child."""

import codecs
import contextlib
import re
from bisect import bisect_left, bisect_right
from pathlib import Path

import charset_normalizer

from kotaemon_async.documents.parsing.child_blocks import Block, clipped, settled, text_blocks
from kotaemon_async.documents.parsing.child_html import declared_charset, html_parts
from kotaemon_async.documents.parsing.child_markdown import markdown_blocks
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Loss, Unit

PAGE_CHARS = 3000
_PAGE_MIN_CHARS = PAGE_CHARS // 2
#: UTF-8 needs at most four bytes a character: a longer file has too many pages for sure.
_BYTES_PER_CHAR = 4
_MAX_BYTES = {"text/html": 32 * 1024**2}
_SAMPLE_BYTES = 256 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Names that detection reports -> the superset that decodes more of such files.
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "gb18030",
    "big5": "big5hkscs",
    "ascii": "utf-8",
    "latin_1": "cp1252",
    "iso8859_1": "cp1252",
}
#: Controls that stand between words: NUL, word processors' line break, separators of records.
_PARTING = re.compile("[\x00\x0b\x1c-\x1f]")
#: Other controls, lone surrogates, noncharacters, marks of no width; joiners within Latin words.
_UNWANTED = re.compile(
    "[\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\ufeff\u200b\u2060]+"
    "|(?<=[A-Za-z\u00c0-\u024f])[\u200c\u200d]+(?=[A-Za-z\u00c0-\u024f])"
)
#: Codecs in which few bytes above 127 are normal: Latin alphabets, and Chinese words in an English text.
_SPARSE_CODECS = (
    "gb",
    "big5",
    "shift_jis",
    "cp932",
    "euc_",
    "cp1250",
    "cp1252",
    "cp1254",
    "cp1257",
    "latin",
    "mac_latin2",
)
_SHEET = re.compile(r"[^\f]+")
#: Where a page may end, best first.
_ENDS = (
    re.compile(r"\n[ \t]*\n+"),
    re.compile(r"\n"),
    re.compile(r"[.!?](?=\s)|[。！？；]"),
    re.compile(r"\s"),
)


def open_document(path: str, media_type: str, max_pages: int) -> "TextDocument":
    """Return the whole text, decoded and cut into pages. Raises: FileError(empty | too_large)."""
    size = Path(path).stat().st_size
    ceiling = min(max_pages * PAGE_CHARS * _BYTES_PER_CHAR, _MAX_BYTES.get(media_type, size))
    if size > ceiling:
        raise FileError("too_large", f"The text has {size} bytes; at most {ceiling} are read.")
    data = Path(path).read_bytes()
    if not data:
        raise FileError("empty", "The file holds no bytes.")
    if media_type == "text/html":
        return TextDocument(*html_parts(decode(data, declared_charset(data))))
    text = tidy(decode(data))
    return TextDocument(text, markdown_blocks(text) if media_type == "text/markdown" else [])


class TextDocument:
    """The pages of a text; at least one, which may be blank. Text without any heading is read by its form."""

    charset = None

    def __init__(self, text: str, blocks: list[Block]) -> None:
        self.warnings: list[Loss] = []
        self._text = text
        self._pages = page_spans(text)
        self._blocks = blocks if any(block.kind == "heading" for block in blocks) else []
        self._starts = [block.start for block in self._blocks]
        self._ends = [block.end for block in self._blocks]

    def __len__(self) -> int:
        return len(self._pages)

    def unit(self, number: int) -> Unit:
        """Return a part of the text, 1-based, with its blocks."""
        start, stop = self._pages[number - 1]
        text = self._text[start:stop]
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, stop)
        blocks = list(clipped(self._blocks[first:last], start, stop))
        return Unit(text, blocks or settled(text, text_blocks(text)), "section")

    def close(self) -> None:
        self._text, self._pages, self._blocks = "", [], []
        self._starts, self._ends = [], []


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode the bytes: by their mark, as declared, as UTF-8 with few errors, or as detected."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if unmarked := _unmarked_utf16(data):
        return data.decode(unmarked, "replace")
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode("utf-8")
    if declared and (text := _declared(data, declared)) is not None:
        return text
    text = data.decode("utf-8", "replace")
    # Broken UTF-8 stays UTF-8: few errors next to many good multi-byte characters.
    errors = text.count("\ufffd")
    good = sum(1 for char in text[:_SAMPLE_BYTES] if char > "\x7f") - text[:_SAMPLE_BYTES].count("\ufffd")
    if errors * 20 <= good:
        return text
    return data.decode(_detected(data), "replace")


def _declared(data: bytes, name: str) -> str | None:
    try:
        encoding = codecs.lookup(name).name.replace("-", "_")
        return data.decode(_SUPERSETS.get(encoding, encoding), "replace")
    except (LookupError, ValueError):
        return None


def _unmarked_utf16(data: bytes) -> str | None:
    """Detect UTF-16 without its mark, which shows in Latin text: nearly every second byte is NUL."""
    sample = data[:_SAMPLE_BYTES]
    for place, encoding in enumerate(("utf-16-be", "utf-16-le")):
        if sample[place::2].count(0) * 10 > len(sample) * 3 and sample[1 - place :: 2].count(0) * 20 < len(
            sample
        ):
            return encoding
    return None


def _detected(data: bytes) -> str:
    """Return the codec that reads the bytes best."""
    sample = data[:_SAMPLE_BYTES]
    best = charset_normalizer.from_bytes(sample, cp_exclusion=["utf_7"]).best()
    name = best.encoding if best else "cp1252"
    high = len(sample) - len(sample.translate(None, delete=bytes(range(128, 256))))
    # Cyrillic, Greek or Arabic text is mostly bytes above 127; a few of them are Western accents or damage.
    if high * 10 < len(sample) and not name.startswith(_SPARSE_CODECS):
        return "cp1252"
    return _SUPERSETS.get(name, name)


def tidy(text: str) -> str:
    """Return the text with plain line breaks and without characters that no store takes."""
    return _UNWANTED.sub("", _PARTING.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")))


def page_spans(text: str) -> list[tuple[int, int]]:
    """Return start and stop of pages of at most `PAGE_CHARS` characters, at least one.

    A page ends with a paragraph, line, sentence or word, and has no blanks around it.
    """
    found: list[tuple[int, int]] = []
    for sheet in _SHEET.finditer(text):
        start = sheet.start()
        while sheet.end() - start > PAGE_CHARS:
            end = _page_end(text, start)
            found.append(_stripped(text, start, end))
            start = end
        found.append(_stripped(text, start, sheet.end()))
    return [(start, stop) for start, stop in found if start < stop] or [(0, 0)]


def _stripped(text: str, start: int, stop: int) -> tuple[int, int]:
    part = text[start:stop]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())


def _page_end(text: str, start: int) -> int:
    window = text[start + _PAGE_MIN_CHARS : start + PAGE_CHARS]
    for pattern in _ENDS:
        end = max((found.end() for found in pattern.finditer(window)), default=None)
        if end is not None:
            return start + _PAGE_MIN_CHARS + end
    return start + PAGE_CHARS
