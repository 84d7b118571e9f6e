"""Books."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_epub import open_document
from tests.support.books import epub, nav, page
from tests.support.packages import beginnings
from tests.support.units import lines, outcome, read_with, refusal

ONE, TWO = page("<h1>The Quay</h1><p>First.</p>"), page("<p>Second.</p>")
DTD = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "xhtml11.dtd">'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, data: bytes) -> Units:
    return read_with(open_document, folder, data)


def chapters(units: Units) -> list[tuple[tuple[str, ...], str]]:
    found = map(units.unit, range(1, len(units) + 1))
    return [(unit.headings, unit.text.replace("\n\n", "/")) for unit in found]


def test_chapters_come_in_the_order_of_the_spine(folder: Path) -> None:
    units = read(folder, epub({"a.xhtml": TWO, "b.xhtml": ONE}, ["b.xhtml", "a.xhtml", "b.xhtml"]))
    assert [text for _, text in chapters(units)] == ["The Quay/First.", "Second."]
    assert units.unit(1).kind == "section"


def test_titles_come_from_the_contents_where_a_chapter_lacks_them(folder: Path) -> None:
    contents = nav(("a.xhtml", "1. The  Quay"), ("b.xhtml#x", "The Light"), ("../OPS/c%20d.xhtml", "End"))
    book = epub(
        {"a.xhtml": page("<h1>1. The Quay</h1><p>First.</p>"), "b.xhtml": TWO, "c d.xhtml": TWO}, (), contents
    )
    assert chapters(read(folder, book)) == [
        ((), "1. The Quay/First."),
        (("The Light",), "Second."),
        (("End",), "Second."),
    ]


def test_chapters_stand_below_the_parts_of_their_book(folder: Path) -> None:
    inner = '<li><span>Part I</span><ol><li><a href="a.xhtml">Quay</a></li></ol></li>'
    book = epub({"a.xhtml": TWO}, (), f"<nav><ol>{inner}</ol></nav>")
    assert chapters(read(folder, book)) == [(("Part I", "Quay"), "Second.")]


def test_a_file_of_many_chapters_has_headings_of_its_own(folder: Path) -> None:
    book = epub({"a.xhtml": TWO}, (), nav(("a.xhtml#1", "One"), ("a.xhtml#2", "Two")))
    assert chapters(read(folder, book)) == [((), "Second.")]


def test_a_chapter_cut_into_files_keeps_its_title_and_notes_have_their_own(folder: Path) -> None:
    book = epub(
        {"a.xhtml": TWO, "b.xhtml": page("<p>More.</p>"), "n.xhtml": page("<p>Note.</p>", "Notes")},
        ["a.xhtml", "b.xhtml", "-n.xhtml"],
        nav(("a.xhtml", "The Light")),
    )
    assert chapters(read(folder, book)) == [
        (("The Light",), "Second."),
        (("The Light",), "More."),
        (("Notes",), "Note."),
    ]


def test_titles_come_from_the_older_list_of_contents_too(folder: Path) -> None:
    point = "<navPoint><navLabel><text>{}</text></navLabel><content src='{}'/>{}</navPoint>"
    points = point.format("Part", "x.html", point.format("The Light", "a.xhtml#p", ""))
    ncx = f"{DTD}<ncx><navMap>{points}</navMap></ncx>"
    opf = (
        '<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
        '<spine><itemref idref="a"/></spine></package>'
    )
    book = epub({"a.xhtml": TWO}, files={"OPS/book.opf": opf, "OPS/toc.ncx": ncx})
    assert chapters(read(folder, book)) == [(("Part", "The Light"), "Second.")]


def test_chapters_are_decoded_as_they_declare(folder: Path) -> None:
    text = page("<p>灯塔高四十二米</p>", declaration='<?xml version="1.0" encoding="GBK"?>')
    units = read(folder, epub({"a.xhtml": text.encode("gbk")}))
    assert lines(units) == ["paragraph: 灯塔高四十二米"]
    assert units.charset == "gb18030"


def test_the_title_of_a_page_is_no_heading_of_its_chapter(folder: Path) -> None:
    assert lines(read(folder, epub({"a.xhtml": page("<p>Text.</p>", "My book")}))) == ["paragraph: Text."]


def test_a_missing_chapter_is_named_and_the_others_are_read(folder: Path) -> None:
    units = read(folder, epub({"a.xhtml": TWO}, ["a.xhtml", "lost.xhtml"], nav(("lost.xhtml", "The Crane"))))
    lost = units.unit(2)
    assert (lost.problem, lost.label, lost.text) == ("unreadable", "The Crane", "")
    assert units.unit(1).text == "Second."


def test_a_chapter_that_is_nested_without_end_costs_no_other(folder: Path) -> None:
    units = read(folder, epub({"a.xhtml": page("<div>" * 200_000), "b.xhtml": TWO}))
    assert [(unit.problem, unit.text) for unit in (units.unit(1), units.unit(2))] == [
        ("unreadable", ""),
        ("", "Second."),
    ]


def encryption(method: str, part: str) -> dict[str, str | bytes]:
    data = f'<EncryptionMethod Algorithm="{method}"/><CipherReference URI="{part}"/>'
    return {"META-INF/encryption.xml": f"<encryption><EncryptedData>{data}</EncryptedData></encryption>"}


def test_a_book_with_locked_chapters_is_encrypted_and_one_with_hidden_fonts_is_not(folder: Path) -> None:
    locked = encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "OPS/A.xhtml")
    fonts = encryption("http://www.idpf.org/2008/embedding", "OPS/font.otf")
    assert refusal(open_document, folder, epub({"a.xhtml": TWO}, files=locked))[0] == "encrypted"
    assert outcome(open_document, folder, epub({"a.xhtml": TWO}, files=fonts)) == "ok"


def test_declarations_of_entities_are_refused(folder: Path) -> None:
    opf = "<!DOCTYPE p [<!ENTITY x 'y'>]><package/>"
    code, message = refusal(open_document, folder, epub({"a.xhtml": TWO}, files={"OPS/book.opf": opf}))
    assert code == "corrupt"
    assert "DTD" in message


def test_damaged_contents_cost_the_titles_only(folder: Path) -> None:
    assert chapters(read(folder, epub({"a.xhtml": TWO}, (), "<nav><ol><li>"))) == [((), "Second.")]


def test_a_book_without_its_list_or_without_text_is_told(folder: Path) -> None:
    assert refusal(open_document, folder, epub({"a.xhtml": page("<img src='x'/>")}))[0] == "no_text"
    assert refusal(open_document, folder, epub({}, files={"OPS/book.opf": "<package>"}))[0] == "corrupt"


def test_contents_that_are_nested_without_end_are_borne(folder: Path) -> None:
    deep = "<nav>" + "<li><span>x</span>" * 3000 + "</li>" * 3000 + "</nav>"
    assert outcome(open_document, folder, epub({"a.xhtml": TWO}, (), deep)) == "ok"


def test_a_book_cut_anywhere_is_refused(folder: Path) -> None:
    data = epub({"a.xhtml": ONE, "b.xhtml": TWO}, (), nav(("b.xhtml", "The Light")))
    assert {outcome(open_document, folder, part) for part in beginnings(data, 10)} == {"corrupt"}
