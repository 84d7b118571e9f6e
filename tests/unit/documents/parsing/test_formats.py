"""What a file is, told from its first bytes."""

import struct
import zipfile
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing import containers
from kotaemon_async.documents.parsing.formats import (
    BMP,
    CSV,
    DOC,
    DOCX,
    EML,
    EPUB,
    GIF,
    HTML,
    JPEG,
    MARKDOWN,
    MHT,
    MSG,
    ODS,
    ODT,
    PDF,
    PNG,
    PPT,
    PPTX,
    RTF,
    TEXT,
    TIFF,
    WEBP,
    XLS,
    XLSX,
    ZIP,
    sniff,
)  # fmt: skip
from kotaemon_async.domain.errors import BadDocument, Refused


@pytest.mark.parametrize(
    ("head", "name", "media_type"),
    [
        (b"%PDF-1.7\n", "a.pdf", PDF),
        (b"junk\n" * 150 + b"%PDF-1.4", "a.pdf", PDF),
        (b"%PDF-1.7\n", "report.docx", PDF),
        (b"1 0 obj << >> endobj", "headless.pdf", PDF),
        (b"Hello.\n", "a.txt", TEXT),
        (b"# Title\n", "a.md", MARKDOWN),
        (b"<div>raw</div>\n# Title\n", "a.MARKDOWN", MARKDOWN),
        (b"<!DOCTYPE html><p>x", "a.html", HTML),
        (b"\xef\xbb\xbf \n<!-- c --><html>", "page", HTML),
        ("\ufeff<html>".encode("utf-16-le"), "page.htm", HTML),
        ("\ufeff保修期".encode("utf-16-le"), "a.txt", TEXT),
        ("plain words".encode("utf-16-be"), "a.txt", TEXT),
        ("产品保修期为三年".encode("gb18030"), "a.txt", TEXT),
        (b"code 4711\x00 end of note, kept for years\n", "a.txt", TEXT),
        (b"<p>x</p>", "a.txt", HTML),
        (b"x < y and <3", "a.txt", TEXT),
    ],
)
def test_the_kind_is_told_from_the_bytes(head: bytes, name: str, media_type: str) -> None:
    assert sniff(head, name) == media_type


@pytest.mark.parametrize(
    ("head", "name", "media_type"),
    [
        (b"# Magic\n\nA PDF begins with %PDF-1.7 and ends with EOF.", "magic.md", MARKDOWN),
        (b"%PDF-1.7 is what a PDF begins with; this note explains it.", "note.txt", TEXT),
        (b"ID3 tags hold the title of a song.", "id3.txt", TEXT),
        (b"RIFF is a container.\n", "riff.txt", TEXT),
        (b"BZh stands at the start.\n", "bz.txt", TEXT),
        (b"GIF8 is no picture yet.\n", "gif.txt", TEXT),
        (b"MZ is what programs begin with.\n", "mz.txt", TEXT),
        (b"BM stands for bitmap.\n", "bm.txt", TEXT),
        (b"left\0right and more", "nul.txt", TEXT),
        ("城市供水管网巡检制度规定，阀门每季度检查一次。".encode("utf-16-le"), "a.txt", TEXT),
        (b"To: Ann\nbuy milk and bread\n", "list.txt", TEXT),
        (b"Subject: pumps\nDate: today\n\nThey run.", "note.txt", TEXT),
    ],
)
def test_a_text_that_begins_like_something_else_is_a_text(head: bytes, name: str, media_type: str) -> None:
    assert sniff(head, name) == media_type


