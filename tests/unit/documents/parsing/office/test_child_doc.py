"""Binary Word documents."""

import struct
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.child_units import Units
from kotaemon_async.documents.parsing.office.child_doc import open_document
from tests.support.ole import ole_file
from tests.support.packages import beginnings
from tests.support.units import lines, losses, outcome, read_with, refusal, tables
from tests.support.word_binary import (
    DELETED,
    HIDDEN,
    IN_TABLE,
    Doc,
    Par,
    Run,
    modifier,
    numbered_list,
    places,
    row,
    styles,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, document: Doc) -> Units:
    return read_with(open_document, folder, document.file())


def lines_of(folder: Path, *paragraphs: str) -> list[str]:
    return lines(read(folder, Doc([Par(text) for text in paragraphs])))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("价格 😀\r", "价格 😀"),
        ("a\tb\x0bc\x1ed\x1fe\xa0f\r", "a b\nc-de f"),
        ("see \x13HYPERLINK x \x13inner\x14no\x15\x14the link\x15.\r", "see the link."),
        ("a\x13PAGE\x15b\r", "ab"),
        ("a\x15b\x14c\x13code\r", "abc"),
        ("a\x01\x08\x02b\r", "ab"),
    ],
)
def test_a_paragraph_is_what_is_seen_of_it(folder: Path, text: str, shown: str) -> None:
    words = text.encode("utf-16-le")
    units = "".join(map(chr, struct.unpack(f"<{len(words) // 2}H", words)))
    assert lines_of(folder, units) == [f"paragraph: {shown}"]


def test_paragraphs_end_with_their_marks_and_pages(folder: Path) -> None:
    assert lines_of(folder, "One\r", "\r", "Two\x0c", "Three") == [
        "paragraph: One",
        "paragraph: Two",
        "paragraph: Three",
    ]


def test_narrow_text_is_read_as_windows_wrote_it(folder: Path) -> None:
    assert lines(read(folder, Doc([Par("Größe – 5 €\r")], narrow=True))) == ["paragraph: Größe – 5 €"]


def test_deleted_and_hidden_text_is_left_out_and_deleted_marks_join(folder: Path) -> None:
    runs = [Run(2, 5, DELETED), Run(6, 7, HIDDEN), Run(9, 10, DELETED)]
    units = read(folder, Doc([Par("A oldBxyC\r"), Par("D\r")], runs))
    assert lines(units) == ["paragraph: A ByCD"]


def test_signs_of_symbol_fonts_are_shown(folder: Path) -> None:
    name = "Wingdings".encode("utf-16-le") + b"\0\0"
    fonts = struct.pack("<HHB", 1, 0, 39 + len(name)) + bytes(39) + name
    sign = Run(1, 2, modifier(0x6A09, struct.pack("<HH", 0, 0xF0FE)))
    assert lines(read(folder, Doc([Par("a(b\r")], [sign], {"fonts": fonts}))) == ["paragraph: a☑b"]


def test_headings_are_known_by_style_outline_and_ancestor(folder: Path) -> None:
    table = styles(
        (0, 0xFFF, "Normal", b""), (2, 0, "heading 2", b""), (99, 1, "Mine", b""), (62, 0, "Title", b""),
        (98, 4, "Loop", b""),
    )  # fmt: skip
    body = [Par("One\r", style=3), Par("Two\r", style=2), Par("Text\r", style=4), Par("No\r", style=99)]
    body.append(Par("Three\r", modifier(0x2640, b"\x02")))
    assert lines(read(folder, Doc(body, tables={"styles": table}))) == [
        "heading 1: One", "heading 2: Two", "paragraph: Text", "paragraph: No", "heading 3: Three",
    ]  # fmt: skip


def test_lists_are_counted(folder: Path) -> None:
    def item(level: int) -> Par:
        properties = modifier(0x260A, bytes((level,))) + modifier(0x460B, struct.pack("<H", 1))
        return Par("x\r", properties)

    document = Doc([item(0), item(1), item(1), item(0), item(2)])
    document.tables = numbered_list((0, "\x00."), (4, "\x00.\x01)"), (23, "\uf0b7"))
    assert lines(read(folder, document)) == [
        "list: 1. x", "list: 1.a) x", "list: 1.b) x", "list: 2. x", "list: • x",
    ]  # fmt: skip


def test_a_list_starts_anew_where_it_says_so(folder: Path) -> None:
    item = Par("x\r", modifier(0x460B, struct.pack("<H", 1)))
    document = Doc([item, item], tables=numbered_list((0, "\x00.")))
    head = struct.pack("<II8xB3x", 1, 77, 1)
    document.tables = {**document.tables, "overrides": head + struct.pack("<IiI", 0xFFFFFFFF, 5, 0x10)}
    assert lines(read(folder, document)) == ["list: 5. x", "list: 6. x"]


