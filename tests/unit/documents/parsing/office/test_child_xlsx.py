"""Workbooks are read sheet by sheet, with values as their cells show them."""

import io

import pytest

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office import child_sheet, child_xlsx
from kotaemon_async.documents.parsing.office.child_sheet import Area
from tests.support.packages import beginnings, package, relationships
from tests.support.workbooks import grid, merged, row, sheet, strings, styles, workbook

NAMES = row(1, "Item", "Value")
CHART = """<c:chartSpace xmlns:c="c" xmlns:a="a"><c:chart>
<c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title>
<c:plotArea><c:ser><c:tx><c:v>2026</c:v></c:tx>
<c:cat><c:strLit><c:pt idx="0"><c:v>Q1</c:v></c:pt></c:strLit></c:cat>
<c:val>{}<c:numLit><c:formatCode>0.0</c:formatCode><c:pt idx="0"><c:v>19.24</c:v></c:pt></c:numLit></c:val>
</c:ser></c:plotArea></c:chart></c:chartSpace>"""
COMMENTS = (
    "<comments><commentList><comment ref='B2'><text><r><t>Check</t></r></text></comment>"
    "</commentList></comments>"
)
DRAWING = """<d:wsDr xmlns:d="d" xmlns:a="a" xmlns:c="c"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
<d:twoCellAnchor><d:sp><d:txBody><a:p><a:r><a:t>A box</a:t></a:r></a:p></d:txBody></d:sp></d:twoCellAnchor>
<d:twoCellAnchor><d:pic><d:nvPicPr><d:cNvPr descr="A crane"/></d:nvPicPr></d:pic></d:twoCellAnchor>
<d:twoCellAnchor><d:graphicFrame><a:graphic><a:graphicData><c:chart r:id="rId1"/></a:graphicData></a:graphic>
</d:graphicFrame></d:twoCellAnchor></d:wsDr>"""


def read(data: bytes, max_units: int = 100) -> Units:
    return child_xlsx.read_workbook(io.BytesIO(data), max_units)


def text_of(data: bytes) -> str:
    units = read(data)
    return "\n".join(units.unit(number).text for number in range(1, len(units) + 1))


def shown(cell: str, **parts: str) -> str:
    """Return what a cell shows, the second of its row."""
    book = workbook(
        {"S": sheet(NAMES + row(2, "x", cell))}, {f"{name}.xml": part for name, part in parts.items()}
    )
    return text_of(book).splitlines()[-1].removeprefix("x |").strip()


def code_of(data: bytes) -> str:
    with pytest.raises(FileError) as caught:
        read(data)
    return caught.value.code


@pytest.mark.parametrize(
    ("cell", "code", "text"),
    [
        ("<c s='0'><v>7123</v></c>", "000000", "007123"),
        ("<c s='0'><v>0.475</v></c>", "0.00%", "47.50%"),
        ("<c s='0'><v>46174</v></c>", "yyyy-mm-dd", "2026-06-01"),
        ("<c><v>622848000123456789</v></c>", "General", "622848000123456789"),
        ("<c t='b'><v>1</v></c>", "General", "TRUE"),
        ("<c t='e'><f>1/0</f><v>#DIV/0!</v></c>", "General", "#DIV/0!"),
        ("<c><f>A2*2</f><v>24</v></c>", "General", "24"),
        ("<c><f>A2*3</f></c>", "General", "=A2*3"),
        ("<c t='str'><f>T(A2)</f><v>done</v></c>", "General", "done"),
        ("<c t='d'><v>2026-06-01T00:00:00</v></c>", "General", "2026-06-01"),
        ("<c t='s'><v>9</v></c>", "General", ""),
    ],
)
def test_a_value_is_what_its_cell_shows(cell: str, code: str, text: str) -> None:
    assert shown(cell, styles=styles(code)) == text


