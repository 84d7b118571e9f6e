"""Rows of a spreadsheet become titles, tables and text."""

from collections.abc import Collection, Mapping, Sequence

import pytest

from kotaemon_async.documents.parsing.child_units import Unit, UnitWriter
from kotaemon_async.documents.parsing.office.child_sheet import (
    Area,
    Sheet,
    header_rows,
    write_sheet,
)

Found = list[tuple[str, str, str]]


def units_of(sheet: Sheet) -> list[Unit]:
    writer = UnitWriter(max_units=10_000)
    write_sheet(writer, sheet)
    units = writer.finish()
    return [units.unit(number) for number in range(1, len(units) + 1)]


def cells_of(rows: Mapping[int, Sequence[str]]) -> dict[int, dict[int, str]]:
    return {
        number: {column: value for column, value in enumerate(row, 1) if value}
        for number, row in rows.items()
    }


def read(
    rows: Mapping[int, Sequence[str]], merges: Sequence[Area] = (), marked: Collection[int] = ()
) -> Found:
    """Return kind, header and text of each block."""
    sheet = Sheet("Stock", cells_of(rows), merges, header_rows=frozenset(marked))
    return [
        (block.kind, block.header, unit.text[block.start : block.end])
        for unit in units_of(sheet)
        for block in unit.blocks
    ]


def test_a_lone_value_above_a_table_is_its_title() -> None:
    rows = {1: ["Stock 2026"], 2: ["Model", "Price"], 3: ["KX-1", "42"]}
    assert read(rows) == [
        ("heading", "", "Stock 2026"),
        ("table", "Model | Price", "Model | Price\nKX-1 | 42"),
    ]


def test_a_merged_title_is_written_once() -> None:
    rows = {1: ["Stock 2026"], 3: ["Model", "Price", "Site"], 4: ["KX-1", "42", "Leeds"]}
    assert read(rows, [Area(1, 1, 1, 3)])[0] == ("heading", "", "Stock 2026")


def test_merged_values_stand_in_every_row_and_column_that_they_cover() -> None:
    rows = {
        1: ["City", "Rank", "Rate"],
        2: ["Lanzhou", "head", "460"],
        3: ["", "other", "340"],
        4: ["Xining", "", "310"],
    }
    (_, _, text), *_ = read(rows, [Area(2, 1, 3, 1), Area(4, 1, 4, 2)])
    assert text.split("\n")[1:] == ["Lanzhou | head | 460", "Lanzhou | other | 340", "Xining | Xining | 310"]


def test_empty_cells_keep_their_place() -> None:
    assert read({1: ["Model", "Price", "Stock"], 2: ["A1", "", "42"]})[0][2].endswith("A1 |  | 42")


def test_a_header_of_two_rows_joins_what_stands_above_each_column() -> None:
    rows = {1: ["Model", "Size", ""], 2: ["", "Depth", "Width"], 3: ["KX-1", "30", "40"]}
    (_, header, _), *_ = read(rows, [Area(1, 1, 2, 1), Area(1, 2, 1, 3)])
    assert header == "Model | Size / Depth | Size / Width"


@pytest.mark.parametrize(
    "upper",
    [["Item", "2025", "", "2026", ""], ["Item", "", "2025", "", "2026"]],
)
def test_a_name_above_several_columns_stands_above_each_of_them(upper: list[str]) -> None:
    rows = {1: upper, 2: ["", "Sales", "Costs", "Sales", "Costs"], 3: ["A", "1", "2", "3", "4"]}
    assert read(rows)[0][1] == "Item | 2025 / Sales | 2025 / Costs | 2026 / Sales | 2026 / Costs"


def test_a_row_without_numbers_above_numbers_is_no_header() -> None:
    assert read({1: ["Item", "Sum"], 2: ["A", "n/a"], 3: ["B", "2"], 4: ["C", "3"]})[0][1] == "Item | Sum"


def test_words_that_come_again_in_their_columns_name_none() -> None:
    rows = {1: ["Leeds", "open"], 2: ["York", "open"], 3: ["Leeds", "closed"]}
    assert read(rows) == [("table", "", "Leeds | open\nYork | open\nLeeds | closed")]


def test_a_form_of_merged_cells_has_no_header_and_says_each_value_once() -> None:
    rows = {1: ["Name", "Bob", "Sex", "m"], 2: ["Firm", "Pumps"], 3: ["Town", "Leeds"], 4: ["Road", "High"]}
    merges = [Area(row, 2, row, 4) for row in (2, 3, 4)]
    form = "Name | Bob | Sex | m\nFirm | Pumps\nTown | Leeds\nRoad | High"
    assert read(rows, merges) == [("table", "", form)]


def test_units_below_the_names_belong_to_the_header() -> None:
    rows = {
        1: ["Item", "Length", "Mass"],
        2: ["", "mm", "kg"],
        3: ["KX-1", "30", "40"],
        4: ["KX-2", "31", "41"],
    }
    assert read(rows)[0][1] == "Item | Length / mm | Mass / kg"


def test_a_header_may_stand_a_blank_row_above_its_numbers() -> None:
    rows = {1: ["In millions", "Sales"], 3: ["Zone NA", "12,553"], 4: ["Zone EUR", "9,467"]}
    assert [header for _, header, _ in read(rows)] == ["In millions | Sales"]


def test_years_above_numbers_are_names() -> None:
    assert (
        read({1: ["Site", "2025", "2026"], 2: ["Leeds", "40", "42"], 3: ["York", "1", "2"]})[0][1]
        == "Site | 2025 | 2026"
    )


def test_numbers_above_numbers_are_no_names() -> None:
    assert read({1: ["KX-1", "40"], 2: ["KX-2", "42"], 3: ["KX-3", "44"]})[0][1] == ""


