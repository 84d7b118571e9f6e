"""Documents read by a real library: pages with their lines, outlines, passages, words in them."""

import anyio
import pytest

from kotaemon_async.documents.drawing import Drawing
from kotaemon_async.documents.page_images import PageImages
from kotaemon_async.documents.parsing.sandbox import Sandbox
from kotaemon_async.documents.reading import Reading
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Refused
from kotaemon_async.domain.model import Answer, Citation, Locator
from tests.support.documents import pymupdf, two_column_pdf, words_under
from tests.support.ingest import IngestFixture

MARKDOWN = "# Pump manual\n\nIntro.\n\n## Seals\n\nThe seal lasts\n4,000 hours.\n\n"
MARKDOWN += "### 維護\n\n系統穩定性很重要，需要\n定期檢查。\n"
ARABIC = "دليل المضخة\n\nالضمان صالح لمدة 24 شهرا من تاريخ الشراء. اتصل بالرقم ABC-123 للدعم الفني؟\n"


@pytest.fixture
def reading(rig: IngestFixture, sandbox: Sandbox) -> Reading:
    ledger = rig.ledger
    drawing = Drawing(ledger.documents, rig.blobs.path, sandbox)
    images = PageImages(ledger.access, ledger.answers, drawing)
    return Reading(ledger.access, ledger.documents, ledger.reading, images, drawing)


def book(pages: int) -> bytes:
    with pymupdf.open() as made:
        for number in range(1, pages + 1):
            page = made.new_page()
            page.insert_text((72, 80), f"Chapter {number}", fontsize=20)
            page.insert_text((72, 120), f"Pump {number} has a hydrau-")
            page.insert_text((72, 136), "lic seal of its own, as all pumps have.")
        made.set_toc([[1, "One", 1], [2, "Seals", pages], [1, "Away", -1]])
        data: bytes = made.tobytes()
    return data


async def test_the_lines_of_a_pdf_lie_over_its_words(rig: IngestFixture, reading: Reading) -> None:
    data = two_column_pdf(["left one", "left two"], ["right one", "right two"])
    document = await rig.ingest(data, "a.pdf")
    page = await reading.page(EVERYBODY, document.id, 1)
    assert page.layer is not None
    lines = {line.text.strip(): words_under(data, 1, [line.box]).strip() for line in page.layer.lines}
    assert lines == {text: text for text in ("left one", "left two", "right one", "right two")}


async def test_words_that_a_line_breaks_are_marked_on_both_lines(
    rig: IngestFixture, reading: Reading
) -> None:
    data = book(2)
    document = await rig.ingest(data, "a.pdf")
    page = await reading.page(EVERYBODY, document.id, 2, query="HYDRAULIC seal")
    assert (len(page.marks), words_under(data, 2, page.marks)) == (2, "hydrau-lic seal")


@pytest.mark.parametrize(
    ("text", "name", "query", "line"),
    [(MARKDOWN, "a.md", "稳定", "系統穩定性很重要，需要"), (ARABIC, "a.txt", "الضمان", "الضمان صالح")],
)
async def test_the_lines_of_a_text_lie_on_its_image(
    text: str, name: str, query: str, line: str, rig: IngestFixture, reading: Reading
) -> None:
    document = await rig.ingest(text.encode(), name)
    page = await reading.page(EVERYBODY, document.id, 1, query=query)
    assert page.layer is not None
    (mark,) = page.marks
    (over,) = [one.box for one in page.layer.lines if one.text.startswith(line)]
    assert (over[0] - 0.001 <= mark[0], mark[2] <= over[2] + 0.001) == (True, True)
    assert (mark[1], mark[3]) == (over[1], over[3])


async def test_arabic_begins_at_the_right(rig: IngestFixture, reading: Reading) -> None:
    document = await rig.ingest(ARABIC.encode(), "a.txt")
    page = await reading.page(EVERYBODY, document.id, 1, query="الضمان")
    assert page.layer is not None
    assert {round(line.box[2], 2) for line in page.layer.lines} == {0.91}
    assert page.marks[0][2] > 0.9


