"""What stands around every view: addresses, titles, keys, the palette, conversations, a phone, a printer."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pymupdf
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from kotaemon_async.cli.throwaway import Throwaway
from tests.support.browser import WAIT_S, opened, picture
from tests.support.documents import english_pdf
from tests.support.service import serving, upload_all
from tests.support.web import PAGES, PATIENT, ask, expect_view, row, until_true

_PHONE = (390, 844)
_VIEWS = ("ask", "documents", "search", "system")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Throwaway]:
    folder = tmp_path_factory.mktemp("frame")
    with serving(folder, model_folder, PATIENT) as found:
        upload_all(found, folder, {"harbour.pdf": english_pdf(texts=PAGES)})
        yield found


@pytest.fixture
def page(service: Throwaway, browser: Browser) -> Iterator[Page]:
    with opened(browser, service) as page:
        expect(page.locator("#question")).to_be_visible()
        yield page


@pytest.fixture
def phone(service: Throwaway, browser: Browser) -> Iterator[Page]:
    with opened(browser, service, size=_PHONE, has_touch=True, is_mobile=True) as page:
        expect(page.locator("#question")).to_be_visible()
        yield page


def conversation(page: Page, question: str) -> str:
    """Begin a conversation and return its address."""
    page.locator("#new-talk").click()
    ask(page, question)
    expect(page.locator(".talks a[aria-current]")).to_contain_text(question[:20])
    return str(page.evaluate("location.hash"))


def at(page: Page) -> str:
    """Return the address in the page."""
    return str(page.evaluate("location.hash"))


def check_that_it_is_at(page: Page, address: str) -> None:
    """Check that the page comes to this address."""
    expect(page).to_have_url(re.compile(f"{re.escape(address)}$"))


def open_palette(page: Page) -> None:
    """Open it with its key, until it takes what is typed."""
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_focused()


def test_the_first_load_is_few_requests_and_few_bytes(service: Throwaway, browser: Browser) -> None:
    asked: dict[str, Any] = {}
    sizes: dict[str, Any] = {}
    with browser.new_context() as cold:
        page = cold.new_page()
        session = cold.new_cdp_session(page)
        session.send("Network.enable")
        # What is asked again and again, such as how the service is, counts once, however long this takes.
        session.on("Network.requestWillBeSent", lambda one: asked.setdefault(one["request"]["url"], one))
        session.on("Network.loadingFinished", lambda one: sizes.update({one["requestId"]: one}))
        page.goto(service.url)
        expect(page.locator("#well")).to_contain_text("1 document ready")
        expect(page.locator(".empty-ask h3")).to_be_visible()
    first = {one["requestId"] for one in asked.values()}
    size = sum(one["encodedDataLength"] for number, one in sizes.items() if number in first)
    assert 5 < len(asked) <= 12 and 20_000 < size <= 150_000, (list(asked), size)


def test_the_question_is_reached_by_a_key_and_the_conversation_stays(page: Page) -> None:
    talk = conversation(page, "Who retires at the end of May?")
    page.locator("#turns").focus()
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()
    assert at(page) == talk
    page.locator('.nav [data-view="documents"]').click()
    expect_view(page, "documents")
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()
    check_that_it_is_at(page, talk)


def test_the_link_to_ask_leads_back_to_the_conversation_and_a_key_begins_a_new_one(page: Page) -> None:
    talk = conversation(page, "How many ferries were in service?")
    page.locator('.nav [data-view="system"]').click()
    expect_view(page, "system")
    page.locator('.nav [data-view="ask"]').click()
    expect(page.locator(".turn .asked")).to_have_text("How many ferries were in service?")
    check_that_it_is_at(page, talk)
    page.keyboard.press("Alt+n")
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator("#question")).to_be_focused()


def test_back_and_forward_walk_over_the_views(page: Page) -> None:
    talk = conversation(page, "What is the harbour master called?")
    page.locator('.nav [data-view="documents"]').click()
    row(page, "harbour.pdf").get_by_role("link", name="harbour.pdf").click()
    expect(page).to_have_title(re.compile("harbour.pdf"))
    page.go_back()
    expect(row(page, "harbour.pdf")).to_be_visible()
    page.go_back()
    expect(page.locator(".turn")).to_have_count(1)
    check_that_it_is_at(page, talk)
    page.go_forward()
    expect(row(page, "harbour.pdf")).to_be_visible()


def test_titles_say_what_is_looked_at(page: Page) -> None:
    conversation(page, "Which pier has a crane?")
    expect(page).to_have_title("Which pier has a crane? · kotaemon")
    page.evaluate("location.hash = 'documents'")
    expect(page).to_have_title("Documents · kotaemon")
    page.evaluate("location.hash = 'search?q=crane'")
    expect(page).to_have_title(re.compile(r"^crane · .*kotaemon$"))
    page.evaluate("location.hash = 'system/trace/0af7651916cd43dd8448eb211c80319c'")
    expect(page).to_have_title("Trace 0af7651916cd4 · kotaemon")


@pytest.mark.parametrize("address", ["%E0%A4%A", "nowhere/at/all", "?", "/", "ask?%", "%00/%ff"])
def test_what_is_no_address_shows_the_start(address: str, service: Throwaway, browser: Browser) -> None:
    with opened(browser, service, "/#system") as page:
        expect(page.locator('[aria-current="page"][data-view="system"]')).to_be_visible()
        page.evaluate("(to) => { location.hash = to }", address)
        expect(page.locator("#question")).to_be_visible()
        expect(page.locator('.nav [data-view="ask"]')).to_have_attribute("aria-current", "page")


def test_the_palette_finds_conversations_and_documents_and_goes_there(page: Page) -> None:
    talk = conversation(page, "What was repaired in October?")
    page.locator("#new-talk").click()
    open_palette(page)
    page.keyboard.type("repaired")
    expect(page.get_by_role("option", name="What was repaired")).to_be_visible()
    picture(page, "palette")
    page.get_by_role("option", name="What was repaired").click()
    expect(page.locator(".turn .asked")).to_have_text("What was repaired in October?")
    check_that_it_is_at(page, talk)
    open_palette(page)
    page.keyboard.type("harbour.p")
    expect(page.get_by_role("option", name="harbour.pdf")).to_be_visible()
    page.get_by_role("option", name="harbour.pdf").click()
    expect(page).to_have_title(re.compile("harbour.pdf"))


def test_the_palette_is_used_with_the_keyboard_alone(page: Page) -> None:
    open_palette(page)
    page.keyboard.type("syst")
    options = page.get_by_role("option")
    expect(options).to_have_text([re.compile("^System"), re.compile("^Look for “syst”")])
    for key, place in (("ArrowDown", 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        expect(options.nth(place)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator("#headline")).to_be_visible()
    open_palette(page)
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_have_count(0)


def test_a_key_lists_the_keys(page: Page) -> None:
    page.locator('.nav [data-view="documents"]').click()
    expect_view(page, "documents")
    page.keyboard.press("?")
    expect(page.locator(".keys-list kbd", has_text="Ctrl K")).to_be_visible()
    picture(page, "keys-list")
    page.keyboard.press("Escape")
    expect(page.locator(".keys-list")).to_have_count(0)
    page.locator('.nav [data-view="ask"]').click()
    page.locator("#question").press("?")
    expect(page.locator("#question")).to_have_value("?")


def test_what_becomes_of_a_conversation_is_seen_in_another_tab(page: Page) -> None:
    conversation(page, "Is this seen elsewhere?")
    with page.context.new_page() as other:
        other.goto(page.url)
        one = other.locator(".talks li", has_text="Is this seen elsewhere?")
        expect(one).to_be_visible()
        one.hover()
        one.get_by_role("button").click()
        other.locator('[data-do="pin"]').click()
        for tab in (page, other):
            expect(tab.locator("#talks-pinned + ul")).to_contain_text("Is this seen elsewhere?")
        one.locator("a").press("F2")
        other.locator("#dialog-input").fill("It is")
        other.keyboard.press("Enter")
        expect(page.locator("#talks-pinned + ul")).to_have_text("It is")
        expect(page).to_have_title("It is · kotaemon")


def test_conversations_are_found_by_their_texts(page: Page) -> None:
    conversation(page, "Whose crane was mended?")
    page.locator("#talks-search").fill("83,000")
    expect(page.locator(".talks li mark").first).to_have_text(re.compile("83,000|crane"))
    page.locator("#talks-search").fill("(nobody] ever said this*")
    expect(page.locator(".talks .none")).to_be_visible()


def test_several_conversations_are_deleted_together(page: Page) -> None:
    for question in ("Does one go away?", "Does another go away?"):
        conversation(page, question)
    one = page.locator(".talks li", has_text="Does one go away?")
    one.hover()
    one.get_by_role("button").click()
    page.locator('[data-do="select"]').click()
    page.locator(".talks li", has_text="Does another go away?").get_by_role("checkbox").check()
    page.locator("#talks-delete").click()
    page.locator("dialog .go").click()
    expect(page.locator(".talks li", has_text="go away?")).to_have_count(0)
    expect(page.locator(".talks-chosen")).to_have_count(0)
    check_that_it_is_at(page, "#ask")


def test_a_phone_has_all_of_the_frame_and_back_closes_it(phone: Page) -> None:
    phone.locator("#show-sheet").tap()
    for part in ("#talks", "#well", "#language", "#theme", '.rare [data-view="system"]'):
        expect(phone.locator(part)).to_be_visible()
    picture(phone, "sheet-phone")
    phone.go_back()
    expect(phone.locator("#talks")).to_be_hidden()
    expect(phone.locator("#question")).to_be_visible()
    phone.locator("#show-sheet").tap()
    phone.locator('.rare [data-view="system"]').tap()
    expect(phone.locator("#headline")).to_be_visible()
    expect(phone.locator("#talks")).to_be_hidden()
    phone.go_back()
    expect(phone.locator("#question")).to_be_visible()


def test_back_closes_a_menu_and_a_dialog_on_a_phone(phone: Page) -> None:
    ask(phone, "Is there a menu on a phone?")
    phone.locator("#show-sheet").tap()
    phone.locator(".talks li .menu-button").first.tap()
    expect(phone.locator(".menu")).to_be_visible()
    phone.go_back()
    expect(phone.locator(".menu")).to_have_count(0)
    phone.locator(".talks li .menu-button").first.tap()
    phone.locator('[data-do="rename"]').tap()
    expect(phone.locator("dialog")).to_be_visible()
    until_true(phone, "history.state?.layers === 2")  # the sheet and the dialog, and no menu any more
    phone.go_back()
    expect(phone.locator("dialog")).to_have_count(0)
    expect(phone.locator("#talks")).to_be_visible()


#: Closes the sheet, and opens it again before the step of the history that it had is taken back.
_REOPEN = """async () => {
  const stepped = new Promise((go) => addEventListener("popstate", go, { once: true }));
  const later = () => new Promise((go) => setTimeout(go));
  document.getElementById("hide-sheet").click();
  await later();
  await later();
  document.getElementById("show-sheet").click();
  await stepped;
  await later();
}"""


def test_a_sheet_that_is_opened_again_at_once_stays_open(phone: Page) -> None:
    phone.locator("#show-sheet").tap()
    expect(phone.locator("#talks")).to_be_visible()
    phone.evaluate(_REOPEN)
    expect(phone.locator("#talks")).to_be_visible()
    phone.go_back()
    expect(phone.locator("#talks")).to_be_hidden()
    expect(phone.locator("#question")).to_be_visible()


_SMALL_FIELDS = """() => [...document.querySelectorAll("input, select, textarea")]
  .filter((one) => one.checkVisibility() && !["checkbox", "radio", "range"].includes(one.type))
  .filter((one) => Number.parseFloat(getComputedStyle(one).fontSize) < 16).map((one) => one.outerHTML)"""


def test_nothing_scrolls_sideways_and_no_field_is_small_at_320_pixels(
    service: Throwaway, browser: Browser
) -> None:
    with opened(browser, service, size=(320, 640), has_touch=True, is_mobile=True) as page:
        for view in _VIEWS:
            page.evaluate("(to) => { location.hash = to }", view)
            expect_view(page, view)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
            assert page.evaluate(_SMALL_FIELDS) == [], view


def test_text_grows_with_the_size_that_the_browser_is_set_to(page: Page) -> None:
    size = "() => Number.parseFloat(getComputedStyle(document.querySelector('.nav a')).fontSize)"
    before = page.evaluate(size)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(size) == pytest.approx(2 * before)


def test_forced_colours_leave_a_mark_on_what_is_current(service: Throwaway, browser: Browser) -> None:
    outline = "(one) => getComputedStyle(one).outlineStyle"
    with opened(browser, service, forced_colors="active") as page:
        assert page.locator(".views [aria-current]").evaluate(outline) == "solid"
        assert page.locator(".views a:not([aria-current])").first.evaluate(outline) == "none"


def test_the_whole_conversation_is_printed_and_nothing_around_it(page: Page) -> None:
    questions = [f"What did the repair of crane number {n} cost?" for n in range(12)]
    conversation(page, questions[0])
    for question in questions[1:]:
        ask(page, question)
    with pymupdf.open(stream=page.pdf(format="A4")) as printed:  # type: ignore[no-untyped-call]
        said = " ".join(" ".join(sheet.get_text() for sheet in printed).split())
        assert len(printed) > 1
    assert [question for question in questions if question not in said] == []
    assert "New conversation" not in said and "Ctrl K" not in said


def test_the_page_can_be_installed(service: Throwaway, page: Page) -> None:
    with httpx.Client(base_url=service.url, trust_env=False, timeout=WAIT_S) as client:
        manifest = client.get("/web/manifest.webmanifest")
        assert manifest.headers["content-type"].startswith("application/manifest+json")
        icons = [client.get(f"/web/{one['src']}") for one in manifest.json()["icons"]]
        assert [one.status_code for one in icons] == [200] * len(icons)
        assert Image.open(io.BytesIO(client.get("/favicon.ico").content)).format == "ICO"
    page.locator("#theme").click()
    for meta in page.locator('meta[name="theme-color"]').all():
        expect(meta).to_have_attribute("content", "#15171a")