def test_shared_texts_are_joined_from_runs_without_how_they_are_spoken() -> None:
    rich = "<r><t>供水</t></r><r><t>管网</t></r><rPh sb='0' eb='2'><t>きょうすい</t></rPh>"
    assert shown("<c t='s'><v>1</v></c>", sharedStrings=strings("plain", rich)) == "供水管网"


def test_characters_that_xml_cannot_hold_part_words() -> None:
    assert shown("<c t='inlineStr'><is><t>one_x000D_two_x0041_</t></is></c>") == "one twoA"


def test_days_may_be_counted_from_1904() -> None:
    part = sheet(NAMES + row(2, "x", "<c s='0'><v>44712</v></c>"))
    book = workbook({"S": part}, {"styles.xml": styles("yyyy-mm-dd")}, "<workbookPr date1904='1'/>")
    assert text_of(book).endswith("x | 2026-06-01")


def test_sheets_keep_their_order_their_names_and_what_is_hidden() -> None:
    parts = {"住宿标准": grid(["a", "b"]), "Secret": grid(["c", "d"])}
    units = read(workbook(parts, states={"Secret": "veryHidden"}))
    found = [units.unit(number) for number in (1, 2)]
    assert [(unit.label, unit.flags, unit.text) for unit in found] == [
        ("住宿标准", (), "a | b"),
        ("Secret", ("hidden",), "c | d"),
    ]


def test_merged_cells_repeat_their_value() -> None:
    rows = row(1, "City", "Rank", "Rate") + row(2, "Lanzhou", "head", "x") + row(3, "", "other", "y")
    assert "Lanzhou | other | y" in text_of(workbook({"S": sheet(rows, merged("A2:A3"))}))


def test_cells_without_a_reference_stand_beside_the_one_before() -> None:
    cells = "<c r='C4' t='inlineStr'><is><t>one</t></is></c><c t='inlineStr'><is><t>two</t></is></c>"
    rows = f"<row r='4'>{cells}</row>"
    (block,) = read(workbook({"S": sheet("<row/>" + rows)})).unit(1).blocks
    assert block.rows == (4,)


def test_rows_in_bold_letters_name_the_columns() -> None:
    bold = "<c s='1' t='inlineStr'><is><t>{}</t></is></c>"
    rows = row(1, bold.format("Term"), bold.format("Meaning")) + row(2, "A", "B") + row(3, "C", "D")
    book = workbook({"S": sheet(rows)}, {"styles.xml": styles("General", "<b>General")})
    assert read(book).unit(1).blocks[0].header == "Term | Meaning"


def test_rows_that_are_printed_on_every_page_name_the_columns() -> None:
    name = "<definedName name='_xlnm.Print_Titles' localSheetId='0'>S!$1:$1</definedName>"
    rows = grid(["1", "2"], ["3", "4"], ["5", "6"])
    book = workbook({"S": rows}, inside=f"<definedNames>{name}</definedNames>")
    assert read(book).unit(1).blocks[0].header == "1 | 2"


def test_comments_boxes_pictures_and_charts_belong_to_their_sheet() -> None:
    links = relationships(("rId1", "drawing", "../drawings/d.xml"), ("rId2", "comments", "../comments1.xml"))
    parts = {
        "worksheets/_rels/sheet1.xml.rels": links,
        "drawings/d.xml": DRAWING,
        "drawings/_rels/d.xml.rels": relationships(("rId1", "chart", "../charts/c.xml")),
        "charts/c.xml": CHART.format(""),
        "comments1.xml": COMMENTS,
    }
    unit = read(workbook({"S": grid(["a", "b"])}, parts)).unit(1)
    kinds = [(block.kind, unit.text[block.start : block.end]) for block in unit.blocks]
    assert kinds == [
        ("table", "a | b"), ("paragraph", "A box"), ("caption", "A crane"), ("caption", "Sales"),
        ("table", "| 2026\nQ1 | 19.2"), ("comment", "B2: Check"),
    ]  # fmt: skip


