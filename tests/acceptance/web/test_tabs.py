"""A browser has six connections to a host: tabs out of sight hold none, those in sight share one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import opened
from tests.support.documents import english_pdf
from tests.support.web import PAGES, ScriptedService, ask, scripted_service, submit, until_true

_SLOWLY: Final = ("The repair of the crane cost **83,000 euros** [1].\n\n", "And so on, ", "and on.")
_LENGTH: Final = "document.querySelector('.turn .answer').textContent.length"
_SAID: Final = "The repair of the crane cost 83,000 euros"
#: A browser that is driven shows all of its tabs: this one is told that it is seen, or is not.
_SEEN: Final = """(isSeen) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => !isSeen });
  const state = isSeen ? "visible" : "hidden";
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    files = {"harbour.pdf": english_pdf(texts=PAGES)}
    with scripted_service(tmp_path_factory.mktemp("tabs"), model_folder, files) as found:
        yield found


@pytest.fixture
def page(scripted: ScriptedService, browser: Browser) -> Iterator[Page]:
    scripted.play()
    with opened(browser, scripted.service, base_url=scripted.service.url) as page:
        expect(page.locator("#question")).to_be_visible()
        yield page


def hide(page: Page) -> None:
    page.evaluate(_SEEN, False)


def show(page: Page) -> None:
    page.evaluate(_SEEN, True)


def tab(page: Page, url: str) -> Page:
    """Open another tab of the same browser; the others may have no connection left for it."""
    found = page.context.new_page()
    found.goto(url)
    expect(found.locator("#question")).to_be_visible()
    return found


def test_the_seventh_tab_gets_its_answer(page: Page) -> None:
    ask(page, "What did the crane cost?")
    tabs = [page]
    while len(tabs) < 7:
        hide(tabs[-1])
        tabs.append(tab(page, page.url))
        expect(tabs[-1].locator(".turn")).to_have_attribute("data-state", "done")
    ask(tabs[-1], "Who retires in May?")
    show(page)
    expect(page.locator(".turn .asked")).to_have_text(["What did the crane cost?", "Who retires in May?"])
    expect(page.locator(".turn").last).to_have_attribute("data-state", "done")


def test_what_changes_while_a_tab_is_hidden_is_there_when_it_is_seen(page: Page) -> None:
    ask(page, "What is renamed?")
    number = page.url.rsplit("/", 1)[1]
    hide(page)
    renamed = page.request.patch(f"/api/v1/conversations/{number}", data={"title": "Cranes of the pier"})
    assert renamed.ok
    show(page)
    expect(page.locator(f'#talks a[data-id="{number}"] .title')).to_have_text("Cranes of the pier")
    hide(page)
    assert page.request.delete(f"/api/v1/conversations/{number}").status == 204
    show(page)
    expect(page.locator(f'#talks a[data-id="{number}"]')).to_have_count(0)
    expect(page.locator(".turn")).to_have_count(0)


def test_an_answer_goes_on_while_its_tab_is_hidden(scripted: ScriptedService, page: Page) -> None:
    scripted.play("slow_tokens", words=_SLOWLY)
    turn = submit(page, "What goes on behind?")
    expect(turn.locator(".answer")).to_contain_text(_SAID)
    with page.expect_event("requestfailed", lambda one: one.url.endswith("/answers")):
        hide(page)
    length = page.evaluate(_LENGTH)
    show(page)
    expect(turn).to_have_attribute("data-state", "writing")
    page.locator("#stop").click()
    expect(turn).to_have_attribute("data-state", "stopped")
    expect(turn.locator(".source")).to_have_count(1)
    until_true(page, f"{_LENGTH} >= {length}")


def test_an_answer_that_ends_while_its_tab_is_hidden_is_whole(scripted: ScriptedService, page: Page) -> None:
    scripted.play("slow_tokens", words=_SLOWLY)
    turn = submit(page, "What ends behind?")
    expect(turn.locator(".answer")).to_contain_text(_SAID)
    answer_id = turn.get_attribute("data-answer")
    hide(page)
    assert page.request.post(f"/api/v1/answers/{answer_id}/stop").ok
    show(page)
    expect(turn).to_have_attribute("data-state", "stopped")
    expect(turn.locator(".answer")).to_contain_text(_SAID)
    expect(turn.locator(".source")).to_have_count(1)


#: Which streams of events a window has asked for and not ended.
_STREAMS: Final = """(() => {
  const ask = window.fetch;
  window.streams = new Set();
  window.fetch = async (url, init) => {
    if (!String(url).includes("/api/v1/events")) return ask(url, init);
    const one = {};
    window.streams.add(one);
    init.signal.addEventListener("abort", () => window.streams.delete(one));
    return ask(url, init);
  };
})()"""


_GROWS: Final = "(before) => [...document.querySelectorAll('.answer')].at(-1).innerText.length > before"


def check_streams(windows: list[Page], numbers: list[int]) -> None:
    """Wait until each window has so many: while one asks for more, the one before it goes on."""
    for one, number in zip(windows, numbers, strict=True):
        one.wait_for_function("(number) => window.streams.size === number", arg=number)


def windows_of(page: Page, number: int) -> list[Page]:
    """Return so many windows, all in sight, each with a conversation of its own."""
    page.context.add_init_script(_STREAMS)
    page.reload()
    found = [page, *(tab(page, page.url) for _ in range(number - 1))]
    for at, one in enumerate(found):
        ask(one, f"What did crane {at} cost?")
    return found


def test_seven_windows_in_sight_share_one_stream_and_all_answer(page: Page) -> None:
    windows = windows_of(page, 7)
    check_streams(windows, [1, 0, 0, 0, 0, 0, 0])
    number = windows[5].url.rsplit("/", 1)[1]
    assert page.request.patch(f"/api/v1/conversations/{number}", data={"title": "Of the sixth"}).ok
    for one in windows:
        expect(one.locator(f'#talks a[data-id="{number}"] .title')).to_have_text("Of the sixth")
        expect(one.locator(".turn")).to_have_attribute("data-state", "done")


def test_another_window_sees_an_answer_grow_over_the_first_ones_stream(
    scripted: ScriptedService, page: Page
) -> None:
    one, other, third = windows_of(page, 3)
    other.goto(third.url)
    scripted.play("slow_tokens", words=_SLOWLY)
    submit(third, "What grows?")
    growing = other.locator(".turn").last.locator(".answer")
    expect(growing).to_contain_text("83,000 euros")
    length = len(growing.inner_text())
    other.wait_for_function(
        "(n) => [...document.querySelectorAll('.answer')].at(-1).innerText.length > n", arg=length
    )
    third.locator("#stop").click()
    expect(other.locator(".turn").last).to_have_attribute("data-state", "stopped")
    check_streams([one, other, third], [1, 0, 0])


@pytest.mark.parametrize("end", ["hidden", "left"])
def test_the_next_window_takes_over_when_the_first_is_gone(page: Page, end: str) -> None:
    first, second, third = windows_of(page, 3)
    number = third.url.rsplit("/", 1)[1]
    if end == "hidden":
        hide(first)
        check_streams([first], [0])
    else:
        first.goto("about:blank")
    assert second.request.patch(f"/api/v1/conversations/{number}", data={"title": "Told by another"}).ok
    for one in (second, third):
        expect(one.locator(f'#talks a[data-id="{number}"] .title')).to_have_text("Told by another")
    check_streams([second, third], [1, 0])
    if end == "hidden":
        show(first)
    else:
        first.goto(second.url)
    expect(first.locator(f'#talks a[data-id="{number}"] .title')).to_have_text("Told by another")
    check_streams([second, third, first], [1, 0, 0])
