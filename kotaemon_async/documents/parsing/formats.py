"""Which kind of document a file is: its bytes decide, its name only between kinds that look alike."""

import re
from pathlib import Path, PurePath
from typing import Final

from kotaemon_async.documents.parsing import containers
from kotaemon_async.documents.parsing.child_charsets import unmarked_utf16
from kotaemon_async.domain.errors import BadDocument, Refused

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OPEN: Final = "application/vnd.oasis.opendocument."
PDF: Final = "application/pdf"
TEXT: Final = "text/plain"
MARKDOWN: Final = "text/markdown"
HTML: Final = "text/html"
CSV: Final = "text/csv"
DOCX: Final = _OFFICE + "wordprocessingml.document"
PPTX: Final = _OFFICE + "presentationml.presentation"
XLSX: Final = _OFFICE + "spreadsheetml.sheet"
ODT: Final = _OPEN + "text"
ODP: Final = _OPEN + "presentation"
ODS: Final = _OPEN + "spreadsheet"
EPUB: Final = "application/epub+zip"
RTF: Final = "application/rtf"
EML: Final = "message/rfc822"
MHT: Final = "multipart/related"
MSG: Final = "application/vnd.ms-outlook"
DOC: Final = "application/msword"
PPT: Final = "application/vnd.ms-powerpoint"
XLS: Final = "application/vnd.ms-excel"
PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
TIFF: Final = "image/tiff"
WEBP: Final = "image/webp"
BMP: Final = "image/bmp"
GIF: Final = "image/gif"
ZIP: Final = "application/zip"
IMAGES: Final = frozenset({PNG, JPEG, TIFF, WEBP, BMP, GIF})

#: How many bytes `sniff` wants to see.
HEAD_BYTES: Final = 4096
PDF_HEADER_WITHIN_BYTES: Final = 1024