def test_heads_and_feet_of_printed_pages_are_read_once() -> None:
    after = (
        '<headerFooter><oddHeader>&amp;L&amp;"Arial,Bold"&amp;12Form HT-55&amp;RA &amp;&amp; B</oddHeader>'
    )
    after += "<oddFooter>&amp;CPage &amp;P of &amp;N</oddFooter></headerFooter>"
    part = sheet(row(1, "a", "b"), after)
    assert text_of(workbook({"S": part, "T": part})) == "a | b\n\nForm HT-55 A & B\na | b"


def test_a_chart_of_cells_does_not_repeat_them() -> None:
    parts = {
        "worksheets/_rels/sheet1.xml.rels": relationships(("rId1", "drawing", "../drawings/d.xml")),
        "drawings/d.xml": DRAWING,
        "drawings/_rels/d.xml.rels": relationships(("rId1", "chart", "../charts/c.xml")),
        "charts/c.xml": CHART.format("<c:numRef><c:f>S!A1:A2</c:f></c:numRef>"),
    }
    assert text_of(workbook({"S": grid(["a", "b"])}, parts)).endswith("Sales")


def test_a_sheet_that_is_a_chart_shows_its_values() -> None:
    parts = {
        "worksheets/_rels/sheet1.xml.rels": relationships(("rId1", "drawing", "../drawings/d.xml")),
        "drawings/d.xml": DRAWING,
        "drawings/_rels/d.xml.rels": relationships(("rId1", "chart", "../charts/c.xml")),
        "charts/c.xml": CHART.format("<c:numRef><c:f>S!A1:A2</c:f></c:numRef>"),
    }
    book = workbook({"Chart": "<chartsheet/>"}, parts, kinds={"Chart": "chartsheet"})
    assert text_of(book).endswith("| 2026\nQ1 | 19.2")


# ---------------------------------------------------------------- what is lost is named


def test_a_sheet_of_pictures_is_named() -> None:
    pictures = DRAWING.replace("A crane", "").replace("A box", "").replace("c:chart ", "c:other ")
    parts = {
        "worksheets/_rels/sheet1.xml.rels": relationships(("rId1", "drawing", "../drawings/d.xml")),
        "drawings/d.xml": pictures,
    }
    assert read(workbook({"S": grid()}, parts)).unit(1).problem == "no_text"
    assert read(workbook({"S": grid(["a"])}, parts)).unit(1).problem == ""


def test_embedded_files_are_read_behind_the_sheets_or_named() -> None:
    links = relationships(
        ("r1", "package", "../embeddings/in.xlsx"), ("r2", "oleObject", "../embeddings/o.bin")
    )
    parts: dict[str, str | bytes] = {
        "worksheets/_rels/sheet1.xml.rels": links,
        "embeddings/in.xlsx": workbook({"Inner": grid(["inner", "words"])}),
        "embeddings/o.bin": b"\0\1",
    }
    units = read(workbook({"S": grid(["a", "b"])}, parts))
    assert (units.unit(2).kind, units.unit(2).label, units.unit(2).text) == (
        "part", "in.xlsx, Inner", "inner | words",
    )  # fmt: skip
    assert [loss.label for loss in units.warnings] == ["o.bin"]


def test_a_damaged_sheet_is_read_up_to_the_damage() -> None:
    units = read(workbook({"Good": grid(["a", "b"]), "Bad": grid(["c", "d"], ["e", "f"])[:-60]}))
    assert units.unit(2).text == "c | d"
    assert [(one.code, one.label, one.message) for one in units.warnings] == [
        ("page_unreadable", "Bad", "The sheet is damaged: it could be read up to row 1.")
    ]


def test_a_sheet_that_is_missing_is_named() -> None:
    book = workbook({"Good": grid(["a", "b"]), "Gone": "no xml"})
    units = read(book)
    assert [(unit.label, unit.problem) for unit in map(units.unit, (1, 2))] == [
        ("Good", ""),
        ("Gone", "unreadable"),
    ]


