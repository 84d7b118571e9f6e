"""Word documents."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_docx import open_document
from tests.support.packages import beginnings, package
from tests.support.units import lines, losses, outcome, read_with, refusal, tables
from tests.support.word import HEADINGS, docx, p, root, run, tbl, tc, tr

PAGE = "<w:r><w:lastRenderedPageBreak/></w:r>"
BREAK = '<w:r><w:br w:type="page"/></w:r>'
DOWN, ON = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
BOX = "<w:txbxContent>{}</w:txbxContent>"


def span(columns: int) -> str:
    return f'<w:gridSpan w:val="{columns}"/>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, body: str, **parts: str) -> Units:
    return read_with(open_document, folder, docx(body, None, **parts))


def lines_of(folder: Path, body: str, **parts: str) -> list[str]:
    return lines(read(folder, body, **parts))


def text_of(folder: Path, content: str, **parts: str) -> str:
    """Return the text of the only block that a paragraph of this content makes."""
    (line,) = lines_of(folder, f"<w:p>{content}</w:p>", **parts)
    return line.removeprefix("paragraph: ")


def test_headings_make_the_path_of_what_follows(folder: Path) -> None:
    body = p("Report", "H1") + p("Prices", "H2") + p("x" * 2990) + p("It costs 40.") + p("Terms", "H2")
    units = read(folder, body, styles=HEADINGS)
    assert [units.unit(number).headings for number in (1, 2)] == [(), ("Report", "Prices")]
    assert lines(units)[3:] == ["paragraph: It costs 40.", "heading 2: Terms"]
    assert units.unit(2).kind == "section"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("heading 3", "heading 3: Name"),
        ("Title", "heading 1: Name"),
        ("标题 2", "heading 2: Name"),
        ("Überschrift 1", "heading 1: Name"),
        ("Überschriftartig", "paragraph: Name"),
        ("Normal", "paragraph: Name"),
    ],
)
def test_styles_are_headings_by_their_names(folder: Path, name: str, line: str) -> None:
    styles = f'<w:style w:type="paragraph" w:styleId="x"><w:name w:val="{name}"/></w:style>'
    assert lines_of(folder, p("Name", "x"), styles=styles) == [line]


def test_a_style_has_its_level_from_the_one_it_is_based_on(folder: Path) -> None:
    styles = HEADINGS + '<w:style w:styleId="x"><w:name w:val="Mine"/><w:basedOn w:val="H2"/></w:style>'
    body = (
        p("One", "x") + p("Two", "x", '<w:outlineLvl w:val="0"/>') + p("3", "H1", '<w:outlineLvl w:val="9"/>')
    )
    assert lines_of(folder, body, styles=styles) == ["heading 2: One", "heading 1: Two", "paragraph: 3"]


def test_styles_based_on_each_other_end(folder: Path) -> None:
    styles = "".join(
        f'<w:style w:styleId="{a}"><w:name w:val="{a}"/><w:basedOn w:val="{b}"/></w:style>'
        for a, b in ("xy", "yx", "zz")
    )
    assert lines_of(folder, p("One", "x") + p("Two", "z"), styles=styles) == [
        "paragraph: One",
        "paragraph: Two",
    ]


def test_headings_are_known_by_their_ids_where_styles_are_missing(folder: Path) -> None:
    assert lines_of(folder, p("One", "Heading2")) == ["heading 2: One"]


def test_heads_and_feet_of_pages_are_kept_once(folder: Path) -> None:
    body = p("Text.")
    found = lines_of(folder, body, header=p("Contract 55"), footer=p("Page 3 of 9"))
    assert found == ["note: Contract 55", "paragraph: Text."]


def test_notes_stand_behind_their_paragraph(folder: Path) -> None:
    notes = '<w:footnote w:id="0" w:type="separator">{0}</w:footnote><w:footnote w:id="2">{1}</w:footnote>'
    body = p(run("Pumps.") + '<w:r><w:footnoteReference w:id="2"/></w:r>') + p("Valves.")
    found = lines_of(folder, body, footnotes=notes.format(p("----"), p("Since 1990.") + p("In Lyon.")))
    assert found == ["paragraph: Pumps.", "note: Since 1990. In Lyon.", "paragraph: Valves."]


def test_comments_name_their_author(folder: Path) -> None:
    body = p(run("Pumps.") + '<w:r><w:commentReference w:id="7"/></w:r>')
    found = lines_of(folder, body, comments=f'<w:comment w:id="7" w:author="Bo">{p("Too dear?")}</w:comment>')
    assert found == ["paragraph: Pumps.", "comment: Bo: Too dear?"]


@pytest.mark.parametrize("part", ["footnotes", "endnotes", "comments", "styles", "numbering", "header"])
def test_a_damaged_part_is_named_and_the_rest_is_read(folder: Path, part: str) -> None:
    units = read(folder, p("Text."), **{part: "<broken>"})
    assert lines(units) == ["paragraph: Text."]
    ((code, message),) = losses(units)
    assert code == "part_skipped"
    assert "cannot be read" in message


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (run("a") + "<w:ins>" + run(" new") + "</w:ins>", "a new"),
        (run("a") + "<w:del><w:r><w:delText>old</w:delText></w:r></w:del>", "a"),
        (run("a") + "<w:moveFrom>" + run("away") + "</w:moveFrom>", "a"),
        (run("a") + "<w:moveTo>" + run("here") + "</w:moveTo>", "ahere"),
        (run("a") + run("secret", "<w:vanish/>") + run("b", '<w:vanish w:val="0"/>'), "ab"),
        (run("a") + '<w:sdt><w:sdtPr/><w:sdtContent>' + run("b") + "</w:sdtContent></w:sdt>", "ab"),
        ("<w:smartTag>" + run("a") + "</w:smartTag><w:hyperlink>" + run("b") + "</w:hyperlink>", "ab"),
        ('<w:fldSimple w:instr="DATE">' + run("2 May") + "</w:fldSimple>", "2 May"),
        ("<w:r><w:t>AB</w:t><w:noBreakHyphen/><w:t>12</w:t><w:softHyphen/><w:t>x</w:t></w:r>", "AB-12x"),
        ("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:cr/><w:t>d</w:t></w:r>", "a b\nc\nd"),
        ('<w:r><w:sym w:font="Wingdings" w:char="F0FE"/><w:t>done</w:t></w:r>', "☑done"),
        ('<w:r><w:sym w:font="Symbol" w:char="F0B3"/><w:t>5</w:t></w:r>', "≥5"),
        (run("\uf0e0 x \uf061", '<w:rFonts w:ascii="Symbol"/>'), "x α"),
        (f"<w:r><w:ruby><w:rt>{run('とう')}</w:rt><w:rubyBase>{run('東')}</w:rubyBase></w:ruby></w:r>", "東"),
        ("<m:oMath><m:r><m:t>x=2</m:t></m:r></m:oMath>", "x=2"),
        ('<w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r>', "DRAFT"),
        (run("a   b&#160;c"), "a b c"),
    ],
)  # fmt: skip
def test_a_paragraph_is_what_is_seen_of_it(folder: Path, content: str, text: str) -> None:
    assert text_of(folder, content) == text


def test_of_fields_only_the_results_are_seen(folder: Path) -> None:
    def char(kind: str, inside: str = "") -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}">{inside}</w:fldChar></w:r>'

    inner = char("begin") + run("nested") + char("separate") + run("inner") + char("end")
    code = "<w:r><w:instrText>IF x</w:instrText></w:r>"
    link = char("begin") + code + inner + char("separate") + run("shown") + char("end")
    box = char("begin", '<w:ffData><w:checkBox><w:default w:val="1"/></w:checkBox></w:ffData>') + char("end")
    entries = '<w:result w:val="1"/><w:listEntry w:val="red"/><w:listEntry w:val="blue"/>'
    choice = char("begin", f"<w:ffData><w:ddList>{entries}</w:ddList></w:ffData>") + char("end")
    assert text_of(folder, link + run(" ") + box + run(" ") + choice) == "shown ☑ blue"


def test_a_field_without_end_hides_no_other_paragraph(folder: Path) -> None:
    begin = '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
    assert lines_of(folder, p(begin + run("code")) + p("Text.")) == ["paragraph: Text."]


def test_a_hidden_style_hides(folder: Path) -> None:
    styles = '<w:style w:type="character" w:styleId="s"><w:rPr><w:vanish/></w:rPr></w:style>'
    assert text_of(folder, run("a") + run("b", '<w:rStyle w:val="s"/>'), styles=styles) == "a"


def test_a_deleted_paragraph_mark_joins_two_paragraphs(folder: Path) -> None:
    body = p("The pump ", properties='<w:rPr><w:del w:id="1"/></w:rPr>') + p("runs.")
    assert lines_of(folder, body) == ["paragraph: The pump runs."]


def test_a_text_box_is_read_once(folder: Path) -> None:
    drawing = f'<w:drawing><wp:docPr descr="A crane"/>{BOX.format(p("Box"))}</w:drawing>'
    choice = f'<mc:Choice Requires="wps">{drawing}</mc:Choice>'
    fallback = f"<mc:Fallback><w:pict><v:textbox>{BOX.format(p('Box'))}</v:textbox></w:pict></mc:Fallback>"
    body = p(run("Text.") + f"<w:r><mc:AlternateContent>{choice}{fallback}</mc:AlternateContent></w:r>")
    assert lines_of(folder, body) == ["paragraph: Text.", "caption: A crane", "paragraph: Box"]


def test_the_fallback_is_read_where_the_choice_is_empty(folder: Path) -> None:
    fallback = f"<mc:Fallback><w:pict>{BOX.format(p('Box'))}</w:pict></mc:Fallback>"
    choice = '<mc:Choice Requires="x"><w:drawing/></mc:Choice>'
    body = p(f"<w:r><mc:AlternateContent>{choice}{fallback}</mc:AlternateContent></w:r>")
    assert lines_of(folder, body) == ["paragraph: Box"]


NUMBERING = """
<w:abstractNum w:abstractNumId="0">
<w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/><w:pStyle w:val="H1"/><w:lvlText w:val="%1."/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="1">
<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl>
</w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="0"/>
<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>
</w:num>
"""


def in_list(key: int, level: int = 0) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{key}"/></w:numPr>'


def test_lists_are_counted_as_word_does(folder: Path) -> None:
    items = [(1, 0), (1, 1), (1, 1), (1, 0), (1, 1), (2, 0), (3, 0), (3, 0), (0, 0), (9, 0)]
    body = "".join(p("x", properties=in_list(key, level)) for key, level in items)
    found = [line.removesuffix("x") for line in lines_of(folder, body, numbering=NUMBERING)]
    assert found[:6] == ["list: 1. ", "list: 1.a) ", "list: 1.b) ", "list: 2. ", "list: 2.a) ", "list: • "]
    assert found[6:] == ["list: 7. ", "list: 8. ", "paragraph: ", "paragraph: "]


def test_headings_are_numbered_by_their_style(folder: Path) -> None:
    styles = (
        '<w:style w:styleId="H1"><w:name w:val="heading 1"/>'
        '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    )
    body = p("Scope", "H1") + p("Prices", "H1") + p("None", "H1", in_list(0))
    found = lines_of(folder, body, styles=styles, numbering=NUMBERING)
    assert found == ["heading 1: 1. Scope", "heading 1: 2. Prices", "heading 1: None"]


def test_merged_cells_are_repeated_and_empty_ones_kept(folder: Path) -> None:
    body = tbl(
        tr("Town", "Fee", "Days"),
        tr(tc("Lanzhou", DOWN), tc("460"), tc("")),
        tr(tc("", ON), tc("340", span(2))),
        tr(tc("Xi'an"), tc("", span(2))),
    )
    lines_expected = ["Town | Fee | Days", "Lanzhou | 460 |", "Lanzhou | 340 | 340", "Xi'an |  |"]
    assert tables(read(folder, body)) == [("Town | Fee | Days", lines_expected, 1)]


def test_header_rows_are_those_that_repeat_or_that_are_merged(folder: Path) -> None:
    header = "<w:tblHeader/>"
    said = tbl(tr("Fee", "Fee", properties=header), tr("north", "south", properties=header), tr("1", "2"))
    seen = tbl(
        tr(tc("Town", DOWN), tc("Fee", span(2))), tr(tc("", ON), "north", "south"), tr("Ulm", "1", "2")
    )
    assert [(names, head) for names, _, head in tables(read(folder, said + p("x") + seen))] == [
        ("Fee / north | Fee / south", 2),
        ("Town | Fee / north | Fee / south", 2),
    ]


def test_a_row_over_all_columns_is_the_title_of_its_table(folder: Path) -> None:
    body = tbl(tr(tc("Prices of 2031", span(2))), tr("Model", "Price"), tr("KX", "42"))
    units = read(folder, body)
    assert lines(units)[0] == "paragraph: Prices of 2031"
    assert tables(units) == [("Model | Price", ["Model | Price", "KX | 42"], 1)]


def test_a_table_in_a_cell_is_part_of_the_cell(folder: Path) -> None:
    body = tbl(tr("Model", "Parts"), tr("KX", tc(tbl(tr("pump", "2"), tr("lamp", "1")) + p())))
    ((_, rows, _),) = tables(read(folder, body))
    assert rows == ["Model | Parts", "KX | pump, 2; lamp, 1;"]


def test_a_table_that_only_lays_out_is_read_as_text(folder: Path) -> None:
    box = tbl(tr(tc(p("A heading", "H1") + p("Text in a box.") + tbl(tr("a", "b"), tr("1", "2")))))
    units = read(folder, box, styles=HEADINGS)
    assert lines(units) == ["heading 1: A heading", "paragraph: Text in a box.", "table: a | b\n1 | 2"]


def test_cells_hold_their_notes_boxes_and_numbers(folder: Path) -> None:
    cell = (
        run("KX")
        + '<w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:pict>'
        + BOX.format(p("box"))
        + "</w:pict></w:r>"
    )
    body = tbl(tr("No", "Model"), tr(tc(p(properties=in_list(1))), tc(p(cell))))
    notes = f'<w:footnote w:id="2">{p("old")}</w:footnote>'
    ((_, rows, _),) = tables(read(folder, body, numbering=NUMBERING, footnotes=notes))
    assert rows == ["No | Model", "1. | KX box (old)"]


def test_deleted_rows_are_left_out_and_inserted_ones_kept(folder: Path) -> None:
    rows = (tr("a", "b"), tr("1", "2", properties='<w:del w:id="1"/>'), f"<w:ins>{tr('3', '4')}</w:ins>")
    ((_, found, _),) = tables(read(folder, tbl(*rows)))
    assert found == ["a | b", "3 | 4"]


def labels(units: Units) -> list[tuple[str, tuple[str, ...], str]]:
    found = map(units.unit, range(1, len(units) + 1))
    return [(unit.label, unit.flags, unit.text.replace("\n\n", "/")) for unit in found]


def test_pages_are_told_where_word_left_its_marks(folder: Path) -> None:
    body = p("One") + p(run("two") + PAGE + run("rows")) + p("Three") + p(PAGE + run("Four"))
    assert labels(read(folder, body)) == [
        ("about p. 1", ("about",), "One/tworows"),
        ("about p. 2", ("about",), "Three"),
        ("about p. 3", ("about",), "Four"),
    ]


def test_a_break_that_was_asked_for_counts_once(folder: Path) -> None:
    body = p(run("One") + BREAK) + p(PAGE + run("Two")) + p(BREAK) + p("Three")
    assert [label for label, _, _ in labels(read(folder, body))] == ["about p. 1", "about p. 2", "about p. 3"]


def test_without_marks_of_word_no_page_is_invented(folder: Path) -> None:
    assert labels(read(folder, p(run("One") + BREAK) + p("Two"))) == [("", (), "One/Two")]


def test_rows_are_placed_on_their_pages_with_the_names_of_the_columns(folder: Path) -> None:
    body = tbl(
        tr("Model", "Price"), tr("KX", "42"), tr(tc(p(PAGE + run("KY"))), tc(p(PAGE + run("43"))))
    ) + p("End")
    units = read(folder, body)
    assert [one[0] for one in labels(units)] == ["about p. 1", "about p. 2"]
    assert units.unit(2).text == "KY | 43\n\nEnd"
    assert [(names, head) for names, _, head in tables(units)] == [("Model | Price", 1), ("Model | Price", 0)]


OBJECT = '<w:r><w:object><o:OLEObject r:id="x"/></w:object></w:r>'


def test_an_embedded_document_is_read_behind_the_text(folder: Path) -> None:
    files = {"word/embeddings/plan.docx": docx(p("Inside."))}
    data = docx(p(OBJECT) + p("Text."), files, "x package embeddings/plan.docx")
    units = read_with(open_document, folder, data)
    assert lines(units) == ["paragraph: Text.", "paragraph: Inside."]
    assert (units.unit(2).kind, units.unit(2).label) == ("part", "plan.docx")


def test_what_cannot_be_read_of_it_is_named(folder: Path) -> None:
    files = {"word/vbaProject.bin": b"", "word/embeddings/a.bin": bytes(64)}
    links = "x oleObject embeddings/a.bin\ny chart charts/lost.xml"
    chart = '<w:r><w:drawing><c:chart r:id="y"/></w:drawing></w:r>'
    units = read_with(open_document, folder, docx(p(OBJECT) + p(chart) + p("Text."), files, links))
    assert lines(units) == ["paragraph: Text."]
    assert [message for _, message in losses(units)] == [
        "A chart is damaged and was not read.",
        'The attachment "a.bin" is of an unknown kind and was not read.',
        "Macros are not read.",
    ]


def test_a_chart_is_a_table(folder: Path) -> None:
    chart = (
        '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"><c:chart><c:plotArea>'
        "<c:barChart><c:ser><c:tx><c:v>Sales</c:v></c:tx><c:cat><c:strLit><c:pt idx='0'><c:v>May</c:v></c:pt>"
        "</c:strLit></c:cat><c:val><c:numLit><c:pt idx='0'><c:v>21.4</c:v></c:pt></c:numLit></c:val></c:ser>"
        "</c:barChart></c:plotArea></c:chart></c:chartSpace>"
    )
    body = p('<w:r><w:drawing><c:chart r:id="y"/></w:drawing></w:r>')
    units = read_with(open_document, folder, docx(body, {"word/c.xml": chart}, "y chart c.xml"))
    assert [rows for _, rows, _ in tables(units)] == [["| Sales", "May | 21.4"]]


def test_a_page_that_is_a_part_of_the_text_is_read_in_its_place(folder: Path) -> None:
    page = "<html><body><h1>Pumps</h1><p>It runs.</p></body></html>"
    body = p("One") + '<w:altChunk r:id="y"/>' + p("Two")
    units = read_with(open_document, folder, docx(body, {"word/a.htm": page}, "y aFChunk a.htm"))
    assert lines(units) == ["paragraph: One", "heading 1: Pumps", "paragraph: It runs.", "paragraph: Two"]


def test_lines_in_bold_letters_are_headings_where_no_style_is_one(folder: Path) -> None:
    bold = p(run("Delivery", "<w:b/>") + run(" terms", "<w:b/>"))
    half = p(run("Price", "<w:b/>") + run(" is 40"))
    body = bold + p("It comes in May.") + half + p(run("It is dear.", "<w:b/>"))
    assert lines_of(folder, body) == [
        "heading 2: Delivery terms",
        "paragraph: It comes in May.",
        "paragraph: Price is 40",
        "paragraph: It is dear.",
    ]
    assert lines_of(folder, p("One", "H1") + bold, styles=HEADINGS)[1] == "paragraph: Delivery terms"


def test_names_with_their_values_have_no_header_unless_it_is_bold(folder: Path) -> None:
    pairs = tbl(tr("Name", "Brandt"), tr("Born", "in Ulm"))
    bold = tbl(tr(tc(p(run("Part", "<w:b/>"))), tc(p(run("Use", "<w:b/>")))), tr("Jib", "lifts"))
    assert [names for names, _, _ in tables(read(folder, pairs + p("x") + bold))] == ["", "Part | Use"]


def test_pictures_are_named_where_there_is_hardly_any_text(folder: Path) -> None:
    def pictures(count: int) -> str:
        return "".join(p(f'<w:r><w:pict><v:imagedata r:id="p{n}"/></w:pict></w:r>') for n in range(count))

    few = read(folder, p("Scans.") + pictures(2))
    assert [message for _, message in losses(few)] == [
        "Each of 2 pictures was not read, nor any words in it."
    ]
    assert losses(read(folder, p("Text. " * 100) + pictures(2))) == []


@pytest.mark.parametrize(
    ("look", "names"),
    [("", "Part | Use"), ('<w:tblLook w:firstRow="0"/>', ""), ('<w:tblLook w:val="04A0"/>', "Part | Use")],
)
def test_a_style_may_set_off_the_names_of_two_columns(folder: Path, look: str, names: str) -> None:
    styles = '<w:style w:type="table" w:styleId="g"><w:tblStylePr w:type="firstRow"/></w:style>'
    table = tbl(tr("Part", "Use"), tr("Jib", "lifts"), properties=f'<w:tblStyle w:val="g"/>{look}')
    assert [one for one, _, _ in tables(read(folder, table, styles=styles))] == [names]


def test_a_body_that_breaks_off_is_read_that_far(folder: Path) -> None:
    body = root("document", f"<w:body>{p('One.')}{p('Two.')}<w:p><w:r>")
    data = package({"word/document.xml": body.removesuffix("</w:document>")})
    units = read_with(open_document, folder, data)
    assert lines(units) == ["paragraph: One.", "paragraph: Two."]
    assert losses(units)[0][0] == "truncated"


def test_a_strict_document_is_read(folder: Path) -> None:
    strict = root("document", f"<w:body>{p('Text.', 'Heading1')}</w:body>").replace(
        "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "http://purl.oclc.org/ooxml/wordprocessingml/main",
    )
    assert lines(read_with(open_document, folder, package({"word/document.xml": strict}))) == [
        "heading 1: Text."
    ]


@pytest.mark.parametrize("names", ["sdt", "tbl tr tc", "p r", "p r txbxContent"])
def test_what_is_nested_without_end_is_refused(folder: Path, names: str) -> None:
    opened = "".join(f"<w:{name}>" for name in names.split())
    closed = "".join(f"</w:{name}>" for name in reversed(names.split()))
    code, message = refusal(open_document, folder, docx(opened * 400 + p("deep") + closed * 400))
    assert (code, message) == ("corrupt", "The file is nested too deeply.")


def test_a_document_without_text_is_told(folder: Path) -> None:
    assert refusal(open_document, folder, docx(p()))[0] == "no_text"


def test_spans_that_claim_millions_are_cut(folder: Path) -> None:
    ((_, rows, _),) = tables(read(folder, tbl(tr(tc("x", span(10**7)), "y"), tr("1", "2"))))
    assert rows[0].count("x") == 256


def test_a_document_cut_anywhere_is_refused(folder: Path) -> None:
    data = docx(p("Text.") + tbl(tr("a", "b")), styles=HEADINGS, numbering=NUMBERING)
    assert {outcome(open_document, folder, part) for part in beginnings(data, 10)} == {"corrupt"}
