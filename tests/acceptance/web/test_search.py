"""The search in a real browser: words in all documents as they are typed, with no model."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from kotaemon_async.cli.throwaway import Throwaway
from tests.support.browser import accessible, both_themes, opened, picture
from tests.support.documents import english_pdf
from tests.support.service import serving, upload_all
from tests.support.web import PAGES, PATIENT, until

FILES: Final = {
    "harbour": {
        "report.pdf": english_pdf(texts=PAGES),
        "cranes.md": b"# Cranes\n\nThe crane on pier nine is new.\n",
    },
    "schools": {"school.txt": b"The school bought a toy crane for the youngest pupils.\n"},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Throwaway]:
    folder = tmp_path_factory.mktemp("search")
    with serving(folder, model_folder, PATIENT) as service:
        for collection, files in FILES.items():
            upload_all(service, folder, files, to=collection)
        yield service


@pytest.fixture
def page(service: Throwaway, browser: Browser) -> Iterator[Page]:
    with opened(browser, service, "/#search") as page:
        expect(page.locator("#search")).to_be_focused()
        yield page


def test_words_are_found_as_they_are_typed_and_marked(page: Page) -> None:
    page.locator("#search").press_sequentially("crane", delay=30)
    expect(page.locator("#search-count")).to_contain_text("in 3 documents")
    expect(page.locator(".search-hit", has_text="pier four")).to_contain_text("p. 2")
    expect(page.locator(".search-hit mark").first).to_have_text(re.compile("^cranes?$", re.IGNORECASE))
    expect(page.locator(".search-group", has_text="school.txt")).to_contain_text("schools")
    page.wait_for_url("**/#search?q=crane")
    expect(page).to_have_title("crane · Search · kotaemon")


def test_a_hit_opens_the_reader_at_its_place_and_back_returns_to_the_list(page: Page) -> None:
    page.locator("#search").fill("pier four")
    hit = page.locator(".search-hit", has_text="pier four")
    expect(hit).to_be_visible()
    page.wait_for_url("**q=pier+four")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".search-hit").first).to_be_focused()
    hit.click()
    expect(page.locator("#reader-where")).to_have_text("page 2 of 3")
    expect(page.locator('[data-page="2"] mark.hit')).to_be_in_viewport()
    page.go_back()
    expect(page.locator("#search")).to_have_value("pier four")
    expect(hit).to_be_visible()


def test_filters_stand_in_the_address_and_hold(service: Throwaway, page: Page) -> None:
    page.goto(service.url + "/#search?q=crane&collection=schools")
    expect(page.locator("#search-count")).to_contain_text("in 1 document")
    expect(page.locator(".search-group h3")).to_have_text(["school.txt"])
    page.locator("#search-collection").select_option("")
    page.locator("#search-kind").select_option("pdf")
    page.wait_for_url("**kind=pdf")
    expect(page.locator(".search-group h3")).to_have_text(["report.pdf"])
    page.locator("#search-after").fill("2100-01-01")
    expect(page.locator(".search")).to_contain_text("Nothing found for “crane”")
    page.locator(".empty button").click()
    expect(page.locator(".search-group")).to_have_count(3)
    page.locator(".search-group", has_text="cranes.md").get_by_role("button").click()
    expect(page.locator("#search-document")).to_have_text("cranes.md")
    expect(page.locator(".search-group h3")).to_have_text(["cranes.md"])


def test_a_beginning_of_a_word_is_found_and_marked(page: Page) -> None:
    page.locator("#search").fill("cra")
    expect(page.locator(".search-hit mark").first).to_have_text(re.compile("^cranes?$", re.IGNORECASE))
    expect(page.locator(".search-group h3", has_text="cranes.md")).to_be_visible()


def test_a_document_is_chosen_by_a_part_of_its_name(page: Page) -> None:
    page.locator("#search").fill("crane")
    expect(page.locator(".search-group")).to_have_count(3)
    page.locator("#search-name").fill("repo")
    expect(page.locator("#search-names li")).to_have_text(["report.pdfharbour"])
    page.locator("#search-name").press("Enter")
    expect(page.locator("#search-document")).to_have_text("report.pdf")
    expect(page.locator(".search-group h3")).to_have_text(["report.pdf"])
    page.wait_for_url("**document=doc_*")
    page.locator("#search-document").click()
    expect(page.locator(".search-group")).to_have_count(3)
    page.locator("#search-name").fill("nowhere")
    expect(page.locator(".search-nameless")).to_have_text("No document is called so")


def test_the_list_stays_until_the_newer_one_is_there_and_a_lost_lane_is_named(page: Page) -> None:
    page.locator("#search").fill("crane")
    expect(page.locator(".search-group")).to_have_count(3)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/v1/search", hold)
    page.locator("#search").fill("ferries")
    until(page, lambda: held)
    expect(page.locator("#search")).to_have_value("ferries")
    expect(page.locator(".search-group")).to_have_count(3)
    lost = [{"component": "vectors", "code": "vectors_unavailable"}]
    held[-1].fulfill(json={"passages": [], "degraded": lost, "trace_id": "0" * 32})
    expect(page.locator(".search-degraded")).to_contain_text("search by meaning")
    expect(page.locator(".search-group")).to_have_count(0)


def test_axe_finds_nothing_in_the_search(service: Throwaway, browser: Browser) -> None:
    with opened(browser, service, "/#search?q=crane") as page:
        expect(page.locator(".search-group")).to_have_count(3)
        for theme in both_themes(page):
            picture(page, f"search-{theme}")
            assert accessible(page) == []
        page.locator("#search").fill("")
        expect(page.locator(".empty")).to_be_visible()
        assert [one for _ in both_themes(page) for one in accessible(page)] == []
