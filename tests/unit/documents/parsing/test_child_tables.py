"""Tables, ruled and unruled."""

from kotaemon_async.documents.parsing.child_grid import Box, grids
from kotaemon_async.documents.parsing.child_tables import Table, Word, continued, row_line, tables

Rows = list[list[str]]
WIDTH, HEIGHT = 595.0, 842.0
PUMPS = [
    ["Model", "Width", "Price"],
    ["KT-100", "7403", "20"],
    ["KT-101", "", "21"],
    ["KT-102", "7409", "22"],
]


def words(rows: Rows, top: float = 100, step: float = 16, wide: float = 120, bold: int = 0) -> list[Word]:
    return [
        Word(64 + wide * column + 30 * n, top + step * row + 3, 64 + wide * column + 30 * n + 5 * len(word),
             top + step * row + 13, word, row < bold)
        for row, cells in enumerate(rows) for column, cell in enumerate(cells)
        for n, word in enumerate(cell.split())
    ]  # fmt: skip


def ruled(rows: int, columns: int, top: float = 100, step: float = 16, wide: float = 120) -> list[Box]:
    right, bottom = 60 + wide * columns, top + step * rows
    across = [(60.0, top + step * row, right, top + step * row + 1) for row in range(rows + 1)]
    return across + [(60 + wide * n, top, 61 + wide * n, bottom) for n in range(columns + 1)]


def found(of: list[Word], lines: list[Box] | None = None) -> list[Table]:
    return tables(of, lines or [], WIDTH, HEIGHT)


def test_a_ruled_table_keeps_its_empty_cells_and_names_its_columns() -> None:
    (table,) = found(words(PUMPS), ruled(4, 3))
    assert (table.rows, table.head) == (PUMPS, 1)


def test_columns_without_lines_are_told_by_their_gaps() -> None:
    (table,) = found(words(PUMPS))
    assert (table.rows, table.head, row_line(table.rows[2])) == (PUMPS, 1, "KT-101 |  | 21")


def test_merged_cells_are_repeated() -> None:
    lines = [line for line in ruled(3, 3) if not (line[0] == 60 and line[1] == 132)]
    lines += [(180.0, 132.0, 420.0, 133.0)]
    (table,) = found(words([["City", "Rank", "Rate"], ["Lan", "chief", "460"], ["", "others", "340"]]), lines)
    assert table.rows[1:] == [["Lan", "chief", "460"], ["Lan", "others", "340"]]


def test_a_head_of_two_rows_is_one_that_has_merged_cells() -> None:
    lines = [line for line in ruled(4, 3) if not (line[0] == 300 and line[2] == 301)]
    lines += [(300.0, 116.0, 301.0, 164.0)]
    rows = [["Model", "Price", ""], ["of pump", "net", "gross"], ["K-1", "10", "12"], ["K-2", "11", "13"]]
    (table,) = found(words(rows), lines)
    assert (table.rows[0], table.head) == (["Model", "Price", "Price"], 2)


def test_a_row_over_all_columns_at_the_top_is_the_title() -> None:
    lines = [line for line in ruled(5, 3) if line[2] - line[0] > 2 or line[0] in {60, 420}]
    lines += [(180.0, 116.0, 181.0, 180.0), (300.0, 116.0, 301.0, 180.0)]
    (table,) = found(words([["Pumps", "", ""], *PUMPS]), lines)
    assert (table.title, table.rows) == ("Pumps", PUMPS)


def test_rows_that_only_a_frame_surrounds_are_rows() -> None:
    lines = [line for line in ruled(5, 3) if line[1] == 100 or line[1] in {116, 180}]
    rows = [*PUMPS, ["KT-103", "7412", "23"]]
    (table,) = found(words(rows), lines)
    assert table.rows == rows


