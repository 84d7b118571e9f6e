"""A service that has nothing yet: no documents, no model, only a document that could not be read."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.browser import opened
from tests.support.documents import encrypted_pdf, write
from tests.support.service import eventually, serving, upload_all
from tests.support.web import PATIENT, ask


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Throwaway]:
    with serving(tmp_path_factory.mktemp("nothing"), model_folder, PATIENT) as found:
        yield found


@pytest.fixture
def page(service: Throwaway, browser: Browser) -> Iterator[Page]:
    with opened(browser, service) as page:
        yield page


def test_without_documents_every_view_says_what_to_do(page: Page) -> None:
    expect(page.locator(".empty-ask")).to_contain_text("Nothing to ask about yet")
    turn = ask(page, "What did the crane cost?")
    expect(turn.locator(".badge.ok")).to_have_count(0)
    expect(turn.locator(".source")).to_have_count(0)
    expect(turn).to_contain_text("nothing found")
    page.evaluate("location.hash = 'search?q=crane'")
    expect(page.locator(".search .empty")).to_contain_text("Nothing found for “crane”")
    page.evaluate("location.hash = 'settings'")
    expect(page.locator("#links")).to_be_visible()


def test_documents_that_failed_are_not_offered_to_be_asked(
    service: Throwaway, browser: Browser, tmp_path: Path
) -> None:
    with closing(Client(service.url)) as client:
        found = client.upload(write(tmp_path, "locked.pdf", encrypted_pdf()), "default")["id"]
        eventually(lambda: client.document(found)["status"] == "failed")
    with opened(browser, service, f"/#documents/{found}") as page:
        expect(page.locator(".reader-closed")).to_contain_text("password")
        page.evaluate("location.hash = 'ask'")
        expect(page.locator(".empty-ask")).to_contain_text("None of the documents")
        expect(page.locator(".few")).to_have_count(0)
        page.locator("#scope").click()
        expect(page.locator("#scope-panel")).to_be_visible()
        expect(page.locator("#scope-panel")).not_to_contain_text("1 document")


def test_what_can_be_asked_follows_the_documents_without_a_reload(
    service: Throwaway, page: Page, tmp_path: Path
) -> None:
    expect(page.locator(".empty-ask")).to_be_visible()
    expect(page.locator(".example")).to_have_count(0)
    said = b"# Crane\n\nThe repair of the crane on pier four cost 83,000 euros in October 2024.\n"
    upload_all(service, tmp_path, {"crane.md": said})
    expect(page.locator(".example").first).to_contain_text("crane.md")
    documents = page.request.get(f"{service.url}/api/v1/documents").json()["items"]
    for one in documents:
        assert page.request.delete(f"{service.url}/api/v1/documents/{one['id']}").ok
    expect(page.locator(".empty-ask")).to_contain_text("Nothing to ask about yet")
