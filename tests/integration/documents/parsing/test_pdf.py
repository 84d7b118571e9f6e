"""What a parser child reads of PDFs that are cut, turned, without text, or in other ways unlike most."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing.formats import PDF
from kotaemon_async.documents.parsing.sandbox import Loss, Sandbox
from kotaemon_async.domain.errors import BadDocument
from kotaemon_async.domain.model import Page
from tests.support.documents import english_pdf, image_only_pdf, pymupdf
from tests.support.pdfs import HELVETICA, file_of, letter_map, mapped_font, pdf, text

VERTICAL = (
    b"<< /Type /Font /Subtype /Type0 /BaseFont /SimSun /Encoding /GBK-EUC-V /DescendantFonts [<< /Type /Font"
    b" /Subtype /CIDFontType2 /BaseFont /SimSun /DW 1000"
    b" /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >>"
    b" /FontDescriptor << /Type /FontDescriptor /FontName /SimSun /Flags 4 /FontBBox [0 -141 1000 859]"
    b" /ItalicAngle 0 /Ascent 859 /Descent -141 /CapHeight 683 /StemV 80 >> >>] >>"
)
LAMP = "The lamp of the old tower burns through the night."


class Reader:
    """Reads a file with one of the children."""

    def __init__(self, sandbox: Sandbox, path: Path) -> None:
        self._sandbox = sandbox
        self._path = path

    async def __call__(self, data: bytes) -> tuple[list[Page], Sequence[Loss]]:
        self._path.write_bytes(data)
        async with self._sandbox.open(self._path, PDF) as parsed:
            return await parsed.read(1, parsed.pages_total), parsed.losses


@pytest.fixture
def read(sandbox: Sandbox, tmp_path: Path) -> Reader:
    return Reader(sandbox, tmp_path / "a.pdf")


def approximately(*box: float) -> object:
    return (pytest.approx(box, abs=0.02),)


def drawn(*pages: bytes) -> bytes:
    return pdf(*pages)


async def test_a_blank_page_is_no_problem_and_one_with_a_drawing_is(read: Reader) -> None:
    box = b"0 g 100 100 200 200 re f"
    pages, _ = await read(drawn(text(LAMP), b"", b"1 g 0 0 595 842 re f", box))
    assert [page.problem for page in pages] == ["", "", "", "no_text"]


async def test_a_scanned_page_without_text_is_named(read: Reader) -> None:
    pages, _ = await read(image_only_pdf())
    assert (pages[0].text, pages[0].problem) == ("", "no_text")


async def test_a_stamp_on_a_scan_is_not_its_text(read: Reader) -> None:
    with pymupdf.open(stream=image_only_pdf(), filetype="pdf") as document:
        page = document[0]
        page.insert_image(page.rect, xref=page.get_images()[0][0])
        page.insert_text((60, 30), "Received on 3 May")
        stamped = bytes(document.tobytes())
    pages, _ = await read(stamped)
    assert (pages[0].text, pages[0].problem) == ("Received on 3 May", "no_text")


async def test_pages_whose_text_is_cut_off_are_named(read: Reader) -> None:
    with pymupdf.open(stream=english_pdf(5), filetype="pdf") as document:
        whole = bytes(document.tobytes(deflate=False))
    cut = whole[: whole.rindex(b"stream", 0, int(len(whole) * 0.6))]
    pages, losses = await read(cut)
    lost = [page.number for page in pages if page.problem == "unreadable"]
    assert len(lost) + sum(loss.code == "truncated" for loss in losses) >= 1
    assert all(page.text or page.problem for page in pages)


@pytest.mark.parametrize("tenth", range(4, 10))
async def test_what_is_whole_of_a_cut_file_is_read(tenth: int, read: Reader) -> None:
    whole = pdf(*(text(f"{LAMP} Page {number}.") for number in range(1, 6)))
    pages, losses = await read(whole[: len(whole) * tenth // 10])
    kept = [page.text for page in pages if page.text]
    assert kept == [f"{LAMP} Page {number}." for number in range(1, len(kept) + 1)]
    assert (len(pages), all(page.text or page.problem == "unreadable" for page in pages)) == (5, True)
    assert [loss.code for loss in losses] == ["truncated"]


async def test_a_file_says_how_many_of_its_pages_are_gone(read: Reader) -> None:
    whole = pdf(text(LAMP), objects=[b"<< /Linearized 1 /L 9000 /N 3 >>"])
    pages, losses = await read(whole[: whole.index(b"xref")])
    assert [page.text for page in pages] == [LAMP]
    assert [loss.message for loss in losses] == [
        "The PDF is cut off or damaged: of its 3 pages only 1 are there."
    ]


async def test_a_file_without_pages_is_empty(read: Reader) -> None:
    with pytest.raises(BadDocument) as error:
        await read(file_of([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"]))
    assert error.value.code == "empty"


async def test_pages_have_their_printed_labels(read: Reader) -> None:
    rules = "/PageLabels << /Nums [0 << /S /r >> 2 << /S /D >> 3 << /P (A-) /S /D /St 7 >>] >>"
    pages, _ = await read(pdf(*[text(LAMP)] * 4, catalog=rules))
    assert [(page.place.kind, page.place.number, page.place.label) for page in pages] == [
        ("page", 1, "i"), ("page", 2, "ii"), ("page", 3, "1"), ("page", 4, "A-7")
    ]  # fmt: skip


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
async def test_text_that_runs_along_any_side_is_read_as_paragraphs(turn: int, read: Reader) -> None:
    lines = b"BT /F1 12 Tf 0 1 -1 0 300 200 Tm 16 TL (The lamp of the old tower) Tj T* (burns.) Tj ET"
    pages, _ = await read(pdf(lines, more=f"/Rotate {turn}"))
    assert [pages[0].text[block.start : block.end] for block in pages[0].blocks] == [
        "The lamp of the old tower burns."
    ]


async def test_boxes_lie_where_the_text_is_seen(read: Reader) -> None:
    pages, _ = await read(pdf(b"BT /F1 12 Tf 0 1 -1 0 300 200 Tm (The lamp burns.) Tj ET", more="/Rotate 90"))
    assert pages[0].blocks[0].boxes == approximately(200 / 842, 0.482, 285 / 842, 0.509)


async def test_half_width_numbers_in_vertical_writing_are_whole(read: Reader) -> None:
    words = "灯塔编号2031-017".encode("gbk").hex()
    pages, _ = await read(pdf(f"BT /F1 14 Tf 400 700 Td <{words}> Tj ET".encode(), fonts={"F1": VERTICAL}))
    assert pages[0].text == "灯塔编号2031-017"


SHIFTED = {code: chr(code) for code in range(32, 127)} | {97 + n: chr(97 + (n + 1) % 26) for n in range(26)}
PUMP = "The compressor of line four is rated at 4200 bar in total."


def two_fonts(*pages: bytes) -> bytes:
    """F1 says what it draws, F2 calls each letter by the next one."""
    fonts = {"F1": HELVETICA, "F2": mapped_font(3)}
    return pdf(*pages, fonts=fonts, objects=[letter_map(SHIFTED)])


async def test_a_page_whose_font_has_a_wrong_map_is_garbled_and_without_text(read: Reader) -> None:
    pages, _ = await read(two_fonts(text(LAMP), text(PUMP, font="F2"), text(LAMP)))
    assert [(page.text, page.problem) for page in pages] == [(LAMP, ""), ("", "garbled"), (LAMP, "")]


async def test_what_is_legible_of_a_garbled_page_is_kept_when_it_is_most(read: Reader) -> None:
    mixed = text(*[LAMP] * 3) + text(PUMP, y=500, font="F2")
    pages, _ = await read(two_fonts(mixed))
    assert (pages[0].text, pages[0].problem) == (" ".join([LAMP] * 3), "garbled")


async def test_glyphs_that_the_file_does_not_name_are_no_text(read: Reader) -> None:
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 80), "灯塔看守人每天晚上给时钟上发条", fontname="china-s", fontsize=14)
        page.insert_text((72, 120), "The lamp burns.", fontsize=12)
        for xref in range(1, document.xref_length()):
            if document.xref_get_key(xref, "ToUnicode")[0] == "xref":
                document.xref_set_key(xref, "ToUnicode", "null")
            if document.xref_get_key(xref, "Encoding")[1] == "/UniGB-UTF16-H":
                document.xref_set_key(xref, "Encoding", "/Identity-H")
        data = bytes(document.tobytes())
    pages, _ = await read(data)
    assert not any("\u3400" <= one <= "\u9fff" or one == "\ufffd" for one in pages[0].text)


async def test_a_sign_of_a_point_out_of_a_font_of_its_own_is_one(read: Reader) -> None:
    fonts = {"F1": HELVETICA, "F2": mapped_font(3)}
    page = text("x", font="F2") + text("The lamp burns.", x=90)
    pages, _ = await read(pdf(page, fonts=fonts, objects=[letter_map({ord("x"): "\uf0b7"})]))
    assert (pages[0].text, pages[0].problem) == ("• The lamp burns.", "")


def rows_of(names: range, *, ruled: bool, head: bool, top: int = 780) -> bytes:
    """A page of a table with four columns that fills it from edge to edge."""
    cells = [["Model", "Length", "Width", "Price"]] if head else []
    cells += [[f"KT-{n}", str(1200 + 3 * n), str(700 + 2 * n), str(20 + n)] for n in names]
    content = b"".join(
        text(cell, x=60 + 110 * at, y=top - 16 * row, size=9)
        for row, of in enumerate(cells)
        for at, cell in enumerate(of)
    )
    if ruled:
        heights = [top + 12 - 16 * n for n in range(len(cells) + 1)]
        content += b"".join(b"56 %d m 496 %d l S\n" % (y, y) for y in heights)
        content += b"".join(
            b"%d %d m %d %d l S\n" % (x, heights[0], x, heights[-1]) for x in range(56, 500, 110)
        )
    return content


@pytest.mark.parametrize("ruled", [True, False])
@pytest.mark.parametrize("repeated", [True, False])
async def test_a_table_over_pages_keeps_the_names_of_its_columns(
    ruled: bool, repeated: bool, read: Reader
) -> None:
    parts = [range(100, 140), range(140, 180), range(180, 199)]
    pages, _ = await read(
        pdf(*(rows_of(part, ruled=ruled, head=repeated or part[0] == 100) for part in parts))
    )
    tables = [block for page in pages for block in page.blocks]
    assert [(block.kind, block.header, block.head_lines) for block in tables] == [
        ("table", "Model | Length | Width | Price", 1 if repeated or place == 0 else 0) for place in range(3)
    ]
    lines = [line for page in pages for line in page.text.split("\n") if line.startswith("KT")]
    assert lines == [f"KT-{n} | {1200 + 3 * n} | {700 + 2 * n} | {20 + n}" for n in range(100, 199)]


async def test_text_stands_around_a_table_as_it_does_on_the_page(read: Reader) -> None:
    page = text("Prices of the year", y=800) + rows_of(range(5), ruled=True, head=True, top=760)
    pages, _ = await read(pdf(page + text("The prices hold until May.", y=600)))
    kinds = [(block.kind, pages[0].text[block.start : block.end].split("\n")[0]) for block in pages[0].blocks]
    assert kinds == [
        ("heading", "Prices of the year"),
        ("table", "Model | Length | Width | Price"),
        ("paragraph", "The prices hold until May."),
    ]


async def test_a_map_of_many_lines_is_read_in_time(read: Reader) -> None:
    lines = b"".join(b"%d %d m %d %d l S\n" % (n % 500, n % 700, n % 500 + 9, n % 700) for n in range(60_000))
    pages, _ = await read(pdf(lines + text(LAMP)))
    assert pages[0].text == LAMP
