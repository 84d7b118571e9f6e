"""OpenDocument files: what is read of each kind, and what is refused."""

import time
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.office.child_odf import open_document
from tests.support.opendocument import (
    MANIFEST,
    cell,
    content,
    flat,
    heading,
    odp,
    ods,
    odt,
    packed,
    paragraph,
    row,
    slide,
    style_part,
    table,
)
from tests.support.packages import beginnings
from tests.support.units import lines, losses, outcome, read_with, refusal

ENTITY = '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>'
NUMBER = "Plan<text:tab/><text:page-number>104</text:page-number>"
NOTES = "<text:p><text:note><text:note-body>"
NOTES_END = "</text:note-body></text:note></text:p>"


def read_lines(folder: Path, data: bytes) -> list[str]:
    return lines(read_with(open_document, folder, data))


def test_a_flat_file_is_read_as_a_packed_one(tmp_path: Path) -> None:
    body = heading("Scope") + paragraph("The pump is old.")
    assert read_lines(tmp_path, flat("text", body)) == read_lines(tmp_path, odt(body))
    assert read_lines(tmp_path, odt(body)) == ["heading 1: Scope", "paragraph: The pump is old."]


def test_running_heads_stand_once_and_page_numbers_not_at_all(tmp_path: Path) -> None:
    pages = [
        f"<style:header>{paragraph(text)}</style:header>"
        for text in ("HT-55", "HT-55", "Page 3 of 7", NUMBER)
    ]
    master = "".join(f"<style:master-page>{page}</style:master-page>" for page in pages)
    data = odt(paragraph("Text."), parts={"styles.xml": style_part(master=master)})
    assert read_lines(tmp_path, data) == ["note: HT-55", "note: Plan", "paragraph: Text."]


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    locked = MANIFEST.format("<manifest:encryption-data/>")
    assert refusal(open_document, tmp_path, odt(paragraph("x"), parts={"META-INF/manifest.xml": locked})) == (
        "encrypted",
        "The file is protected by a password.",
    )


def test_macros_are_named(tmp_path: Path) -> None:
    parts = {"Basic/Standard/script-lb.xml": "<x/>", "Basic/Standard/Module1.xml": "<x/>"}
    units = read_with(open_document, tmp_path, odt(paragraph("Text."), parts=parts))
    assert losses(units) == [("part_skipped", "Macros are not read.")]
    del parts["Basic/Standard/Module1.xml"]
    assert losses(read_with(open_document, tmp_path, odt(paragraph("Text."), parts=parts))) == []


def test_damaged_styles_are_named_and_the_text_is_read(tmp_path: Path) -> None:
    units = read_with(open_document, tmp_path, odt(paragraph("Text."), parts={"styles.xml": "<a><b></a>"}))
    assert lines(units) == ["paragraph: Text."]
    assert [code for code, _ in losses(units)] == ["part_skipped"]


@pytest.mark.parametrize(
    ("whole", "kind"),
    [
        (paragraph("One."), "text"),
        (slide(paragraph("One.")), "presentation"),
        ("<table:table>" + row("One."), "spreadsheet"),
    ],
)
def test_what_stands_before_damage_is_read(whole: str, kind: str, tmp_path: Path) -> None:
    damaged = content(kind, whole + "<text:p>Two").replace(f"Two</office:{kind}>", "Two")
    units = read_with(open_document, tmp_path, packed(damaged))
    assert [line.partition(": ")[2] for line in lines(units)] == ["One."]
    assert [code for code, _ in losses(units)] == ["truncated"]


def test_a_chart_is_a_table_and_a_formula_its_text(tmp_path: Path) -> None:
    objects = "".join(
        f'<draw:frame><draw:object xlink:href="./Object {number}"/></draw:frame>' for number in (1, 2, 3)
    )
    chart = content("chart", f"<title>{paragraph('Sales')}</title>" + table(row("2030", "21.4")))
    formula = "<math><semantics><mi>E</mi><annotation>E = m c^2</annotation></semantics></math>"
    parts = {"Object 1/content.xml": chart, "Object 2/content.xml": formula}
    units = read_with(open_document, tmp_path, odt(paragraph(objects), parts=parts))
    assert lines(units) == ["caption: Sales", "table: 2030 | 21.4", "paragraph: E = m c^2"]
    assert losses(units) == [("part_skipped", "An embedded object of another program was not read.")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "corrupt"),
        (b"PK\x03\x04", "corrupt"),
        (packed("<a/>"), "corrupt"),
        (packed(content("text", "")), "no_text"),
        (packed(ENTITY + content("text", paragraph("&c;"))), "corrupt"),
        (ENTITY.encode() + flat("text", paragraph("x")), "corrupt"),
        (flat("text", "<text:span>" * 5_000), "corrupt"),
        (odt("<text:span>" * 300 + "</text:span>" * 300), "corrupt"),
        (odt("<text:list><text:list-item>" * 150 + "</text:list-item></text:list>" * 150), "corrupt"),
        (odt(NOTES * 150 + NOTES_END * 150), "corrupt"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, code: str, tmp_path: Path) -> None:
    assert outcome(open_document, tmp_path, data) == code


def hostile() -> dict[str, bytes]:
    far = row(cell("x"), cell("", columns_repeated=10**9), cell("far"), times=10**9)
    return {
        "repeats": ods(table(far, far, row(cell("y", columns_repeated=10**9), times=10**9))),
        "repeats in a text": odt(table(far, row(cell("y", columns_repeated=10**9), times=10**9))),
        "spans": odt(table(row(cell("x", columns_spanned=10**9, rows_spanned=10**9)), *[row("y")] * 1_000)),
        "paragraphs": odt(paragraph("x") * 50_000),
        "blanks": odt(paragraph('x<text:s text:c="999999999"/>' * 20_000)),
        "cells": ods(table(*[row(*["1"] * 200)] * 1_500)),
        "shapes": odp(slide(*["<draw:rect/>"] * 50_000)),
        "sheets": ods(table(row("x")) * 4_000),
        "styles": odt(paragraph("x"), automatic='<style:style style:name="a"/>' * 100_000),
    }


@pytest.mark.parametrize("kind", hostile())
def test_a_hostile_file_ends_in_bounded_time(kind: str, tmp_path: Path) -> None:
    data = hostile()[kind]
    began_s = time.process_time()
    assert outcome(open_document, tmp_path, data) in ("ok", "no_text")
    assert time.process_time() - began_s < 30


def test_a_file_that_is_cut_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    parts = {"styles.xml": style_part(master="<style:master-page/>")}
    whole = odt(heading("A") + table(row("a", "b")) + paragraph("x" * 500), parts=parts)
    one_file = flat("text", heading("A") + table(row("a", "b")) + paragraph("x"))
    cut = [*beginnings(whole, 10), *beginnings(one_file, 10)]
    assert {outcome(open_document, tmp_path, data) for data in cut} <= {"ok", "corrupt", "no_text"}