def test_damaged_comments_are_named() -> None:
    parts = {
        "worksheets/_rels/sheet1.xml.rels": relationships(("rId1", "comments", "../comments1.xml")),
        "comments1.xml": "<comments><comm",
    }
    (loss,) = read(workbook({"S": grid(["a", "b"])}, parts)).warnings
    assert (loss.code, loss.label) == ("part_skipped", "S")


def test_macros_are_named() -> None:
    (loss,) = read(workbook({"S": grid(["a", "b"])}, {"vbaProject.bin": b"\xd0\xcf"})).warnings
    assert (loss.code, loss.message) == ("part_skipped", "Macros are not read.")


def test_more_text_than_is_read_is_named() -> None:
    units = read(workbook({"S": grid(*[["word", "w" * 400]] * 30)}), max_units=2)
    assert units.unit(1).blocks[0].rows[0] == 1
    (loss,) = units.warnings
    assert (loss.code, loss.label) == ("truncated", "S")
    assert loss.message == "The workbook is too large: of this sheet, rows up to 9 were read."


def test_more_cells_than_anybody_reads_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_sheet, "MAX_CELLS", 5)
    assert code_of(workbook({"S": grid(["a", "b"], ["c", "d"], ["e", "f"])})) == "parser_limit"


# ---------------------------------------------------------------- hostile files


def test_two_cells_at_the_ends_of_a_sheet_are_read_at_once() -> None:
    far = "<row r='1048576'><c r='XFD1048576' t='inlineStr'><is><t>far</t></is></c></row>"
    assert text_of(workbook({"S": sheet(row(1, "near") + far)})) == "near\n\nfar"


@pytest.mark.parametrize(
    "cell", ["r='A99999999999'", "r='ZZZZ1'", "s='999999999999'", "s='-1'", "r=''", "t='x'"]
)
def test_numbers_of_no_cell_do_no_harm(cell: str) -> None:
    part = sheet(f"<row r='77777777777777777777'><c {cell}><v>1</v></c></row>" + row(2, "word"))
    assert "word" in text_of(workbook({"S": part}))


def test_a_workbook_without_words_has_no_text() -> None:
    assert code_of(workbook({"S": grid()})) == "no_text"


@pytest.mark.parametrize(
    "data",
    [
        package({"a.txt": "no workbook"}),
        workbook({"S": grid(["a"])}, inside="<!DOCTYPE x>"),
        package({"_rels/.rels": relationships(("r", "officeDocument", "a.xml")), "a.xml": "<document/>"}),
        b"PK\x03\x04 and nothing else",
    ],
)
def test_what_is_no_workbook_is_corrupt(data: bytes) -> None:
    assert code_of(data) == "corrupt"


def test_a_dtd_in_a_sheet_spoils_that_sheet_only() -> None:
    bomb = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + grid(["&x;", "b"])
    units = read(workbook({"Good": grid(["a", "b"]), "Bomb": bomb}))
    assert [units.unit(number).problem for number in (1, 2)] == ["", "unreadable"]


def test_a_file_cut_off_anywhere_is_refused_or_read() -> None:
    book = workbook({"S": grid(["Model", "Price"], ["KX-1", "42"])}, {"styles.xml": styles("0.00")})
    for data in beginnings(book, 10):
        assert code_of(data) == "corrupt"


@pytest.mark.parametrize(
    ("reference", "area"),
    [
        ("A1:C3", Area(1, 1, 3, 3)),
        ("$B$2", Area(2, 2, 2, 2)),
        ("XFD1048576:A1", Area(1048576, 16384, 1, 1)),
        ("A:A", None),
        ("", None),
    ],
)
def test_references_name_areas(reference: str, area: Area | None) -> None:
    assert child_xlsx.area_of(reference) == area
