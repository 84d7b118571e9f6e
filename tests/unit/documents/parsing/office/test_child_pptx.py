"""Presentations are read slide by slide, in the order in which they are shown."""

import io

import pytest

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Unit, Units
from kotaemon_async.documents.parsing.office import child_pptx
from tests.support.packages import beginnings, package, relationships
from tests.support.presentations import body, box, frame, in_frame, picture, presentation, slide, table

CHART = """<c:chartSpace xmlns:c="c" xmlns:a="a"><c:chart>
<c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title><c:plotArea><c:ser>
<c:tx><c:strRef><c:f>S!B1</c:f><c:strCache><c:pt idx="0"><c:v>East</c:v></c:pt></c:strCache></c:strRef></c:tx>
<c:cat><c:strRef><c:strCache><c:pt idx="0"><c:v>Q1</c:v></c:pt><c:pt idx="1"><c:v>Q2</c:v></c:pt></c:strCache>
</c:strRef></c:cat><c:val><c:numRef><c:numCache><c:formatCode>0.0%</c:formatCode>
<c:pt idx="1"><c:v>0.214</c:v></c:pt></c:numCache></c:numRef></c:val>
</c:ser></c:plotArea></c:chart></c:chartSpace>"""
DIAGRAM = """<d:dataModel xmlns:d="d" xmlns:a="a"><d:ptLst><d:pt modelId="0" type="doc"/>
<d:pt modelId="2"><d:t><a:p><a:r><a:t>Second</a:t></a:r></a:p></d:t></d:pt>
<d:pt modelId="1"><d:t><a:p><a:r><a:t>First</a:t></a:r></a:p></d:t></d:pt>
<d:pt modelId="3"><d:t><a:p><a:r><a:t>Below first</a:t></a:r></a:p></d:t></d:pt>
<d:pt modelId="4" type="sibTrans"><d:t><a:p><a:r><a:t>unsaid</a:t></a:r></a:p></d:t></d:pt></d:ptLst>
<d:cxnLst><d:cxn srcId="0" destId="2" srcOrd="1"/><d:cxn srcId="0" destId="1" srcOrd="0"/>
<d:cxn srcId="1" destId="3" srcOrd="0"/><d:cxn srcId="3" destId="0" srcOrd="0"/></d:cxnLst></d:dataModel>"""


def read(data: bytes, max_units: int = 100) -> Units:
    return child_pptx.read_slides(io.BytesIO(data), max_units)


def unit(*shapes: str, number: int = 1, **more: object) -> Unit:
    return read(presentation(slide(*shapes), **more)).unit(number)  # type: ignore[arg-type]


def blocks(of: Unit) -> list[tuple[str, str]]:
    return [(block.kind, of.text[block.start : block.end]) for block in of.blocks]


def code_of(data: bytes) -> str:
    with pytest.raises(FileError) as caught:
        read(data)
    return caught.value.code


def test_slides_come_in_the_order_of_the_show_and_hidden_ones_are_counted() -> None:
    units = read(presentation(slide(box("one")), slide(box("two"), hidden=True), slide(box("three"))))
    found = [units.unit(number) for number in (1, 2, 3)]
    assert [(one.kind, one.label, one.flags, one.text) for one in found] == [
        ("slide", "slide 1", (), "one"),
        ("slide", "slide 2 (hidden)", ("hidden",), "two"),
        ("slide", "slide 3", (), "three"),
    ]


def test_the_title_is_a_heading_and_stands_first() -> None:
    found = unit(box("Text", at=(0, 0)), box("Prices", "2026", kind="title"), box("7", kind="sldNum"))
    assert blocks(found) == [("heading", "Prices 2026"), ("paragraph", "Text")]


def test_running_feet_stand_outside_of_passages() -> None:
    found = unit(
        box("Confidential", kind="ftr"), box("7", kind="sldNum"), box("1.6.2026", kind="dt"), box("Text")
    )
    assert blocks(found) == [("paragraph", "Text"), ("page_footer", "Confidential")]


def test_shapes_are_read_by_their_places() -> None:
    low, high = box("low", at=(0, 4_000_000)), box("high", at=(0, 1_000_000))
    assert unit(low, high).text == "high\n\nlow"


