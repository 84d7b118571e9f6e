"""Presentations of the old kind are read as those of the new one."""

from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.child_units import Unit
from kotaemon_async.documents.parsing.office import child_ppt
from tests.support.old_presentations import BODY, TITLE, box, old_presentation, slide, streams
from tests.support.ole import ole_file
from tests.support.packages import beginnings

ENCRYPTED = 0xF3D1C4DF


class Reader:
    """Reads presentations that it writes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "show.ppt"

    def units(self, data: bytes) -> list[Unit]:
        self._path.write_bytes(data)
        units = child_ppt.open_document(str(self._path), "", 100)
        return [units.unit(number) for number in range(1, len(units) + 1)]

    def code(self, data: bytes) -> str:
        with pytest.raises(FileError) as caught:
            self.units(data)
        return caught.value.code


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def blocks(unit: Unit) -> list[tuple[str, str]]:
    return [(block.kind, unit.text[block.start : block.end]) for block in unit.blocks]


def test_slides_come_in_order_and_hidden_ones_are_counted(reader: Reader) -> None:
    found = reader.units(
        old_presentation(slide(box("one")), slide(box("two"), hidden=True), slide(box("三")))
    )
    assert [(unit.kind, unit.label, unit.flags, unit.text) for unit in found] == [
        ("slide", "slide 1", (), "one"),
        ("slide", "slide 2 (hidden)", ("hidden",), "two"),
        ("slide", "slide 3", (), "三"),
    ]


def test_the_title_is_a_heading_and_shapes_are_read_by_their_places(reader: Reader) -> None:
    shapes = (
        box("low", (0, 3000)),
        box("one\rtwo\x0bthree", (0, 1000), BODY),
        box("Prices", (0, 100), TITLE),
    )
    (unit,) = reader.units(old_presentation(slide(*shapes)))
    assert blocks(unit) == [
        ("heading", "Prices"),
        ("list", "one"),
        ("list", "two\nthree"),
        ("paragraph", "low"),
    ]


def test_points_without_a_title_are_no_heading(reader: Reader) -> None:
    (unit,) = reader.units(old_presentation(slide(box("point", kind=BODY), box("other", (0, 900)))))
    assert [kind for kind, _ in blocks(unit)] == ["paragraph", "paragraph"]


def test_words_in_the_same_place_of_all_slides_are_running_feet(reader: Reader) -> None:
    slides = [slide(box(f"Text {number}"), box("Confidential", (0, 4000))) for number in range(3)]
    found = reader.units(old_presentation(*slides))
    assert blocks(found[1]) == [("paragraph", "Text 1"), ("page_footer", "Confidential")]


def test_a_slide_without_words_keeps_its_number(reader: Reader) -> None:
    found = reader.units(old_presentation(slide(), slide(box("two"))))
    assert [unit.text for unit in found] == ["", "two"]


def test_a_password_is_said(reader: Reader) -> None:
    assert reader.code(old_presentation(slide(box("one")), token=ENCRYPTED)) == "encrypted"


def test_a_presentation_of_older_programs_is_not_supported(reader: Reader) -> None:
    parts = streams([slide(box("one"))])
    assert reader.code(ole_file(parts | {"Current User": bytes(40)})) == "unsupported_format"


@pytest.mark.parametrize(
    "data",
    [b"", b"no presentation" * 99, ole_file({"Workbook": b"x"}), ole_file({"Current User": b"", "x": b""})],
)
def test_what_is_no_presentation_is_corrupt(reader: Reader, data: bytes) -> None:
    assert reader.code(data) == "corrupt"


def test_a_presentation_without_slides_has_no_text(reader: Reader) -> None:
    assert reader.code(old_presentation()) == "no_text"


def test_a_file_cut_off_anywhere_is_refused_or_read(reader: Reader) -> None:
    for data in beginnings(old_presentation(slide(box("Prices", kind=TITLE), box("one"))), 10):
        try:
            assert "one" in reader.units(data)[0].text
        except FileError as error:
            assert error.code in {"corrupt", "no_text"}


def test_bytes_turned_over_anywhere_do_no_harm(reader: Reader) -> None:
    show = old_presentation(slide(box("Prices", kind=TITLE), box("one")))
    for place in range(0, len(show), 5):
        data = bytearray(show)
        data[place] ^= 0xFF
        try:
            assert len(reader.units(bytes(data))) <= 2
        except FileError as error:
            assert error.code in {"corrupt", "no_text", "encrypted", "unsupported_format"}