def test_rows_are_tables_by_the_edges_of_their_cells(folder: Path) -> None:
    cell = IN_TABLE
    rows = [
        Par("Town\x07", cell), Par("Fee\x07", cell), Par("\x07", row(1000, 3000) + modifier(0x3404, b"\x01")),
        Par("Ulm\r", cell), Par("old\x07", cell), Par("1\x07", cell), Par("\x07", cell),
        Par("\x07", row(1000, 2000, 3000, cells=(0x60, 0, 0))),
        Par("\x07", cell), Par("2\x07", cell), Par("3\x07", cell),
        Par("\x07", row(1000, 2000, 3000, cells=(0x20, 0, 0))),
        Par("After\r"),
    ]  # fmt: skip
    units = read(folder, Doc(rows))
    found = ["Town | Fee | Fee", "Ulm old | 1 |", "Ulm old | 2 | 3"]
    assert tables(units) == [("Town | Fee | Fee", found, 1)]
    assert lines(units)[-1] == "paragraph: After"


def test_a_table_in_a_cell_is_part_of_the_cell(folder: Path) -> None:
    inner, inner_row = modifier(0x244B, b"\x01"), modifier(0x244C, b"\x01")
    body = [
        Par("KX\x07", IN_TABLE), Par("pump\r", IN_TABLE + inner), Par("2\r", IN_TABLE + inner),
        Par("\r", IN_TABLE + inner_row), Par("\x07", IN_TABLE), Par("\x07", row(1000, 2000)),
    ]  # fmt: skip
    ((_, found, _),) = tables(read(folder, Doc(body)))
    assert found == ["KX | pump, 2;"]


def test_notes_heads_and_boxes_are_read_once(folder: Path) -> None:
    body = [Par("Pump\x02 runs\x05.\r"), Par("Lamp\r")]
    others = [Par("\x02 Since 1990.\r"), Par("\r"), Par("Offer 7\r"), Par("\x05Too dear?\r"), Par("Box\r")]
    length = [len(one.text) for one in others]
    document = Doc(
        [*body, *others],
        lengths={
            "footnotes": length[0],
            "heads": length[1] + length[2],
            "comments": length[3],
            "boxes": length[4],
        },
        tables={
            "footnote_places": places(4, 17, extra=2), "footnotes": places(0, length[0], length[0]),
            "comment_places": places(10, 17, extra=30), "comments": places(0, length[3], length[3]),
            "heads": places(0, 0, 0, 0, 0, 0, 0, 1, 1 + length[2], 1 + length[2]),
        },
    )  # fmt: skip
    assert lines(read(folder, document)) == [
        "note: Offer 7", "paragraph: Pump runs.", "note: Since 1990.", "comment: Too dear?",
        "paragraph: Lamp", "paragraph: Box",
    ]  # fmt: skip


def test_what_is_not_read_is_named(folder: Path) -> None:
    document = Doc([Par("Text\r")], streams={"Macros/VBA/dir": b"x", "ObjectPool/_1/Package": b"x"})
    assert [message for _, message in losses(read(folder, document))] == [
        "Objects that are embedded in the document are not read.",
        "Macros are not read.",
    ]


def test_a_protected_document_is_told(folder: Path) -> None:
    assert refusal(open_document, folder, Doc([Par("x\r")], flags=0x0300).file())[0] == "encrypted"
    assert refusal(open_document, folder, ole_file({"EncryptedPackage": b"x"}))[0] == "encrypted"


def test_the_text_of_older_versions_is_read_without_formats(folder: Path) -> None:
    document = Doc([Par("Größe\r"), Par("a\x07b\x07\x07c\x07d\x07\x07")], version=0x65, narrow=True, flags=0)
    assert lines(read(folder, document)) == ["paragraph: Größe", "table: a | b\nc | d"]


def test_other_files_are_refused_with_what_to_do(folder: Path) -> None:
    for data in (b"", b"no OLE", ole_file({"Workbook": b"x"}), ole_file({"WordDocument": b"x" * 5000})):
        code, message = refusal(open_document, folder, data)
        assert code == "corrupt"
        assert "docx" in message or "Word document" in message


def test_a_document_cut_or_damaged_anywhere_ends_well(folder: Path) -> None:
    data = Doc(
        [Par("Pump\r", style=1), Par("a\x07", IN_TABLE), Par("\x07", row(1000, 2000))],
        tables={"styles": styles((1, 0xFFF, "heading 1", b"")), **numbered_list((0, "\x00."))},
    ).file()
    cut = beginnings(data, 97)
    turned = [data[:at] + b"\xff\xff\xff\x7f" + data[at + 4 :] for at in range(0, len(data), 97)]
    found = {outcome(open_document, folder, one) for one in (*cut, *turned)}
    assert found <= {"ok", "corrupt", "no_text", "encrypted", "unsupported_format"}
    assert {"ok", "corrupt"} <= found