def test_placeholders_stand_where_their_layout_puts_them() -> None:
    told = '<p:nvSpPr><p:nvPr><p:ph type="body" idx="1"/></p:nvPr></p:nvSpPr>'
    low = f"<p:sp>{told}<p:spPr>{frame(0, 5_000_000)}</p:spPr></p:sp>"
    found = unit(
        box("low", kind="body", index="1"),
        box("high", at=(0, 1_000_000)),
        links={1: relationships(("rId1", "slideLayout", "../layouts/one.xml"))},
        parts={"layouts/one.xml": slide(low, name="sldLayout")},
    )
    assert found.text == "high\n\nlow"


def test_shapes_in_groups_are_read_where_they_are_drawn() -> None:
    inner = '<a:chOff x="0" y="0"/><a:chExt cx="100" cy="100"/>'
    placed = frame(0, 5_000_000, 1_000_000, 1_000_000).replace("</a:xfrm>", f"{inner}</a:xfrm>")
    group = f"<p:grpSp><p:grpSpPr>{placed}</p:grpSpPr>{box('low', at=(10, 10))}</p:grpSp>"
    assert unit(group, box("high", at=(0, 1_000_000))).text == "high\n\nlow"


def test_paragraphs_of_a_shape_are_points_and_line_breaks_are_kept() -> None:
    broken = "a</a:t></a:r><a:br/><a:r><a:t>b"
    assert blocks(unit(box(broken, "c"))) == [("list", "a\nb"), ("list", "c")]


def test_counted_points_keep_their_numbers() -> None:
    counted = '</a:t></a:r></a:p><a:p><a:pPr lvl="{}"><a:buAutoNum type="{}"/></a:pPr><a:r><a:t>'
    step, letter = counted.format(0, "arabicPeriod"), counted.format(1, "alphaLcParenBoth")
    texts = [text for _, text in blocks(unit(box(f"Steps{step}open{step}turn{letter}left{step}close")))]
    assert texts == ["Steps", "1. open", "2. turn", "(a) left", "3. close"]


def test_tables_repeat_merged_values() -> None:
    across, down = '<a:tc hMerge="1"/>', '<a:tc vMerge="1"/>'
    found = unit(table(["City", "Rate", across], ["York", "1", "2"], [down, "3", "4"]))
    assert found.text == "City | Rate | Rate\nYork | 1 | 2\nYork | 3 | 4"
    assert found.blocks[0].header == "City | Rate | Rate"


def test_a_table_without_a_marked_header_is_looked_at() -> None:
    assert unit(table(["City", "Rate"], ["York", "1"], header=False)).blocks[0].header == "City | Rate"
    assert unit(table(["York", "1"], ["Leeds", "2"], header=False)).blocks[0].header == ""


def test_a_chart_is_a_table_of_what_it_shows() -> None:
    found = unit(
        in_frame('<c:chart r:id="rId5"/>'),
        links={1: relationships(("rId5", "chart", "../charts/c.xml"))},
        parts={"charts/c.xml": CHART},
    )
    assert blocks(found) == [("caption", "Sales"), ("table", "| East\nQ1 |\nQ2 | 21.4%")]


def test_a_diagram_is_read_from_its_first_point_down() -> None:
    found = unit(
        in_frame('<d:relIds r:dm="rId5"/>'),
        links={1: relationships(("rId5", "diagramData", "../diagrams/d.xml"))},
        parts={"diagrams/d.xml": DIAGRAM},
    )
    assert found.text == "First\n\nBelow first\n\nSecond"


def test_notes_and_comments_follow_their_slide() -> None:
    links = relationships(("rId1", "notesSlide", "../notes/n.xml"), ("rId2", "comments", "../comments/c.xml"))
    notes = slide(box("Speak up", kind="body"), box("1", kind="sldNum"), name="notes")
    comments = "<cmLst><cm><text>Why?</text></cm></cmLst>"
    found = unit(box("Text"), links={1: links}, parts={"notes/n.xml": notes, "comments/c.xml": comments})
    assert blocks(found) == [("paragraph", "Text"), ("note", "Speak up"), ("comment", "Why?")]


def test_an_alternative_is_read_once() -> None:
    both = f"<mc:Choice>{box('new')}</mc:Choice><mc:Fallback>{box('old')}</mc:Fallback>"
    assert unit(f"<mc:AlternateContent>{both}</mc:AlternateContent>").text == "new"


def test_embedded_files_are_read_behind_the_slides() -> None:
    data = presentation(
        slide(in_frame('<p:oleObj r:id="rId5"/>')),
        slide(box("two")),
        links={1: relationships(("rId5", "package", "../embeddings/in.pptx"))},
        parts={"embeddings/in.pptx": presentation(slide(box("inner")))},
    )
    found = [read(data).unit(number) for number in (1, 2, 3)]
    assert [(one.kind, one.text) for one in found] == [("slide", ""), ("slide", "two"), ("part", "inner")]