def test_words_with_their_values_beside_them_have_no_header() -> None:
    rows = {1: ["Name:", "Pump house"], 2: ["Town:", "Leeds"], 3: ["Opened:", "1931"]}
    assert read(rows) == [("table", "", "Name: | Pump house\nTown: | Leeds\nOpened: | 1931")]


def test_dates_amounts_and_words_below_each_other_are_no_column() -> None:
    rows = {
        1: ["Project", "Pump house"],
        2: ["Start", "2026-01-05"],
        3: ["Budget", "12,000"],
        4: ["Owner", "Ann"],
    }
    assert read(rows)[0][1] == ""


def test_rows_over_the_whole_width_do_not_hide_the_header() -> None:
    rows = {
        1: ["Item", "Size", "", "Sum"],
        2: ["", "Long", "Wide", ""],
        3: ["Pumps"],
        4: ["A", "1", "2", "3"],
    }
    merges = [Area(1, 1, 2, 1), Area(1, 2, 1, 3), Area(1, 4, 2, 4), Area(3, 1, 3, 4)]
    ((_, header, text),) = read(rows | {5: ["Valves"], 6: ["B", "4", "5", "6"]}, [*merges, Area(5, 1, 5, 4)])
    assert header == "Item | Size / Long | Size / Wide | Sum"
    assert text.split("\n")[2:4] == ["Pumps |  |  |", "A | 1 | 2 | 3"]


def test_a_single_row_is_no_header() -> None:
    assert read({1: ["Id", "Name"]}) == [("table", "", "Id | Name")]


def test_rows_that_the_file_marks_are_the_header() -> None:
    rows = {1: ["Term", "Meaning"], 2: ["valve", "it closes"], 3: ["seal", "it keeps dry"]}
    assert read(rows, marked={1})[0][1] == "Term | Meaning"
    assert read({1: ["1", "2"], 2: ["3", "4"]}, marked={1})[0][1] == "1 | 2"


def test_two_blank_rows_part_tables() -> None:
    rows = {1: ["Model", "Price"], 2: ["A", "1"], 5: ["Site", "Staff"], 6: ["York", "7"]}
    assert [header for _, header, _ in read(rows)] == ["Model | Price", "Site | Staff"]


def test_one_blank_row_does_not_part_rows_that_are_alike() -> None:
    rows = {1: ["Model", "Price"], 2: ["A", "1"], 4: ["B", "2"]}
    assert read(rows) == [("table", "Model | Price", "Model | Price\nA | 1\nB | 2")]


def test_a_title_above_a_title_heads_the_whole_sheet() -> None:
    rows = {
        1: ["Budget"],
        3: ["Income"],
        4: ["Item", "Sum"],
        5: ["A", "1"],
        8: ["Costs"],
        9: ["Item", "Sum"],
        10: ["B", "2"],
    }
    writer = UnitWriter(max_units=9, unit_chars=40)
    cells = {number: dict(enumerate(row, 1)) for number, row in rows.items()}
    write_sheet(writer, Sheet("Plan", cells))
    assert writer.finish().unit(2).headings == ("Budget",)


def test_a_long_note_below_a_table_is_text() -> None:
    note = "Note: prices hold until the end of the year, without freight."
    found = read({1: ["Model", "Price"], 2: ["A", "1"], 3: [note]})
    assert found[-1] == ("paragraph", "", note)


def test_prose_in_one_column_is_text() -> None:
    long = "The pump is checked every week by the person in charge. " * 5
    assert [kind for kind, _, _ in read({1: [long], 2: ["Signed"]})] == ["paragraph", "paragraph"]


def test_rows_know_their_numbers_and_sheets_their_names() -> None:
    (unit,) = units_of(Sheet("Stock", {7: {1: "Model", 2: "Price"}, 9: {1: "A", 2: "1"}}, hidden=True))
    assert (unit.kind, unit.label, unit.flags) == ("sheet", "Stock", ("hidden",))
    assert unit.blocks[0].rows == (7, 9)


def test_cells_far_from_each_other_do_not_make_a_rectangle() -> None:
    rows = {number: {1: "x", number: "far"} for number in range(2, 3_000)}
    texts = [unit.text for unit in units_of(Sheet("Wide", rows))]
    assert sum(map(len, texts)) < 100_000
    assert texts[-1].endswith("x | far")


def test_merges_without_end_are_repeated_within_bounds() -> None:
    rows = {number: dict.fromkeys((1, 2, 3), "v") for number in range(1, 2_000)}
    rows[1] = {1: "wide"}
    units_of(Sheet("Merged", rows, [Area(1, 1, 2_000, 16_384)] * 30_000))


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([["Name", "Price"], ["A", "1"]], 1),
        ([["A", "1"], ["B", "2"]], 0),
        ([["Name", "Price"]], 0),
        ([["Name"], ["A"]], 0),
        ([["", ""], ["Name", "Price"]], 0),
        ([], 0),
    ],
)
def test_the_header_of_any_table_is_told_by_its_words(rows: list[list[str]], count: int) -> None:
    assert header_rows(rows) == count


def test_a_wide_table_is_written_in_bands_that_begin_with_the_first_column() -> None:
    names = ["Model", *(f"Property number {column}" for column in range(1, 200))]
    found = read({1: names, 2: ["KX-1", *map(str, range(1, 200))], 3: ["KX-2", *map(str, range(1, 200))]})
    assert len(found) > 2
    assert all(header.startswith("Model | Property") and "\nKX-2 | " in text for _, header, text in found)
    assert [name for _, header, _ in found for name in header.split(" | ")[1:]] == names[1:]
    assert max(len(header) for _, header, _ in found) < 1_600
