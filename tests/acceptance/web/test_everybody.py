"""The page is for everybody: right to left, typed with an input method, in forced colours."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from kotaemon_async.cli.client import Client
from tests.support.browser import opened, picture
from tests.support.documents import english_pdf
from tests.support.service import upload_all
from tests.support.web import PAGES, ScriptedService, ask, scripted_service

ARABIC: Final = "كلفة إصلاح الرافعة ABC-123 كانت 83,000 يورو في أكتوبر.\n"
ASKED: Final = "كم كانت كلفة إصلاح الرافعة؟"
ANSWERED: Final = "كانت كلفة إصلاح الرافعة ABC-123 83,000 يورو [1]."
#: What has a direction of its own wherever an Arabic question was asked.
_TURNED: Final = (".asked", ".answer > *", ".source q", ".talks a[aria-current] .title", "#question")
_DIRECTIONS: Final = """(selectors) => Object.fromEntries(selectors.map((one) =>
  [one, getComputedStyle(document.querySelector(one)).direction]))"""
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
    """A service with two documents, and a conversation."""

    scripted: ScriptedService
    ids: dict[str, str]
    talk: str

    @property
    def url(self) -> str:
        return self.scripted.service.url


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Place]:
    files = {"harbour.pdf": english_pdf(texts=PAGES), "مرفأ.txt": ARABIC.encode()}
    folder = tmp_path_factory.mktemp("everybody")
    with scripted_service(folder, model_folder, {}) as scripted:
        ids = dict(zip(files, upload_all(scripted.service, folder, files), strict=True))
        scripted.play()
        with closing(Client(scripted.service.url)) as client:
            talk = client.post("/api/v1/conversations", {"title": "The crane"})["id"]
            body = {"question": "What did the repair of the crane cost?", "conversation_id": talk}
            client.post("/api/v1/answers", body)
        yield Place(scripted, ids, talk)


@pytest.fixture
def page(place: Place, browser: Browser) -> Iterator[Page]:
    place.scripted.play()
    with opened(browser, place.scripted.service, size=(1366, 768)) as page:
        expect(page.locator("#question")).to_be_visible()
        yield page


def visit(page: Page, address: str) -> None:
    """Go to an address within the page that is open."""
    page.evaluate("(to) => { location.hash = to }", address)


def test_everything_arabic_is_laid_out_from_the_right(place: Place, page: Page) -> None:
    place.scripted.play(words=(ANSWERED,))
    turn = ask(page, ASKED)
    page.locator("#question").fill(ASKED)
    assert page.evaluate(_DIRECTIONS, list(_TURNED)) == dict.fromkeys(_TURNED, "rtl")
    turn.locator(".answer .chip").hover()
    expect(page.locator("#card .quoted")).to_have_css("direction", "rtl")
    picture(page, "ask-arabic")
    answer = page.request.get(f"{place.url}/api/v1/answers/{turn.get_attribute('data-answer')}").json()
    (source,) = answer["citations"]
    pages = f"{place.url}/api/v1/documents/{source['document_id']}/pages/1"
    marks = page.request.get(f"{pages}/marks?width=800&highlight={source['id']}").json()["marks"]
    assert len(marks) == 1


def test_a_word_that_is_chosen_is_not_sent_as_a_question_or_a_name(place: Place, page: Page) -> None:
    visit(page, f"ask/{place.talk}")
    expect(page.locator(".turn")).to_have_count(1)
    page.locator("#question").focus()
    compose(page, "起重机")
    expect(page.locator("#question")).to_have_value("起重机")
    expect(page.locator(".turn")).to_have_count(1)
    page.locator(".talks a[aria-current]").press("F2")
    page.locator("#dialog-input").fill("")
    compose(page, "港口")
    expect(page.locator("dialog #dialog-input")).to_have_value("港口")
    page.keyboard.press("Escape")
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