def test_a_picture_is_what_it_is_described_with() -> None:
    found = unit(box("Text"), picture("A crane"), picture("image1.png"))
    assert [text for kind, text in blocks(found) if kind == "caption"] == ["A crane"]


# ---------------------------------------------------------------- what is lost is named


def test_a_slide_of_pictures_has_no_text() -> None:
    units = read(presentation(slide(picture()), slide(box("two"))))
    assert [(units.unit(number).problem, units.unit(number).label) for number in (1, 2)] == [
        ("no_text", "slide 1"),
        ("", "slide 2"),
    ]


@pytest.mark.parametrize("part", ["", "<p:sld", "<!DOCTYPE x><x/>"])
def test_a_slide_that_cannot_be_read_keeps_its_number(part: str) -> None:
    units = read(presentation(slide(box("one")), part, slide(box("three"))))
    assert [units.unit(number).problem for number in (1, 2, 3)] == ["", "unreadable", ""]


@pytest.mark.parametrize(
    ("shape", "links", "parts", "said"),
    [
        ('<c:chart r:id="rId5"/>', "", {}, "A chart is missing in the file."),
        ('<c:chart r:id="rId5"/>', "chart", {"slides/x.xml": "<c"}, "A chart is damaged and was not read."),
        ('<d:relIds r:dm="rId5"/>', "diagramData", {}, "A diagram is damaged and was not read."),
        ('<p:oleObj progId="Excel.Sheet.12"/>', "", {}, "An embedded object (Excel.Sheet.12) is not read."),
        ("", "comments", {"slides/x.xml": "<c"}, "The comments of the slide are damaged and were not read."),
    ],
)
def test_a_part_of_a_slide_that_is_not_read_is_named(
    shape: str, links: str, parts: dict[str, str], said: str
) -> None:
    found = {1: relationships(("rId5", links, "x.xml"))} if links else {}
    (loss,) = read(presentation(slide(box("Text"), in_frame(shape)), links=found, parts=parts)).warnings
    assert (loss.code, loss.message, loss.kind, loss.number) == ("part_skipped", said, "slide", 1)


def test_macros_are_named() -> None:
    (loss,) = read(presentation(slide(box("a")), parts={"vbaProject.bin": b"\xd0"})).warnings
    assert loss.message == "Macros are not read."


# ---------------------------------------------------------------- hostile files


def test_groups_without_end_are_bounded() -> None:
    deep = "<p:grpSp>" * 3_000 + box("deep") + "</p:grpSp>" * 3_000
    assert unit(box("Text"), deep).text == "Text"


def test_numbers_of_no_place_do_no_harm() -> None:
    odd = box("odd").replace('x="0"', f'x="{"9" * 500}"').replace('y="0"', 'y="-"')
    assert unit(odd, box("even")).text in {"odd\n\neven", "even\n\nodd"}


def test_a_layout_that_leads_to_itself_ends() -> None:
    links = {1: relationships(("rId1", "slideLayout", "../layouts/one.xml"))}
    parts = {
        "layouts/one.xml": slide(name="sldLayout"),
        "layouts/_rels/one.xml.rels": relationships(("rId1", "slideMaster", "one.xml")),
    }
    assert unit(box("Text", kind="body"), links=links, parts=parts).text == "Text"


def test_more_slides_than_are_allowed_are_too_many() -> None:
    with pytest.raises(FileError, match="has 3 slides; 2 are read"):
        read(presentation(*[slide(box("x"))] * 3), max_units=2)


@pytest.mark.parametrize(
    "data",
    [
        package({"a.txt": "no presentation"}),
        package({"_rels/.rels": relationships(("r", "officeDocument", "a.xml")), "a.xml": "<document/>"}),
    ],
)
def test_what_is_no_presentation_is_corrupt(data: bytes) -> None:
    assert code_of(data) == "corrupt"


def test_a_file_cut_off_anywhere_is_refused() -> None:
    for data in beginnings(presentation(slide(box("Text"), table(["a", "b"]))), 10):
        assert code_of(data) == "corrupt"


def test_a_presentation_without_slides_has_no_text() -> None:
    assert code_of(presentation()) == "no_text"


def test_a_body_outside_of_any_shape_is_no_text_of_the_slide() -> None:
    assert unit(box("Text"), body("stray")).text == "Text"
