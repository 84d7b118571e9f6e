"""The reader in a real browser: pages of any number, their text, words in them, and what answers cite."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from kotaemon_async.cli.client import Client, Json
from tests.support.browser import accessible, both_themes, opened, picture
from tests.support.documents import pymupdf, write
from tests.support.firefox import firefox
from tests.support.service import eventually, upload_all
from tests.support.web import ScriptedService, scripted_service, settled, until_true

PIERS: Final = 6
LINES: Final = 20
MANY: Final = 5000
#: What the model says: what no source holds, and what each of them does.
SAID: Final = (
    "The repair of the crane cost 99,000 euros [1]. ",
    "The repair of the crane was paid in euros [2]. ",
    "The bollards of the pier were painted [2].",
)
MARKDOWN: Final = b"""# Harbour office

The harbour master, Ottilie Brandt, retires in May.

## Cranes

- Nine cranes stand on the piers.

| crane | euros |
|---|---|
| pier 4 | 83,000 |
"""
ARABIC: Final = "كلفة إصلاح الرافعة ABC-123 كانت 83,000 يورو في أكتوبر؟\n"


COLUMNS: Final = [
    (f"The left column tells of crane {row} here.", f"右边一栏写的是第{row}号泵的维护记录。")
    for row in range(10)
]
#: More places of a word than are asked for at once.
DAYS: Final = 700
LOG: Final = "".join(
    f"On day {day} the old crane moved {day} crates of herring. " for day in range(1, DAYS + 1)
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A service with a few documents, by their names, and an answer that cites two pages of the first."""

    scripted: ScriptedService
    ids: dict[str, str]
    answer: Json

    def place(self, name: str, *rest: str) -> str:
        return "/".join([f"/#documents/{self.ids[name]}", *rest])

    def cited(self, marker: int) -> str:
        """Return the address of a citation."""
        one = next(one for one in self.answer["citations"] if one["marker"] == marker)
        return (
            f"/#documents/{one['document_id']}/page/{one['page']}?cite={one['id']}&answer={self.answer['id']}"
        )


def manual() -> bytes:
    """Return a PDF with bookmarks, lines that can be counted and a sentence about each crane."""
    with pymupdf.open() as document:
        for pier in range(1, PIERS + 1):
            page = document.new_page()
            page.insert_text((60, 80), f"Pier {pier}", fontsize=20)
            for line in range(1, LINES + 1):
                page.insert_text(
                    (60, 100 + 24 * line), f"Line {line}: bollard {line} of pier {pier} was painted."
                )
            page.insert_text((60, 700), f"The repair of the crane on pier {pier} cost {pier}3,000 euros.")
        document.set_toc([[1, f"Pier {pier}", pier] for pier in range(1, PIERS + 1)])
        return bytes(document.tobytes())


def columns() -> bytes:
    """Return a PDF of two columns that are drawn row by row, the right one in Chinese."""
    with pymupdf.open() as document:
        page = document.new_page()
        for row, (left, right) in enumerate(COLUMNS):
            page.insert_text((60, 80 + 20 * row), left, fontsize=11)
            page.insert_text((320, 80 + 20 * row), right, fontsize=11, fontname="china-s")
        return bytes(document.tobytes())


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Shelf]:
    files = {
        "piers.pdf": manual(),
        "office.md": MARKDOWN,
        "arabic.txt": ARABIC.encode(),
        "columns.pdf": columns(),
        "log.txt": LOG.encode(),
    }
    folder = tmp_path_factory.mktemp("reader")
    with scripted_service(folder, model_folder, {}) as scripted:
        ids = dict(zip(files, upload_all(scripted.service, folder, files), strict=True))
        scripted.play(words=SAID)
        with closing(Client(scripted.service.url)) as client:
            answer = client.answer("What did the repair of the crane on pier 4 cost, and pier 2?", "default")
        assert [one["marker"] for one in answer["citations"]] == [1, 2]
        yield Shelf(scripted, ids, answer)


@pytest.fixture
def page(shelf: Shelf, browser: Browser) -> Iterator[Page]:
    with opened(browser, shelf.scripted.service, "/#documents", size=(1366, 768)) as page:
        yield page


def visit(page: Page, shelf: Shelf, place: str) -> None:
    """Go to an address within the page that is open."""
    page.goto(shelf.scripted.service.url + place)


