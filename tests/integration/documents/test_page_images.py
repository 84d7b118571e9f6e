"""Pages drawn by a real parser child; the marks are compared with the words of the PDF itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from kotaemon_async.documents.drawing import Drawing, OfficePages
from kotaemon_async.documents.page_images import WIDTHS, PageImages
from kotaemon_async.documents.parsing import formats
from kotaemon_async.documents.parsing.libreoffice import LibreOffice, program_of
from kotaemon_async.documents.parsing.sandbox import PageImage, Sandbox
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.domain.errors import BadDocument, Refused, Unavailable
from kotaemon_async.domain.model import Answer, Block, Citation, Document, Locator, Page, QuotePart
from tests.support.documents import chinese_pdf, english_pdf, pymupdf, two_column_pdf, words_under
from tests.support.pdfs import pdf
from tests.support.word import docx, p, run

PROGRAM = program_of("auto")
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class StoredFile:
    """One file and the answers that cite it."""

    folder: Path
    media_type: str = "application/pdf"
    pages: int = 2
    texts: dict[int, str] = field(default_factory=dict)
    quotes: list[tuple[int, str]] = field(default_factory=list)
    parts: tuple[QuotePart, ...] = ()
    blocks: tuple[Block, ...] = ()
    place: Locator = field(default_factory=Locator)
    version: int = 1

    def put(self, data: bytes) -> None:
        (self.folder / "file").write_bytes(data)

    def path(self, _sha256: str) -> Path:
        return self.folder / "file"

    async def document(self, _caller: Caller, document_id: str) -> Document:
        if document_id != "doc_1":
            raise Refused("no such document", code="not_found")
        return Document(
            "doc_1", "a.pdf", self.media_type, 1, "s" * 64, "default", "ready", self.version, 1.0, 1.0, 6,
            pages_total=self.pages,
        )  # fmt: skip

    async def whole_page(self, _document_id: str, number: int) -> Page | None:
        text = self.texts.get(number)
        return None if text is None else Page(number, text, self.blocks, self.place)


class Cited:
    """The answer that cites what is quoted of the stored file."""

    def __init__(self, stored: StoredFile) -> None:
        self._stored = stored

    async def get(self, answer_id: str, caller: Caller) -> Answer:
        cited = tuple(
            Citation(
                f"ans_1.{number}", number, "doc_1", "a.pdf", page, quote, 1.0, self._stored.parts,
                place=self._stored.place,
            )
            for number, (page, quote) in enumerate(self._stored.quotes, start=1)
        )  # fmt: skip
        if answer_id != "ans_1":
            raise Refused("no such answer", code="not_found")
        return Answer("ans_1", "q", "a", "extractive", False, (), cited, "t")


@pytest.fixture
def stored(tmp_path: Path) -> StoredFile:
    made = StoredFile(tmp_path)
    made.put(english_pdf(2))
    return made


def images_of(
    stored: StoredFile, sandbox: Sandbox, office: OfficePages | None = None, *, cache_bytes: int = 1 << 20
) -> PageImages:
    drawing = Drawing(stored, stored.path, sandbox, office)
    return PageImages(stored, Cited(stored), drawing, cache_bytes=cache_bytes)


@pytest.fixture
def images(stored: StoredFile, sandbox: Sandbox) -> PageImages:
    return images_of(stored, sandbox)


def words_in(stored: StoredFile, page: int, picture: PageImage) -> str:
    """The words of the file that lie under the marks, by PyMuPDF in this process."""
    return words_under(stored.path("").read_bytes(), page, picture.marks)


async def test_a_page_is_a_png_of_the_nearest_width(images: PageImages) -> None:
    found = await images.image(EVERYBODY, "doc_1", 1, width_px=900)
    assert (found.png[:8], found.width_px, found.marks) == (PNG, 800, ())
    assert found.height_px == pytest.approx(800 * 842 / 595, abs=1)


@pytest.mark.parametrize(
    ("data", "quote"),
    [
        (english_pdf(2), "kept the weather in a blue book"[5:]),
        (english_pdf(2), "The lamp burned 1 litres of oil a night"),
        (chinese_pdf(2), "看守人把天气记在一本蓝色的本子里"),
        (two_column_pdf(["left one", "left two"], ["right one", "right two"]), "right one right two"),
    ],
)
async def test_the_marked_words_are_those_of_the_quote(
    data: bytes, quote: str, stored: StoredFile, images: PageImages
) -> None:
    stored.put(data)
    stored.quotes = [(1, quote)]
    found = await images.image(EVERYBODY, "doc_1", 1, highlight="ans_1.1")
    assert "".join(words_in(stored, 1, found).split()) == "".join(quote.split())


async def test_the_mark_is_drawn_into_the_picture(stored: StoredFile, images: PageImages) -> None:
    stored.quotes = [(1, "wound the clock")]
    plain, marked = [await images.image(EVERYBODY, "doc_1", 1, highlight=one) for one in (None, "ans_1.1")]
    (mark,) = marked.marks
    before, after = (pymupdf.Pixmap(one.png) for one in (plain, marked))
    y = int((mark[1] + mark[3]) / 2 * marked.height_px)
    row = range(int(mark[0] * marked.width_px) + 2, int(mark[2] * marked.width_px) - 2)
    paper = [x for x in row if before.pixel(x, y) == (255, 255, 255)]
    assert (len(paper) > 20, all(after.pixel(x, y)[2] < 120 for x in paper)) == (True, True)


#: Where the pen begins and the way it runs, on the sheet before it is turned.
RUNS = {
    "to the right": "1 0 0 1 150 400",
    "upwards": "0 1 -1 0 300 250",
    "askew": "0.97 0.26 -0.26 0.97 150 300",
}
SHEETS = {
    "plain": ("0 0 595 842", ""),
    "moved": ("-50 -30 545 812", ""),
    "cropped": ("-20 0 595 842", "/CropBox [40 60 560 700]"),
    "in larger units": ("0 0 595 842", "/UserUnit 2.5 /CropBox [40 60 560 700]"),
}


def sheet(run: str, kind: str, turn: int, words: str) -> bytes:
    """One gray page with words that run so, on a sheet of the kind that is shown turned."""
    box, more = SHEETS[kind]
    content = f"0.9 g -50 -50 900 950 re f 0 g BT /F1 12 Tf {RUNS[run]} Tm ({words}) Tj ET"
    return pdf(content.encode(), box=box, more=f"{more} /Rotate {turn}")


def where_they_differ(one: bytes, other: bytes) -> tuple[float, float, float, float]:
    """The part of the page, as it is shown, on which two pictures differ."""
    before, after = pymupdf.Pixmap(one), pymupdf.Pixmap(other)
    width, height, pairs = before.width, before.height, zip(before.samples, after.samples, strict=True)
    places = [divmod(at // 3, width) for at, (old, new) in enumerate(pairs) if old != new]
    rows, columns = zip(*places, strict=True)
    return min(columns) / width, min(rows) / height, (max(columns) + 1) / width, (max(rows) + 1) / height


def covered(before: bytes, after: bytes, width: int, marks: Sequence[Sequence[float]]) -> tuple[float, float]:
    """How much of what differs between two pictures lies under the marks, and how much larger these are."""
    one, other = pymupdf.Pixmap(before).samples, pymupdf.Pixmap(after).samples
    places = [divmod(at // 3, width) for at in range(0, len(one), 3) if one[at + 1] != other[at + 1]]
    height = len(one) // 3 // width
    boxes = [(m[0] * width - 1, m[1] * height - 1, m[2] * width + 1, m[3] * height + 1) for m in marks]
    inside = sum(any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in boxes) for y, x in places)
    rows, columns = zip(*places, strict=True)
    seen = (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1)
    return inside / len(places), sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) / seen


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("kind", SHEETS)
@pytest.mark.parametrize("run", RUNS)
async def test_words_are_marked_where_they_are_seen(
    run: str, kind: str, turn: int, stored: StoredFile, images: PageImages
) -> None:
    stored.pages, stored.quotes = 1, [(1, "wound the clock")]
    stored.put(sheet(run, kind, turn, "wound the clock"))
    found = await images.image(EVERYBODY, "doc_1", 1, width_px=400, highlight="ans_1.1")
    written = await images.image(EVERYBODY, "doc_1", 1, width_px=400)
    images.forget()
    stored.put(sheet(run, kind, turn, ""))
    empty = await images.image(EVERYBODY, "doc_1", 1, width_px=400)
    share, larger = covered(empty.png, written.png, written.width_px, found.marks)
    assert (share > 0.99, larger < 3) == (True, True)


async def test_a_mark_colours_its_box_and_nothing_else(stored: StoredFile, images: PageImages) -> None:
    stored.put(sheet("upwards", "cropped", 90, "wound the clock"))
    stored.pages, stored.quotes = 1, [(1, "wound the clock")]
    plain, marked = [
        await images.image(EVERYBODY, "doc_1", 1, width_px=400, highlight=one) for one in (None, "ans_1.1")
    ]
    share, larger = covered(plain.png, marked.png, plain.width_px, marked.marks)
    assert (share, larger < 1.3) == (1.0, True)


async def test_a_quote_over_a_page_break_is_marked_on_both_pages(
    stored: StoredFile, images: PageImages
) -> None:
    stored.put(english_pdf(texts=["He wound the clock at", "seven and slept."]))
    stored.quotes = [(1, "wound the clock at")]
    stored.parts = (QuotePart(1, "wound the clock at"), QuotePart(2, "seven and slept."))
    for page, words in ((1, "wound the clock at"), (2, "seven and slept.")):
        found = await images.image(EVERYBODY, "doc_1", page, highlight="ans_1.1")
        assert words_in(stored, page, found) == words


async def test_a_page_of_text_is_drawn_with_its_quote_and_runs_nothing(
    stored: StoredFile, images: PageImages
) -> None:
    stored.media_type, stored.texts = "text/html", {1: "<script>alert(1)</script> 首都是巴黎。\n\nThe end."}
    stored.quotes = [(1, "<script>alert(1)</script> 首都是巴黎。")]
    found = await images.image(EVERYBODY, "doc_1", 1, highlight="ans_1.1")
    assert (found.png[:8], len(found.marks)) == (PNG, 1)


async def test_a_row_of_a_table_is_marked_on_the_sheet_that_holds_it(
    stored: StoredFile, images: PageImages
) -> None:
    rows = [f"KT-{n} | {7000 + n} | steel | 一段说明文字 {n}" for n in range(30)]
    stored.media_type, stored.texts = "text/csv", {1: "KT-99 | 1", 2: "\n".join(rows)}
    numbers = tuple(range(10, 40))
    stored.blocks = (Block("table", 0, len(stored.texts[2]), header="Model | Width", rows=numbers),)
    stored.quotes, stored.place = [(2, rows[20])], Locator("sheet", 2, "Belts", rows=(30, 30))
    plain, marked = [await images.image(EVERYBODY, "doc_1", 2, highlight=one) for one in (None, "ans_1.1")]
    left, top, right, bottom = where_they_differ(plain.png, marked.png)
    assert 0.6 < top < bottom < 0.75 and bottom - top < 0.05 and right - left > 0.25
    assert (await images.image(EVERYBODY, "doc_1", 1, highlight="ans_1.1")).png == marked.png


_TYPES = """<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override
PartName="/word/document.xml"
ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
OFFICE_WORDS = "The keeper of Skagen is called Ottilie Brandt."


