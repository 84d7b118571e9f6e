"""Nothing jumps while an answer comes: what is selected, has the focus or is open stays so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import opened
from tests.support.documents import english_pdf
from tests.support.firefox import FirefoxPage, firefox
from tests.support.web import PAGES, ScriptedService, drop, scripted_service, submit, until_true

#: One marker early, then drop by drop for as long as the test holds on.
_WORDS: Final = ("The repair of the crane cost **83,000 euros** [1].\n\n", "And so on, ", "and on.")
_HOLD: Final = """() => {
  const words = document.querySelector(".answer p").firstChild;
  getSelection().setBaseAndExtent(words, 4, words, 20);
  window.held = document.querySelector(".answer .chip");
  window.held.focus();
}"""
_HELD: Final = (
    """() => [String(getSelection()), document.activeElement === window.held, window.held.isConnected]"""
)
#: Looks four times a second whether what is held is held.
_WATCH: Final = """() => {
  window.lost = [];
  const isHeld = () => String(getSelection()) === "repair of the cr";
  const hasFocus = () => document.activeElement === window.held;
  setInterval(() => (isHeld() && hasFocus()) || window.lost.push(performance.now()), 250);
}"""
#: A link ends a reply after a minute.
_MINUTE_MS: Final = 55_000
_LENGTH: Final = "document.querySelector('.answer').textContent.length"


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    files = {"harbour.pdf": english_pdf(texts=PAGES)}
    folder = tmp_path_factory.mktemp("streaming")
    with scripted_service(folder, model_folder, files) as found:
        yield found


@pytest.fixture
def page(scripted: ScriptedService, browser: Browser) -> Iterator[Page]:
    scripted.play("slow_tokens", words=_WORDS)
    with opened(browser, scripted.service) as page:
        yield page


def streaming(page: Page, question: str) -> Locator:
    """Return the first number of an answer that goes on and on."""
    turn = submit(page, question)
    expect(turn.locator(".answer .chip")).to_have_count(1)
    expect(turn).to_have_attribute("data-state", "writing")
    return turn.locator(".answer .chip")


def hold_in_firefox(page: FirefoxPage, scripted: ScriptedService, question: str) -> None:
    """Ask there, and hold a selection and the first number of an answer that goes on and on."""
    scripted.play("slow_tokens", words=_WORDS)
    page.goto(scripted.service.url)
    page.click("#question")
    page.type(question)
    page.press("Enter")
    page.wait_for("() => document.querySelector('.answer .chip')")
    page.evaluate(_HOLD)


def top_of(node: Locator) -> float:
    """Return how far below the window's edge something stands."""
    box = node.bounding_box()
    assert box is not None
    return box["y"]


def grow(page: Page, by: int = 150) -> None:
    """Wait until the answer is so much longer."""
    length = page.evaluate(_LENGTH)
    until_true(page, f"{_LENGTH} > {length + by}")


def test_a_selection_and_the_focus_stay_while_the_text_grows(page: Page) -> None:
    streaming(page, "What did the crane cost?")
    page.evaluate(_HOLD)
    before = page.evaluate(_HELD)
    grow(page)
    assert page.evaluate(_HELD) == before == ["repair of the cr", True, True]
    page.locator("#stop").click()
    expect(page.locator(".turn")).to_have_attribute("data-state", "stopped")
    assert page.evaluate(_HELD)[::2] == ["repair of the cr", True]


def test_a_selection_and_the_focus_stay_in_firefox_too(scripted: ScriptedService) -> None:
    with firefox() as page:
        hold_in_firefox(page, scripted, "What did the crane cost in a Firefox?")
        length = page.evaluate(f"() => {_LENGTH}")
        page.wait_for(f"(before) => {_LENGTH} > before + 150", length)
        assert page.evaluate(_HELD) == ["repair of the cr", True, True]
        page.click("#stop")
        page.wait_for("() => document.querySelector('.turn[data-state=stopped]')")


@pytest.mark.long
def test_what_is_held_is_held_through_a_stream_of_a_minute(page: Page) -> None:
    streaming(page, "What did the crane cost, at length?")
    page.evaluate(_HOLD)
    page.evaluate(_WATCH)
    page.wait_for_timeout(_MINUTE_MS)
    assert page.evaluate("window.lost") == []
    expect(page.locator(".turn")).to_have_attribute("data-state", "writing")


@pytest.mark.long
def test_what_is_held_is_held_through_a_minute_in_firefox_too(scripted: ScriptedService) -> None:
    with firefox() as page:
        hold_in_firefox(page, scripted, "What did the crane cost in a Firefox, at length?")
        page.evaluate(_WATCH)
        begun_ms = page.evaluate("() => performance.now()")
        minute = "(begun, minute) => performance.now() > begun + minute"
        page.wait_for(minute, begun_ms, _MINUTE_MS, within_s=90)
        assert page.evaluate("() => window.lost") == []
        assert page.evaluate("() => document.querySelector('.turn').dataset.state") == "writing"


def test_the_card_of_a_number_stays_while_it_is_pointed_at(page: Page) -> None:
    streaming(page, "What did the repair cost?").hover()
    expect(page.locator("#card .quoted")).to_be_visible()
    grow(page)
    expect(page.locator("#card .quoted")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#card")).to_be_hidden()
    expect(page.locator(".turn")).to_have_attribute("data-state", "writing")


def test_opening_a_page_keeps_the_text_in_its_place(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 2400})  # so that the text does not come to its end
    chip = streaming(page, "What did they pay for the crane?")
    before = top_of(chip)
    chip.click()
    expect(page.locator("#reader-where")).not_to_be_empty()
    assert abs(top_of(chip) - before) <= 2
    grow(page)
    expect(page.locator("#reader")).to_be_visible()
    assert abs(top_of(chip) - before) <= 2


def test_who_scrolls_up_is_left_there(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 360})
    streaming(page, "What is a long answer?")
    until_true(page, "document.querySelector('#turns').scrollTop > 200")
    page.evaluate("document.querySelector('#turns').scrollTop = 0")
    expect(page.locator("#to-end")).to_be_visible()
    grow(page)
    assert page.evaluate("document.querySelector('#turns').scrollTop") == 0
    page.locator("#to-end").click()
    expect(page.locator("#to-end")).to_be_hidden()


def test_screen_readers_hear_that_it_is_being_answered(page: Page) -> None:
    streaming(page, "Who hears of it?")
    expect(page.locator("#announce")).to_have_text("Answering …")
    page.locator("#stop").click()
    expect(page.locator("#announce")).to_contain_text("This answer was stopped")


def test_a_file_that_is_dropped_on_the_question_is_asked_about(scripted: ScriptedService, page: Page) -> None:
    expect(page.locator("#question")).to_be_visible()
    drop(page, {"lathe.md": b"# Lathe\n\nThe lathe needs 3 litres of oil every 40 days.\n"}, "#question")
    expect(page.locator("#scope")).to_have_text("lathe.md")
    assert page.evaluate("location.hash") in {"", "#ask"}
    scripted.play(words=("It needs 3 litres [1].",))
    turn = submit(page, "How much oil does it need?")
    expect(turn).to_have_attribute("data-state", "done")
    expect(turn.locator(".scope-words")).to_have_text("lathe.md")