@pytest.mark.parametrize(
    ("head", "name", "media_type"),
    [
        (b"{\\rtf1\\ansi x}", "letter.doc", RTF),
        (b"\x89PNG\r\n\x1a\n\0\0", "scan.pdf.png", PNG),
        (b"\xff\xd8\xff\xe0\0\0", "scan.txt", JPEG),
        (b"II*\0\x08\0\0\0", "fax.tif", TIFF),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a.webp", WEBP),
        (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0", "a.bmp", BMP),
        (b"GIF89a\x01\0\x01\0", "a.gif", GIF),
        (b"a,b\n1,2\n", "table.csv", CSV),
        (b"a\tb\n1\t2\n", "table.tsv", CSV),
        (b"a\tb\n1\t2\n", "export.xls", CSV),
        (b"<html><table><tr><td>1</table>", "export.xls", HTML),
        (b"From: a@b\r\nSubject: x\r\n\r\nHi", "mail.eml", EML),
        (b"Return-Path: <a>\nReceived: by b\n\tfor c\nFrom: a\nSubject: x\n\nHi", "saved", EML),
        (b"From: <Saved by Blink>\nSnapshot-Content-Location: http://x/\nDate: x\n\n", "p.mhtml", MHT),
        (b'<office:document office:mimetype="application/vnd.oasis.opendocument.text">', "a.fodt", ODT),
    ],
)  # fmt: skip
def test_kinds_of_offices_are_told_from_their_bytes(head: bytes, name: str, media_type: str) -> None:
    assert sniff(head, name) == media_type


def package(path: Path, **parts: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/"), text)
    return path


@pytest.mark.parametrize(
    ("parts", "media_type"),
    [
        ({"[Content_Types].xml": "…wordprocessingml.document.main+xml", "x__main.xml": ""}, DOCX),
        ({"[Content_Types].xml": "…ms-word.document.macroEnabled.main+xml"}, DOCX),
        ({"[Content_Types].xml": "", "xl__workbook.xml": ""}, XLSX),
        ({"[Content_Types].xml": "…presentationml.slideshow.main+xml"}, PPTX),
        ({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}, ODS),
        ({"mimetype": "application/epub+zip"}, EPUB),
        ({"content.xml": "", "META-INF__manifest.xml": "application/vnd.oasis.opendocument.text"}, ODT),
        ({"META-INF__container.xml": "", "book.opf": ""}, EPUB),
        ({"a.txt": "x", "word__notes.txt": "y"}, ZIP),
    ],
)
def test_an_archive_is_what_it_holds(tmp_path: Path, parts: dict[str, str], media_type: str) -> None:
    path = package(tmp_path / "file", **parts)
    assert sniff(path.read_bytes(), "file.bin", path) == media_type


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ({"a.txt": "x"}, "book.xlsx"),
        ({"[Content_Types].xml": "…ms-excel.sheet.binary.macroEnabled.main"}, "a.xlsb"),
        ({"Index__Document.iwa": ""}, "a.pages"),
        ({"mimetype": "application/vnd.oasis.opendocument.graphics"}, "a.odg"),
    ],
)
def test_archives_of_other_kinds_are_refused_with_what_to_do(
    tmp_path: Path, parts: dict[str, str], name: str
) -> None:
    path = package(tmp_path / "file", **parts)
    with pytest.raises(Refused) as refusal:
        sniff(path.read_bytes(), name, path)
    assert refusal.value.code == "unsupported_format" and refusal.value.hint.endswith(".")


def test_a_damaged_archive_goes_to_the_reader_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"PK\x03\x04 and no directory")
    assert [sniff(path.read_bytes(), name, path) for name in ("a.docx", "a.ods", "a.zip")] == [DOCX, ODS, ZIP]


def test_an_archive_with_a_huge_directory_is_not_looked_through(tmp_path: Path) -> None:
    path = tmp_path / "file"
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + (1 << 30).to_bytes(4, "little") + bytes(6)
    path.write_bytes(b"PK\x03\x04" + bytes(64) + end)
    assert containers.zip_kind(path) is None


@pytest.mark.parametrize(
    ("stream", "media_type"),
    [
        ("WordDocument", DOC),
        ("Workbook", XLS),
        ("PowerPoint Document", PPT),
        ("__properties_version1.0", MSG),
    ],
)
def test_a_compound_file_is_what_its_streams_say(tmp_path: Path, stream: str, media_type: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(compound("Root Entry", "x", "y", "z", stream))
    assert sniff(path.read_bytes(), "file", path) == media_type


def test_a_protected_office_file_is_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(compound("Root Entry", "EncryptedPackage"))
    with pytest.raises(BadDocument) as problem:
        sniff(path.read_bytes(), "a.docx", path)
    assert problem.value.code == "encrypted"


def compound(*names: str) -> bytes:
    """A compound file of 512-byte sectors: table, then a directory whose sectors are chained."""
    entries = [
        name.encode("utf-16-le").ljust(64, b"\0") + struct.pack("<H", 2 * len(name) + 2) + bytes(62)
        for name in names
    ]
    sectors = [b"".join(entries[at : at + 4]).ljust(512, b"\0") for at in range(0, len(entries), 4)]
    chain = [0xFFFFFFFD, *range(2, 1 + len(sectors)), 0xFFFFFFFE]
    table = struct.pack(f"<{len(chain)}L", *chain).ljust(512, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(30, b"\0") + struct.pack("<H", 9)
    head = head.ljust(48, b"\0") + struct.pack("<L", 1)
    return head.ljust(76, b"\0") + struct.pack("<109L", 0, *[0xFFFFFFFF] * 108) + table + b"".join(sectors)


@pytest.mark.parametrize("size", range(0, 1100, 100))
def test_a_compound_file_that_is_cut_is_no_harm(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(compound("Root Entry", "WordDocument")[:size])
    assert containers.compound_kind(path) in (None, "doc")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.pub"),
        (b"\x7fELF\x02\0\0\0", "a"),
        (b"\x1f\x8b\x08\0\0\0", "a.gz"),
        (b"Rar!\x1a\x07\x01\0", "a.rar"),
        (bytes(range(256)) * 4, "a.bin"),
        (b"<html>404</html>", "a.pdf"),
        (b"just words", "a.docx"),
    ],
)
def test_other_kinds_are_refused_as_unsupported(head: bytes, name: str) -> None:
    with pytest.raises(Refused) as refusal:
        sniff(head, name)
    assert refusal.value.code == "unsupported_format"


def test_a_refusal_says_what_the_file_seems_to_be() -> None:
    with pytest.raises(Refused, match=r"error\.pdf seems to be an HTML page"):
        sniff(b"<html>404</html>", "error.pdf")


def test_a_file_of_no_bytes_is_empty() -> None:
    with pytest.raises(BadDocument) as problem:
        sniff(b"", "a.txt")
    assert problem.value.code == "empty"