def line(page: Page, number: int, order: int) -> tuple[float, float, float, float]:
    """Return where a line of a page is: left, top, width, height."""
    place = page.locator(f'[data-page="{number}"] .text-lines span').nth(order)
    expect(place).to_be_visible()
    box = settled(place)
    return box["x"], box["y"], box["width"], box["height"]


def test_a_link_opens_a_page_and_scrolling_moves_the_address_alone(shelf: Shelf, page: Page) -> None:
    visit(page, shelf, shelf.place("piers.pdf", "page", "3"))
    expect(page.locator("#reader-where")).to_have_text("page 3 of 6")
    expect(page.locator('[data-page="3"] img')).to_be_visible()
    expect(page.locator("#reader .scroller").last).to_be_focused()
    steps = page.evaluate("history.length")
    page.keyboard.press("End")
    expect(page.locator("#reader-where")).to_have_text("page 6 of 6")
    page.wait_for_url("**/page/6")
    page.locator("#reader-page").fill("2")
    page.locator("#reader-page").press("Enter")
    page.wait_for_url("**/page/2")
    assert page.evaluate("history.length") == steps
    expect(page).to_have_title("piers.pdf · kotaemon")


def test_the_text_over_a_picture_is_selected_line_by_line(shelf: Shelf, page: Page) -> None:
    visit(page, shelf, shelf.place("piers.pdf", "page", "1"))
    left, top, _, height = line(page, 1, 2)
    _, below, width, _ = line(page, 1, 4)
    page.mouse.move(left + 1, top + height / 2)
    page.mouse.down()
    page.mouse.move(left + width / 2, below + height / 2, steps=6)
    page.mouse.move(left + width + 30, below + height / 2 + 2, steps=6)
    page.mouse.up()
    selected = until_true(
        page, "((all) => all.length === 3 && all)(getSelection().toString().trim().split('\\n'))"
    )
    assert selected[:2] == [f"Line {n}: bollard {n} of pier 1 was painted." for n in (2, 3)]
    assert selected[2].startswith("Line 4: bollard")


def test_words_in_a_document_are_counted_marked_and_walked_over(shelf: Shelf, page: Page) -> None:
    visit(page, shelf, shelf.place("piers.pdf", "page", "2"))
    expect(page.locator('[data-page="2"] img')).to_be_visible()
    expect(page.locator("#reader .scroller").last).to_be_focused()
    page.keyboard.press("Control+f")
    expect(page.locator("#reader-find")).to_be_focused()
    page.locator("#reader-find").fill("repair of the crane")
    expect(page.locator("#reader-hits")).to_have_text("2 of 6")
    expect(page.locator('[data-page="2"] mark.hit[aria-current]')).to_be_in_viewport()
    for keys, place in (
        ("Enter", "3 of 6"),
        ("Shift+Enter", "2 of 6"),
        ("Shift+Enter", "1 of 6"),
        ("F3", "2 of 6"),
    ):
        page.keyboard.press(keys)
        expect(page.locator("#reader-hits")).to_have_text(place)
    expect(page.locator("mark.hit[aria-current]")).to_be_in_viewport()
    page.wait_for_url("**?find=repair+of+the+crane")
    page.keyboard.press("Escape")
    expect(page.locator("mark.hit")).to_have_count(0)
    expect(page.locator("#reader")).to_be_visible()


def test_every_place_of_a_word_is_reached_however_many_there_are(shelf: Shelf, page: Page) -> None:
    visit(page, shelf, shelf.place("log.txt") + "?find=the old crane")
    expect(page.locator("#reader-hits")).to_have_text(f"1 of {DAYS}")
    box = page.locator("#reader-find")
    for keys, place, words in (
        ("Shift+Enter", DAYS, f"On day {DAYS} "),
        ("Shift+Enter", DAYS - 1, f"On day {DAYS - 1} "),
        ("Enter", DAYS, f"On day {DAYS} "),
        ("Enter", 1, "On day 1 "),
    ):
        box.press(keys)
        expect(page.locator("#reader-hits")).to_have_text(f"{place} of {DAYS}")
        expect(page.locator("mark.hit[aria-current]")).to_be_in_viewport()
        until_true(page, f"({_BEFORE_MARK})().includes({words!r})")


#: The words in front of the place that is looked at.
_BEFORE_MARK: Final = """() => {
  const mark = document.querySelector("mark.hit[aria-current]");
  return mark?.previousSibling?.textContent.slice(-20) ?? "";
}"""