def office_file(stored: StoredFile) -> None:
    """A text of two printed pages, whose second one is quoted."""
    breaks = p(f"<w:r><w:br w:type='page'/></w:r>{run(OFFICE_WORDS)}")
    types = {"[Content_Types].xml": _TYPES}
    stored.put(docx(p(run("The first page tells nothing.")) + breaks, types))
    stored.media_type, stored.texts = formats.DOCX, {1: f"The first page tells nothing.\n\n{OFFICE_WORDS}"}
    stored.quotes, stored.place = [(1, OFFICE_WORDS)], Locator("section", 1)


@pytest.mark.skipif(PROGRAM is None, reason="LibreOffice is not installed")
async def test_an_office_file_is_shown_as_it_is_printed_on_the_page_that_holds_the_quote(
    stored: StoredFile, sandbox: Sandbox, tmp_path: Path
) -> None:
    office_file(stored)
    assert PROGRAM is not None
    office = LibreOffice(PROGRAM, tmp_path / "office", ParserSettings(), wall_s=60.0)
    images = images_of(stored, sandbox, office)
    found = await images.image(EVERYBODY, "doc_1", 1, highlight="ans_1.1")
    kept = (tmp_path / "office" / "doc_1.pdf").read_bytes()
    assert " ".join(words_under(kept, 2, found.marks).split()) == OFFICE_WORDS


