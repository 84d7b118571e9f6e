"""Slides in OpenDocument."""

from pathlib import Path

from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_odf import open_document
from tests.support.opendocument import box, odp, paragraph, row, slide, table
from tests.support.units import lines, read_with

HIDE = '<style:drawing-page-properties presentation:visibility="hidden"/>'
HIDDEN = f'<style:style style:name="D">{HIDE}</style:style>'
PICTURE = "<draw:frame><draw:image/>{}</draw:frame>"


def read(folder: Path, *slides: str) -> Units:
    return read_with(open_document, folder, odp("".join(slides), HIDDEN))


def test_slides_are_counted_with_hidden_ones(tmp_path: Path) -> None:
    units = read(tmp_path, slide(box("One")), slide(box("Two"), style="D"), slide(box("Three")))
    found = [(unit.kind, unit.label, unit.flags) for unit in map(units.unit, (1, 2, 3))]
    assert found == [
        ("slide", "slide 1", ()),
        ("slide", "slide 2 (hidden)", ("hidden",)),
        ("slide", "slide 3", ()),
    ]


def test_shapes_are_read_by_their_place_with_the_title_first(tmp_path: Path) -> None:
    group = f"<draw:g>{box('left below', 1, 9)}</draw:g>"
    shapes = (box("right", 12, 4), group, box("left", 1, 4), box("The title", 1, 15, "title"))
    assert lines(
        read(tmp_path, slide(*shapes, box("7", kind="page-number"), box("Foot", kind="footer")))
    ) == [
        "heading 1: The title",
        "paragraph: left",
        "paragraph: right",
        "paragraph: left below",
    ]


def test_notes_comments_tables_and_descriptions_are_read(tmp_path: Path) -> None:
    notes = f"<presentation:notes><draw:page-thumbnail/>{box('Say this.', kind='notes')}</presentation:notes>"
    comment = f"<office:annotation><dc:creator>Bo</dc:creator>{paragraph('why?')}</office:annotation>"
    grid = f"<draw:frame>{table(row('Kind', 'Price'), row('A', '4200'))}<draw:image/></draw:frame>"
    picture = PICTURE.format("<svg:title>A pump</svg:title>")
    assert sorted(lines(read(tmp_path, slide(grid, picture, comment, notes)))) == [
        "caption: A pump",
        "comment: Bo: why?",
        "note: Say this.",
        "table: Kind | Price\nA | 4200",
    ]


def test_a_slide_of_pictures_only_has_no_text(tmp_path: Path) -> None:
    foot = box("Foot", kind="footer")
    units = read(tmp_path, slide(box("One")), slide(PICTURE.format(""), foot), slide(foot))
    assert [units.unit(number).problem for number in (1, 2, 3)] == ["", "no_text", ""]
    assert units.unit(2).label == "slide 2"