def test_words_that_a_page_break_parts_are_marked_on_both_sides(shelf: Shelf, page: Page) -> None:
    about = f"{shelf.scripted.service.url}/api/v1/documents/{shelf.ids['log.txt']}"
    pages = [page.request.get(f"{about}/pages/{n}").json() for n in (1, 2)]
    before, after = " ".join(pages[0]["text"].split()[-4:]), " ".join(pages[1]["text"].split()[:3])
    visit(page, shelf, shelf.place("log.txt") + f'?find="{before} {after}"')
    expect(page.locator("#reader-hits")).to_have_text("1 of 1")
    expect(page.locator('[data-page="1"] mark.hit[aria-current]')).to_have_text(before)
    expect(page.locator('[data-page="2"] mark.hit[aria-current]')).to_have_text(after)


def test_text_reads_as_text_with_its_headings_and_its_words_marked(shelf: Shelf, page: Page) -> None:
    visit(page, shelf, shelf.place("office.md") + "?find=pier 4")
    expect(page.locator(".prose").get_by_role("heading", name="Cranes")).to_be_visible()
    expect(page.locator(".prose td mark.hit")).to_have_text("pier 4")
    page.get_by_role("tab", name="Contents").click()
    page.locator(".outline button", has_text="Cranes").click()
    expect(page.locator(".outline button[aria-current]")).to_contain_text("Cranes")
    page.locator("#reader-look").click()
    expect(page.locator(".page > img").first).to_be_visible()
    expect(page.locator(".page > mark.hit")).to_have_count(1)
    visit(page, shelf, shelf.place("arabic.txt"))
    expect(page.locator(".prose")).to_contain_text("ABC-123")
    assert (
        until_true(page, "getComputedStyle(document.querySelector('.prose :is(p, h1, h2, h3)')).direction")
        == "rtl"
    )


def test_headings_passages_and_small_pictures_lead_to_their_pages(shelf: Shelf, page: Page) -> None:
    visit(page, shelf, shelf.place("piers.pdf", "page", "1"))
    page.get_by_role("tab", name="Contents").click()
    page.locator(".outline button", has_text="Pier 5").click()
    expect(page.locator("#reader-where")).to_have_text("page 5 of 6")
    page.get_by_role("tab", name="Passages").click()
    page.locator(".passages button", has_text="of pier 3 ").first.click()
    expect(page.locator("#reader-where")).to_have_text("page 3 of 6")
    page.get_by_role("tab", name="Pages").click()
    page.get_by_role("button", name="Page 4", exact=True).click()
    expect(page.locator(".thumb[aria-current]")).to_have_text("4")
    page.get_by_role("tab", name="Details").click()
    expect(page.locator(".details")).to_contain_text("application/pdf")


def test_pages_are_made_larger_and_fitted(shelf: Shelf, page: Page) -> None:
    visit(page, shelf, shelf.place("piers.pdf", "page", "2"))
    shown = page.locator('.page[data-page="2"]')
    expect(shown.locator("img")).to_be_visible()
    expect(page.locator("#reader .scroller").last).to_be_focused()
    first_px = settled(shown)["width"]
    page.keyboard.press("+")
    until_true(page, f"document.querySelector('.page[data-page=\"2\"]').offsetWidth > {first_px}")
    page.locator("#reader-fit").click()
    until_true(page, "document.querySelector('.page[data-page=\"2\"]').offsetHeight < 620")
    expect(shown).to_be_in_viewport(ratio=0.99)
    page.keyboard.press("0")
    until_true(page, f"document.querySelector('.page[data-page=\"2\"]').offsetWidth == {first_px}")


def test_five_thousand_pages_are_a_few_in_the_page(shelf: Shelf, page: Page, tmp_path: Path) -> None:
    with pymupdf.open() as document:
        for number in range(1, MANY + 1):
            document.new_page().insert_text((60, 80), f"Page {number} of the long book.")
        path = write(tmp_path, "long.pdf", bytes(document.tobytes()))
    with closing(Client(shelf.scripted.service.url)) as client:
        found = client.upload(path, "long")["id"]
        eventually(lambda: client.document(found)["progress"]["pages_total"])
        client.post(f"/api/v1/documents/{found}/cancel", {})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visit(page, shelf, f"/#documents/{found}/page/3000")
    expect(page.locator('[data-page="3000"] img')).to_be_visible()
    expect(page.locator("#reader .scroller").last).to_be_focused()
    most, nodes = scrolled_past(page, frames=60, step_px=3000)
    assert most <= 12
    assert nodes < 600
    assert len([one for one in asked if ".png" in one]) < 60
    page.keyboard.press("End")
    expect(page.locator(f'[data-page="{MANY}"] img')).to_be_visible()
    page.wait_for_url(f"**/page/{MANY}")


