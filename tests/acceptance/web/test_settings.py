"""The view "Settings" in a real browser: models that are tried, choices, folders, backups, who did what."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import accessible, both_themes, opened, picture
from tests.support.documents import english_pdf
from tests.support.web import PAGES, ScriptedService, scripted_service

LOOKS = {"wide": {}, "phone": {"size": (390, 844)}, "chinese": {"language": "zh"}}


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[ScriptedService]:
    folder = tmp_path_factory.mktemp("settings")
    (folder / "scans").mkdir()
    (folder / "scans" / "pump.txt").write_text("The shaft seal of the pump is made of carbon.")
    (folder / "scans" / "tool.exe").write_bytes(b"MZ" + bytes(3000))
    env = {
        "KOTAEMON_LIBRARY__WATCH": json.dumps([{"path": str(folder / "scans"), "collection": "scans"}]),
        "KOTAEMON_LIBRARY__WATCH_EVERY_S": "0.3",
        "KOTAEMON_MAINTENANCE__EVERY_S": "1",
        "KOTAEMON_ANSWERS__LANGUAGE": "en",
    }
    with scripted_service(folder, model_folder, {"harbour.pdf": english_pdf(texts=PAGES)}, env) as found:
        yield found


@pytest.fixture
def page(scripted: ScriptedService, browser: Browser) -> Iterator[Page]:
    scripted.play()
    with opened(browser, scripted.service, "/#settings") as page:
        yield page


def test_a_model_that_is_tried_says_how_it_answers_or_why_not(scripted: ScriptedService, page: Page) -> None:
    scripted.play(local="401", words=("I am there, ", "and ready."))
    names = page.locator("#links li .title b")
    expect(names).to_have_text(["primary", "local"])
    for name in ("primary", "local"):
        page.locator(f'#links li[data-link="{name}"] [data-do=try]').click()
    good, bad = page.locator('[data-link="primary"] .trial'), page.locator('[data-link="local"] .trial')
    expect(good).to_contain_text("I am there, and ready.")
    expect(bad).to_contain_text("No answer after")
    expect(bad).to_contain_text("does not accept the key")
    expect(page.locator('[data-link="local"] .badge')).to_have_text("A setting is wrong")
    scripted.play()
    page.locator('[data-link="local"] [data-do=try]').click()
    expect(page.locator('[data-link="local"] .badge')).to_have_text("Well")


def test_a_choice_is_kept_and_what_the_environment_sets_is_shown_as_set_there(page: Page) -> None:
    length = page.locator("#answers-length")
    length.select_option("short")
    said = page.locator("#answers .said").first
    expect(said).to_contain_text("Chosen here.")
    page.reload()
    expect(length).to_have_value("short")
    said.get_by_role("button", name="Back to the default").click()
    expect(length).to_have_value("normal")
    expect(page.locator("#answers-language")).to_be_disabled()
    expect(page.locator("#answers .said").last).to_have_text(
        "Set in the environment, by KOTAEMON_ANSWERS__LANGUAGE"
    )


def test_folders_and_backups_tell_how_they_are(page: Page) -> None:
    folder = page.locator("#folders li[data-folder]")
    expect(folder).to_contain_text("1 file")
    folder.locator("summary").click()
    expect(folder.locator(".names")).to_contain_text("tool.exe")
    folder.get_by_role("link", name="scans").click()
    expect(page.locator(".row[data-document]")).to_contain_text(["pump.txt"])
    page.go_back()
    backup = page.locator("#backups li[data-backup]")
    expect(backup).to_have_attribute("data-trial", "restored", timeout=180_000)


def test_acts_are_told_in_words_and_each_leads_to_its_trace(page: Page) -> None:
    page.locator("#answers-length").select_option("long")
    expect(page.locator("#answers .said").first).to_contain_text("Chosen here.")
    page.locator("[data-tab=audit]").click()
    act = page.locator('#audit tr[data-action="settings.change"]').first
    expect(act).to_contain_text("Settings changed")
    expect(act).to_contain_text("answers.length=long")
    act.get_by_role("link").click()
    expect(page.locator("#trace-title")).to_be_focused()


def test_feedback_is_listed_with_its_answer_and_saved(scripted: ScriptedService, page: Page) -> None:
    asked = {"question": "What did the repair of the crane cost?"}
    answer = page.request.post(f"{scripted.service.url}/api/v1/answers", data=asked).json()
    said = {"verdict": "down", "reason": "incomplete", "comment": "In which month?"}
    about = f"{scripted.service.url}/api/v1/answers/{answer['id']}/feedback"
    assert page.request.put(about, data=said).ok
    page.locator("[data-tab=feedback]").click()
    opinion = page.locator(f'#feedback li[data-answer="{answer["id"]}"]')
    expect(opinion).to_contain_text("Something is missing")
    expect(opinion.locator(".comment")).to_have_text("In which month?")
    with page.expect_download() as saved:
        page.locator("#save-feedback").click()
    assert json.loads(saved.value.path().read_text())[0]["comment"] == "In which month?"
    page.locator("#feedback-which").select_option("up")
    expect(page.locator("#feedback .none")).to_be_visible()
    page.go_back()
    page.locator("[data-tab=feedback]").click()
    opinion.get_by_role("link", name="Trace").click()
    expect(page.locator("#trace-title")).to_be_focused()


def test_the_address_of_the_keys_still_leads_to_them(page: Page) -> None:
    page.evaluate("location.hash = 'keys'")
    expect(page.locator("[data-tab=keys]")).to_have_attribute("aria-current", "page")
    expect(page.locator(".empty")).to_contain_text("No key is asked for here")


@pytest.mark.parametrize("name", LOOKS)
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    scripted: ScriptedService, browser: Browser, name: str
) -> None:
    with opened(browser, scripted.service, "/#settings", **LOOKS[name]) as page:  # type: ignore[arg-type]
        expect(page.locator("#backups .card").first).to_be_visible()
        expect(page.locator("#links li").first).to_be_visible()
        for theme in both_themes(page) if name == "wide" else [name]:
            picture(page, f"settings-{theme}")
            assert accessible(page) == [], theme
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
