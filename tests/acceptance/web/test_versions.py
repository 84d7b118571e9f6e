"""A conversation belongs to the service: what was tried, stopped, changed or lost is there in every tab."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.support.browser import opened
from tests.support.documents import english_pdf
from tests.support.web import PAGES, ScriptedService, ask, scripted_service, sent, submit, until

PDF: Final = english_pdf(texts=PAGES)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    with scripted_service(tmp_path_factory.mktemp("versions"), model_folder, {"harbour.pdf": PDF}) as found:
        yield found


@pytest.fixture
def page(scripted: ScriptedService, browser: Browser) -> Iterator[Page]:
    scripted.play()
    with opened(browser, scripted.service) as page:
        yield page


def second_tab(page: Page) -> Page:
    """Return another tab at the same address."""
    page.wait_for_url("**/#ask/*")
    other = page.context.new_page()
    other.goto(page.url)
    return other


def test_a_running_answer_is_seen_in_a_second_tab_and_stopped_there(
    scripted: ScriptedService, page: Page
) -> None:
    scripted.play("stall", "hang")
    turn = submit(page, "What is seen in two tabs?")
    expect(turn.locator(".answer")).to_have_text("The repair of the crane")
    other = second_tab(page)
    expect(other.locator(".turn .answer")).to_have_text("The repair of the crane")
    other.locator("#stop").click()
    for one in (page, other):
        expect(one.locator(".turn")).to_have_attribute("data-state", "stopped")
        expect(one.locator(".turn .answer")).to_have_text("The repair of the crane")


def test_an_answer_that_was_stopped_stays_when_the_next_question_is_asked(
    scripted: ScriptedService, page: Page
) -> None:
    scripted.play("stall", "hang")
    expect(submit(page, "What is stopped?").locator(".answer")).to_have_text("The repair of the crane")
    page.locator("#question").press("Escape")
    expect(page.locator(".turn")).to_have_attribute("data-state", "stopped")
    scripted.play()
    ask(page, "What comes after it?")
    page.reload()
    expect(page.locator(".turn .asked")).to_have_text(["What is stopped?", "What comes after it?"])
    expect(page.locator(".turn .answer").first).to_have_text("The repair of the crane")


def test_trying_again_calls_the_model_and_keeps_both_versions(scripted: ScriptedService, page: Page) -> None:
    turn = ask(page, "What did the repair of the crane cost, tried again?")
    before = len(scripted.primary.requests)
    scripted.play(words=("The crane cost **83,000 euros** [1].",))
    turn.locator('[data-do="again"]').click()
    expect(turn.locator(".versions")).to_have_text("2/2")
    expect(turn.locator(".answer")).to_contain_text("The crane cost 83,000 euros")
    assert len(scripted.primary.requests) == before + 1
    turn.locator('[data-do="before"]').click()
    expect(turn.locator(".versions")).to_have_text("1/2")
    expect(turn.locator(".answer")).to_contain_text("The repair of the crane")


def test_a_changed_question_is_a_version_everywhere(page: Page) -> None:
    turn = ask(page, "What did the crain cost?")
    other = second_tab(page)
    turn.locator('[data-do="edit"]').click()
    expect(page.locator("#question")).to_have_value("What did the crain cost?")
    ask(page, "What did the crane on pier four cost?")
    for one in (page, other):
        expect(one.locator(".turn .asked")).to_have_text(["What did the crane on pier four cost?"])
        expect(one.locator(".versions")).to_have_text("2/2")
    other.locator('[data-do="before"]').click()
    for one in (page, other):
        expect(one.locator(".turn .asked")).to_have_text(["What did the crain cost?"])


def test_a_deleted_version_leaves_the_other_and_the_last_takes_the_turn(page: Page) -> None:
    turn = ask(page, "What is deleted?")
    turn.locator('[data-do="again"]').click()
    expect(turn.locator(".versions")).to_have_text("2/2")
    for left in (1, 0):
        page.locator(".turn .menu-button").click()
        page.locator('.menu [data-do="delete"]').click()
        page.locator("dialog .go").click()
        expect(page.locator("dialog")).to_have_count(0)
        expect(page.locator(".versions")).to_have_count(0)
        expect(page.locator(".turn")).to_have_count(left)


def test_a_first_question_has_its_address_while_it_runs_and_goes_on_without_its_page(
    scripted: ScriptedService, page: Page
) -> None:
    scripted.play("stall", "hang")
    turn = submit(page, "Whose is a first question?")
    expect(turn.locator(".answer")).to_have_text("The repair of the crane")
    other = second_tab(page)
    page.goto("about:blank")
    expect(other.locator(".turn")).to_have_attribute("data-state", "writing")
    other.reload()
    expect(other.locator(".turn .answer")).to_have_text("The repair of the crane")
    other.locator("#stop").click()
    expect(other.locator(".turn")).to_have_attribute("data-state", "stopped")
    page.goto(scripted.service.url)


def test_a_question_that_does_not_arrive_is_kept_in_the_box_and_asked_again(page: Page) -> None:
    page.route("**/api/v1/answers", lambda route: route.abort())
    turn = submit(page, "Does this arrive?")
    expect(turn).to_have_attribute("data-state", "failed")
    expect(turn).to_contain_text("The service is not reached.")
    page.unroute("**/api/v1/answers")
    with page.expect_request("**/api/v1/answers") as request:
        turn.locator('[data-do="again"]').click()
    assert sent(request.value)["question"] == "Does this arrive?"
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")


def test_a_link_to_an_answer_leads_to_it(scripted: ScriptedService, page: Page) -> None:
    for number in range(4):
        ask(page, f"What is question number {number}?")
    second = page.locator(".turn").nth(1)
    page.wait_for_url("**/#ask/*")
    address = f"{page.url}/{second.get_attribute('data-answer')}"
    page.goto("about:blank")
    page.goto(address)
    expect(second).to_have_class("turn aimed")
    expect(second.locator(".asked")).to_be_in_viewport()


def test_a_version_is_not_undone_by_what_was_read_before_it(page: Page) -> None:
    turn = ask(page, "What is read before it is tried again?")
    late: list[tuple[Route, APIResponse]] = []
    page.route("**/api/v1/conversations/*?html=true", lambda route: late.append((route, route.fetch())))
    page.reload()
    until(page, lambda: len(late) == 2)
    give(late.pop())
    turn.locator('[data-do="again"]').click()
    expect(turn.locator(".versions")).to_have_text("2/2")
    expect(turn).to_have_attribute("data-state", "done")
    with page.expect_response("**/api/v1/conversations/*?html=true"):
        give(late.pop())
    expect(turn.locator(".versions")).to_have_text("2/2")


def test_an_opinion_that_arrives_late_stays_with_its_version(page: Page) -> None:
    turn = ask(page, "What is thought of the first version?")
    held: list[Route] = []
    page.route("**/feedback", lambda route: held.append(route))  # noqa: PLW0108  # Playwright marks what it calls
    turn.locator('[data-do="down"]').click()
    until(page, lambda: held)
    turn.locator('[data-do="again"]').click()
    expect(turn.locator(".versions")).to_have_text("2/2")
    expect(turn).to_have_attribute("data-state", "done")
    with page.expect_response("**/feedback"):
        held[0].continue_()
    turn.locator('[data-do="before"]').click()
    expect(turn.locator('[data-do="down"]')).to_have_attribute("aria-pressed", "true")
    turn.locator('[data-do="after"]').click()
    expect(turn.locator(".versions")).to_have_text("2/2")
    expect(turn.locator('[data-do="down"]')).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".turn")).to_have_count(1)


def give(held: tuple[Route, APIResponse]) -> None:
    """Let the page have a reply that was held back."""
    route, reply = held
    route.fulfill(response=reply)