class Printed:
    """Has printed another file, or none."""

    def __init__(self, pdf: Path | None) -> None:
        self._pdf = pdf

    def reads(self, media_type: str) -> bool:
        return media_type == formats.DOCX

    async def pdf(self, path: Path, media_type: str, sha256: str) -> Path:
        if self._pdf is None:
            raise Unavailable("away", code="parser_unavailable")
        return self._pdf


@pytest.mark.parametrize("has_printed", [True, False])
async def test_where_the_print_does_not_hold_the_quote_the_text_is_drawn(
    stored: StoredFile, images: PageImages, sandbox: Sandbox, tmp_path: Path, has_printed: bool
) -> None:
    office_file(stored)
    (tmp_path / "other.pdf").write_bytes(english_pdf(texts=["Something else."]))
    office = Printed(tmp_path / "other.pdf" if has_printed else None)
    drawn = images_of(stored, sandbox, office)
    found = await drawn.image(EVERYBODY, "doc_1", 1, highlight="ans_1.1")
    assert len(found.marks) == 1
    assert found.png == (await images.image(EVERYBODY, "doc_1", 1, highlight="ans_1.1")).png


async def test_a_slide_is_the_page_of_its_number(
    stored: StoredFile, sandbox: Sandbox, tmp_path: Path
) -> None:
    office_file(stored)
    stored.texts, stored.place = {2: "Nothing of this is printed."}, Locator("slide", 2)
    (tmp_path / "slides.pdf").write_bytes(english_pdf(texts=["One.", "Two."]))
    office = Printed(tmp_path / "slides.pdf")
    drawn = images_of(stored, sandbox, office)
    stored.put((tmp_path / "slides.pdf").read_bytes())
    printed = await drawn.image(EVERYBODY, "doc_1", 2)
    stored.media_type = formats.PDF
    drawn.forget()
    assert printed.png == (await drawn.image(EVERYBODY, "doc_1", 2)).png