def scrolled_past(page: Page, frames: int, step_px: int) -> list[int]:
    """Scroll as fast as a screen draws; return how many pages, and nodes of all kinds, there were at most.

    The clock of the page stands between the frames: none of them lasts so long that a page is asked for.
    """
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    seen: list[list[int]] = []
    for _ in range(frames):
        page.evaluate(_SCROLL, step_px)
        page.clock.run_for(17)
        seen.append(page.evaluate(_IN_PAGE))
    page.clock.resume()
    assert len({top for *_, top in seen}) == frames
    return [max(all_of) for all_of in zip(*seen, strict=True)][:2]


_SCROLL: Final = """(step) => new Promise((done) => {
  const sheet = document.querySelector(".reader-body > .scroller");
  sheet.addEventListener("scroll", done, { once: true });
  sheet.scrollTop += step;
}).then(() => null)"""
_IN_PAGE: Final = """() => [
  document.querySelectorAll(".page").length,
  document.getElementsByTagName("*").length,
  document.querySelector(".reader-body > .scroller").scrollTop,
]"""


def test_the_citations_of_an_answer_follow_each_other_each_with_what_was_checked(
    shelf: Shelf, page: Page
) -> None:
    visit(page, shelf, shelf.cited(1))
    expect(page.locator(".reader-cited")).to_contain_text("Source 1 of 2")
    expect(page.locator("#reader-said")).to_contain_text("Quote found on this page")
    expect(page.locator("#reader-said .doubt")).to_have_text("It does not seem to say what the answer says")
    expect(page.locator("#reader-said.good")).to_have_count(0)
    page.locator("#citation-next").click()
    expect(page.locator(".reader-cited")).to_contain_text("Source 2 of 2")
    expect(page.locator("#reader-said")).to_have_text("Quote found on this page")
    page.keyboard.press("p")
    expect(page.locator(".reader-cited")).to_contain_text("Source 1 of 2")


def test_a_source_that_is_gone_says_so_and_keeps_its_quote(shelf: Shelf, page: Page, tmp_path: Path) -> None:
    text = b"The ferry Undine was sold to Norway for 12 million crowns."
    (found,) = upload_all(shelf.scripted.service, tmp_path, {"undine.txt": text}, to="ferries")
    shelf.scripted.play(words=("The ferry Undine was sold to Norway [1].",))
    with closing(Client(shelf.scripted.service.url)) as client:
        answer = client.answer("What became of the ferry Undine?", "ferries")
    assert page.request.delete(f"{shelf.scripted.service.url}/api/v1/documents/{found}").ok
    cited = answer["citations"][0]["id"]
    visit(page, shelf, f"/#documents/{found}/page/1?cite={cited}&answer={answer['id']}")
    expect(page.locator("#reader")).to_contain_text("This document is not there any more")
    expect(page.locator(".reader-quoted")).to_contain_text("The ferry Undine was sold to Norway")


def test_the_divider_is_moved_by_keys_and_by_hand_and_stays_there(shelf: Shelf, page: Page) -> None:
    with closing(Client(shelf.scripted.service.url)) as client:
        conversation = client.post("/api/v1/conversations", {"title": "Cranes"})["id"]
    visit(page, shelf, f"/#ask/{conversation}?read={shelf.ids['piers.pdf']}&page=2")
    expect(page.locator('[data-page="2"] img')).to_be_visible()
    divider = page.get_by_role("separator")
    first = int(divider.get_attribute("aria-valuenow") or 0)
    divider.press("ArrowLeft")
    expect(divider).to_have_attribute("aria-valuenow", str(first + 3))
    left = settled(divider)["x"]
    page.mouse.move(left + 4, 400)
    page.mouse.down()
    page.mouse.move(left + 154, 400, steps=4)
    page.mouse.up()
    # What is told to a browser comes to the page with its next frame.
    moved = until_true(page, f"((now) => now < {first} && now)({_DIVIDED})")
    assert settled(divider)["x"] > left
    moved = page.evaluate(_DIVIDED)
    page.reload()
    expect(page.get_by_role("separator")).to_have_attribute("aria-valuenow", str(moved))