def test_a_cell_of_several_rows_is_one_line() -> None:
    rows = [["Part", "Use"], ["Valve", "closes"], ["Gauge", "shows"]]
    more = [Word(184, 143, 210, 153, "the", False), Word(215, 143, 240, 153, "pres-", False)]
    lines = [(line[0], line[1] * 2 - 100, line[2], line[3] * 2 - 100) for line in ruled(3, 2)]
    of = [word._replace(y0=word.y0 * 2 - 106, y1=word.y0 * 2 - 96) for word in words(rows)]
    more += [Word(184, 153.5, 210, 163.5, "sure", False)]
    (table,) = found(of + more, lines)
    assert table.rows[1] == ["Valve", "closes the pressure"]


def test_korean_words_of_a_cell_have_blanks_between_them_and_chinese_ones_none() -> None:
    cells = [["분류", "기준"], ["마시는 물", "집단 발생"], ["给水 泵", "轴封 更换"]]
    (table,) = found(words(cells), ruled(3, 2))
    assert table.rows == [["분류", "기준"], ["마시는 물", "집단 발생"], ["给水泵", "轴封更换"]]


def test_a_frame_with_text_and_a_diagram_are_no_tables() -> None:
    text = [["The lamp of the old tower burns", "through the night."], ["The keeper sleeps", ""]]
    assert found(words(text, wide=200), [(50, 90, 500, 91), (50, 150, 500, 151), (50, 90, 51, 151)]) == []
    boxes = [box for n in range(8) for box in ruled(1, 1, top=100 + 37 * n, step=30, wide=60 + 31 * n)]
    assert found(words([["start"], ["stop"]], step=37), boxes) == []


def test_running_text_in_three_columns_is_no_table() -> None:
    prose = ["the keeper of the tower winds the clock", "and notes the weather in a blue book that"] * 3
    rows = [[line, line, line] for line in prose]
    of = [Word(60 + 180 * n, 100 + 12 * y, 225 + 180 * n, 110 + 12 * y, cell) for y, row in enumerate(rows)
          for n, cell in enumerate(row)]  # fmt: skip
    assert found(of) == []


def test_a_list_of_contents_is_no_table() -> None:
    rows = [["Lamps", "........", "4"], ["Clocks", "........", "9"], ["Books", "........", "12"]]
    assert found(words(rows)) == []


def test_names_and_prices_are_a_table_of_two_columns() -> None:
    rows = [["Pump", "300"], ["Valve", "42"], ["Gauge", "1,750"]]
    assert [table.rows for table in found(words(rows))] == [rows]


def test_years_name_columns_and_so_does_bold_print() -> None:
    years = [["Item", "2023", "2024"], ["Pumps", "12", "15"], ["Valves", "33", "41"]]
    bold = [["A", "B", "C"], ["x", "y", "z"], ["u", "v", "w"]]
    assert [found(words(years))[0].head, found(words(bold, bold=1))[0].head] == [1, 1]


def test_data_names_no_columns() -> None:
    assert found(words(PUMPS[1:]))[0].head == 0


def test_a_table_goes_on_under_the_names_of_its_columns() -> None:
    (first,), (second,), (third,) = found(words(PUMPS)), found(words(PUMPS[1:])), found(words(PUMPS))
    assert (continued(second, first, "Model | Width | Price"), second.head) == ("Model | Width | Price", 0)
    assert (continued(third, first, "Model | Width | Price"), third.head) == ("Model | Width | Price", 1)


def test_another_table_keeps_its_own_names() -> None:
    (first,) = found(words(PUMPS))
    (other,) = found(
        words([["City", "Rate"], ["Lan", "460"], ["Xi", "340"]], wide=200), ruled(3, 2, wide=200)
    )
    assert continued(other, first, "Model | Width | Price") == "City | Rate"


def test_very_many_lines_are_not_looked_at() -> None:
    assert grids([(n, n, n + 50.0, n + 1.0) for n in range(4000)], WIDTH, HEIGHT) == []