#: What a file begins with -> its type, or what it is called in the refusal.
_IMAGES: Final = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
)
_OTHERS: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"\x1f\x8b", "a gzip archive", "unpack"),
    (b"BZh", "a bzip2 archive", "unpack"),
    (b"\xfd7zXZ\x00", "an xz archive", "unpack"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack"),
    (b"\x7fELF", "a program", ""),
    (b"MZ", "a program", ""),
    (b"\xcf\xfa\xed\xfe", "a program", ""),
    (b"SQLite format 3\x00", "an SQLite database", "table"),
    (b"\x00\x01\x00\x00Standard ", "an Access database", "table"),
    (b"!BDN", "an Outlook data file", "mail"),
    (b"RIFF", "a media file", ""),
    (b"OggS", "a media file", ""),
    (b"ID3", "a media file", ""),
    (b"fLaC", "a media file", ""),
    (b"%!PS", "a PostScript file", "pdf"),
)
_HINTS: Final = {
    "": "Hand in a document, a picture of one, a table or a mail.",
    "unpack": "Unpack it and hand in the files, or pack them as ZIP.",
    "table": "Export its tables as .xlsx or CSV and hand those in.",
    "mail": "Export the mails as .eml or .msg and hand those in.",
    "pdf": "Save it as PDF and hand that in.",
    "xlsx": "Save it as .xlsx and hand that in.",
    "name": "Hand in the document itself, or give the file the name of what it is.",
}
#: What archives and compound files hold -> type.
_HELD: Final = {
    **{"docx": DOCX, "pptx": PPTX, "xlsx": XLSX, "odt": ODT, "ods": ODS, "odp": ODP, "epub": EPUB},
    **{"doc": DOC, "xls": XLS, "ppt": PPT, "msg": MSG, "zip": ZIP},
}
_HELD_OTHERS: Final = {
    "xlsb": ("a binary Excel workbook", "xlsx"),
    "visio": ("a Visio drawing", "pdf"),
    "opendocument": ("an OpenDocument drawing or formula", "pdf"),
    "iwork": ("a Pages, Numbers or Keynote document", "pdf"),
    "hwp": ("a Hangul document", "pdf"),
}
#: Names of packages; an archive so named that is none of them is damaged, or no such document.
_PACKAGES: Final = {
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), DOCX),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".ppsm", ".potx"), PPTX),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), XLSX),
    **{".odt": ODT, ".ott": ODT, ".ods": ODS, ".ots": ODS, ".odp": ODP, ".otp": ODP, ".epub": EPUB},
}
_COMPOUNDS: Final = {".doc": DOC, ".dot": DOC, ".xls": XLS, ".ppt": PPT, ".pps": PPT, ".msg": MSG}
#: Text under these names is what programs export: tables, HTML, mails; under others it is a mistake.
_EXPORTED: Final = {".xls": CSV, ".csv": CSV, ".tsv": CSV, ".tab": CSV, ".doc": TEXT}
_BINARY_SUFFIXES: Final = """
.pdf .rtf .pages .numbers .key .zip .gz .tgz .bz2 .xz .7z .rar .tar .png .jpg .jpeg .gif .tif .tiff .bmp .webp
.ico .mp3 .mp4 .wav .exe .dll .so .sqlite .db .xlsb
"""
_BINARY_NAMES: Final = frozenset({*_BINARY_SUFFIXES.split(), *_PACKAGES, *_COMPOUNDS} - _EXPORTED.keys())
_MAIL_NAMES: Final = {".eml": EML, ".mht": MHT, ".mhtml": MHT}
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
_FLAT_OPEN: Final = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?<office:document\s[^>]*?office:mimetype=\"[\w./+-]*opendocument\.([\w-]+)"
)
_FLAT_KINDS: Final = {"text": ODT, "spreadsheet": ODS, "presentation": ODP}
#: Tags that also open many a Markdown file; there the name decides.
_MARKDOWN_NAMES: Final = frozenset({".md", ".markdown", ".mdown", ".mkd"})
#: The first lines of a mail: fields with their continued lines, nothing else; "From " opens a mailbox.
_MAIL_HEAD: Final = re.compile(
    r"(?:From [^\n]*\n|>From [^\n]*\n)?(?:[!-9;-~]{1,60}:[^\n]*\n(?:[ \t][^\n]*\n){0,50}){1,60}"
)
_MAIL_FIELD: Final = re.compile(
    r"^(Received|Return-Path|Message-ID|MIME-Version|Delivered-To|X-Mailer|From|To|Date|Subject|Content-Type)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
_SAVED_PAGE: Final = re.compile(
    r"^(?:Content-Type\s*:\s*multipart/related|Snapshot-Content-Location\s*:)", re.IGNORECASE | re.MULTILINE
)
#: A text that quotes mail fields has few of them; a mail by another name has at least so many.
_LEAST_FIELDS: Final = 4
#: Control bytes that no charset for text uses; more than 1 in 20 and it is no text.
_NOT_TEXT: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b")) + b"\x7f"
#: Fewer bytes than this say nothing by their share of NULs.
_FEW_BYTES: Final = 64


def sniff(head: bytes, name: str, path: Path | None = None) -> str:
    """Return one of the media types, from the first `HEAD_BYTES` or more of a file.

    Archives and compound files are looked into at `path`. The name decides only between kinds of text, for
    what is damaged, and against a text that claims to be a binary kind.

    Raises:
        Refused: `unsupported_format`, with what to do.
        BadDocument: `empty` or `encrypted`.
    """
    if not head:
        raise BadDocument("The file holds no bytes.", code="empty")
    suffix = PurePath(name).suffix.lower()
    if _is_pdf(head, suffix):
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _in_archive(head, name, suffix, path)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _in_compound(name, suffix, path)
    if head.startswith(b"{\\rtf"):
        return RTF
    if kind := _binary_kind(head, name):
        return kind if kind != _UNKNOWN_BINARY else _of_damaged(name, suffix)
    return _kind_of_text(head, name, suffix)


def _is_pdf(head: bytes, suffix: str) -> bool:
    at = head.find(b"%PDF-", 0, PDF_HEADER_WITHIN_BYTES)
    if at < 0:
        return False
    # A text may tell about the mark; behind a real one come objects, or bytes that are no text.
    behind = head[at : at + 64]
    if suffix in _BINARY_NAMES:
        return True
    return re.search(rb"\d\s+obj\b|\bxref\b", head) is not None or not behind.isascii()


def _in_archive(head: bytes, name: str, suffix: str, path: Path | None) -> str:
    kind = containers.zip_kind(path) if path else None
    if kind is None:  # damaged, or cut: its reader says so
        first = containers.first_name(head).lower()
        by_name = ("word/", DOCX), ("ppt/", PPTX), ("xl/", XLSX)
        return _PACKAGES.get(suffix) or next((one for part, one in by_name if first.startswith(part)), ZIP)
    if kind in _HELD_OTHERS:
        raise _refusal(name, *_HELD_OTHERS[kind])
    if kind == "zip" and suffix in _PACKAGES:
        raise _refusal(name, "a ZIP archive without such a document in it", "name")
    return _HELD[kind]


def _in_compound(name: str, suffix: str, path: Path | None) -> str:
    kind = containers.compound_kind(path) if path else None
    if kind == "encrypted":
        raise BadDocument("The file is protected by a password.", code="encrypted")
    if kind in _HELD_OTHERS:
        raise _refusal(name, *_HELD_OTHERS[kind])
    media_type = _HELD.get(kind or "") or _COMPOUNDS.get(suffix)
    if media_type is None:
        raise _refusal(name, "an old office file of another kind", "pdf")
    return media_type


def _binary_kind(head: bytes, name: str) -> str | None:
    """Return the media type of a picture, that the bytes are unknown, or None for text. Raises: Refused."""
    is_text = _is_text(head)
    for magic, media_type in _IMAGES:
        if head.startswith(magic):
            return media_type
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"BM") and not is_text:
        return BMP
    for magic, kind, hint in _OTHERS:
        if head.startswith(magic) and not is_text:
            raise _refusal(name, kind, hint)
    if head[4:8] == b"ftyp":
        raise _refusal(name, "a film or an HEIC picture", "")
    if head[257:262] == b"ustar":
        raise _refusal(name, "a tar archive", "unpack")
    return None if is_text else _UNKNOWN_BINARY