@pytest.mark.parametrize(
    ("page", "highlight"), [(0, None), (3, None), (1, "ans_1.9"), (2, "ans_1.1"), (1, "ans_2.1"), (1, "x")]
)
async def test_what_is_not_there_is_not_found(
    page: int, highlight: str | None, stored: StoredFile, images: PageImages
) -> None:
    stored.quotes = [(1, "lamp")]
    with pytest.raises(Refused) as error:
        await images.image(EVERYBODY, "doc_1", page, highlight=highlight)
    assert error.value.code == "not_found"


async def test_a_file_that_cannot_be_drawn_says_why_and_the_next_one_is_drawn(
    stored: StoredFile, images: PageImages
) -> None:
    stored.put(b"%PDF-1.7 nonsense")
    with pytest.raises(BadDocument) as error:
        await images.image(EVERYBODY, "doc_1", 1)
    stored.put(english_pdf(1))
    assert (error.value.code, (await images.image(EVERYBODY, "doc_1", 1)).png[:8]) == ("corrupt", PNG)


async def test_a_page_of_huge_size_makes_a_picture_of_bounded_size(
    stored: StoredFile, images: PageImages
) -> None:
    with pymupdf.open() as document:
        document.new_page(width=14_000, height=200).insert_text((10, 50), "wide")
        document.new_page(width=200, height=14_000).insert_text((10, 50), "tall")
        stored.put(document.tobytes())
    for page in (1, 2):
        found = await images.image(EVERYBODY, "doc_1", page, width_px=1600)
        assert found.width_px * found.height_px <= 6_100_000


async def test_a_picture_is_drawn_once_for_all_who_want_it(stored: StoredFile, images: PageImages) -> None:
    found: list[PageImage] = []

    async def want() -> None:
        found.append(await images.image(EVERYBODY, "doc_1", 1))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(want)
    stored.put(b"")
    assert len({id(one) for one in found}) == 1
    assert await images.image(EVERYBODY, "doc_1", 1) is found[0]


async def test_what_was_read_anew_is_drawn_anew(stored: StoredFile, images: PageImages) -> None:
    stored.media_type, stored.texts = "text/plain", {1: "What was read first."}
    first = await images.image(EVERYBODY, "doc_1", 1)
    stored.texts, stored.version = {1: "What is read in another charset now."}, 2
    assert (await images.image(EVERYBODY, "doc_1", 1)).png != first.png


async def test_no_more_is_kept_than_there_is_room_for(stored: StoredFile, sandbox: Sandbox) -> None:
    one = len((await images_of(stored, sandbox).image(EVERYBODY, "doc_1", 1, width_px=400)).png)
    images = images_of(stored, sandbox, cache_bytes=2 * one)
    for width_px in WIDTHS[:2]:
        for page in (1, 2):
            await images.image(EVERYBODY, "doc_1", page, width_px=width_px)
    assert 0 < images.kept_bytes <= 2 * one or images.kept_bytes == 0
    images.forget()
    assert images.kept_bytes == 0
