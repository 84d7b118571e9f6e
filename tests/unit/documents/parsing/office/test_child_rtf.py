"""RTF documents."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_rtf import open_document
from tests.support.packages import beginnings
from tests.support.units import lines, losses, outcome, read_with, refusal, tables

FONTS = (
    rb"{\fonttbl{\f0\fswiss Arial;}{\f1\fnil\fcharset134 SimSun;}{\f2\ftech\fcharset2 Symbol;}"
    rb"{\f3\fcharset204{\*\falt Times}Arial Cyr;}{\f4\fcharset128 Mincho;}}"
)
STYLES = rb"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 Mine;}{\s2 heading 2;}{\*\cs3 Char;}}"
HEAD = rb"\ansi\ansicpg1252\deff0" + FONTS + STYLES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, body: bytes, head: bytes = HEAD) -> Units:
    return read_with(open_document, folder, rb"{\rtf1" + head + b" " + body + b"}")


def lines_of(folder: Path, body: bytes, head: bytes = HEAD) -> list[str]:
    return lines(read(folder, body, head))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"one\par ", "one"),
        (rb"a\tab b\line c\emdash d\~e\_f\-g", "a b\nc—d e-fg"),
        (rb"\{x\} \\ y", "{x} \\ y"),
        (b"one\r\n two\nthree", "one twothree"),
        (rb"Gr\'f6\'dfe", "Größe"),
        (b"Gr\xf6\xdfe", "Größe"),
        (rb"\u20215?\u26684?", "价格"),
        (rb"\uc2\u20215\'bc\'db\uc1\u26684?x", "价格x"),
        (rb"\uc0\u20215\u26684 x", "价格x"),
        (rb"\u-10179?\u-8704?", "😀"),
        (rb"{\f1 gbk \'bc\'db\'b8\'f1}", "gbk 价格"),
        (rb"{\f1 \'81A}", b"\x81A".decode("gbk")),
        (rb"{\f3 \'cf\'f0\'e8}", "При"),
        (rb"{\f4 \'93\'8c}", "東"),
        (rb"{\f2 a\'b3}\f2\u-3913?", "α≥•"),
        (rb"see {\field{\*\fldinst{HYPERLINK x}}{\fldrslt{\ul the link}}}.", "see the link."),
        (rb"a{\v secret}\v hid\v0 b", "ab"),
        (rb"a{\deleted gone}{\revised kept}\deleted x\deleted0 b", "akeptb"),
        (rb"{\info{\title T}}{\*\generator G;}{\*\unknown{x}}a{\*\bkmkstart b}", "a"),
        (rb"{\pict\pngblip 89504e470d0a}a{\*\shppict{\pict 00}}{\nonshppict{\pict 11}}", "a"),
        (b"{\\pict\\bin5 }{}}\\}a", "a"),
        (b"a{\\pict\\bin999999 00}b", "ab"),
        (rb"{\upr{ansi}{\*\ud{\u20215?}}}x", "价x"),
        (rb"{\*\moMath{\*\moMathPr{\mctrlPr x}}{\mr\mscr0 a=b}}", "a=b"),
        (b"a\\\nb", "a|b"),
    ],
)  # fmt: skip
def test_text_is_what_is_seen(folder: Path, body: bytes, text: str) -> None:
    assert lines_of(folder, body) == [f"paragraph: {part}" for part in text.split("|")]


def test_chinese_in_the_charset_of_the_document_is_read_though_the_font_claims_latin(folder: Path) -> None:
    head = rb"\ansi\ansicpg936{\fonttbl{\f0\fcharset0 Arial;}}\f0"
    assert lines_of(folder, rb"\'bc\'db\'b8\'f1", head) == ["paragraph: 价格"]


def test_headings_are_known_by_outline_or_style(folder: Path) -> None:
    body = rb"\s1 One\par\pard\s2 Two\par\pard\outlinelevel2 Three\par\pard Text\par\s1\outlinelevel9 No\par"
    expected = ["heading 1: One", "heading 2: Two", "heading 3: Three", "paragraph: Text", "paragraph: No"]
    assert lines_of(folder, body) == expected


def test_the_label_of_a_list_stands_before_its_text(folder: Path) -> None:
    body = rb"{\listtext\pard\f2 \'b7\tab}Pump\par{\pntext 2.\tab}Lamp\par Text\par"
    assert lines_of(folder, body) == ["list: • Pump", "list: 2. Lamp", "paragraph: Text"]


def test_notes_boxes_and_comments_stand_behind_their_paragraph(folder: Path) -> None:
    box = rb"{\shp{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt In a\par box\par}}{\shprslt In a box}}"
    note = rb"{\footnote\pard\plain{\chftn} Since 1990.}"
    comment = rb"{\*\atnid B}{\*\atnauthor Bo}\chatn{\*\annotation{\*\atnref 1}Too dear?}"
    found = lines_of(folder, b"Pump" + note + b" one" + box + comment + rb".\par Lamp")
    assert found == [
        "paragraph: Pump one.", "note: Since 1990.", "paragraph: In a", "paragraph: box",
        "comment: Bo: Too dear?", "paragraph: Lamp",
    ]  # fmt: skip


def test_heads_and_feet_of_pages_are_kept_once(folder: Path) -> None:
    body = rb"{\headerl Offer 7}{\headerr Offer 7}{\footer Page {\chpgn}}Text\par\sect{\header Offer 7}More"
    assert lines_of(folder, body) == ["note: Offer 7", "paragraph: Text", "paragraph: More"]


def test_the_description_of_a_picture_is_a_caption(folder: Path) -> None:
    picture = rb"{\pict{\*\picprop{\sp{\sn wzDescription}{\sv A crane}}}\pngblip 8950}"
    assert lines_of(folder, b"Text" + picture + rb"\par") == ["paragraph: Text", "caption: A crane"]


ROW = rb"\trowd\cellx1000\cellx2000\cellx3000\intbl "


def test_rows_are_tables_with_their_empty_cells(folder: Path) -> None:
    body = ROW + rb"Model\cell Price\cell Stock\cell\row KX\par 1\cell\cell 42\cell\row\pard After\par"
    units = read(folder, body)
    assert tables(units) == [("Model | Price | Stock", ["Model | Price | Stock", "KX 1 |  | 42"], 1)]
    assert lines(units)[-1] == "paragraph: After"


def test_cells_are_placed_by_their_edges_and_merged_ones_repeated(folder: Path) -> None:
    wide = rb"\trowd\trhdr\cellx1000\cellx3010\intbl Town\cell Fee\cell\row "
    first = rb"\trowd\trhdr\clvmgf\cellx1000\cellx2000\cellx3000\intbl \cell north\cell south\cell\row "
    merged = rb"\trowd\clvmrg\cellx1000\clmgf\cellx2000\clmrg\cellx3000\intbl \cell 9\cell\cell\row "
    body = wide + first + ROW + rb"Ulm\cell 1\cell 2\cell\row" + merged
    assert tables(read(folder, body)) == [
        (
            "Town | Fee / north | Fee / south",
            ["Town | Fee | Fee", "| north | south", "Ulm | 1 | 2", "Ulm | 9 | 9"],
            2,
        )
    ]


def test_a_table_in_a_cell_is_part_of_the_cell(folder: Path) -> None:
    inner = rb"\itap2 pump\nestcell 2\nestcell{\*\nesttableprops\trowd\cellx9\nestrow}{\nonesttables\par}"
    body = rb"\trowd\cellx1000\cellx2000\intbl KX\cell " + inner + rb"\cell\row"
    ((_, rows, _),) = tables(read(folder, body))
    assert rows == ["KX | pump, 2;"]


def test_embedded_objects_are_named(folder: Path) -> None:
    body = rb"Text{\object\objemb{\*\objclass Excel}{\*\objdata 0105}{\result{\pict 00}}}\par"
    units = read(folder, body)
    assert lines(units) == ["paragraph: Text"]
    assert losses(units) == [("part_skipped", "Objects that are embedded in the document are not read.")]


def test_a_missing_end_is_said(folder: Path) -> None:
    units = read_with(open_document, folder, rb"{\rtf1 One\par {\b Two")
    assert lines(units) == ["paragraph: One", "paragraph: Two"]
    assert [code for code, _ in losses(units)] == ["truncated"]


def test_what_stands_behind_the_end_is_no_text_unless_it_is_rtf(folder: Path) -> None:
    assert lines(read_with(open_document, folder, rb"{\rtf1 One}" + bytes(300))) == ["paragraph: One"]
    assert lines(read_with(open_document, folder, rb"{\rtf1 One\par}\par Two}")) == [
        "paragraph: One",
        "paragraph: Two",
    ]


def test_other_files_are_refused(folder: Path) -> None:
    assert refusal(open_document, folder, b"{ rtf")[0] == "corrupt"
    assert refusal(open_document, folder, b"")[0] == "corrupt"
    assert refusal(open_document, folder, rb"{\rtf1{\pict 00}}")[0] == "no_text"


def test_groups_without_end_are_refused(folder: Path) -> None:
    code, message = refusal(open_document, folder, rb"{\rtf1" + b"{" * 10_000 + b"x")
    assert (code, message) == ("corrupt", "The file is nested too deeply.")


@pytest.mark.parametrize(
    "body",
    [
        rb"\trowd" + rb"\cellx99" * 5000 + rb"x\cell\row",
        b"".join(rb"\trowd\cellx%d\intbl x\cell\row " % (n * 100) for n in range(1000)),
        rb"\uc999999999\u20215 " + b"x" * 100 + rb"\par",
        rb"\f-1\s99999\outlinelevel-7 x\par",
        rb"\ansicpg99999999{\fonttbl{\f1\cpg77777;}}\f1 x",
        rb"{\footnote " * 900 + b"x",
    ],
)  # fmt: skip
def test_numbers_that_lie_are_borne(folder: Path, body: bytes) -> None:
    assert outcome(open_document, folder, rb"{\rtf1 " + body + b"}") == "ok"


def test_a_document_cut_anywhere_is_read_or_refused(folder: Path) -> None:
    data = rb"{\rtf1" + HEAD + ROW + rb"a\cell b\cell c\cell\row\pard\'bc{\footnote x}\u20215?\bin3 ab\par}"
    found = {outcome(open_document, folder, part) for part in beginnings(data, 10)}
    assert found <= {"ok", "corrupt", "no_text"}
    assert "ok" in found
