"""Sheets in OpenDocument."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_odf import open_document
from kotaemon_async.documents.parsing.office.child_odf_sheets import column_letters
from tests.support.opendocument import cell, content, covered, ods, paragraph, row, table
from tests.support.units import lines, losses, read_with, tables

HIDDEN = '<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>'


def read(folder: Path, *sheets: str) -> Units:
    return read_with(open_document, folder, ods("".join(sheets), HIDDEN))


def valued(kind: str, **values: str) -> str:
    more = "".join(f' office:{key.replace("_", "-")}="{value}"' for key, value in values.items())
    return f'<table:table-cell office:value-type="{kind}"{more}/>'


def test_a_sheet_shows_what_its_cells_show(tmp_path: Path) -> None:
    shown = paragraph("4200,50")
    price = f'<table:table-cell office:value="4200.5">{shown}</table:table-cell>'
    units = read(tmp_path, table(row("Model", "Price"), row("KX-200", price), name="Preise"))
    assert tables(units) == [("Model | Price", ["Model | Price", "KX-200 | 4200,50"], 1)]
    assert (units.unit(1).kind, units.unit(1).label) == ("sheet", "Preise")
    assert units.unit(1).blocks[0].rows == (1, 2)


def test_values_that_show_nothing_are_written_plainly(tmp_path: Path) -> None:
    cells = (
        valued("float", value="12.5"),
        valued("percentage", value="0.475"),
        valued("boolean", boolean_value="true"),
        valued("date", date_value="2031-06-01"),
    )
    assert lines(read(tmp_path, table(row(*cells)))) == ["table: 12.5 | 47.5% | TRUE | 2031-06-01"]


def test_repeated_rows_are_counted_and_keep_their_numbers(tmp_path: Path) -> None:
    empty = row(cell("", columns_repeated=16384), times=1_048_000)
    units = read(tmp_path, table(row("a", "b"), row("c", "d", times=2), empty, row("e", "f")))
    assert [block.rows for block in units.unit(1).blocks] == [(1, 2, 3), (1_048_004,)]


def test_merged_values_are_repeated(tmp_path: Path) -> None:
    rows = (row("City", "Rate"), row(cell("Lanzhou", rows_spanned=2), "460"), row(covered(), "340"))
    assert tables(read(tmp_path, table(*rows)))[0][1][1:] == ["Lanzhou | 460", "Lanzhou | 340"]


def test_hidden_sheets_are_read_and_flagged(tmp_path: Path) -> None:
    units = read(tmp_path, table(row("a", "b")), table(row("c", "d"), more=' table:style-name="ta2"'))
    assert [units.unit(number).flags for number in (1, 2)] == [(), ("hidden",)]


def test_comments_are_told_with_their_cells(tmp_path: Path) -> None:
    said = f"<office:annotation>{paragraph('checked')}</office:annotation>{paragraph('42')}"
    units = read(tmp_path, table(row("a", f"<table:table-cell>{said}</table:table-cell>")))
    assert lines(units) == ["table: a | 42", "comment: B1: checked"]


def test_what_is_drawn_on_a_sheet_is_told_once_after_its_rows(tmp_path: Path) -> None:
    chart = content("chart", f"<title>{paragraph('Sales by year')}</title>" + table(row("2030", "7")))
    frame = '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'
    box = f"<draw:frame><draw:text-box>{paragraph('Checked.')}</draw:text-box></draw:frame>"
    sheet = table(row("2030", f"<table:table-cell>{paragraph('7')}{frame}{box}</table:table-cell>"))
    units = read_with(open_document, tmp_path, ods(sheet, parts={"Object 1/content.xml": chart}))
    assert lines(units) == ["table: 2030 | 7", "caption: Sales by year", "paragraph: Checked."]


def test_a_sheet_of_too_many_cells_is_read_up_to_a_row(tmp_path: Path) -> None:
    full = row(cell("x", columns_repeated=256), times=1_000)
    units = read(tmp_path, table(*[full] * 12, name="Big"))
    assert [code for code, _ in losses(units)] == ["truncated"]
    assert "row" in losses(units)[0][1]


@pytest.mark.parametrize(("number", "letters"), [(1, "A"), (26, "Z"), (27, "AA"), (16384, "XFD")])
def test_columns_have_letters(number: int, letters: str) -> None:
    assert column_letters(number) == letters
