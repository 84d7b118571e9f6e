"""Texts in OpenDocument: what stands in a paragraph, a list and a table."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_odf import open_document
from tests.support.opendocument import cell, covered, heading, odt, paragraph, row, style_part, table
from tests.support.units import lines, read_with, tables

NOTE = "<text:note><text:note-citation>1</text:note-citation><text:note-body>{}</text:note-body></text:note>"
COMMENT = "<office:annotation><dc:creator>Bo</dc:creator><dc:date>2030</dc:date>{}</office:annotation>"
HIDDEN = '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'


def read(folder: Path, body: str, automatic: str = "", styles: str = "") -> Units:
    parts = {"styles.xml": style_part(styles)}
    return read_with(open_document, folder, odt(body, automatic, parts))


def read_lines(folder: Path, body: str, automatic: str = "", styles: str = "") -> list[str]:
    return lines(read(folder, body, automatic, styles))


def items(*texts: str, style: str = "N", more: str = "") -> str:
    inner = "".join(f"<text:list-item>{text}</text:list-item>" for text in texts)
    return f'<text:list text:style-name="{style}"{more}>{inner}</text:list>'


def level(number: int, more: str) -> str:
    return f'<text:list-level-style-number text:level="{number}" {more}/>'


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ('a<text:s text:c="3"/>b', "a b"),
        ("a\n   b", "a b"),
        ("a<text:tab/>b<text:line-break/>c", "a\tb\nc"),
        ('<text:span>a<text:a xlink:href="x">b</text:a></text:span>c', "abc"),
        (
            "<text:ruby><text:ruby-base>漢</text:ruby-base><text:ruby-text>kan</text:ruby-text></text:ruby>",
            "漢",
        ),
        ('a<text:span text:style-name="H">secret</text:span>b', "ab"),
        ('a<text:change text:change-id="d"/>b<text:bookmark text:name="x"/>', "ab"),
        ("<text:hidden-text>secret</text:hidden-text>a<text:page-number>3</text:page-number>", "a3"),
    ],
)
def test_the_words_of_a_paragraph_are_read(inner: str, text: str, tmp_path: Path) -> None:
    assert read_lines(tmp_path, paragraph(inner), HIDDEN) == [f"paragraph: {text}"]


def test_what_was_deleted_or_is_hidden_is_no_text(tmp_path: Path) -> None:
    deleted = f"<text:tracked-changes>{paragraph('gone')}</text:tracked-changes>"
    section = f'<text:section text:display="none">{paragraph("hidden")}</text:section>'
    contents = f"<text:table-of-content>{paragraph('Scope 1')}</text:table-of-content>"
    body = deleted + section + contents + paragraph("secret", "H") + paragraph("said")
    assert read_lines(tmp_path, body, HIDDEN) == ["paragraph: said"]


def test_notes_and_comments_follow_their_paragraph(tmp_path: Path) -> None:
    inner = "a" + NOTE.format(paragraph("the note")) + "b" + COMMENT.format(paragraph("why?"))
    assert read_lines(tmp_path, paragraph(inner)) == [
        "paragraph: ab",
        "note: 1 the note",
        "comment: Bo: why?",
    ]


def test_boxes_are_read_once_after_their_paragraph(tmp_path: Path) -> None:
    box = f"<draw:frame><draw:text-box>{paragraph('in the box')}</draw:text-box></draw:frame>"
    told = "<svg:title>A pump</svg:title><svg:desc>seen from above</svg:desc>"
    picture = f"<draw:frame><draw:image/>{told}</draw:frame>"
    shape = f"<draw:custom-shape>{paragraph('in the shape')}</draw:custom-shape>"
    assert read_lines(tmp_path, paragraph(f"before{box} after{picture}{shape}")) == [
        "paragraph: before after",
        "paragraph: in the box",
        "caption: A pump seen from above",
        "paragraph: in the shape",
    ]


def test_headings_have_their_numbers_and_paths(tmp_path: Path) -> None:
    outline = level(1, 'style:num-format="1"') + level(2, 'style:num-format="1" text:display-levels="2"')
    styles = f"<text:outline-style>{outline}</text:outline-style>"
    body = heading("Scope") + heading("Prices", 2) + heading("Terms", 2) + heading("End") + paragraph("x")
    found = read_lines(tmp_path, body, styles=styles)
    assert found[:4] == [
        "heading 1: 1 Scope",
        "heading 2: 1.1 Prices",
        "heading 2: 1.2 Terms",
        "heading 1: 2 End",
    ]


def test_headings_without_numbers_have_none_and_titles_are_headings(tmp_path: Path) -> None:
    automatic = '<style:style style:name="P1" style:parent-style-name="Title"/>'
    body = paragraph("The Plan", "P1") + heading("Scope", 2) + paragraph("x")
    assert read_lines(tmp_path, body, automatic)[:2] == ["heading 1: The Plan", "heading 2: Scope"]


def test_a_number_that_is_written_out_is_not_counted_again(tmp_path: Path) -> None:
    outline = level(1, 'style:num-format="1"')
    styles = f"<text:outline-style>{outline}</text:outline-style>"
    body = heading("<text:number>7.</text:number>Prices") + paragraph("x")
    assert read_lines(tmp_path, body, styles=styles)[0] == "heading 1: 7. Prices"


def test_a_row_alone_is_no_header(tmp_path: Path) -> None:
    assert tables(read(tmp_path, table(row("Price", "on request")))) == [("", ["Price | on request"], 0)]


def test_items_of_lists_have_their_marks(tmp_path: Path) -> None:
    levels = level(1, 'style:num-format="1" style:num-suffix="."')
    levels += level(2, 'style:num-format="a" style:num-prefix="(" style:num-suffix=")"')
    automatic = f'<text:list-style style:name="N">{levels}</text:list-style>'
    inner = items(paragraph("b"), paragraph("c"), style="")
    body = items(paragraph("a") + inner, paragraph("d") + paragraph("e")) + items(paragraph("f"))
    body += items(paragraph("g"), more=' text:continue-numbering="true"') + items(paragraph("h"), style="B")
    found = [line.partition(": ")[2] for line in read_lines(tmp_path, body, automatic)]
    assert found == ["1. a", "(a) b", "(b) c", "2. d", "e", "1. f", "2. g", "• h"]


def test_styles_based_on_themselves_end(tmp_path: Path) -> None:
    automatic = '<style:style style:name="A" style:parent-style-name="A"/>'
    assert read_lines(tmp_path, paragraph("x", "A"), automatic) == ["paragraph: x"]


def test_merged_values_stand_in_each_cell_and_empty_ones_keep_their_place(tmp_path: Path) -> None:
    head = f"<table:table-header-rows>{row('City', 'Grade', 'Rate')}</table:table-header-rows>"
    first = row(cell("Lanzhou", rows_spanned=2), "A", "460")
    rows = (head, first, row(covered(), "B", "340"), row(cell("all", columns_spanned=2), covered(), "1"))
    found = tables(read(tmp_path, table(*rows, row("x", "<table:table-cell/>", "42"))))
    assert found == [
        (
            "City | Grade | Rate",
            ["City | Grade | Rate", "Lanzhou | A | 460", "Lanzhou | B | 340", "all | all | 1", "x |  | 42"],
            1,
        )
    ]


def test_a_cell_is_one_line_with_its_notes(tmp_path: Path) -> None:
    inner = (
        f"<table:table-cell>{paragraph('a')}{paragraph('b' + NOTE.format(paragraph('n')))}</table:table-cell>"
    )
    nested = f"<table:table-cell>{table(row('c', 'd'))}</table:table-cell>"
    comment = f"<table:table-cell>{COMMENT.format(paragraph('why?'))}{paragraph('e')}</table:table-cell>"
    assert read_lines(tmp_path, table(row(inner, nested, comment))) == [
        "table: a b (1 n) | c d | e",
        "comment: Bo: why?",
    ]
