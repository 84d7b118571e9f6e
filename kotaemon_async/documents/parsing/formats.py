"""Which kind of document a file is, told from its first bytes."""

import re
from pathlib import PurePath
from typing import Final

from kotaemon_async.domain.errors import BadDocument, Refused

PDF: Final = "application/pdf"
TEXT: Final = "text/plain"
MARKDOWN: Final = "text/markdown"
HTML: Final = "text/html"

#: How many bytes `sniff` wants to see.
HEAD_BYTES: Final = 4096
PDF_HEADER_WITHIN_BYTES: Final = 1024

#: What a file begins with -> what it is called in the refusal.
_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "a ZIP archive or an office file"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"PK\x07\x08", "a ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or protected office file"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"RIFF", "a RIFF media file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"OggS", "an Ogg media file"),
    (b"ID3", "an MP3 file"),
    (b"fLaC", "a FLAC file"),
    (b"%!PS", "a PostScript file"),
)

#: Names that promise bytes no text can be.
_BINARY_SUFFIXES: Final = """
.pdf .doc .docx .docm .dot .xls .xlsx .xlsm .ppt .pptx .pptm .odt .ods .odp .epub .rtf .pages .numbers .key
.zip .gz .tgz .bz2 .xz .7z .rar .tar .png .jpg .jpeg .gif .tif .tiff .bmp .webp .ico .mp3 .mp4 .wav .exe
.dll .so .sqlite .db
"""
_BINARY_NAMES: Final = frozenset(_BINARY_SUFFIXES.split())
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM: Final = b"\xef\xbb\xbf"
_UNKNOWN_BINARY: Final = "binary data"
_HTML_TAGS: Final = (
    "html|head|body|title|meta|link|base|script|style|div|span|p|h[1-6]|table|ul|ol|dl|a|img|article|section|main|header"
    "|nav|center|font|form|iframe|br|hr|b|i|em|strong|pre|blockquote"
)
_HTML_START: Final = re.compile(
    rf"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?(?:-->|\Z)\s*)*<(?:!doctype\s+html|(?:{_HTML_TAGS})(?=[\s/>]|\Z))",
    re.IGNORECASE | re.DOTALL,
)
#: Tags that also open many a Markdown file; there the name decides.
_MARKDOWN_NAMES: Final = frozenset({".md", ".markdown", ".mdown", ".mkd"})
#: Control bytes that no charset for text uses; more than 1 in 20 and it is no text.
_NOT_TEXT: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b")) + b"\x7f"


def sniff(head: bytes, name: str) -> str:
    """Return one of the four media types, from the first `HEAD_BYTES` or more of a file.

    The name decides only between plain text and Markdown, and against a text that claims to be a
    binary kind. Raises Refused(unsupported_format) or BadDocument(empty).
    """
    if not head:
        raise BadDocument("The file holds no bytes.", code="empty")
    suffix = PurePath(name).suffix.lower()
    if head.find(b"%PDF-", 0, PDF_HEADER_WITHIN_BYTES) >= 0:
        return PDF
    if binary := _binary_kind(head):
        if suffix == ".pdf" and binary == _UNKNOWN_BINARY:
            return PDF
        raise _refusal(name, binary)
    is_html = _HTML_START.match(_start_as_text(head)) is not None
    if suffix == ".pdf" and not is_html:
        return (
            PDF  # one that lost its header can sometimes be repaired; the parser finds out, or says corrupt
        )
    if suffix in _BINARY_NAMES:
        raise _refusal(name, "an HTML page" if is_html else "plain text")
    if suffix in _MARKDOWN_NAMES:
        return MARKDOWN
    return HTML if is_html else TEXT


def _refusal(name: str, kind: str) -> Refused:
    return Refused(
        f"{name or 'The file'} seems to be {kind}; PDF, text, Markdown and HTML files can be read.",
        code="unsupported_format",
    )


def _binary_kind(head: bytes) -> str | None:
    """Return what a file that is no text is called, or None for text."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        return "an MP4 or HEIF media file"
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head.startswith(_UTF16_BOMS) or _looks_like_utf16(head):
        return None
    nuls = head.count(0)
    controls = len(head) - len(head.translate(None, delete=_NOT_TEXT)) - nuls
    # A few NULs happen in real text files (padding, broken exports); binary kinds are full of them.
    if nuls * 10 > len(head) or controls * 20 > len(head):
        return _UNKNOWN_BINARY
    return None


def _looks_like_utf16(head: bytes) -> bool:
    """Return whether nearly every second byte, and no other, is NUL: Latin text in UTF-16."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    few, many = sorted((even, odd))
    return len(head) >= 8 and many * 10 >= len(head) // 2 * 7 and few * 20 <= len(head)


def _start_as_text(head: bytes) -> str:
    if head.startswith(_UTF16_BOMS):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    return head.removeprefix(_UTF8_BOM).decode("latin-1")
