"""Workbooks of the old kind are read as those of the new one."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office import child_sheet, child_xls
from tests.support.old_workbooks import ENCRYPTED, FROM_1904, Cell, old_workbook, sheet
from tests.support.packages import beginnings


class Reader:
    """Reads workbooks that it writes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "book.xls"

    def units(self, data: bytes) -> Units:
        self._path.write_bytes(data)
        return child_xls.open_document(str(self._path), "", 100)

    def rows(self, *rows: list[Cell], codes: list[str] | None = None, head: bytes = b"") -> list[str]:
        units = self.units(old_workbook({"S": sheet(rows)}, codes or [], head=head))
        return units.unit(1).text.split("\n")

    def code(self, data: bytes) -> str:
        with pytest.raises(FileError) as caught:
            self.units(data)
        return caught.value.code


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (7123.0, "000000", "007123"),
        (0.475, "0.00%", "47.50%"),
        (46174.0, "yyyy\\-mm\\-dd", "2026-06-01"),
        (46174.75, 'yyyy"年"m"月"d"日"', "2026年6月1日"),
        (2087431.55, "#,##0.00", "2,087,431.55"),
        (12.0, "General", "12"),
    ],
)
def test_a_number_is_shown_as_its_cell_shows_it(reader: Reader, number: float, code: str, text: str) -> None:
    assert reader.rows(["Item", "Value"], ["x", (number, 1)], codes=[code])[1] == f"x | {text}"


def test_days_may_be_counted_from_1904(reader: Reader) -> None:
    rows = reader.rows(["Item", "Value"], ["x", (44712.0, 1)], codes=["yyyy-mm-dd"], head=FROM_1904)
    assert rows[1] == "x | 2026-06-01"


def test_words_truth_and_empty_cells_keep_their_places(reader: Reader) -> None:
    assert reader.rows(["型号", "价格", "a"], ["KX-1", None, True]) == ["型号 | 价格 | a", "KX-1 |  | TRUE"]


def test_merged_cells_repeat_their_value(reader: Reader) -> None:
    part = sheet([["City", "Rank"], ["Lanzhou", "head"], [None, "other"]], [(1, 2, 0, 0)])
    assert reader.units(old_workbook({"S": part})).unit(1).text.endswith("Lanzhou | other")


def test_sheets_keep_their_names_and_what_is_hidden(reader: Reader) -> None:
    parts = {"One": sheet([["a", "b"]]), "Zwei": sheet([["c", "d"]])}
    units = reader.units(old_workbook(parts, hidden=["Zwei"]))
    found = [units.unit(number) for number in (1, 2)]
    assert [(unit.label, unit.flags, unit.text) for unit in found] == [
        ("One", (), "a | b"),
        ("Zwei", ("hidden",), "c | d"),
    ]
    assert found[0].blocks[0].rows == (1,)


def test_a_sheet_of_a_chart_is_named(reader: Reader) -> None:
    (loss,) = reader.units(old_workbook({"S": sheet([["a"]]), "Chart1": b""})).warnings
    assert (loss.code, loss.label) == ("part_skipped", "Chart1")


def test_a_damaged_sheet_is_named(reader: Reader) -> None:
    units = reader.units(old_workbook({"Good": sheet([["a"]]), "Bad": b"\x09\x08\xff\xff no sheet"}))
    assert [(units.unit(number).label, units.unit(number).problem) for number in (1, 2)] == [
        ("Good", ""),
        ("Bad", "unreadable"),
    ]


def test_more_text_than_is_read_is_named(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_sheet, "UNIT_CHARS", 1)
    units = reader.units(old_workbook({"S": sheet([["a", "b"], ["c" * 60, "d"]])}))
    assert units.unit(1).text == "a | b"
    assert units.warnings[0].message == "The workbook is too large: of this sheet, rows up to 1 were read."


def test_more_cells_than_anybody_reads_are_refused(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_sheet, "MAX_CELLS", 3)
    assert reader.code(old_workbook({"S": sheet([["a", "b"], ["c", "d"]])})) == "parser_limit"


def test_a_password_is_said(reader: Reader) -> None:
    assert reader.code(old_workbook({"S": sheet([["a"]])}, head=ENCRYPTED)) == "encrypted"


@pytest.mark.parametrize("data", [b"", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"no workbook" * 99])
def test_what_is_no_workbook_is_corrupt(reader: Reader, data: bytes) -> None:
    assert reader.code(data) == "corrupt"


def test_a_workbook_without_words_has_no_text(reader: Reader) -> None:
    assert reader.code(old_workbook({"S": sheet([])})) == "no_text"


def test_a_file_cut_off_anywhere_is_refused_or_read(reader: Reader) -> None:
    for data in beginnings(old_workbook({"S": sheet([["Model", "Price"], ["KX-1", 42.0]])}), 10):
        try:
            assert "Model" in reader.units(data).unit(1).text
        except FileError as error:
            assert error.code in {"corrupt", "no_text"}


def test_bytes_turned_over_anywhere_do_no_harm(reader: Reader) -> None:
    book = old_workbook({"S": sheet([["Model", "Price"], ["KX-1", 42.0]])}, ["0.00"])
    for place in range(0, len(book), 7):
        data = bytearray(book)
        data[place] ^= 0xFF
        try:
            assert len(reader.units(bytes(data))) >= 1
        except FileError as error:
            assert error.code in {"corrupt", "no_text", "encrypted"}
