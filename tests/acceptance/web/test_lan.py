"""The page over plain http by a name, as in a LAN: browsers give it no clipboard, no locks, no random ids."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import LAN_NAME, opened
from tests.support.documents import english_pdf
from tests.support.web import (
    PAGES,
    WORDS,
    ask,
    drop,
    open_evidence,
    put_into,
    row,
    scripted_service,
    until_true,
)

_ALLOWED = {"KOTAEMON_HTTP__ALLOWED_HOSTS": f'["{LAN_NAME}"]'}
#: Event streams that a window has asked for itself.
_STREAMS = """
  performance.getEntriesByType("resource").filter(({ name }) => name.includes("/api/v1/events")).length
"""


@dataclass(frozen=True)
class Lan:
    """The service, as others call it."""

    url: str


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Lan]:
    files = {"harbour.pdf": english_pdf(texts=PAGES)}
    with scripted_service(tmp_path_factory.mktemp("lan"), model_folder, files, _ALLOWED) as scripted:
        scripted.play()
        yield Lan(scripted.service.url.replace("127.0.0.1", LAN_NAME))


@pytest.fixture
def page(lan: Lan, browser: Browser) -> Iterator[Page]:
    with opened(browser, lan) as page:
        assert page.evaluate("[isSecureContext, Boolean(navigator.clipboard), Boolean(navigator.locks)]") == [
            False, False, False,
        ]  # fmt: skip
        yield page


def test_an_answer_and_its_page_come_as_on_the_machine_itself(page: Page) -> None:
    turn = ask(page, "What did the crane cost?")
    open_evidence(page, turn.locator(".answer .chip").first)
    expect(page.locator("#reader-said")).to_have_text("Quote found on this page")


def test_an_answer_is_copied_without_the_clipboards_interface(page: Page) -> None:
    copy = ask(page, "What is copied here?").locator('[data-do="copy"]')
    copy.click()
    expect(copy).to_have_attribute("aria-label", "Copied")
    page.locator("#question").focus()
    page.keyboard.press("Control+V")
    pasted = until_true(page, "(() => document.getElementById('question').value)()")
    assert pasted.startswith("".join(WORDS)) and "\n[1] harbour.pdf, p. " in pasted


def test_a_document_is_handed_in(page: Page) -> None:
    page.locator('.nav [data-view="documents"]').click()
    put_into(page, "default")
    drop(page, {"lan.md": b"# By the LAN"})
    expect(row(page, "lan.md")).to_be_visible()


def test_windows_tell_each_other_without_locks(page: Page) -> None:
    ask(page, "Which window asks?")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator(".turn")).to_have_attribute("data-state", "done")
    ask(other, "Does the first one see this?")
    expect(page.locator(".turn .asked")).to_have_text(["Which window asks?", "Does the first one see this?"])
    assert (page.evaluate(_STREAMS) > 0, other.evaluate(_STREAMS)) == (True, 0)


def test_only_a_page_of_a_safe_origin_is_told_to_keep_others_out(lan: Lan) -> None:
    with httpx.Client(trust_env=False, base_url=lan.url.replace(LAN_NAME, "127.0.0.1")) as client:
        replies = [client.get("/", headers={"Host": host}) for host in (LAN_NAME, "127.0.0.1")]
    found = [reply.headers.get("Cross-Origin-Opener-Policy") for reply in replies]
    assert found == [None, "same-origin"]
