"""The view "System" in a real browser: how the service is, its figures, and the path of a request."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import opened
from tests.support.documents import english_pdf
from tests.support.web import PAGES, ScriptedService, ask, expect_view, scripted_service, until_true


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    files = {"harbour.pdf": english_pdf(texts=PAGES)}
    with scripted_service(tmp_path_factory.mktemp("system"), model_folder, files) as found:
        yield found


@pytest.fixture
def page(scripted: ScriptedService, browser: Browser) -> Iterator[Page]:
    scripted.play()
    allowed = ["clipboard-read", "clipboard-write"]
    with opened(browser, scripted.service, "/#system", permissions=allowed) as page:
        yield page


def test_a_service_that_is_well_says_so_with_every_part_and_figure(page: Page) -> None:
    expect(page.locator("#headline")).to_have_attribute("data-status", "ok")
    for name in ("ledger", "vectors", "embedder", "link.primary", "link.local"):
        expect(page.locator(f'.parts tr[data-part="{name}"]')).to_have_attribute("data-status", "ok")
    for name in ("queue_depth", "memory_bytes", "disk_free_bytes", "loop_lag_s"):
        figure = page.locator(f'.figure[data-figure="{name}"]')
        expect(figure.locator("b")).to_have_text(re.compile(r"\d"))
        expect(figure.get_by_role("img")).to_have_accessible_name(re.compile(r"\d"))
    expect(page.locator("#main")).not_to_have_text(re.compile(r"NaN|undefined|null|Infinity"))


def test_a_link_that_fails_is_named_with_its_reason_and_so_is_the_corner(
    scripted: ScriptedService, page: Page
) -> None:
    scripted.play("401")
    page.locator('#views [data-view="ask"]').click()
    expect_view(page, "ask")
    ask(page, "What does a failing link do?")
    page.locator('#views [data-view="system"]').click()
    broken = page.locator('.parts tr[data-part="link.primary"]')
    expect(broken).not_to_have_attribute("data-status", "ok")
    expect(broken.locator(".why")).to_contain_text("setting")
    expect(page.locator('#headline li[data-part="link.primary"]')).to_be_visible()
    expect(page.locator("#well")).to_have_attribute("data-status", "degraded")


def test_the_path_of_an_answer_is_one_click_away(page: Page) -> None:
    page.locator('#views [data-view="ask"]').click()
    turn = ask(page, "How did this answer come about?")
    turn.get_by_role("button", name="More").click()
    page.locator('.menu [data-do="path"]').click()
    expect(page.locator("#trace-title")).to_be_focused()
    expect(page.locator('.steps li[data-span="answer"]')).to_have_attribute("data-status", "ok")
    expect(page.locator('.steps li[data-span="retrieve"]')).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#headline")).to_be_visible()


def test_any_id_leads_to_a_path_and_an_unknown_one_says_so(scripted: ScriptedService, page: Page) -> None:
    found = page.request.get(f"{scripted.service.url}/api/v1/documents").json()["items"][0]["id"]
    page.locator("#trace-search").fill(found)
    page.keyboard.press("Enter")
    expect(page.locator('.steps li[data-span="ingest"]')).to_be_visible()
    page.locator("#trace-again").fill("nothing-like-this")
    page.keyboard.press("Enter")
    expect(page.locator(".trace .empty[role=alert]")).to_contain_text("“nothing-like-this”")


def test_the_report_for_a_person_who_is_called_holds_every_part(page: Page) -> None:
    expect(page.locator('.parts tr[data-part="ledger"]')).to_be_visible()
    page.locator("#copy-report").click()
    expect(page.locator("#copy-report")).to_have_text("Copied")
    read = "navigator.clipboard.readText()"  # which may still hold what another page has copied
    report = until_true(page, f"{read}.then((text) => text.includes('ledger') && text)")
    assert all(name in report for name in ("ledger", "vectors", "link.primary"))


def test_no_incident_is_told_as_such(page: Page) -> None:
    expect(page.locator("#incidents .well-card")).to_be_visible()


def test_a_page_that_is_offline_says_so_keeps_what_it_shows_and_goes_on(page: Page) -> None:
    expect(page.locator("#headline")).to_have_attribute("data-status", re.compile("ok|degraded"))
    expect(page.locator('.parts tr[data-part="ledger"]')).to_be_visible()
    before = page.locator(".parts tr").count()
    page.context.set_offline(True)
    expect(page.locator("#stale")).to_be_visible()
    expect(page.locator("#status")).to_contain_text("What you see stays; this page goes on by itself.")
    expect(page.locator(".parts tr")).to_have_count(before)
    page.context.set_offline(False)
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.locator("#status")).to_contain_text("The service is reached again.")


def test_a_service_that_is_away_is_told_and_its_return_too(scripted: ScriptedService, page: Page) -> None:
    expect(page.locator('.parts tr[data-part="ledger"]')).to_be_visible()
    scripted.service.kill()
    expect(page.locator("#well")).to_have_attribute("data-status", "unreachable")
    expect(page.locator("#stale")).to_be_visible()
    scripted.service.start()
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.locator('.parts tr[data-part="ledger"]')).to_have_attribute("data-status", "ok")
