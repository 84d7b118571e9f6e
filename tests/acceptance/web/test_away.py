from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import opened
from tests.support.documents import english_pdf
from tests.support.service import eventually, upload_all
from tests.support.web import PAGES, ScriptedService, ask, expect_view, row, scripted_service, submit

#: A few words with a source, then drop by drop.
SLOWLY: Final = ("The repair of the crane cost **83,000 euros** [1].\n\n", "And so on, ", "and on.")
ANSWERS: Final = "**/api/v1/answers"
SAID: Final = "The repair of the crane cost 83,000 euros"


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    with scripted_service(tmp_path_factory.mktemp("away"), model_folder, {}) as found:
        yield found


@pytest.fixture(scope="module")
def harbour(scripted: ScriptedService, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a document of three pages."""
    files = {"harbour.pdf": english_pdf(texts=PAGES)}
    (found,) = upload_all(scripted.service, tmp_path_factory.mktemp("files"), files)
    return f"documents/{found}"


@pytest.fixture
def page(scripted: ScriptedService, harbour: str, browser: Browser) -> Iterator[Page]:
    scripted.play()
    with opened(browser, scripted.service) as page:
        expect(page.locator("#well")).to_have_attribute("data-status", "ok")
        yield page


def visit(page: Page, address: str) -> None:
    """Go to an address within the page that is open."""
    page.evaluate("(to) => { location.hash = to }", address)


def check_that_it_says_so(page: Page) -> None:
    """Check that both the notice and the corner say that the service is not reached."""
    expect(page.locator("#status")).to_contain_text("The service is not reached")
    expect(page.locator("#well")).to_have_attribute("data-status", "unreachable")


def check_that_it_is_back(page: Page) -> None:
    """Check that nothing says so any more."""
    expect(page.locator("#well")).to_have_attribute("data-status", "ok")
    expect(page.locator("#status")).not_to_contain_text("is not reached")


def hit(page: Page) -> Locator:
    """Return what is found of the crane."""
    return page.locator(".search-hit", has_text="pier four")


def test_a_question_that_is_asked_offline_is_kept_and_asked_again(page: Page) -> None:
    page.context.set_offline(True)
    check_that_it_says_so(page)
    turn = submit(page, "What did the offline crane cost?")
    expect(turn).to_have_attribute("data-state", "failed")
    page.locator("#question").fill("And a second one")
    page.context.set_offline(False)
    check_that_it_is_back(page)
    turn.locator('[data-do="again"]').click()
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    expect(page.locator(".turn .asked")).to_have_text(["What did the offline crane cost?"])
    expect(page.locator("#question")).to_have_value("And a second one")


def test_a_question_that_never_arrived_stands_in_the_box_after_a_reload(page: Page) -> None:
    page.route(ANSWERS, lambda route: route.abort())
    expect(submit(page, "What did the lost crane cost?")).to_have_attribute("data-state", "failed")
    page.unroute(ANSWERS)
    page.reload()
    expect(page.locator("#question")).to_have_value("What did the lost crane cost?")
    page.locator("#question").press("Enter")
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    page.reload()
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    expect(page.locator("#question")).to_have_value("")


def test_a_question_that_never_arrived_can_be_discarded(page: Page) -> None:
    page.route(ANSWERS, lambda route: route.abort())
    turn = submit(page, "What did the unwanted crane cost?")
    expect(turn).to_have_attribute("data-state", "failed")
    turn.locator('[data-do="discard"]').click()
    expect(page.locator(".turn")).to_have_count(0)
    page.reload()
    expect(page.locator("#question")).to_have_value("")


def test_a_changed_question_that_never_arrived_becomes_a_version_when_it_does(page: Page) -> None:
    ask(page, "What did the changed crane cost?")
    turn = page.locator(".turn")
    page.route(ANSWERS, lambda route: route.abort())
    turn.locator('[data-do="edit"]').click()
    page.locator("#question").fill("What did the crane cost after all?")
    page.locator("#question").press("Enter")
    expect(turn).to_have_attribute("data-state", "failed")
    page.unroute(ANSWERS)
    turn.locator('[data-do="again"]').click()
    expect(turn.locator(".versions")).to_have_text("2/2")


def test_an_answer_under_way_is_caught_up_with_after_the_network(
    scripted: ScriptedService, page: Page
) -> None:
    scripted.play("slow_tokens", words=SLOWLY)
    turn = submit(page, "What is said without a network?")
    expect(turn.locator(".answer")).to_contain_text(SAID)
    page.context.set_offline(True)
    check_that_it_says_so(page)
    expect(turn.locator(".answer")).to_contain_text(SAID)
    page.context.set_offline(False)
    expect(turn).to_have_attribute("data-state", "writing")
    page.locator("#stop").click()
    expect(turn).to_have_attribute("data-state", "stopped")
    expect(turn.locator(".source")).to_have_count(1)


def test_a_search_that_is_typed_offline_finds_when_the_network_is_back(page: Page) -> None:
    visit(page, "search")
    expect(page.locator("#search")).to_be_focused()
    page.context.set_offline(True)
    page.locator("#search").fill("pier four")
    expect(page.locator(".search .empty")).to_contain_text("The service is not reached")
    page.context.set_offline(False)
    expect(hit(page)).to_be_visible()
    expect(page.locator("#search")).to_have_value("pier four")


def test_a_view_that_was_never_seen_comes_when_the_network_is_back(page: Page) -> None:
    page.context.set_offline(True)
    visit(page, "search?q=pier+four")
    check_that_it_says_so(page)
    page.context.set_offline(False)
    expect(hit(page)).to_be_visible()
    check_that_it_is_back(page)


def test_a_list_of_documents_stays_while_the_network_is_away(page: Page, scripted: ScriptedService) -> None:
    visit(page, "documents")
    expect(row(page, "harbour.pdf")).to_be_visible()
    page.context.set_offline(True)
    check_that_it_says_so(page)
    expect(row(page, "harbour.pdf")).to_be_visible()
    page.context.set_offline(False)
    check_that_it_is_back(page)
    page.locator("#document-search").fill("no such name")
    expect(page.locator(".row[data-document]")).to_have_count(0)


def test_pages_of_a_document_come_when_the_network_is_back(page: Page, harbour: str) -> None:
    visit(page, f"{harbour}/page/1")
    expect(page.locator('[data-page="1"] img')).to_be_visible()
    page.context.set_offline(True)
    check_that_it_says_so(page)
    expect(page.locator('[data-page="1"] img')).to_be_visible()
    expect(page.locator("#reader .scroller").last).to_be_focused()
    page.keyboard.press("Control+f")
    page.locator("#reader-find").fill("Ottilie")
    expect(page.locator("#reader-hits")).to_have_text("The service is not reached.")
    page.context.set_offline(False)
    expect(page.locator("#reader-hits")).to_have_text("1 of 1")
    expect(page.locator('[data-page="3"] img')).to_be_visible()


def test_a_document_that_is_opened_offline_comes_when_the_network_is_back(page: Page, harbour: str) -> None:
    visit(page, f"{harbour}/page/2")
    expect(page.locator('[data-page="2"] img')).to_be_visible()
    page.locator("#reader-close").click()
    expect(page.locator("#reader")).to_have_count(0)
    page.context.set_offline(True)
    visit(page, f"{harbour}/page/3")
    expect(page.locator(".reader-closed")).to_contain_text("The service is not reached")
    page.context.set_offline(False)
    expect(page.locator('[data-page="3"] img')).to_be_visible()


def test_settings_that_are_opened_offline_say_so_and_come_back(page: Page) -> None:
    visit(page, "settings")
    expect(page.locator("#links li").first).to_be_visible()
    visit(page, "documents")
    expect_view(page, "documents")
    page.context.set_offline(True)
    visit(page, "settings")
    check_that_it_says_so(page)
    page.context.set_offline(False)
    expect(page.locator("#links li").first).to_be_visible()
    expect(page.locator("#answers-length")).to_be_visible()


def test_a_killed_service_takes_no_word_with_it(scripted: ScriptedService, page: Page) -> None:
    scripted.play("slow_tokens", words=SLOWLY)
    turn = submit(page, "What did the crane cost when it was killed?")
    expect(turn.locator(".answer")).to_contain_text(SAID)
    page.locator("#question").fill("Half a question")
    check_that_it_is_kept(scripted)
    scripted.service.kill()
    expect(turn).to_have_attribute("data-state", "lost")
    check_that_it_says_so(page)
    expect(turn.locator(".answer")).to_contain_text(SAID)
    scripted.play()
    scripted.service.start()
    check_that_it_was_interrupted(page, turn)
    expect(page.locator("#question")).to_have_value("Half a question")
    page.locator("#question").press("Enter")
    expect(page.locator(".turn").last).to_have_attribute("data-state", "done")
    turn.locator('[data-do="again"]').click()
    expect(page.locator(".turn").first).to_have_attribute("data-state", "done")


def check_that_it_is_kept(scripted: ScriptedService) -> None:
    """Check that the ledger has what was said: what came in the last second may not be there yet."""
    ledger = apsw.Connection(str(scripted.service.data_dir / "ledger.db"), flags=apsw.SQLITE_OPEN_READONLY)
    said = "SELECT 1 FROM answers WHERE record LIKE '%when it was killed%' AND record LIKE '%And so on%'"
    eventually(lambda: ledger.execute(said).fetchall())
    ledger.close()


def check_that_it_was_interrupted(page: Page, turn: Locator) -> None:
    """Check that a turn is there with its text and its sources, and that it is said to be not complete."""
    expect(turn).to_have_attribute("data-state", "interrupted")
    expect(turn.locator(".answer")).to_contain_text(SAID)
    expect(turn.locator(".answer .chip")).to_have_count(1)
    expect(turn.locator(".source")).to_contain_text("83,000 euros")
    check_that_it_is_back(page)


def test_a_reader_and_a_search_go_on_after_a_kill(
    scripted: ScriptedService, page: Page, harbour: str
) -> None:
    visit(page, f"{harbour}/page/2")
    expect(page.locator('[data-page="2"] img')).to_be_visible()
    with page.context.new_page() as search:
        search.goto(f"{scripted.service.url}/#search?q=ferries")
        expect(search.locator(".search-hit").first).to_be_visible()
        scripted.service.kill()
        search.locator("#search").fill("pier four")
        expect(search.locator(".search .empty")).to_contain_text("The service is not reached")
        scripted.service.start()
        expect(hit(search)).to_be_visible()
    check_that_the_next_page_is_there(page)


def check_that_the_next_page_is_there(page: Page) -> None:
    """Check that a reader at the second page goes on to the third."""
    check_that_it_is_back(page)
    expect(page.locator('[data-page="2"] img')).to_be_visible()
    page.locator("#reader-page").fill("3")
    page.locator("#reader-page").press("Enter")
    expect(page.locator('[data-page="3"] img')).to_be_visible()
    expect(page.locator('[data-page="3"] .text-lines')).to_contain_text("Ottilie Brandt")
