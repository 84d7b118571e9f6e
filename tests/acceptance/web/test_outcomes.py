"""What an answer is worth, as the page shows it: found or only near, supported or not, kept or stopped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import opened
from tests.support.documents import english_pdf
from tests.support.web import PAGES, ScriptedService, scripted_service, submit, until_true

PDF: Final = english_pdf(texts=PAGES)
Language = Literal["en", "zh"]
SENTENCE: Final = "The crane cost 99,000 euros [1]."
CITATION: Final = {
    "id": "a.1",
    "marker": 1,
    "document_id": "doc_1",
    "document_name": "harbour.pdf",
    "page": 4,
    "quote": "The crane cost 83,000 euros.",
    "score": 0.9,
    "parts": [{"page": 4, "quote": "The crane cost"}, {"page": 5, "quote": "83,000 euros."}],
}
ANSWER: Final[dict[str, Any]] = {
    "id": "ans_1",
    "question": "What did the crane cost?",
    "answer": SENTENCE,
    "html": f"<p>{SENTENCE}</p>",
    "served_by": "extractive",
    "degraded": False,
    "reasons": [],
    "age_s": 0,
    "citations": [CITATION],
    "trace_id": "",
    "timings_s": {"total": 0.1},
    "usage": None,
    "uncited": [],
    "complete": True,
    "outcome": "answer",
    "missing": [],
    "claims": [],
    "rejected": None,
    "status": "done",
    "conversation_id": "conv_1",
    "turn_id": "ans_1",
    "versions": [],
    "current": True,
    "created_at": "2026-03-01T08:00:00Z",
    "scope": {"collection": None, "document_ids": []},
    "link": None,
    "feedback": None,
    "follow_ups": [],
}
CONVERSATION: Final = {
    "id": "conv_1",
    "title": "The crane",
    "created_at": "2026-03-01T08:00:00Z",
    "updated_at": "2026-03-01T08:00:00Z",
    "turns": 1,
    "pinned_at": None,
    "running": False,
    "found": None,
}


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    with scripted_service(tmp_path_factory.mktemp("outcomes"), model_folder, {"harbour.pdf": PDF}) as found:
        yield found


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> Language:
    chosen: Language = request.param
    return chosen


@pytest.fixture
def page(scripted: ScriptedService, browser: Browser, language: Language) -> Iterator[Page]:
    with opened(browser, scripted.service, language=language) as page:
        yield page


def answered(page: Page, **differing: object) -> Locator:
    """Return the turn of a conversation that the service keeps like this."""
    kept = {"conversation": CONVERSATION, "answers": [{**ANSWER, **differing}]}
    said = "event: conversations/conv_1 open\ndata: {}\n\n"
    events = {"headers": {"Content-Type": "text/event-stream"}, "body": said}
    page.route("**/api/v1/conversations/conv_1?*", lambda route: route.fulfill(json=kept))
    page.route("**/api/v1/events*", lambda route: route.fulfill(**events))
    page.evaluate("location.hash = '#ask/conv_1'")
    expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    return page.locator(".turn")


def said(language: Language, english: str, chinese: str) -> str:
    return chinese if language == "zh" else english


def test_the_nearest_is_no_answer_and_says_what_is_missing(page: Page, language: Language) -> None:
    turn = answered(page, outcome="nearest", missing=["V-8", "2014"])
    expect(turn.locator(".badge")).to_have_text(
        said(language, "only the nearest was found", "仅找到最接近的内容")
    )
    expect(turn.locator(".missing")).to_have_text(
        said(language, "not found: V-8 · 2014", "未找到：V-8 · 2014")
    )
    expect(turn.locator(".badge.ok")).to_have_count(0)


def test_nothing_found_is_said_quietly(page: Page, language: Language) -> None:
    turn = answered(page, outcome="nothing", citations=[], html="<p>Nothing.</p>")
    expect(turn.locator(".badge")).to_have_text(said(language, "nothing found", "没有找到"))
    expect(turn.locator(".badge.ok, .badge.warn, .badge.bad")).to_have_count(0)


def test_a_greeting_is_no_sentence_of_the_documents(page: Page, language: Language) -> None:
    turn = answered(page, citations=[], html="<p>Hello!</p>")
    expect(turn.locator(".badge.ok")).to_have_count(0)
    expect(turn.locator(".badge")).to_have_text(
        said(language, "answered without the documents", "未查阅文档")
    )


def test_only_what_its_source_supports_is_green(page: Page, language: Language) -> None:
    claim = {"sentence": SENTENCE, "verdict": "supported", "reason": None, "markers": [1]}
    button = answered(page, served_by="primary", claims=[claim]).locator('[data-do="claims"]')
    expect(button).to_have_text(said(language, "supported by its sources", "来源支持"))
    expect(button).to_have_class("quiet good")


def test_a_false_figure_is_named_with_its_sentence(page: Page, language: Language) -> None:
    claim = {"sentence": SENTENCE, "verdict": "unsupported", "reason": "figure", "markers": [1]}
    turn = answered(page, served_by="primary", claims=[claim])
    expect(turn.locator(".claims b")).to_have_text(
        said(language, "Figure not found in the source", "来源中没有这个数字")
    )
    expect(turn.locator(".claims small")).to_have_text(SENTENCE)
    expect(turn.locator(".badge")).to_have_class("badge warn")
    until_true(page, "[...CSS.highlights.get('unsupported') ?? []].length === 1")


def test_a_name_is_to_be_checked(page: Page, language: Language) -> None:
    claim = {"sentence": SENTENCE, "verdict": "check", "reason": "name", "markers": [1]}
    turn = answered(page, served_by="primary", claims=[claim])
    expect(turn.locator('[data-do="claims"]')).to_have_text(
        said(language, "1 sentence to check", "1 个句子需要核对")
    )
    turn.locator('[data-do="claims"]').click()
    expect(turn.locator(".claims")).to_be_hidden()


def test_the_words_of_a_model_that_were_not_sent_can_be_opened(page: Page, language: Language) -> None:
    turn = answered(page, rejected="The crane is <b>free</b>.")
    expect(turn.locator(".rejected p")).to_be_hidden()
    turn.locator(".rejected summary").click()
    expect(turn.locator(".rejected p")).to_have_text("The crane is <b>free</b>.")


def test_a_quote_over_a_page_break_has_both_pages(page: Page, language: Language) -> None:
    turn = answered(page)
    expect(turn.locator(".source")).to_contain_text(said(language, "pp. 4–5", "第 4–5 页"))


def test_a_turn_that_was_stopped_is_shown_as_stopped_after_a_reload(
    scripted: ScriptedService, page: Page, language: Language
) -> None:
    scripted.play("stall")
    submit(page, "What did the crane cost?")
    expect(page.locator(".turn .answer")).to_have_text("The repair of the crane")
    page.locator("#stop").click()
    expect(page.locator(".turn")).to_have_attribute("data-state", "stopped")
    page.evaluate("sessionStorage.clear()")
    page.reload()
    expect(page.locator(".turn")).to_have_attribute("data-state", "stopped")
    expect(page.locator(".turn")).to_contain_text(
        said(language, "This answer was stopped; it is not complete.", "此回答被停止，内容不完整。")
    )
    expect(page.locator(".turn .source").first).to_be_visible()
