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


async def test_the_lines_of_columns_follow_each_other_however_they_are_drawn(
    rig: IngestFixture, reading: Reading
) -> None:
    lines = [[f"The {side} column tells of crane {n} here." for n in range(12)] for side in ("left", "right")]
    with pymupdf.open() as made:
        page = made.new_page()
        for n, (left, right) in enumerate(zip(*lines, strict=True)):
            page.insert_text((60, 80 + 14 * n), left, fontsize=10)
            page.insert_text((320, 80 + 14 * n), right, fontsize=10)
        document = await rig.ingest(bytes(made.tobytes()), "a.pdf")
    shown = await reading.page(EVERYBODY, document.id, 1, query="crane 11 here. The right column")
    assert shown.layer is not None
    assert [line.text for line in shown.layer.lines] == [*lines[0], *lines[1]]
    assert len(shown.shown.marks) == 2


async def test_words_that_a_line_breaks_are_marked_on_both_lines(
    rig: IngestFixture, reading: Reading
) -> None:
    data = book(2)
    document = await rig.ingest(data, "a.pdf")
    page = await reading.page(EVERYBODY, document.id, 2, query="HYDRAULIC seal")
    assert (len(page.shown.marks), words_under(data, 2, page.shown.marks)) == (2, "hydrau-lic seal")


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
    (mark,) = page.shown.marks
    (over,) = [one.box for one in page.layer.lines if one.text.startswith(line)]
    assert (over[0] - 0.001 <= mark[0], mark[2] <= over[2] + 0.001) == (True, True)
    assert (mark[1], mark[3]) == (over[1], over[3])


async def test_arabic_begins_at_the_right(rig: IngestFixture, reading: Reading) -> None:
    document = await rig.ingest(ARABIC.encode(), "a.txt")
    page = await reading.page(EVERYBODY, document.id, 1, query="الضمان")
    assert page.layer is not None
    assert {round(line.box[2], 2) for line in page.layer.lines} == {0.91}
    assert page.shown.marks[0][2] > 0.9


async def test_a_lam_behind_the_sign_of_another_stays_behind_it(rig: IngestFixture, reading: Reading) -> None:
    text = "خلال العام الأول: سلالات، هلال، جلال، الآلات"
    document = await rig.ingest(text.encode(), "a.txt")
    page = await reading.page(EVERYBODY, document.id, 1, query="سلالات")
    assert page.layer is not None
    assert ([line.text for line in page.layer.lines], len(page.shown.marks)) == ([text], 1)


async def test_what_has_no_pages_is_html_with_what_is_looked_for(
    rig: IngestFixture, reading: Reading
) -> None:
    document = await rig.ingest(MARKDOWN.encode(), "a.md")
    page = await reading.page(EVERYBODY, document.id, 1, query="lasts 4,000")
    assert page.shown.html is not None
    assert '<h2 dir="auto">Seals</h2>' in page.shown.html
    assert (
        'The seal <mark class="hit">lasts</mark> <mark class="hit more">4,000</mark> hours.'
        in page.shown.html
    )
    assert "系統穩定性很重要，需要定期檢查。" in page.shown.html


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


async def test_all_hits_are_reached_from_anywhere(rig: IngestFixture, reading: Reading) -> None:
    document = await rig.ingest(book(120), "a.pdf")
    find = reading.find
    whole = await find(EVERYBODY, document.id, "hydraulic seal", 500)
    parts = [await find(EVERYBODY, document.id, "hydraulic seal", 50, offset=at) for at in (0, 50, 100, 150)]
    assert [hit for part in parts for hit in part.hits] == list(whole.hits)
    assert [(part.total, part.offset, part.is_cut) for part in parts] == [
        (120, 0, True),
        (120, 50, True),
        (120, 100, False),
        (120, 120, False),
    ]
    from_page = await find(EVERYBODY, document.id, "hydraulic seal", 2, page=70)
    assert ([hit.place.number for hit in from_page.hits], from_page.offset) == ([70, 71], 69)


def broken_book() -> bytes:
    """Return a PDF whose sentences go on over the page breaks, with a head and a foot on each page."""
    lines = [
        ("The old pump needs its yearly main-", "tenance before the ferry season begins again."),
        ("In spring the crew of the harbour", "master paints all bollards of the pier."),
    ]
    with pymupdf.open() as made:
        for number in range(1, 7):
            page = made.new_page()
            page.insert_text((72, 40), "Annual report of the harbour office", fontsize=8)
            page.insert_text((72, 820), f"Page {number} of 6", fontsize=8)
            before, after = lines[number % 2], lines[(number + 1) % 2]
            page.insert_text((72, 80), after[1] if number > 1 else "It begins.")
            for line in range(20):
                page.insert_text((72, 110 + 30 * line), f"Line {line} of part {number} is about bollards.")
            page.insert_text((72, 780), before[0] if number < 6 else "It ends.")
        data: bytes = made.tobytes()
    return data


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("YEARLY maintenance", ("yearly main-", "tenance")),
        ("harbour master", ("harbour", "master")),
    ],
)
async def test_words_that_a_page_break_parts_are_one_hit_marked_on_both_pages(
    query: str, parts: tuple[str, str], rig: IngestFixture, reading: Reading
) -> None:
    data = broken_book()
    document = await rig.ingest(data, "a.pdf")
    found = await reading.find(EVERYBODY, document.id, query, 9)
    first = found.hits[0]
    number, last = first.place.number, first.last_page
    assert (last, [first.text[a:b] for a, b in first.marks]) == (number + 1, [" ".join(parts)])
    shown = [(await reading.page(EVERYBODY, document.id, one, query=query)).shown for one in (number, last)]
    here = [box for box, order in zip(shown[0].marks, shown[0].orders, strict=True) if order == first.order]
    over = [box for box, order in zip(shown[1].marks, shown[1].orders, strict=True) if order == -1]
    assert (words_under(data, number, here), words_under(data, last, over)) == parts


async def test_words_that_a_page_break_parts_are_marked_in_the_html_too(
    rig: IngestFixture, reading: Reading
) -> None:
    text = "".join(f"Sentence {n} tells of the old crane on the pier. " for n in range(400))
    document = await rig.ingest(text.encode(), "a.txt")
    pages = [(await reading.page(EVERYBODY, document.id, n)).page.text for n in (1, 2)]
    query = f"{pages[0].split()[-1]} {pages[1].split()[0]}"
    first, second = [(await reading.page(EVERYBODY, document.id, n, query=query)).shown for n in (1, 2)]
    assert f'<mark class="hit">{query.split(maxsplit=1)[0]}</mark>' in str(first.html)
    assert f'<mark class="hit more">{query.split()[1]}</mark>' in str(second.html)
    assert (await reading.find(EVERYBODY, document.id, f'"{query}"', 1)).total == 399


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
    assert page.shown.html is not None
    assert f'<mark class="quote">{quote.strip()}</mark>' in page.shown.html
    assert "The <strong>end</strong>." in page.shown.html
