"""The view "Ask" in a real browser: answers as they come, what they rest on, and how they end."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.support.browser import opened
from tests.support.documents import english_pdf, words_under
from tests.support.web import (
    PAGES,
    WORDS,
    ScriptedService,
    ask,
    expect_view,
    open_evidence,
    scripted_service,
    sent,
    submit,
    until,
    until_true,
)

PDF = english_pdf(texts=PAGES)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    with scripted_service(tmp_path_factory.mktemp("ask"), model_folder, {"harbour.pdf": PDF}) as found:
        yield found


@pytest.fixture
def page(scripted: ScriptedService, browser: Browser) -> Iterator[Page]:
    """An empty conversation; both models do as they should."""
    scripted.play()
    with opened(browser, scripted.service, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield page


def test_an_answer_is_shown_as_it_is_said_and_can_be_stopped(scripted: ScriptedService, page: Page) -> None:
    scripted.play("stall")
    turn = submit(page, "What did the crane cost?")
    expect(turn).to_have_attribute("data-state", "writing")
    expect(turn.locator(".answer")).to_have_text("The repair of the crane")
    page.locator("#stop").click()
    expect(turn).to_have_attribute("data-state", "stopped")
    expect(turn).to_contain_text("This answer was stopped; it is not complete.")
    expect(turn.locator(".answer")).to_have_text("The repair of the crane")


def test_a_stopped_answer_is_tried_again_in_its_place(scripted: ScriptedService, page: Page) -> None:
    scripted.play("stall")
    turn = submit(page, "What was the price of the crane?")
    expect(turn).to_have_attribute("data-state", "writing")
    page.locator("#stop").click()
    scripted.play()
    turn.locator('[data-do="again"]').click()
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    expect(page.locator(".turn .answer strong")).to_have_text("83,000 euros")


def test_an_answer_has_its_giver_its_sources_and_its_words_formatted(page: Page) -> None:
    turn = ask(page, "How much was paid for the crane?")
    expect(turn.locator(".answer strong")).to_have_text("83,000 euros")
    expect(turn.locator(".answer .chip")).to_have_count(1)
    expect(turn.locator(".uncited")).to_have_text("1 sentence has no source")
    expect(turn.locator(".badge")).to_have_text("primary model")
    expect(page.locator("#announce")).to_contain_text("Answer complete, 1 source.")
    expect(turn.locator(".sources .source")).to_contain_text("harbour.pdf")


def test_sentences_that_their_source_does_not_hold_are_named(scripted: ScriptedService, page: Page) -> None:
    scripted.play(
        words=("The repair of the crane cost **83,000 euros** [1]. ", "It took 40 days in October [1].")
    )
    turn = ask(page, "What did the repair of the crane cost in October?")
    expect(turn.locator(".badge")).to_have_text("primary model")
    expect(turn.locator('[data-do="claims"]')).to_have_text("1 sentence to check")
    expect(turn.locator(".claims small")).to_have_text("It took 40 days in October.")


def test_words_that_no_source_holds_are_no_answer_and_can_be_opened(
    scripted: ScriptedService, page: Page
) -> None:
    scripted.play(words=("The repair of the crane ", "took 40 days [1]."))
    turn = ask(page, "How long did the repair of the crane on pier four take?")
    expect(turn.locator(".badge")).to_contain_text("what primary said is not in the documents")
    expect(turn.locator(".answer").last).not_to_contain_text("40 days")
    turn.locator(".rejected summary").click()
    expect(turn.locator(".rejected p")).to_have_text("The repair of the crane took 40 days.")


def test_pointing_at_a_number_shows_the_quote_and_so_does_the_focus(page: Page) -> None:
    chip = ask(page, "What did it cost to repair the crane?").locator(".answer .chip").first
    expect(chip).to_have_accessible_name("Source 1: harbour.pdf, p. 2")
    chip.hover()
    expect(page.locator("#card .quoted")).to_contain_text(
        "The repair of the crane on pier four cost 83,000 euros in October."
    )
    page.keyboard.press("Escape")
    expect(page.locator("#card")).to_be_hidden()
    page.mouse.move(640, 5)
    page.locator("#question").focus()
    expect(page.locator("#question")).to_be_focused()
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.classList.contains('chip')"):
            break
    expect(chip).to_be_focused()
    expect(page.locator("#card .quoted")).to_contain_text("83,000 euros")


_SAID = """async (cases) => {
  const { from } = await import(document.querySelector("script[type=module]").src);
  const { saidPlace } = from("frame/language.js");
  const { words } = from("ask/words.js");
  const filled = (text, values) => text.replace(/\\{(\\w+)\\}/g, (_, key) => values[key] ?? "");
  const say = (at) => (name, values = {}) => filled(words[name][at], values);
  return cases.map(({ place, pages = [] }) => [0, 1].map((at) => saidPlace(place, pages, say(at))));
}"""


def test_the_quote_is_marked_on_its_page_and_escape_gives_the_focus_back(page: Page) -> None:
    chip = ask(page, "Tell me what the crane cost.").locator(".answer .chip").first
    marks = open_evidence(page, chip)
    assert "83,000" in words_under(PDF, 2, marks)
    expect(page.locator("#reader-said")).to_have_text("Quote found on this page")
    expect(chip).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#reader")).to_have_count(0)
    expect(chip).to_be_focused()
    expect(page.locator("#card")).to_be_hidden()


def test_what_comes_below_a_mouse_at_rest_shows_no_card(page: Page) -> None:
    chip = ask(page, "Tell me again what the crane cost.").locator(".answer .chip").first
    box = chip.bounding_box()
    assert box is not None
    there = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    open_evidence(page, chip)
    page.mouse.move(there[0], there[1])
    page.keyboard.press("Escape")
    expect(page.locator("#reader")).to_have_count(0)
    page.wait_for_function("([x, y]) => document.elementFromPoint(x, y).closest('.chip')", arg=there)
    page.wait_for_timeout(300)  # longer than a card waits
    expect(page.locator("#card")).to_be_hidden()
    page.mouse.move(there[0] + 1, there[1])
    expect(page.locator("#card")).to_contain_text("83,000 euros")


def test_a_source_opens_its_page_and_a_link_leads_there_again(scripted: ScriptedService, page: Page) -> None:
    ask(page, "Which source says what the crane cost?").locator(".source").first.click()
    expect(page.locator("#reader-said")).to_have_text("Quote found on this page")
    page.reload()
    expect(page.locator("#reader-said")).to_have_text("Quote found on this page")
    page.go_back()
    expect(page.locator("#reader")).to_have_count(0)
    expect(page.locator(".turn")).to_have_count(1)


def test_the_page_says_places_as_the_service_does(page: Page) -> None:
    cases = json.loads((Path(__file__).parents[2] / "data" / "places.json").read_text("utf8"))
    assert page.evaluate(_SAID, cases) == [[case["en"], case["zh"]] for case in cases]


def test_the_original_is_the_file_that_was_handed_in(scripted: ScriptedService, page: Page) -> None:
    chip = ask(page, "Say what the crane cost.").locator(".answer .chip").first
    open_evidence(page, chip)
    expect(page.locator("#original")).to_have_attribute("href", re.compile("/content#page=2$"))
    href = page.locator("#original").get_attribute("href") or ""
    assert page.request.get(scripted.service.url + href).body() == PDF


def test_an_answer_of_the_stand_in_says_so_and_why(
    tmp_path: Path, model_folder: Path, browser: Browser
) -> None:
    with (
        scripted_service(tmp_path, model_folder, {"harbour.pdf": PDF}, first_word_s=0.2) as scripted,
        opened(browser, scripted.service) as page,
    ):
        scripted.play("hang")
        badge = ask(page, "Who stands in for the crane?").locator(".badge")
        expect(badge).to_have_text("local model · primary timed out")


def test_an_answer_of_the_stand_in_tells_that_the_first_model_is_away(
    scripted: ScriptedService, page: Page
) -> None:
    scripted.warm_up()
    scripted.play("503")
    badge = ask(page, "Who stands in for the crane now?").locator(".badge")
    expect(badge).to_have_text("local model · primary is away")


def test_a_restart_shows_what_was_said_before_as_void(scripted: ScriptedService, page: Page) -> None:
    scripted.warm_up()
    scripted.play("cut")
    turn = ask(page, "What about a restart of the crane?")
    expect(turn.locator(".restarted")).to_contain_text("Another source started anew: local model.")
    expect(turn.locator(".voided summary")).to_have_text("What was said before the restart")
    expect(turn.locator(".voided .answer")).to_have_text("The repair of the crane")
    expect(turn.locator(":scope > .said strong")).to_have_text("83,000 euros")
    expect(turn.locator(".badge")).to_contain_text("local model")


def test_an_answer_that_nothing_can_follow_is_shown_as_not_complete(
    scripted: ScriptedService, page: Page
) -> None:
    scripted.warm_up()
    scripted.play("cut", "503")
    turn = ask(page, "Which astronauts visited Saturn?", "interrupted")
    expect(turn.locator(".badge")).to_contain_text("not complete")
    expect(turn).to_contain_text("The answer broke off: primary is away")
    expect(turn.locator(".answer")).to_have_text("The repair of the crane")
    expect(turn.locator(".source").first).to_be_visible()
    scripted.play()
    turn.locator('[data-do="again"]').click()
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")


def check_that_it_is_answered_after_a_start(scripted: ScriptedService, page: Page) -> None:
    scripted.play()
    scripted.service.start()
    expect(page.locator("#well")).to_have_attribute("data-status", "ok")
    expect(page.locator(".turn")).to_have_attribute("data-state", "interrupted")
    page.locator('.turn [data-do="again"]').click()
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")


def test_an_answer_that_a_stop_breaks_off_is_shown_as_not_complete(
    tmp_path: Path, model_folder: Path, browser: Browser
) -> None:
    env = {"KOTAEMON_HTTP__DRAIN_S": "0.2"}
    with (
        scripted_service(tmp_path, model_folder, {"harbour.pdf": PDF}, env) as scripted,
        opened(browser, scripted.service) as page,
    ):
        scripted.play("stall")
        turn = submit(page, "What did the crane cost?")
        expect(turn.locator(".answer")).to_have_text("The repair of the crane")
        scripted.service.stop()
        expect(turn).to_have_attribute("data-state", "interrupted")
        expect(turn.locator(".badge")).to_contain_text("not complete")
        expect(turn).to_contain_text("The answer broke off")
        expect(turn.locator(".answer")).to_have_text("The repair of the crane")
        check_that_it_is_answered_after_a_start(scripted, page)


def test_an_answer_is_copied_with_its_sources(page: Page) -> None:
    turn = ask(page, "What is to be copied about the crane?")
    turn.locator('[data-do="copy"]').click()
    read = "navigator.clipboard.readText()"  # which may still hold what another page has copied
    copied = until_true(page, f"{read}.then((text) => text.includes('harbour.pdf') && text)")
    assert copied.startswith("".join(WORDS)) and "[1] harbour.pdf, p. 2: “" in copied


def test_a_conversation_is_opened_again_after_a_reload(page: Page) -> None:
    ask(page, "Is a conversation kept?")
    ask(page, "And what comes second?")
    link = page.locator(".talks a[aria-current]")
    expect(link).to_have_text("Is a conversation kept?")
    page.reload()
    expect(page.locator(".turn[data-state=done]")).to_have_count(2)
    page.locator("#new-talk").click()
    expect(page.locator(".turn")).to_have_count(0)
    page.locator(".talks a", has_text="Is a conversation kept?").click()
    expect(page.locator(".turn h3")).to_have_text(["Is a conversation kept?", "And what comes second?"])


def test_conversations_are_renamed_searched_and_deleted(page: Page) -> None:
    ask(page, "What is this conversation called?")
    one = page.locator(".talks li", has_text="What is this conversation called?")
    one.get_by_role("button").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.locator("#dialog-input").fill("Zebra crossing")
    page.keyboard.press("Enter")
    expect(page.locator(".talks a[aria-current]")).to_have_text("Zebra crossing")
    page.locator("#talks-search").fill("zebra")
    expect(page.locator(".talks li")).to_have_text(["Zebra crossing"])
    page.locator(".talks li").get_by_role("button").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.locator("dialog .go").click()
    expect(page.locator(".talks li")).to_have_count(0)
    expect(page.locator(".turn")).to_have_count(0)


def test_a_conversation_is_taken_away_as_markdown(page: Page, tmp_path: Path) -> None:
    ask(page, "What can be taken away?")
    page.locator(".talks li", has_text="What can be taken away?").get_by_role("button").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Markdown").click()
    download.value.save_as(tmp_path / "taken.md")
    taken = (tmp_path / "taken.md").read_text("utf8")
    assert "What can be taken away?" in taken and "83,000 euros" in taken


def test_an_answer_goes_on_while_another_view_is_open(scripted: ScriptedService, page: Page) -> None:
    scripted.play("stall", "hang")
    expect(submit(page, "What goes on elsewhere?")).to_have_attribute("data-state", "writing")
    page.locator('.nav [data-view="documents"]').click()
    expect_view(page, "documents")
    page.go_back()
    turn = page.locator(".turn")
    expect(turn).to_have_attribute("data-state", "writing")
    expect(turn.locator(".answer")).to_have_text("The repair of the crane")
    page.locator("#stop").click()
    expect(turn).to_have_attribute("data-state", "stopped")


def test_a_service_that_dies_in_the_middle_leaves_what_was_said_and_answers_when_it_is_back(
    scripted: ScriptedService, page: Page
) -> None:
    scripted.play("stall")
    turn = submit(page, "Who dies in the middle?")
    expect(turn.locator(".answer")).to_have_text("The repair of the crane")
    scripted.service.kill()
    expect(turn).to_have_attribute("data-state", "lost")
    expect(turn).to_contain_text("The connection was lost; this answer is not complete.")
    expect(turn.locator(".answer")).to_have_text("The repair of the crane")
    check_that_it_is_answered_after_a_start(scripted, page)


def test_a_scope_belongs_to_its_conversation_and_not_to_a_new_one(page: Page) -> None:
    page.locator("#scope").click()
    page.locator("#scope-panel").get_by_label("default").check()
    page.keyboard.press("Escape")
    expect(page.locator("#scope")).to_contain_text("default · 1 document")
    with page.expect_request("**/api/v1/answers") as request:
        turn = ask(page, "What is in this collection?")
    assert sent(request.value)["collection"] == "default"
    expect(turn.locator(".scope-words")).to_have_text("default")
    page.reload()
    expect(page.locator("#scope")).to_contain_text("default")
    page.locator("#new-talk").click()
    expect(page.locator("#scope")).to_contain_text("Everything")


def feedback_on(scripted: ScriptedService, page: Page, turn: Locator) -> dict[str, str]:
    """Return what the service has been told of an answer."""
    path = f"{scripted.service.url}/api/v1/answers/{turn.get_attribute('data-answer')}"
    found: dict[str, str] = page.request.get(path).json()["feedback"]
    return found


def test_what_one_thinks_of_an_answer_is_kept_with_its_reason(scripted: ScriptedService, page: Page) -> None:
    turn = ask(page, "What is this answer worth?")
    turn.locator('[data-do="down"]').click()
    turn.get_by_label("Something is missing").check()
    turn.get_by_label("A few words").fill("Which crane?")
    turn.locator('[data-do="send-reason"]').click()
    expect(page.locator(".notice")).to_contain_text("Noted")
    found = feedback_on(scripted, page, turn)
    assert (found["verdict"], found["reason"], found["comment"]) == ("down", "incomplete", "Which crane?")
    page.reload()
    expect(turn.locator('[data-do="down"]')).to_have_attribute("aria-pressed", "true")


def test_a_reason_is_kept_though_the_thumb_before_it_takes_long(
    scripted: ScriptedService, page: Page
) -> None:
    turn = ask(page, "What is thought of it slowly?")
    held: list[Route] = []
    page.route("**/feedback", lambda route: route.continue_() if held else held.append(route))
    turn.locator('[data-do="down"]').click()
    until(page, lambda: held)
    turn.get_by_label("Something is missing").check()
    turn.locator('[data-do="send-reason"]').click()
    expect(turn.locator(".reason")).to_have_count(0)
    expect(page.locator(".notice")).to_have_count(0)
    held[0].continue_()
    expect(page.locator(".notice")).to_contain_text("Noted")
    assert feedback_on(scripted, page, turn)["reason"] == "incomplete"


def test_how_an_answer_is_wished_goes_with_this_question_only(page: Page) -> None:
    page.locator("#wishes").click()
    page.locator("#wish-panel").get_by_label("Short").check()
    page.keyboard.press("Escape")
    expect(page.locator("#wishes")).to_have_text("Short")
    with page.expect_request("**/api/v1/answers") as request:
        submit(page, "How short can it be?")
    assert sent(request.value)["length"] == "short"
    expect(page.locator("#wishes")).to_have_text("")


def test_text_from_right_to_left_is_laid_out_so(scripted: ScriptedService, page: Page) -> None:
    scripted.play(words=("\u062a\u0645: The repair of the crane cost 83,000 euros [1].",))
    question = "\u0643\u0645 \u0643\u0644\u0641: the repair of the crane on pier four?"
    turn = submit(page, question)
    expect(turn).to_have_attribute("data-state", "done")
    expect(turn.locator(".badge")).to_have_text("primary model")
    for what in (".asked", ".answer > *"):
        expect(turn.locator(what).first).to_have_css("direction", "rtl")
    page.locator("#question").fill(question)
    expect(page.locator("#question")).to_have_css("direction", "rtl")


def test_a_question_in_the_address_is_asked_once(page: Page) -> None:
    page.evaluate("location.hash = '#ask?q=What+was+paid+for+crane+repairs'")
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    page.reload()
    expect(page.locator(".turn h3")).to_have_text(["What was paid for crane repairs"])
    page.go_back()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page).to_have_url(re.compile("#ask$"))


#: Holds what scrolls here, so that it can be told of a scroll after it has gone, as a browser may do.
_HOLD_SCROLLERS = """() => {
  window.scrollers ??= [];
  window.scrollers.push(...document.querySelectorAll("#turns, #document-rows, .scroller"));
}"""


def test_what_was_scrolled_as_it_went_away_breaks_nothing(page: Page) -> None:
    chip = ask(page, "What scrolls here?").locator(".answer .chip").first
    open_evidence(page, chip)
    page.evaluate(_HOLD_SCROLLERS)
    page.locator('.nav [data-view="documents"]').click()
    expect(page.locator("#document-rows .row[data-document]")).to_have_count(1)
    page.evaluate(_HOLD_SCROLLERS)
    page.locator('.nav [data-view="search"]').click()
    expect(page.locator("#document-rows")).to_have_count(0)
    told = page.evaluate("window.scrollers.map((one) => [one.dispatchEvent(new Event('scroll')), one.id])")
    assert {name for _, name in told} >= {"turns", "document-rows", ""}


def test_escape_ends_an_answer_that_is_under_way(scripted: ScriptedService, page: Page) -> None:
    scripted.play("stall")
    turn = submit(page, "What ends at a key?")
    expect(turn.locator(".answer")).to_have_text("The repair of the crane")
    page.keyboard.press("Escape")
    expect(turn).to_have_attribute("data-state", "stopped")


def test_a_number_that_is_pressed_once_more_closes_its_page(page: Page) -> None:
    chip = ask(page, "What did it cost, in the end?").locator(".answer .chip").first
    open_evidence(page, chip)
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.click()
    expect(page.locator("#reader")).to_have_count(0)


def test_what_is_typed_stays_with_its_conversation(page: Page) -> None:
    ask(page, "Which crane was it?")
    page.locator("#question").fill("Half a question about")
    page.locator("#new-talk").click()
    expect(page.locator(".empty-ask")).to_be_visible()
    expect(page.locator("#question")).to_have_value("")
    page.go_back()
    expect(page.locator("#question")).to_have_value("Half a question about")
