"""The page is for everybody: right to left, typed with an input method, heard, printed, taken along."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pymupdf
import pytest
from playwright.sync_api import Browser, Page, expect

from kotaemon_async.cli.client import Client
from tests.support.browser import WAIT_S, accessible, both_themes, opened, picture
from tests.support.documents import english_pdf
from tests.support.firefox import firefox
from tests.support.service import upload_all
from tests.support.web import PAGES, WORDS, ScriptedService, ask, expect_view, row, scripted_service, submit

ARABIC: Final = "كلفة إصلاح الرافعة ABC-123 كانت 83,000 يورو في أكتوبر.\n"
ASKED: Final = "كم كانت كلفة إصلاح الرافعة؟"
ANSWERED: Final = "كانت كلفة إصلاح الرافعة ABC-123 83,000 يورو [1]."
#: What has a direction of its own wherever an Arabic question was asked.
_TURNED: Final = (".asked", ".answer > *", ".source q", ".talks a[aria-current] .title", "#question")
_IS_TURNED: Final = """(selectors) => selectors.every((one) => document.querySelector(one) &&
  getComputedStyle(document.querySelector(one)).direction === "rtl")"""
#: Enter that chooses a word, in the orders of Chromium and Firefox and of WebKit: whether anything took it.
_CHOOSE: Final = """(selector) => {
  const field = document.querySelector(selector);
  const told = { key: "Enter", keyCode: 229, bubbles: true, cancelable: true };
  const enter = (isComposing) => new KeyboardEvent("keydown", { ...told, isComposing });
  field.focus();
  field.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
  const during = field.dispatchEvent(enter(true));
  field.dispatchEvent(new CompositionEvent("compositionend", { data: "字", bubbles: true }));
  return [during, field.dispatchEvent(enter(false))];
}"""


@dataclass(frozen=True, slots=True)
class Place:
    """A service with two documents, and a conversation of 30 paragraphs with sources."""

    scripted: ScriptedService
    ids: dict[str, str]
    talk: str
    citation: dict[str, Any]
    trace: str

    @property
    def url(self) -> str:
        return self.scripted.service.url


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Place]:
    files = {"harbour.pdf": english_pdf(texts=PAGES), "مرفأ.txt": ARABIC.encode()}
    folder = tmp_path_factory.mktemp("everybody")
    with scripted_service(folder, model_folder, {}) as scripted:
        ids = dict(zip(files, upload_all(scripted.service, folder, files), strict=True))
        scripted.play(words=tuple(f"Paragraph {n} says 83,000 euros [1].\n\n" for n in range(1, 31)))
        with closing(Client(scripted.service.url)) as client:
            talk = client.post("/api/v1/conversations", {"title": "The crane"})["id"]
            body = {"question": "What did the repair of the crane cost?", "conversation_id": talk}
            answer = client.post("/api/v1/answers", body)
        yield Place(scripted, ids, talk, answer["citations"][0], answer["trace_id"])


@pytest.fixture
def page(place: Place, browser: Browser) -> Iterator[Page]:
    place.scripted.play()
    with opened(browser, place.scripted.service, size=(1366, 768)) as page:
        expect(page.locator("#question")).to_be_visible()
        yield page


def visit(page: Page, address: str) -> None:
    """Go to an address within the page that is open."""
    page.evaluate("(to) => { location.hash = to }", address)


def cited(place: Place) -> str:
    """Return the address of a citation beside its conversation."""
    one = place.citation
    about = f"read={one['document_id']}&page={one['page']}&cite={one['id']}"
    return f"ask/{place.talk}?{about}&answer={one['id'].partition('.')[0]}"


def test_everything_arabic_is_laid_out_from_the_right(place: Place, page: Page) -> None:
    place.scripted.play(words=(ANSWERED,))
    turn = ask(page, ASKED)
    page.locator("#question").fill(ASKED)
    for one in _TURNED:
        expect(page.locator(one).first).to_have_css("direction", "rtl")
    turn.locator(".answer .chip").hover()
    expect(page.locator("#card .quoted")).to_have_css("direction", "rtl")
    picture(page, "ask-arabic")
    answer = page.request.get(f"{place.url}/api/v1/answers/{turn.get_attribute('data-answer')}").json()
    (source,) = answer["citations"]
    pages = f"{place.url}/api/v1/documents/{source['document_id']}/pages/1"
    marks = page.request.get(f"{pages}/marks?width=800&highlight={source['id']}").json()["marks"]
    assert len(marks) == 1


def test_everything_arabic_is_laid_out_from_the_right_in_firefox_too(place: Place) -> None:
    place.scripted.play(words=(ANSWERED,))
    with firefox() as page:
        page.goto(place.url)
        page.click("#question")
        page.wait_for_focus("#question")
        page.type(ASKED + " ABC")
        page.wait_for(_IS_TURNED, ["#question"])
        page.press("Enter")
        page.wait_for("() => document.querySelector('.turn[data-state=done] .source')")
        page.wait_for(_IS_TURNED, [one for one in _TURNED if one != "#question"])


def test_enter_that_chooses_a_word_does_nothing_else_in_firefox(place: Place) -> None:
    with firefox() as page:
        page.goto(f"{place.url}/#ask")
        for view, field in (("ask", "#question"), ("search", "#search")):
            page.evaluate("(view) => { location.hash = view }", view)
            page.wait_for_focus(field)
            assert page.evaluate(_CHOOSE, field) == [True, True], field
        page.press("Control", "k")
        page.wait_for_focus("#palette")
        assert page.evaluate(_CHOOSE, "#palette") == [True, True]
        assert page.evaluate("() => document.querySelectorAll('.turn').length") == 0


def test_a_word_that_is_chosen_is_not_sent_as_a_question_or_a_name(place: Place, page: Page) -> None:
    visit(page, f"ask/{place.talk}")
    expect(page.locator(".turn")).to_have_count(1)
    page.locator("#question").focus()
    expect(page.locator("#question")).to_be_focused()
    compose(page, "起重机")
    expect(page.locator("#question")).to_have_value("起重机")
    expect(page.locator(".turn")).to_have_count(1)
    page.locator(".talks a[aria-current]").press("F2")
    page.locator("#dialog-input").fill("")
    expect(page.locator("#dialog-input")).to_be_focused()
    compose(page, "港口")
    expect(page.locator("dialog #dialog-input")).to_have_value("港口")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    visit(page, f"documents/{place.ids['harbour.pdf']}/page/1?find=the")
    expect(page.locator("#reader-hits")).to_contain_text("1 of")
    assert page.evaluate(_CHOOSE, "#reader-find") == [True, True]
    expect(page.locator("#reader-hits")).to_contain_text("1 of")


def compose(page: Page, text: str) -> None:
    """Type with an input method and choose with Enter, as a browser tells it."""
    session = page.context.new_cdp_session(page)
    caret = {"selectionStart": len(text), "selectionEnd": len(text)}
    session.send("Input.imeSetComposition", {"text": text, **caret})
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    session.send("Input.insertText", {"text": text})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})


def test_axe_finds_nothing_in_what_opens_over_the_views(place: Place, page: Page) -> None:
    for state in (*opened_in_ask(place, page), *opened_elsewhere(place, page)):
        assert state == "", state


def opened_in_ask(place: Place, page: Page) -> Iterator[str]:
    """Yield what axe finds in each state of the view for questions, as `state: findings`."""
    visit(page, cited(place))
    expect(page.locator("#reader-said")).not_to_be_empty()
    yield found(page, "ask-cited")
    page.locator("#reader-close").click()
    expect(page.locator("#reader")).to_have_count(0)
    for button, panel in (("#scope", "#scope-panel"), ("#wishes", "#wish-panel")):
        page.locator(button).click()
        expect(page.locator(panel)).to_be_visible()
        yield found(page, f"ask{panel}")
        page.keyboard.press("Escape")
        expect(page.locator(panel)).to_be_hidden()
    page.locator("#new-talk").click()
    turn = ask(page, "What did the crane cost, to be heard?")
    turn.locator('[data-do="down"]').click()
    turn.locator('[data-do="again"]').click()
    expect(turn.locator(".versions")).to_have_text("2/2")
    expect(turn).to_have_attribute("data-state", "done")
    yield found(page, "ask-versions")
    place.scripted.play("stall", "hang")
    submit(page, "What is said without an end?")
    expect(page.locator(".turn[data-state=writing] .answer")).to_have_text("The repair of the crane")
    yield found(page, "ask-streaming")
    page.locator("#stop").click()
    expect(page.locator(".turn").last).to_have_attribute("data-state", "stopped")
    page.locator(".turn").last.locator(".menu-button").click()
    expect(page.locator(".menu")).to_be_visible()
    yield found(page, "ask-menu")
    page.keyboard.press("Escape")
    expect(page.locator(".menu")).to_have_count(0)


def opened_elsewhere(place: Place, page: Page) -> Iterator[str]:
    """Yield what axe finds in what opens over the other views, as `state: findings`."""
    visit(page, f"documents/{place.ids['harbour.pdf']}/page/2")
    expect(page.locator('[data-page="2"] img')).to_be_visible()
    for tab in ("Contents", "Passages", "Pages", "Details"):
        page.get_by_role("tab", name=tab).click()
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        expect(page.locator("#reader .wait:visible")).to_have_count(0)
        yield found(page, f"reader-{tab}")
    visit(page, "documents")
    row(page, "harbour.pdf").locator('[data-do="menu"]').click()
    expect(page.locator(".menu")).to_be_visible()
    yield found(page, "documents-menu")
    page.locator('.menu [data-do="delete_one"]').click()
    expect(page.locator("dialog")).to_be_visible()
    yield found(page, "documents-dialog")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_focused()
    page.keyboard.type("crane")
    expect(page.get_by_role("option", name="The crane").first).to_be_visible()
    yield found(page, "palette")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_have_count(0)
    visit(page, "settings/feedback")
    expect(page.locator("#feedback")).to_be_visible()
    yield found(page, "settings-feedback")
    page.keyboard.press("?")
    expect(page.locator(".keys-list")).to_be_visible()
    yield found(page, "keys-list")


def found(page: Page, state: str) -> str:
    """Return what axe finds now in either theme, empty for nothing."""
    findings = [one for _ in both_themes(page) for one in accessible(page)]
    return f"{state}: {findings}" if findings else ""


def test_axe_finds_nothing_in_the_sheet_of_a_phone(place: Place, browser: Browser) -> None:
    look: dict[str, Any] = {"size": (390, 844), "has_touch": True, "is_mobile": True}
    with opened(browser, place.scripted.service, f"/#{cited(place)}", **look) as page:
        expect(page.locator("#reader-said")).not_to_be_empty()
        assert accessible(page) == []
        page.locator("#reader-close").tap()
        expect(page.locator("#reader")).to_have_count(0)
        page.locator("#show-sheet").tap()
        expect(page.locator("#talks")).to_be_visible()
        assert accessible(page) == []


@pytest.mark.parametrize("beside", [False, True])
def test_a_long_conversation_is_printed_whole_and_light(place: Place, browser: Browser, beside: bool) -> None:
    path = cited(place) if beside else f"ask/{place.talk}"
    with opened(browser, place.scripted.service, f"/#{path}", theme="dark") as page:
        expect(page.locator(".turn .source").first).to_be_visible()
        with pymupdf.open(stream=page.pdf(format="A4")) as printed:  # type: ignore[no-untyped-call]
            said = " ".join(" ".join(sheet.get_text() for sheet in printed).split())
        page.emulate_media(media="print")
        expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    assert [n for n in range(1, 31) if f"Paragraph {n} says" not in said] == []
    assert "The repair of the crane on pier four cost 83,000 euros in October." in said
    assert "New conversation" not in said and "Ask about" not in said


def test_only_current_versions_are_taken_along(place: Place, page: Page) -> None:
    turn = ask(page, "What did the repair of the crane on pier four cost, in short?")
    place.scripted.play(words=("In October the repair of the crane cost **83,000 euros** [1].",))
    turn.locator('[data-do="again"]').click()
    expect(turn.locator(".versions")).to_have_text("2/2")
    expect(turn.locator(".answer").last).to_contain_text("In October the repair")
    expect(turn).to_have_attribute("data-state", "done")
    talk = page.evaluate("location.hash").split("/")[1]
    export = f"{place.url}/api/v1/conversations/{talk}/export"
    replies = [take(export, format=kind) for kind in ("md", "docx")]
    word = zipfile.ZipFile(io.BytesIO(replies[1].content)).read("word/document.xml").decode()
    for taken in (replies[0].text, word):
        assert "In October the repair" in taken
        assert WORDS[-1] not in taken


def take(url: str, **params: str) -> httpx.Response:
    """Return what the service says."""
    return httpx.get(url, params=params, trust_env=False, timeout=WAIT_S)


def test_every_link_leads_to_its_place_in_another_browser(place: Place, browser: Browser) -> None:
    document = place.ids["harbour.pdf"]
    answer = place.citation["id"].partition(".")[0]
    places = {
        f"ask/{place.talk}/{answer}": ".turn.aimed",
        cited(place): "#reader-said:has-text('Quote')",
        f"documents/{document}/page/3": '[data-page="3"] img',
        f"documents/{document}/page/2?find=crane": '[data-page="2"] mark.hit',
        "documents?q=harbour": ".row[data-document]:has-text('harbour.pdf')",
        "search?q=pier+four&kind=pdf": ".search-hit:has-text('pier four')",
        f"system/trace/{place.trace}": ".steps li",
    }
    with opened(browser, place.scripted.service) as page:
        for address, shown in places.items():
            page.goto("about:blank")
            page.goto(f"{place.url}/#{address}")
            expect(page.locator(shown).first).to_be_visible()


@pytest.mark.parametrize("size", [(1366, 768), (390, 844)])
def test_back_and_forward_walk_from_a_citation_and_back(
    place: Place, browser: Browser, size: tuple[int, int]
) -> None:
    with opened(browser, place.scripted.service, f"/#ask/{place.talk}", size=size) as page:
        page.locator(".turn .source").first.click()
        expect(page.locator("#reader-said")).not_to_be_empty()
        expect(page.locator("#reader-page")).to_have_value("2")
        page.locator("#reader-page").fill("3")
        page.locator("#reader-page").press("Enter")
        expect(page.locator('[data-page="3"] img')).to_be_visible()
        expect(page).to_have_url(re.compile("page=3"))  # where Forward is to lead
        page.go_back()
        expect(page.locator("#reader")).to_have_count(0)
        expect(page.locator(".turn .answer")).to_be_visible()
        page.go_forward()
        expect(page.locator('[data-page="3"] img')).to_be_visible()
        page.go_back()
        expect(page).to_have_url(re.compile(f"#ask/{place.talk}$"))


def test_nothing_scrolls_sideways_at_320_pixels_in_any_view(place: Place, browser: Browser) -> None:
    document = f"documents/{place.ids['harbour.pdf']}/page/1"
    views = (f"ask/{place.talk}", document, "documents", "search?q=crane", "settings", "settings/feedback")
    look: dict[str, Any] = {"size": (320, 640), "has_touch": True, "is_mobile": True}
    with opened(browser, place.scripted.service, **look) as page:
        for view in (*views, f"system/trace/{place.trace}", "system"):
            visit(page, view)
            expect_view(page, "reader" if view == document else view.partition("/")[0].partition("?")[0])
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, view


def test_forced_colours_mark_the_conversation_and_show_how_the_service_is(
    place: Place, browser: Browser
) -> None:
    with opened(browser, place.scripted.service, f"/#ask/{place.talk}", forced_colors="active") as page:
        current = page.locator(".talks a[aria-current]")
        expect(current).to_have_css("outline-style", "solid")
        expect(page.locator("#well")).to_have_attribute("data-status", "ok")
        colour = "(one) => getComputedStyle(one).backgroundColor"
        dot, ground = (page.locator(one).evaluate(colour) for one in ("#well .dot", "body"))
        assert dot not in {ground, "rgba(0, 0, 0, 0)"}