async def test_what_has_no_pages_is_html_with_what_is_looked_for(
    rig: IngestFixture, reading: Reading
) -> None:
    document = await rig.ingest(MARKDOWN.encode(), "a.md")
    page = await reading.page(EVERYBODY, document.id, 1, query="lasts 4,000")
    assert page.html is not None
    assert '<h2 dir="auto">Seals</h2>' in page.html
    assert 'The seal <mark class="hit">lasts</mark> <mark class="hit">4,000</mark> hours.' in page.html
    assert "系統穩定性很重要，需要定期檢查。" in page.html


@pytest.mark.parametrize("number", [0, 3])
async def test_a_page_that_is_not_there_is_not_found(
    number: int, rig: IngestFixture, reading: Reading
) -> None:
    document = await rig.ingest(book(2), "a.pdf")
    with pytest.raises(Refused) as error:
        await reading.page(EVERYBODY, document.id, number)
    assert error.value.code == "not_found"


async def test_an_outline_is_bookmarks_or_headings(rig: IngestFixture, reading: Reading) -> None:
    pdf, text = await rig.ingest(book(2), "a.pdf"), await rig.ingest(MARKDOWN.encode(), "a.md")
    plain = await rig.ingest(b"Short\n\nA plain text. It has no outline.", "a.txt")
    found = [[(one.title, one.level, one.page) for one in await reading.outline(EVERYBODY, document.id)]
             for document in (pdf, text, plain)]  # fmt: skip
    assert found == [
        [("One", 1, 1), ("Seals", 2, 2)],
        [("Pump manual", 1, 1), ("Seals", 2, 1), ("維護", 3, 1)],
        [],
    ]


async def test_passages_come_in_the_order_of_reading(rig: IngestFixture, reading: Reading) -> None:
    document = await rig.ingest(book(3), "a.pdf")
    first, cursor = await reading.passages(EVERYBODY, document.id, 2, None)
    rest, end = await reading.passages(EVERYBODY, document.id, 2, cursor)
    assert ([one.page for one in (*first, *rest)], end) == ([1, 2, 3], None)
    assert rest[0].text.startswith("Pump 3 has a hydraulic seal")


async def test_hits_come_in_the_order_of_reading_with_their_marks(
    rig: IngestFixture, reading: Reading
) -> None:
    document = await rig.ingest(book(3), "a.pdf")
    found = await reading.find(EVERYBODY, document.id, "Hydraulic SEAL", 2)
    assert (found.total, found.is_cut, [hit.place.number for hit in found.hits]) == (3, True, [1, 2])
    hit = found.hits[0]
    assert [hit.text[start:stop] for start, stop in hit.marks] == ["hydraulic seal"]


async def test_words_that_stand_apart_are_found_when_the_whole_is_not(
    rig: IngestFixture, reading: Reading
) -> None:
    document = await rig.ingest(book(1), "a.pdf")
    (hit,) = (await reading.find(EVERYBODY, document.id, "seal pump", 9)).hits
    assert [hit.text[start:stop].lower() for start, stop in hit.marks] == ["pump", "seal"]
    assert (await reading.find(EVERYBODY, document.id, "seal crane", 9)).total == 0


async def test_a_page_is_laid_out_once_for_all_who_want_it(rig: IngestFixture, reading: Reading) -> None:
    document = await rig.ingest(book(1), "a.pdf")
    layers: set[int] = set()

    async def want() -> None:
        layers.add(id((await reading.page(EVERYBODY, document.id, 1)).layer))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(want)
    assert len(layers) == 1


async def test_a_long_quote_is_marked_whole_in_the_html(rig: IngestFixture, reading: Reading) -> None:
    quote = "The keeper wrote the weather in a blue book. " * 8
    document = await rig.ingest(f"# Log\n\n{quote}\n\nThe **end**.\n".encode(), "a.md")
    place = Locator("section", 1)
    cited = (Citation("ans_1.1", 1, document.id, "a.md", 1, quote.strip(), 1.0, place=place),)
    answer = Answer("ans_1", "q", "a", "extractive", False, (), cited, "t")
    await rig.ledger.answers.save(answer, None, EVERYBODY, 1.0)
    page = await reading.page(EVERYBODY, document.id, 1, highlight="ans_1.1")
    assert page.html is not None
    assert f'<mark class="quote">{quote.strip()}</mark>' in page.html
    assert "The <strong>end</strong>." in page.html