_DIVIDED: Final = "Number(document.querySelector('[role=separator]').ariaValueNow)"


def test_back_closes_the_reader_on_a_phone(shelf: Shelf, browser: Browser) -> None:
    with opened(
        browser, shelf.scripted.service, "/#documents", size=(390, 844), has_touch=True, is_mobile=True
    ) as page:
        page.evaluate(f"location.hash = '{shelf.place('piers.pdf', 'page', '2')[1:]}'")
        expect(page.locator('[data-page="2"] img')).to_be_visible()
        expect(page.get_by_role("dialog", name="Document piers.pdf")).to_be_visible()
        page.locator("#reader-side-button").click()
        expect(page.locator("#reader-side")).to_be_visible()
        page.go_back()
        expect(page.locator("#reader-side")).to_have_count(0)
        expect(page.locator("#reader")).to_be_visible()
        page.go_back()
        expect(page.locator("#reader")).to_have_count(0)
        expect(page).to_have_url(re.compile("#documents$"))


def test_words_are_found_in_firefox_too_and_its_text_lies_over_the_picture(shelf: Shelf) -> None:
    with firefox() as page:
        page.goto(shelf.scripted.service.url + shelf.place("piers.pdf", "page", "2"))
        page.wait_for("() => !!document.querySelector('[data-page=\"2\"] .text-lines span')")
        page.wait_for_focus("#reader .reader-body > .scroller")
        page.press("Control", "f")
        page.wait_for_focus("#reader-find")
        page.type("repair of the crane")
        page.wait_for("() => document.querySelector('#reader-hits').textContent === '2 of 6'")
        page.press("Enter")
        page.wait_for("() => !!document.querySelector('[data-page=\"3\"] mark.hit[aria-current]')")
        page.wait_for(f"(text) => Math.abs(({_COVERED})(text) - 1) < 0.05", _LINE)


def test_what_is_selected_in_firefox_is_copied_as_it_is_read(shelf: Shelf) -> None:
    with firefox() as page:
        page.goto(shelf.scripted.service.url + shelf.place("columns.pdf", "page", "1"))
        page.wait_for("() => document.querySelectorAll('.text-lines span').length >= 20")
        read = [line for side in zip(*COLUMNS, strict=True) for line in side]
        page.wait_for(f"(read) => String(({_COPIED})()) === String(read)", read)
        page.goto(shelf.scripted.service.url + shelf.place("arabic.txt"))
        page.wait_for("() => !!document.querySelector('.prose p, .prose h1, .prose h2, .prose h3')")
        page.click("#reader-look")
        page.wait_for("() => !!document.querySelector('.text-lines span')")
        page.wait_for(f"(read) => ({_COPIED})().join(' ') === read", ARABIC.strip())


#: The lines of the first page, as they are copied.
_COPIED: Final = """() => {
  getSelection().selectAllChildren(document.querySelector(".text-lines"));
  return getSelection().toString().split("\\n").map((line) => line.trim()).filter(Boolean);
}"""
#: Which part of the width of a line's place on its page its text has; the line is 31.2 % wide there.
_COVERED: Final = """(text) => {
  const line = [...document.querySelectorAll(".text-lines span")].find((one) => one.textContent === text);
  return line && line.getBoundingClientRect().width / line.closest(".page").offsetWidth / 0.312;
}"""
_LINE: Final = "Line 7: bollard 7 of pier 3 was painted."


def test_axe_finds_nothing_in_the_reader(shelf: Shelf, browser: Browser) -> None:
    with opened(browser, shelf.scripted.service, shelf.cited(1)) as page:
        expect(page.locator("#reader-said")).to_contain_text("Quote found on this page")
        expect(page.locator("#reader .scroller").last).to_be_focused()
        page.keyboard.press("f")
        page.locator("#reader-find").fill("bollard")
        expect(page.locator("#reader-hits")).to_contain_text("of 120")
        for theme in both_themes(page):
            picture(page, f"reader-{theme}")
            assert accessible(page) == []
        visit(page, shelf, shelf.place("office.md"))
        expect(page.locator(".prose").get_by_role("heading", name="Cranes")).to_be_visible()
        for theme in both_themes(page):
            picture(page, f"reader-text-{theme}")
            assert accessible(page) == []
