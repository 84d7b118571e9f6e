"""One person with two devices, and another person: the same conversations on both, and for nobody else."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import WAIT_S, opened
from tests.support.documents import english_pdf
from tests.support.keys import bearer
from tests.support.service import command, eventually
from tests.support.web import PAGES, ScriptedService, ask, scripted_service, submit, until_true

#: A few words with a source, then drop by drop.
SLOWLY = ("The repair of the crane cost **83,000 euros** [1].\n\n", "And so on, ", "and on.")
PHONE = (390, 844)


@dataclass(frozen=True, slots=True)
class People:
    """A service that asks for keys, with those of ada, who has a document, and of ben, who has none."""

    scripted: ScriptedService
    keys: dict[str, str]
    document: str

    @property
    def url(self) -> str:
        return self.scripted.service.url

    def reply(self, who: str, path: str) -> httpx.Response:
        """Return what the service says to somebody."""
        return httpx.get(self.url + path, headers=bearer(self.keys[who]), trust_env=False, timeout=WAIT_S)

    def rename(self, who: str, conversation: str, title: str) -> None:
        """Give a conversation of somebody another title."""
        url, key = f"{self.url}/api/v1/conversations/{conversation}", bearer(self.keys[who])
        httpx.patch(url, headers=key, json={"title": title}, trust_env=False).raise_for_status()


def new_key(scripted: ScriptedService, name: str) -> str:
    """Make a key for somebody who may ask and write."""
    words = ("keys", "create", name, "--scope", "ask", "--scope", "write", "--json")
    secret: str = json.loads(command(scripted.service, *words).stdout)["key"]
    return secret


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[People]:
    with scripted_service(tmp_path_factory.mktemp("devices"), model_folder, {}) as scripted:
        keys = {name: new_key(scripted, name) for name in ("ada", "ben")}
        documents = f"{scripted.service.url}/api/v1/documents"
        quietly: dict[str, Any] = {"trust_env": False, "timeout": WAIT_S}
        eventually(lambda: httpx.get(documents, **quietly).status_code == 401)
        files = {"file": ("harbour.pdf", english_pdf(texts=PAGES))}
        added = httpx.post(documents, headers=bearer(keys["ada"]), files=files, **quietly)
        people = People(scripted, keys, added.raise_for_status().json()["id"])
        eventually(
            lambda: people.reply("ada", f"/api/v1/documents/{people.document}").json()["status"] == "ready"
        )
        yield people


def device(stack: ExitStack, browser: Browser, people: People, who: str, **look: Any) -> Page:
    """Open the page on a device of somebody, who signs in there."""
    page = stack.enter_context(opened(browser, people.scripted.service, **look))
    page.locator("#key").fill(people.keys[who])
    page.locator("#key").press("Enter")
    expect(page.locator("#nav")).to_be_attached()
    expect(page.locator("#key")).to_have_count(0)
    return page


@pytest.fixture
def both(people: People, browser: Browser) -> Iterator[tuple[Page, Page]]:
    """A computer and a phone of ada."""
    people.scripted.play()
    with ExitStack() as stack:
        desk = device(stack, browser, people, "ada")
        yield desk, device(stack, browser, people, "ada", size=PHONE, has_touch=True, is_mobile=True)


def follow(desk: Page, phone: Page, *, turns: int = 1) -> None:
    """Open on the phone the conversation that the computer shows."""
    desk.wait_for_url("**/#ask/*")
    phone.evaluate("(to) => { location.hash = to }", desk.evaluate("location.hash"))
    expect(phone.locator(".turn")).to_have_count(turns)


def test_an_answer_grows_on_both_devices_and_is_stopped_on_both(
    people: People, both: tuple[Page, Page]
) -> None:
    desk, phone = both
    people.scripted.play("slow_tokens", words=SLOWLY)
    turn = submit(desk, "What did the crane cost on two devices?")
    expect(turn.locator(".answer")).to_contain_text("83,000 euros")
    follow(desk, phone)
    expect(phone.locator(".turn .answer")).to_contain_text("83,000 euros")
    length = "document.querySelector('.turn .answer').textContent.length"
    until_true(phone, f"{length} > {phone.evaluate(length) + 40}")
    phone.locator("#stop").tap()
    for one in both:
        expect(one.locator(".turn")).to_have_attribute("data-state", "stopped")
        expect(one.locator(".turn .source")).to_have_count(1)


def test_versions_names_and_pins_are_the_same_on_both_devices(both: tuple[Page, Page]) -> None:
    desk, phone = both
    turn = ask(desk, "What did the crane cost, twice?")
    follow(desk, phone)
    turn.locator('[data-do="again"]').click()
    for one in both:
        expect(one.locator(".versions")).to_have_text("2/2")
    phone.locator('[data-do="before"]').tap()
    expect(desk.locator(".versions")).to_have_text("1/2")
    link = desk.locator(".talks a[aria-current]")
    link.press("F2")
    desk.locator("#dialog-input").fill("The crane, twice")
    desk.keyboard.press("Enter")
    phone.locator("#show-sheet").tap()
    expect(phone.locator(".talks a[aria-current]")).to_have_text("The crane, twice")


#: The end of an answer does not reach the page before `letEnd` is called.
HOLD_THE_END = """() => {
  const whole = window.fetch;
  const held = new Promise((resolve) => { window.letEnd = resolve; });
  const wait = new TransformStream({
    async transform(piece, control) {
      if (new TextDecoder().decode(piece).includes("event: done")) await held;
      control.enqueue(piece);
    },
  });
  window.fetch = async (address, init) => {
    const response = await whole(address, init);
    const isAnswer = init?.method === "POST" && String(address).endsWith("/api/v1/answers");
    return isAnswer ? new Response(response.body.pipeThrough(wait), response) : response;
  };
}"""


def test_a_version_chosen_elsewhere_before_the_end_has_come_is_shown(
    people: People, both: tuple[Page, Page]
) -> None:
    desk, phone = both
    turn = ask(desk, "What did the crane cost, chosen elsewhere?")
    follow(desk, phone)
    desk.evaluate(HOLD_THE_END)
    turn.locator('[data-do="again"]').click()
    expect(phone.locator(".versions")).to_have_text("2/2")
    phone.locator('[data-do="before"]').tap()
    expect(phone.locator(".versions")).to_have_text("1/2")
    # What is told after it has come to the desk, so that has, too.
    people.rename("ada", desk.evaluate("location.hash").rpartition("/")[2], "Told after the choice")
    expect(desk.locator(".talks a[aria-current]")).to_have_text("Told after the choice")
    expect(desk.locator(".turn")).not_to_have_attribute("data-state", "done")
    desk.evaluate("window.letEnd()")
    expect(desk.locator(".turn")).to_have_attribute("data-state", "done")
    expect(desk.locator(".versions")).to_have_text("1/2")


def test_what_is_pinned_or_deleted_on_one_device_is_so_on_the_other(both: tuple[Page, Page]) -> None:
    desk, phone = both
    ask(desk, "What is pinned and deleted?")
    follow(desk, phone)
    phone.locator("#show-sheet").tap()
    phone.locator(".talks li", has_text="What is pinned").locator(".menu-button").tap()
    phone.locator('[data-do="pin"]').tap()
    for one in both:
        expect(one.locator("#talks-pinned + ul")).to_contain_text("What is pinned and deleted?")
    phone.locator(".talks li", has_text="What is pinned").locator(".menu-button").tap()
    phone.locator('[data-do="delete"]').tap()
    expect(phone.locator("dialog")).to_contain_text("What is pinned and deleted?")
    phone.locator("dialog .go").tap()
    expect(desk.locator("#status")).to_contain_text("That conversation is not there any more.")
    expect(desk.locator(".talks li", has_text="What is pinned")).to_have_count(0)
    expect(desk.locator(".turn")).to_have_count(0)


def test_somebody_else_sees_nothing_of_a_conversation_and_its_links_say_so(
    people: People, browser: Browser
) -> None:
    people.scripted.play()
    with ExitStack() as stack:
        ada = device(stack, browser, people, "ada")
        ben = device(stack, browser, people, "ben")
        turn = ask(ada, "What does Ben see of Ada's crane?")
        turn.locator(".answer .chip").first.click()
        expect(ada.locator("#reader-said")).to_have_text("Quote found on this page")
        check_that_nothing_is_told(people, ben, ada.evaluate("location.hash"))
        expect(ben.locator(".talks li")).to_have_count(0)


def check_that_nothing_is_told(people: People, page: Page, link: str) -> None:
    """Check that the link to a citation in a conversation, and to its document, lead nowhere."""
    page.evaluate("(to) => { location.hash = to }", link)
    expect(page.locator("#status")).to_contain_text("That conversation is not there any more.")
    expect(page).to_have_url(re.compile("#ask$"))
    for path in (f"documents/{people.document}", f"documents/{people.document}/page/2?find=crane"):
        page.evaluate("(to) => { location.hash = to }", path)
        expect(page.locator("#reader")).to_contain_text("This document is not there any more")
        said = page.locator("body").inner_text()
        assert "crane" not in said and "harbour.pdf" not in said
        page.evaluate("location.hash = 'ask'")
        expect(page.locator("#reader")).to_have_count(0)
