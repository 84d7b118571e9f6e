"""Plain text, Markdown and HTML in a parser child."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_charsets import tidy
from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_text import open_document
from kotaemon_async.documents.parsing.child_units import UNIT_CHARS, Unit, Units


def opened(tmp_path: Path, data: str | bytes, media_type: str = "text/plain", max_pages: int = 100) -> Units:
    path = tmp_path / "file"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return open_document(str(path), media_type, max_pages)


def units_of(document: Units) -> list[Unit]:
    return [document.unit(number) for number in range(1, len(document) + 1)]


def blocks_of(document: Units) -> list[tuple[str, str]]:
    return [(one.kind, unit.text[one.start : one.end]) for unit in units_of(document) for one in unit.blocks]


def test_a_long_text_is_cut_at_paragraphs_and_nothing_is_lost(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 100 for number in range(40)]
    units = units_of(opened(tmp_path, "\n\n".join(paragraphs)))
    assert max(len(unit.text) for unit in units) <= UNIT_CHARS
    assert all(unit.text.startswith("Paragraph") for unit in units)
    assert " ".join(" ".join(unit.text for unit in units).split()) == " ".join(" ".join(paragraphs).split())


def test_a_text_without_pages_has_sections(tmp_path: Path) -> None:
    units = units_of(opened(tmp_path, "It runs. " * 1000))
    assert {unit.kind for unit in units} == {"section"}
    assert len(units) > 2


def test_the_sheets_between_form_feeds_are_pages(tmp_path: Path) -> None:
    units = units_of(opened(tmp_path, "one\f\ftwo\r\nlines\f\n"))
    assert [(unit.kind, unit.label, unit.text) for unit in units] == [
        ("page", "1", "one"), ("page", "2", ""), ("page", "3", "two\nlines"),
    ]  # fmt: skip


def test_a_form_feed_in_a_text_of_long_chapters_makes_no_pages(tmp_path: Path) -> None:
    units = units_of(opened(tmp_path, "word " * 5_000 + "\f" + "next " * 5_000))
    assert {unit.kind for unit in units} == {"section"}


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\x00b\ud800c\ufffed", "a bcd"),
        ("Zeile\x0bzwei\x1f甲\x1e乙", "Zeile zwei 甲 乙"),
        ("co\u200boperation of\u200cfice 长\u2060城 می\u200cروم", "cooperation office 长城 می\u200cروم"),
    ],
    ids=["NUL and surrogates", "controls part words", "joiners vanish"],
)
def test_a_text_is_tidied(text: str, plain: str) -> None:
    assert tidy(text) == plain


def test_a_text_with_too_many_parts_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(FileError) as problem:
        opened(tmp_path, "x" * 50_000, max_pages=2)
    assert problem.value.code == "too_large"


@pytest.mark.parametrize(("data", "code"), [(b"", "empty"), (b" \n \n", "no_text"), (b"\f\f", "no_text")])
def test_a_text_without_words_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    with pytest.raises(FileError) as problem:
        opened(tmp_path, data)
    assert problem.value.code == code


def test_text_without_headings_is_read_by_its_form(tmp_path: Path) -> None:
    for media_type in ("text/plain", "text/markdown"):
        assert blocks_of(opened(tmp_path, "Pumps\n\nThey run.", media_type)) == [
            ("heading", "Pumps"),
            ("paragraph", "They run."),
        ]


def test_a_section_tells_the_headings_above_it(tmp_path: Path) -> None:
    text = "# Station\n\n## Pumps\n\n" + "They run.\n\n" * 600 + "## Valves\n\nThey hold."
    units = units_of(opened(tmp_path, text, "text/markdown"))
    assert units[1].headings == ("Station", "Pumps")
    assert units[-1].blocks[-2].kind == "heading"


def test_rows_with_bars_or_tabs_are_a_table_with_its_header(tmp_path: Path) -> None:
    for mark in (" | ", "\t"):
        rows = [["Model", "Site", "Width"], ["KT-1", "", "7403"], ["KT-2", "North", "7416"]]
        unit = opened(tmp_path, "\n".join(mark.join(row) for row in rows)).unit(1)
        assert unit.text == "Model | Site | Width\nKT-1 |  | 7403\nKT-2 | North | 7416"
        assert (unit.blocks[0].header, unit.blocks[0].head_lines) == ("Model | Site | Width", 1)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The under-\nwriting of bonds.", "The underwriting of bonds."),
        ("The fees of under\u2010\nwriting are low.", "The fees of underwriting are low."),
        ("Bonds are under\u00ad\n  writing.", "Bonds are underwriting."),
        ("A well-\nknown bank.", "A well-\nknown bank."),
        ("Pre-\nand post-war.", "Pre-\nand post-war."),
        ("The X-\nray and V-\n8821.", "The X-\nray and V-\n8821."),
    ],
)
def test_a_word_divided_at_the_end_of_a_line_is_whole(tmp_path: Path, text: str, whole: str) -> None:
    assert opened(tmp_path, text).unit(1).text == whole


def test_names_with_values_are_no_header_and_rows(tmp_path: Path) -> None:
    unit = opened(tmp_path, "Name\tPump\nPower\t40 kW\nPlace\tHall").unit(1)
    assert (unit.blocks[0].kind, unit.blocks[0].header) == ("table", "")


def test_the_charset_is_told(tmp_path: Path) -> None:
    document = opened(tmp_path, ("阀门编号为V-8821。" * 20).encode("gbk"))
    assert (document.charset, document.warnings) == ("gb18030", [])


def test_what_a_page_declares_is_read(tmp_path: Path) -> None:
    data = '<meta charset="gb2312"><p>保修</p>'.encode("gb18030")
    assert opened(tmp_path, data, "text/html").unit(1).text == "保修"


def test_characters_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    document = opened(tmp_path, "阀门编号。".encode() * 9 + b"\xff\xfe end")
    assert [loss.message for loss in document.warnings] == [
        "2 characters could not be read: the bytes are damaged."
    ]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError) as problem:
        opened(tmp_path, b"\xff\xfe" + b"\x00\xd8" * 100)
    assert problem.value.code == "corrupt"
