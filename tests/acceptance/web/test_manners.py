"""What the whole page owes to people: their language, keys, screen readers, and no stranger's code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from kotaemon_async.cli.client import Client
from kotaemon_async.http.pages import files
from tests.support.browser import WAIT_S, accessible, both_themes, opened, picture
from tests.support.documents import chinese_pdf, encrypted_pdf, english_pdf, write
from tests.support.web import (
    PAGES,
    ScriptedService,
    ask,
    drop,
    expect_view,
    open_evidence,
    open_source,
    row,
    scripted_service,
)

FILES = {
    "harbour.pdf": english_pdf(texts=PAGES),
    "灯塔.pdf": chinese_pdf(2),
    "saved.html": b"<html><body onload=hacked=1><p>The quay is short.</p></body></html>",
}
_SCRIPT = "<img src=x onerror=hacked=1>.md"
_LONG = f"{'long name ' * 24}.md"
_HOSTILE = {
    _SCRIPT: b"# <script>hacked=1</script>\n\nThe wharf is <b onclick=hacked=1>long</b>.\n",
    "a\u202egpj.exe.md": b"# Turned round\n\n![x](javascript:hacked=1)\n",
    _LONG: b"# A long name\n",
    "page.html": b"<html><body onload=hacked=1><script>hacked=1</script><p>The quay is short.</p></body>",
}
#: How they are listed: what would turn a line round is left out.
_NAMES = (_SCRIPT, "agpj.exe.md", _LONG, "page.html")
_EVIL = (
    "The wharf <img src=x onerror=hacked=1> <script>hacked=1</script> ",
    "[click](javascript:hacked=1) ![p](http://evil.example/p.png) ",
    "<a href='http://evil.example'>x</a> is long [1].\n",
)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    folder = tmp_path_factory.mktemp("manners")
    with scripted_service(folder, model_folder, FILES) as found:
        client = Client(found.service.url)
        client.upload(write(folder, "locked.pdf", encrypted_pdf()), "default")
        client.close()
        yield found


@pytest.fixture
def page(scripted: ScriptedService, browser: Browser) -> Iterator[Page]:
    scripted.play()
    with opened(browser, scripted.service) as page:
        yield page


_SIZES = """() => {
  const entries = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
  const files = entries.filter((one) => !/\\/api\\/|healthz/.test(one.name));
  return Object.fromEntries(files.map((one) => [one.name, one.transferSize]));
}"""


def test_the_first_load_is_small_and_asks_no_other_host(scripted: ScriptedService, browser: Browser) -> None:
    with opened(browser, scripted.service) as page:
        expect(page.locator(".empty-ask h3")).to_be_visible()
        sizes: dict[str, int] = page.evaluate(_SIZES)
    assert 20_000 < sum(sizes.values()) < 150_000, sizes
    assert all(size > 0 for name, size in sizes.items() if name.endswith((".js", ".css")))


def test_the_policy_of_the_page_is_strict(scripted: ScriptedService) -> None:
    app = next(name for name in files() if name.startswith("app-"))
    for path in ("/", f"/web/{app}"):
        reply = httpx.get(scripted.service.url + path, trust_env=False, timeout=WAIT_S)
        policy = reply.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy and "*" not in policy and "http" not in policy


def test_a_script_that_is_slipped_in_is_stopped_and_fails_a_test(
    scripted: ScriptedService, browser: Browser
) -> None:
    slip = (
        "document.body.append(Object.assign(document.createElement('script'), { text: 'window.hacked = 1' }))"
    )
    with pytest.raises(AssertionError, match="script-src-elem"), opened(browser, scripted.service) as page:
        page.evaluate(slip)
        assert page.evaluate("window.hacked") is None


def is_calm(page: Page) -> bool:
    """Whether nothing of a stranger ran or became a part of the page."""
    strange = "img[src=x], script:not([src]), iframe, [onclick], [onerror], [onload], a[href^='javascript']"
    return page.evaluate("window.hacked") is None and page.locator(strange).count() == 0


def test_hostile_names_and_documents_are_data_everywhere(scripted: ScriptedService, page: Page) -> None:
    dialogs: list[Dialog] = []
    page.on("dialog", lambda one: dialogs.append(one))  # noqa: PLW0108  # Playwright marks what it calls
    page.locator('.nav [data-view="documents"]').click()
    expect_view(page, "documents")
    drop(page, _HOSTILE)
    for name in _NAMES:
        expect(row(page, name)).to_have_attribute("data-status", "ready")
    picture(page, "documents-hostile")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    row(page, _SCRIPT).get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name="Ask about it").click()
    expect(page.locator("#scope")).to_have_text(_SCRIPT)
    scripted.play(words=_EVIL)
    turn = ask(page, "How long is the <b>wharf</b> <script>hacked=1</script>?")
    expect(turn.locator(".answer")).to_contain_text("is long")
    open_source(page, turn.locator(".answer .chip").first)
    expect(page.locator(".reader-head h2")).to_have_text(_SCRIPT)
    assert is_calm(page) and dialogs == []


def test_a_page_of_html_that_was_handed_in_is_saved_not_shown(scripted: ScriptedService, page: Page) -> None:
    (found,) = page.request.get(f"{scripted.service.url}/api/v1/documents?q=saved.html").json()["items"]
    reply = page.request.get(f"{scripted.service.url}/api/v1/documents/{found['id']}/content")
    assert reply.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in reply.headers["content-security-policy"]


def test_chinese_is_the_browsers_and_complete(scripted: ScriptedService, browser: Browser) -> None:
    scripted.play()
    with opened(browser, scripted.service, language="zh") as page:
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        ask(page, "修理起重机花了多少钱？")
        for view in ("ask", "documents", "system"):
            page.locator(f'.nav [data-view="{view}"]').click()
            expect_view(page, view)
            expect(page.locator(".wait")).to_have_count(0)
            picture(page, f"{view}-chinese")
            assert english_in(page) == [], view


#: Texts and labels of the page's own: names, ids, quotes and answers are not, nor is the service's message
#: that stands behind the words for a failed document.
_SAID = """() => {
  const data = ".answer, .card, [dir=auto]:not(input, textarea), bdi, code, .talks li, #announce, " +
    "#language, .brand, .trace-id";
  const isOwn = (one) => one.checkVisibility() && !one.closest(data);
  const lines = (one) => [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
  const texts = (one) => lines(one).map((node) => node.data);
  const isMessage = (one, name) => name === "title" && one.matches(".state");
  const label = (one, name) => isMessage(one, name) ? "" : one.getAttribute(name) ?? "";
  const labels = (one) => ["aria-label", "title", "placeholder"].map((name) => label(one, name));
  const own = [...document.querySelectorAll("body *")].filter(isOwn);
  return own.flatMap((one) => [...texts(one), ...labels(one)]);
}"""


def english_in(page: Page) -> list[str]:
    """What the page says with two English words in a row."""
    said: list[str] = page.evaluate(_SAID)
    assert len(said) > 20
    own = [text for text in said if not any(name in text for name in (*FILES, *_NAMES))]
    return [text for text in own if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", text)]


def test_the_language_is_switched_and_remembered(page: Page) -> None:
    expect(page.locator("#send")).to_have_text("Ask")
    page.locator("#language").click()
    expect(page.locator("#send")).to_have_text("提问")
    page.reload()
    expect(page.locator("#send")).to_have_text("提问")
    page.locator("#language").click()
    expect(page.locator("#send")).to_have_text("Ask")


def test_the_theme_is_switched_and_remembered(page: Page) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.locator("#theme").click()
    expect(page.locator("body")).not_to_have_css("background-color", light)
    dark = page.evaluate(colour)
    page.reload()
    expect(page.locator("body")).to_have_css("background-color", dark)


_IS_SEEN = """() => {
  const { outlineStyle, boxShadow } = getComputedStyle(document.activeElement);
  return outlineStyle !== "none" || boxShadow !== "none";
}"""


def tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Goes with the keyboard until the focus, which can be seen, is there."""
    for _ in range(60):
        page.keyboard.press(key)
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            assert page.evaluate(_IS_SEEN), f"the focus on {selector} is not seen"
            return
    raise AssertionError(f"the keyboard does not lead to {selector}")


def test_everything_is_reached_with_the_keyboard_alone(page: Page) -> None:
    keys = page.keyboard
    expect(page.locator("#question")).to_be_focused()
    keys.type("What did the keyboard cost?")
    keys.press("Enter")
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    tab_to(page, ".answer .chip", "Shift+Tab")
    keys.press("Enter")
    expect(page.locator("#reader .scroller").last).to_be_focused()
    expect(page.locator("#reader-said")).to_have_text("Quote found on this page")
    expect(page.locator("#reader-where")).to_have_text("page 2 of 3")
    keys.press("ArrowRight")
    expect(page.locator("#reader-where")).to_have_text("page 3 of 3")
    keys.press("Escape")
    expect(page.locator(".answer .chip")).to_be_focused()
    tab_to(page, '.nav [data-view="documents"]', "Shift+Tab")
    keys.press("Enter")
    expect(page.locator(".row[data-document]").first).to_be_visible()  # there are rows to go to
    tab_to(page, "#document-rows")
    keys.press("ArrowDown")
    expect(page.locator(".row.active")).to_have_count(1)
    keys.press("Space")
    expect(page.locator(".tools.chosen b")).to_have_text("1 selected")
    keys.press("Escape")
    expect(page.locator(".tools.chosen")).to_have_count(0)
    keys.press("Shift+F10")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    keys.press("Escape")
    expect(page.locator("#document-rows")).to_be_focused()
    tab_to(page, '.nav [data-view="system"]', "Shift+Tab")
    keys.press("Enter")
    expect(page.locator("#headline")).to_be_visible()
    keys.press("/")
    expect(page.locator("#question")).to_be_focused()


_LOOKS: dict[str, dict[str, Any]] = {
    "wide": {},
    "phone": {"size": (390, 844)},
}


@pytest.mark.parametrize("name", _LOOKS)
def test_axe_finds_nothing_and_every_state_is_pictured(
    name: str, scripted: ScriptedService, browser: Browser
) -> None:
    scripted.play()
    with opened(browser, scripted.service, **_LOOKS[name]) as page:
        for state in states(page):
            expect(page.locator(".wait:visible")).to_have_count(0)
            for theme in both_themes(page) if name == "wide" else [name]:
                picture(page, f"{state}-{theme}")
                assert accessible(page) == [], (state, theme)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state


def states(page: Page) -> Iterator[str]:
    """The main states of the page, one after the other; each is on the screen when its name comes."""
    expect(page.locator(".empty-ask h3")).to_be_visible()
    expect(page.locator("#main")).not_to_contain_text("still being read")  # one failed, none is under way
    yield "ask-empty"
    turn = ask(page, "What did the harbour pay for its crane?")
    given = turn.get_attribute("data-answer")
    answer = page.request.get(f"{page.url.split('#')[0]}api/v1/answers/{given}").json()
    path = f"system/trace/{answer['trace_id']}"
    yield "ask-answered"
    open_evidence(page, turn.locator(".answer .chip").first)
    yield "ask-evidence"
    page.locator("#reader-close").click()
    expect(page.locator("#reader")).to_have_count(0)
    page.evaluate("location.hash = 'documents'")
    expect(row(page, "locked.pdf")).to_have_attribute("data-status", "failed")
    yield "documents"
    page.locator(".row[data-document]").nth(1).get_by_role("checkbox").check()
    expect(page.locator(".tools.chosen b")).to_have_text("1 selected")
    yield "documents-selected"
    page.evaluate("location.hash = 'system'")
    expect(page.locator(".parts [data-part=ledger]")).to_be_attached()
    yield "system"
    page.evaluate("(to) => { location.hash = to }", path)
    expect(page.locator(".steps li").first).to_be_visible()
    yield "trace"
