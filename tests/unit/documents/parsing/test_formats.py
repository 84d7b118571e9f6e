"""What a file is, told from its first bytes."""

import pytest

from kotaemon_async.documents.parsing.formats import HTML, MARKDOWN, PDF, TEXT, sniff
from kotaemon_async.domain.errors import BadDocument, Refused


@pytest.mark.parametrize(
    ("head", "name", "media_type"),
    [
        (b"%PDF-1.7\n", "a.pdf", PDF),
        (b"junk\n" * 150 + b"%PDF-1.4", "a.pdf", PDF),
        (b"%PDF-1.7\n", "report.docx", PDF),
        (b"1 0 obj << >> endobj", "headless.pdf", PDF),
        (b"Hello.\n", "a.txt", TEXT),
        (b"a,b\n1,2\n", "table.csv", TEXT),
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
    ("head", "name"),
    [
        (b"PK\x03\x04rest", "a.docx"),
        (b"PK\x03\x04rest", "a.txt"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.doc"),
        (b"\x89PNG\r\n\x1a\n", "a.pdf"),
        (b"\x7fELF\x02", "a"),
        (b"{\\rtf1 x}", "a.rtf"),
        (b"\x1f\x8b\x08", "a.gz"),
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