def _is_text(head: bytes) -> bool:
    if head.startswith(_UTF16_BOMS) or unmarked_utf16(head):
        return True
    nuls = head.count(0)
    controls = len(head) - len(head.translate(None, delete=_NOT_TEXT)) - nuls
    # A few NULs happen in real text files (padding, broken exports); binary kinds are full of them.
    most_nuls = max(len(head), _FEW_BYTES) // 10
    return nuls <= most_nuls and controls * 20 <= len(head)


def _of_damaged(name: str, suffix: str) -> str:
    """Return the kind that the name says, where its reader can try to repair what has lost its beginning."""
    if suffix == ".pdf":
        return PDF
    raise _refusal(name, _UNKNOWN_BINARY, "")


def _kind_of_text(head: bytes, name: str, suffix: str) -> str:
    text = _start_as_text(head)
    if flat := _FLAT_OPEN.match(text):
        if kind := _FLAT_KINDS.get(flat[1].removesuffix("-template")):
            return kind
        raise _refusal(name, *_HELD_OTHERS["opendocument"])
    if mail := _kind_of_mail(text, suffix):
        return mail
    is_html = _HTML_START.match(text) is not None
    if suffix == ".pdf" and not is_html:
        return (
            PDF  # one that lost its header can sometimes be repaired; the parser finds out, or says corrupt
        )
    if suffix in _BINARY_NAMES:
        raise _refusal(name, "an HTML page" if is_html else "plain text", "name")
    if suffix in _MARKDOWN_NAMES:
        return MARKDOWN
    return HTML if is_html else _EXPORTED.get(suffix, TEXT)


def _kind_of_mail(text: str, suffix: str) -> str | None:
    found = _MAIL_HEAD.match(text.replace("\r\n", "\n").lstrip("\n"))
    if found is None:
        return None
    fields = {one.lower() for one in _MAIL_FIELD.findall(found[0])}
    is_long_enough = len(fields) >= _LEAST_FIELDS or (fields and suffix in _MAIL_NAMES)
    if not is_long_enough:
        return None
    return MHT if _SAVED_PAGE.search(found[0]) and (suffix != ".eml" or "received" not in fields) else EML


def _refusal(name: str, kind: str, hint: str) -> Refused:
    return Refused(
        f"{name or 'The file'} seems to be {kind}, which cannot be read.",
        code="unsupported_format",
        hint=_HINTS[hint],
    )


def _start_as_text(head: bytes) -> str:
    if head.startswith(_UTF16_BOMS):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    return head.removeprefix(_UTF8_BOM).decode("latin-1")
