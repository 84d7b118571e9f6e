"""Units: what a reader writes becomes parts that a citation can name."""

import pytest

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Unit, UnitWriter, column_names


def writer(**limits: int) -> UnitWriter:
    return UnitWriter(**{"max_units": 100, **limits})


def words(unit: Unit) -> list[tuple[str, str]]:
    return [(block.kind, unit.text[block.start : block.end]) for block in unit.blocks]


def test_blocks_stand_at_their_places_in_the_text() -> None:
    to = writer()
    to.heading("1  Scope", 1)
    to.paragraph("It holds\nfor pumps.")
    assert words(to.finish().unit(1)) == [("heading", "1 Scope"), ("paragraph", "It holds\nfor pumps.")]


def test_a_unit_knows_the_headings_above_its_first_word() -> None:
    to = writer(unit_chars=20)
    for text, level in (("Pumps", 1), ("Prices", 2), ("Valves", 1)):
        to.heading(text, level)
        to.paragraph("x" * 12)
        to.paragraph("y" * 12)
    units = to.finish()
    found = [units.unit(number) for number in range(1, len(units) + 1)]
    assert [(unit.text[:6].strip(), unit.headings) for unit in found] == [
        ("Pumps", ()), ("yyyyyy", ("Pumps",)), ("Prices", ("Pumps",)), ("yyyyyy", ("Pumps", "Prices")),
        ("Valves", ()), ("yyyyyy", ("Valves",)),
    ]  # fmt: skip


def test_a_heading_stands_in_the_unit_of_what_follows_it() -> None:
    to = writer(unit_chars=30)
    to.paragraph("x" * 20)
    to.heading("Pumps", 1)
    to.paragraph("y" * 20)
    assert words(to.finish().unit(2)) == [("heading", "Pumps"), ("paragraph", "y" * 20)]


def test_a_table_is_cut_between_rows_and_keeps_the_names_of_its_columns() -> None:
    to = writer(unit_chars=40)
    to.begin("sheet", "Stock")
    to.table([["Model", "Price"], *([f"KT-{n}", str(n)] for n in range(100, 110))], numbers=range(1, 12))
    units = to.finish()
    blocks = [units.unit(number).blocks[0] for number in range(1, len(units) + 1)]
    assert {block.header for block in blocks} == {"Model | Price"}
    assert [block.head_lines for block in blocks] == [1] + [0] * (len(blocks) - 1)
    assert [row for block in blocks for row in block.rows] == list(range(1, 12))


def test_empty_cells_keep_their_place_and_bars_in_cells_part_nothing() -> None:
    to = writer()
    to.table([["Model", "List\nprice", "Stock"], ["A|1", "", "42"], ["", "", ""]])
    assert to.finish().unit(1).text == "Model | List price | Stock\nA 1 |  | 42"


def test_a_row_that_ends_early_has_its_empty_cells() -> None:
    to = writer()
    to.table([["Model", "Price", "Stock"], ["A1"]])
    assert to.finish().unit(1).text == "Model | Price | Stock\nA1 |  |"


def test_several_rows_of_names_are_joined_column_by_column() -> None:
    assert column_names([["Price", "Price"], ["net", "gross"]]) == "Price / net | Price / gross"


def test_a_slide_is_a_unit_even_when_it_is_empty() -> None:
    to = writer()
    for number in (1, 2):
        to.begin("slide", f"slide {number}")
    to.paragraph("ALPHA")
    assert [to.finish().unit(number).text for number in (1, 2)] == ["", "ALPHA"]


def test_a_part_that_is_lost_keeps_its_place() -> None:
    to = writer()
    to.lost("unreadable", "slide", "slide 1")
    to.begin("slide", "slide 2")
    units = to.finish()
    assert [units.unit(number).problem for number in (1, 2)] == ["unreadable", ""]


def test_a_long_paragraph_is_cut_behind_sentences() -> None:
    to = writer(unit_chars=50)
    to.paragraph("The pump runs by day and by night. " * 4)
    units = to.finish()
    assert all(units.unit(number).text.endswith(".") for number in range(1, len(units) + 1))


def test_more_parts_than_a_file_may_have_are_refused() -> None:
    to = writer(max_units=3)
    with pytest.raises(FileError, match="more than 3 parts"):
        for number in range(10):
            to.begin("slide", str(number))


def test_a_file_without_a_word_has_no_text() -> None:
    with pytest.raises(FileError) as problem:
        writer().finish()
    assert problem.value.code == "no_text"


def test_what_goes_on_under_another_name_keeps_the_headings_above() -> None:
    to = writer()
    to.heading("Pumps", 1)
    to.go_on("about p. 2", ("about",))
    to.paragraph("It runs.")
    to.heading("Valves", 1)
    unit = to.finish().unit(2)
    assert (unit.label, unit.flags, unit.headings) == ("about p. 2", ("about",), ("Pumps",))


def test_rows_that_go_on_with_a_table_bring_the_names_of_its_columns() -> None:
    to = writer()
    to.table([["KT-1", "42"]], head=0, header="Model | Price")
    block = to.finish().unit(1).blocks[0]
    assert (block.header, block.head_lines) == ("Model | Price", 0)
