"""The view "Documents" in a real browser: from a drop to a ready document, and whatever comes in between."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from kotaemon_async.cli.throwaway import Throwaway
from tests.support.browser import busy_s, opened
from tests.support.documents import encrypted_pdf, english_pdf, words_under, write
from tests.support.service import serving, upload_all
from tests.support.web import (
    PAGES,
    PATIENT,
    ask,
    drop,
    many_documents,
    open_evidence,
    open_source,
    put_into,
    row,
    scroll,
    sent,
    until_true,
)

#: Every word that the uploads and the rows show, in the order of their coming.
_RECORD = """() => {
  window.told = [];
  const look = () => {
    for (const node of document.querySelectorAll(".upload .state, .row[data-document] .state")) {
      if (node.innerText && !window.told.includes(node.innerText)) window.told.push(node.innerText);
    }
  };
  const all = { childList: true, subtree: true, characterData: true };
  new MutationObserver(look).observe(document.getElementById("main"), all);
}"""
_MANY = 5_000
#: For documents of many pages on a machine that is busy with other things.
_LONG_MS = 240_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Throwaway]:
    with serving(tmp_path_factory.mktemp("documents"), model_folder, PATIENT) as found:
        yield found


@pytest.fixture
def page(service: Throwaway, browser: Browser) -> Iterator[Page]:
    with opened(browser, service, "/#documents") as page:
        expect(page.get_by_role("heading", name="Documents", exact=False).first).to_be_visible()
        expect(page.locator("#document-rows[aria-busy=true]")).to_have_count(0)
        yield page


def test_nothing_yet_teaches_how_to_begin(service: Throwaway, page: Page) -> None:
    expect(page.get_by_role("heading", name="No documents yet")).to_be_visible()
    page.locator('.nav [data-view="ask"]').click()
    expect(page.locator("#main")).to_contain_text("Nothing to ask about yet")
    page.locator("#first-upload").click()
    expect(page.locator("#upload-files")).to_be_visible()


def test_a_file_that_is_dropped_is_uploaded_read_and_ready_without_a_reload(page: Page) -> None:
    page.evaluate(_RECORD)
    pdf = english_pdf(120)
    throttle(page, bytes_per_s=len(pdf) // 3)
    drop(page, {"long.pdf": pdf})
    expect(row(page, "long.pdf")).to_have_attribute("data-status", "ready", timeout=_LONG_MS)
    received = page.evaluate("window.told.join('\\n')")
    assert re.search(r"\d k?B of \d+ kB", received) and re.search(r"page \d+ of 120", received)
    assert not re.search(r"NaN|undefined|of 0\b|0/0", received)
    expect(page.locator(".upload")).to_have_count(0)
    expect(row(page, "long.pdf").locator(".n")).to_have_text("120")


def throttle(page: Page, *, bytes_per_s: int) -> None:
    """A slow line, so that an upload can be seen."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s}
    session.send("Network.emulateNetworkConditions", slow)


def test_from_a_dropped_file_to_the_marked_quote_without_any_model(page: Page) -> None:
    pdf = english_pdf(texts=PAGES)
    drop(page, {"harbour.pdf": pdf}, ".nav")
    expect(row(page, "harbour.pdf")).to_have_attribute("data-status", "ready")
    page.keyboard.press("/")
    turn = ask(page, "What did the repair of the crane cost?")
    expect(turn.locator(".badge")).to_have_text("sentences from the documents")
    marks = open_evidence(page, turn.locator(".answer .chip").first)
    assert "83,000 euros" in " ".join(words_under(pdf, 2, marks).split())


def test_what_has_no_pages_is_cited_by_its_section_and_marked_in_its_text(page: Page) -> None:
    long = "\n\n".join(
        f"Rule {n} of the harbour says that boats of class {n} moor at pier {n}." for n in range(90)
    )
    text = f"# Rules\n\n{long}\n\n## Opening hours\n\nThe lighthouse of Skagen is closed on Mondays.\n"
    drop(page, {"rules.md": text.encode()})
    expect(row(page, "rules.md")).to_have_attribute("data-status", "ready")
    page.keyboard.press("/")
    turn = ask(page, "When is the lighthouse of Skagen closed?")
    chip = turn.locator(".answer .chip").first
    expect(chip).to_have_accessible_name("Source 1: rules.md, § Opening hours")
    open_source(page, chip)
    expect(page.locator("#reader mark.quote")).to_have_text("The lighthouse of Skagen is closed on Mondays.")
    expect(page.locator("#reader-where")).to_have_text("§ Opening hours · part 3 of 3")
    expect(page.locator("#reader-said")).to_have_text("Quote found on this page")


def test_files_are_chosen_with_the_button(page: Page, tmp_path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#upload-files").click()
    chooser.value.set_files([write(tmp_path, f"chosen {n}.md", f"# Chosen {n}\n".encode()) for n in (1, 2)])
    for n in (1, 2):
        expect(row(page, f"chosen {n}.md")).to_have_attribute("data-status", "ready")


def test_a_folder_goes_into_the_collection_that_is_named_without_hidden_files(
    page: Page, tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("top.md", "deep/inner.md", ".hidden.md"):
        write(tmp_path, name, f"# {name} in a folder\n".encode())
    put_into(page, "archive")
    page.locator("#folder").set_input_files(tmp_path)
    for name in ("top.md", "inner.md"):
        expect(row(page, name).locator(".place")).to_have_text("archive")
    expect(row(page, "inner.md").locator(".folder")).to_have_text(f" · {tmp_path.name}/deep")
    expect(row(page, ".hidden.md")).to_have_count(0)


def test_the_same_file_again_is_said_to_be_there(page: Page) -> None:
    put_into(page, "twice")
    drop(page, {"once.md": b"# Only once\n"})
    expect(row(page, "once.md")).to_have_attribute("data-status", "ready")
    drop(page, {"again.md": b"# Only once\n"})
    again = page.locator(".upload", has_text="again.md")
    expect(again).to_contain_text("Already there")
    expect(again).to_contain_text("“once.md”; nothing was done twice.")
    expect(row(page, "again.md")).to_have_count(0)


def test_a_file_that_cannot_be_read_says_why_and_what_to_do_and_is_tried_again(page: Page) -> None:
    drop(page, {"locked.pdf": encrypted_pdf()})
    locked = row(page, "locked.pdf")
    expect(locked).to_have_attribute("data-status", "failed")
    expect(locked.locator(".badge")).to_have_text("Needs a password")
    expect(locked.locator(".state small")).to_contain_text("password")
    with page.expect_response("**/retry") as response:
        locked.get_by_role("button", name="Retry").click()
    assert response.value.ok and response.value.json()["status"] == "queued"
    expect(locked).to_have_attribute("data-status", "failed")


def test_a_refused_upload_says_why_and_stays_after_a_reload(page: Page) -> None:
    drop(page, {f"{'x' * 300}.md": b"# Too long a name\n"})
    expect(page.locator(".upload[data-state=refused]")).to_contain_text("Not accepted")
    page.reload()
    expect(page.locator(".upload[data-state=refused]")).to_contain_text("Not accepted")
    page.locator(".upload .acts button").last.click()
    expect(page.locator(".upload")).to_have_count(0)


def test_a_document_is_opened_as_it_was_handed_in(service: Throwaway, page: Page) -> None:
    drop(page, {"open me.md": b"# Open me\n"})
    expect(row(page, "open me.md")).to_have_attribute("data-status", "ready")
    row(page, "open me.md").get_by_role("button", name="Actions").click()
    with page.context.expect_event("request", lambda one: one.url.endswith("/content")) as request:
        page.get_by_role("menuitem", name="Open the original").click()
    assert page.request.get(request.value.url).body() == b"# Open me\n"


def test_many_are_selected_moved_and_deleted_at_once(page: Page) -> None:
    drop(page, {f"many {n}.md": f"# Many {n}\n".encode() for n in range(4)})
    page.locator("#document-search").fill("many")
    expect(page.locator(".row[data-document][data-status=ready]")).to_have_count(4)
    rows = page.locator(".row[data-document]")
    rows.nth(0).get_by_role("checkbox").check()
    rows.nth(3).locator(".pick").click(modifiers=["Shift"])
    expect(page.locator(".tools.chosen b")).to_have_text("4 selected")
    page.locator('.tools.chosen [data-do="move"]').click()
    page.locator("#dialog-input").fill("elsewhere")
    page.keyboard.press("Enter")
    expect(page.locator(".row[data-document] .place")).to_have_text(["elsewhere"] * 4)
    expect(page.locator(".tools.chosen")).to_have_count(0)
    page.locator("#pick-all").check()
    expect(page.locator(".tools.chosen b")).to_have_text("4 selected")
    page.locator('.tools.chosen [data-do="delete"]').click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete 4 documents?")
    page.locator("dialog .go").click()
    expect(page.locator(".row[data-document]")).to_have_count(0)
    expect(page.get_by_role("heading", name="No document matches")).to_be_visible()


def test_selected_documents_are_the_scope_of_the_next_question(page: Page) -> None:
    drop(page, {"scope.md": b"# Scope\n\nThe lantern of the scope is green.\n"})
    expect(row(page, "scope.md")).to_have_attribute("data-status", "ready")
    row(page, "scope.md").get_by_role("checkbox").check()
    page.locator('.tools.chosen [data-do="ask"]').click()
    expect(page.locator("#scope")).to_have_text("scope.md")
    with page.expect_request("**/api/v1/answers") as request:
        ask(page, "Which colour has the lantern?")
    assert len(sent(request.value)["document_ids"]) == 1


def test_filters_and_order_are_kept_over_a_reload(page: Page) -> None:
    drop(page, {"b order.md": b"# B\n", "a order.md": b"# A\n"})
    page.locator("#document-search").fill("order")
    page.locator('[data-sort="name"]').click()
    names = page.locator(".row[data-document] .title")
    expect(names).to_have_text(["a order.md", "b order.md"])
    page.locator('[data-sort="name"]').click()
    expect(names).to_have_text(["b order.md", "a order.md"])
    page.reload()
    expect(names).to_have_text(["b order.md", "a order.md"])


def test_what_another_person_does_is_seen_at_once(service: Throwaway, page: Page, tmp_path: Path) -> None:
    (found,) = upload_all(service, tmp_path, {"other.md": b"# From somebody else\n"})
    expect(row(page, "other.md")).to_have_attribute("data-status", "ready")
    assert page.request.delete(f"{service.url}/api/v1/documents/{found}").ok
    expect(row(page, "other.md")).to_have_count(0)


def test_a_service_that_dies_under_an_open_page_loses_nothing_on_the_screen_and_goes_on(
    service: Throwaway, page: Page
) -> None:
    drop(page, {"under way.pdf": english_pdf(300)})
    expect(row(page, "under way.pdf").locator(".state")).to_contain_text(re.compile(r"page \d+ of 300"))
    before = page.locator(".documents .number").inner_text()
    service.kill()
    expect(page.locator(".tools .note")).to_be_visible()
    drop(page, {"meanwhile.md": b"# Dropped while nobody was there\n"})
    expect(page.locator(".uploads")).to_contain_text("The service is not reached")
    expect(page.locator(".documents .number")).to_have_text(before)
    service.start()
    for name in ("meanwhile.md", "under way.pdf"):
        expect(row(page, name)).to_have_attribute("data-status", "ready", timeout=_LONG_MS)
    expect(page.locator(".tools .note")).to_be_hidden()


def in_sight(page: Page, is_seen: bool) -> None:
    """Put the page behind another tab, or in front again."""
    page.evaluate(
        """(isSeen) => {
          Object.defineProperty(document, "hidden", { configurable: true, value: !isSeen });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_seen,
    )


def test_a_page_out_of_sight_holds_no_stream_and_is_current_when_it_is_seen_again(
    service: Throwaway, page: Page, tmp_path: Path
) -> None:
    stream = "/api/v1/events"
    with page.expect_event("requestfailed", lambda one: stream in one.url):
        in_sight(page, False)
    upload_all(service, tmp_path, {"unseen.md": b"# Came while nobody looked\n"})
    with page.expect_request(f"**{stream}*"):
        in_sight(page, True)
    expect(row(page, "unseen.md")).to_have_attribute("data-status", "ready")
    expect(page.locator(".tools .note")).to_be_hidden()


_WARNINGS = [
    {
        "code": "page_without_text",
        "places": [
            {"kind": "page", "number": 7, "label": "iv"},
            {"kind": "slide", "number": 4, "flags": ["hidden"]},
        ],
        "message": "The page holds pictures but no text.",
        "hint": "Hand in a version that has text.",
        "more": 2,
    }
]


def test_what_was_not_read_stands_in_the_row_and_is_listed_with_its_places(
    page: Page, service: Throwaway, tmp_path: Path
) -> None:
    upload_all(service, tmp_path, {"scan.md": b"# A scan\n", "whole.md": b"# All of it\n"})

    def with_warnings(route: Route) -> None:
        body = route.fetch().json()
        for one in body["items"]:
            one["warnings"] = _WARNINGS if one["name"] == "scan.md" else []
        route.fulfill(json=body)

    page.route("**/api/v1/documents?*", with_warnings)
    page.reload()
    page.get_by_label("Status").select_option("warnings")
    expect(page.locator(".row[data-document]")).to_have_count(1)
    row(page, "scan.md").get_by_role("button", name="1 warning").click()
    expect(page.locator(".dialog h2")).to_have_text("scan.md")
    expect(page.locator(".warnings span")).to_have_text("p. 7 (iv) · slide 4 (hidden) and 2 more")
    expect(page.locator(".warnings li")).to_contain_text("Hand in a version that has text.")
    page.keyboard.press("Escape")
    expect(page.locator(".dialog")).to_have_count(0)


def ready(page: Page, name: str) -> Locator:
    """Return the row of a document once it is ready."""
    expect(row(page, name)).to_have_attribute("data-status", "ready")
    return row(page, name)


def test_a_name_and_enter_open_a_document_and_back_returns_to_its_place(page: Page) -> None:
    drop(page, {f"read {n:02}.md": f"# Number {n}\n\nText {n}.\n".encode() for n in range(24)})
    page.locator("#document-search").fill("read")
    page.locator('[data-sort="name"]').click()
    expect(page.locator("#document-rows")).to_have_attribute("aria-rowcount", "25")
    expect(page.locator(".row[data-document]").first).to_contain_text("read 00.md")
    expect(page.locator(".tally [data-status=unfinished], .uploads")).to_have_count(0)
    page.locator("#document-rows").press("End")
    expect(page.locator(".row.active")).to_contain_text("read 23.md")
    page.keyboard.press("Enter")
    expect(page.locator("#reader-close")).to_be_visible()
    expect(page).to_have_url(re.compile(r"#documents/doc_\w+/page/1$"))
    page.go_back()
    expect(page.locator(".row.active")).to_contain_text("read 23.md")
    expect(page.locator(".row.active")).to_be_in_viewport()
    until_true(page, "document.getElementById('document-rows').scrollTop > 0")
    row(page, "read 22.md").locator(".title").click()
    expect(page.locator("#main h2", has_text="read 22.md")).to_be_visible()


def test_a_filtered_list_is_an_address_that_back_undoes(page: Page) -> None:
    put_into(page, "shelf one")
    drop(page, {"filtered.md": b"# F\n", "filtered.csv": b"a,b\n1,2\n"})
    ready(page, "filtered.csv")
    page.get_by_label("Collection", exact=True).select_option("shelf one")
    expect(page).to_have_url(re.compile(r"#documents\?collection=shelf\+one$"))
    page.get_by_label("Kind").select_option("sheet")
    expect(page.locator(".row[data-document] .title")).to_have_text(["filtered.csv"])
    expect(page).to_have_url(re.compile(r"#documents\?collection=shelf\+one&kind=sheet$"))
    expect(page).to_have_title(re.compile("^shelf one · Documents"))
    shared = page.url
    page.go_back()
    expect(page.locator(".row[data-document]")).to_have_count(2)
    page.goto("about:blank")
    page.goto(shared)
    expect(page.locator(".row[data-document] .title")).to_have_text(["filtered.csv"])


def test_words_that_are_in_no_name_lead_to_the_search_in_the_texts(page: Page) -> None:
    drop(page, {"plain name.md": b"# Plain\n\nThe marlinspike lies in the locker.\n"})
    ready(page, "plain name.md")
    page.locator("#document-search").fill("marlinspike")
    expect(page.get_by_role("heading", name="No document matches")).to_be_visible()
    expect(page.locator(".empty")).to_contain_text("“\u2068marlinspike\u2069” in the name")
    page.locator("#search-texts").click()
    expect(page).to_have_url(re.compile(r"#search\?q=marlinspike$"))
    expect(page.locator("#main")).to_contain_text("plain name.md")


def test_what_failed_is_counted_as_failed_and_shown_by_itself(page: Page) -> None:
    drop(page, {"locked too.pdf": encrypted_pdf()})
    expect(row(page, "locked too.pdf")).to_have_attribute("data-status", "failed")
    failed = page.locator(".tally [data-status=failed]")
    expect(failed).to_have_text(re.compile(r"^\d+ failed$"))
    failed.click()
    expect(page).to_have_url(re.compile("status=failed$"))
    number = int(failed.inner_text().split()[0])
    expect(page.locator(".row[data-document][data-status=failed]")).to_have_count(number)
    expect(page.locator(".row[data-document]:not([data-status=failed])")).to_have_count(0)


def test_the_foot_of_the_page_counts_what_can_be_asked_and_leads_to_what_failed(
    service: Throwaway, page: Page
) -> None:
    drop(page, {"locked at the foot.pdf": encrypted_pdf()})
    expect(row(page, "locked at the foot.pdf")).to_have_attribute("data-status", "failed")
    expect(page.locator(".tally [data-status=unfinished], .uploads")).to_have_count(0)
    page.reload()
    found = page.request.get(f"{service.url}/api/v1/collections").json()["items"]
    ready, failed = (sum(one[name] for one in found) for name in ("ready", "failed"))
    expect(page.locator("#well")).to_contain_text(f"All well · {ready} documents ready")
    expect(page.locator("#to-failed")).to_have_text(f"{failed} failed")
    page.locator("#to-failed").click()
    expect(page).to_have_url(re.compile(r"#documents\?status=failed$"))
    expect(page.locator(".row[data-document]")).to_have_count(failed)


def test_a_name_that_no_collection_can_have_is_refused_before_it_is_sent(page: Page) -> None:
    drop(page, {"stays.md": b"# Stays\n"})
    ready(page, "stays.md").get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name="Move").click()
    changes: list[str] = []
    page.on("request", lambda one: changes.append(one.url) if one.method == "PATCH" else None)
    page.locator("#dialog-input").fill("a/b:c")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog-input:invalid")).to_have_count(1)
    page.locator("#dialog-input").fill("stays here")
    page.keyboard.press("Enter")
    expect(row(page, "stays.md").locator(".place")).to_have_text("stays here")
    assert len(changes) == 1


_OVERVIEW = {
    "points": [{"text": "The gauge reads 4.2 bar.", "page": 1, "place": {"kind": "page", "number": 1}}],
    "questions": ["What does the gauge read?"],
    "by": "extractive",
}


def test_details_say_what_is_in_a_document_and_ask_about_it(page: Page) -> None:
    page.route("**/overview", lambda route: route.fulfill(json=_OVERVIEW))
    drop(page, {"gauge.md": b"# Gauge\n\nThe gauge reads 4.2 bar.\n"})
    ready(page, "gauge.md").click(position={"x": 300, "y": 30})
    expect(page.locator("#document-rows")).to_be_focused()
    expect(page.locator(".row.active")).to_contain_text("gauge.md")
    page.keyboard.press("Shift+F10")
    page.get_by_role("menuitem", name="Details").click()
    details = page.get_by_role("dialog", name="gauge.md")
    expect(details.locator(".points li")).to_contain_text("The gauge reads 4.2 bar.")
    expect(details.locator(".facts")).to_contain_text("Plain text")
    page.reload()
    details.get_by_role("button", name="What does the gauge read?").click()
    expect(page.locator(".turn .asked")).to_have_text("What does the gauge read?")
    expect(page.locator(".turn .scope-words")).to_have_text("gauge.md")


def test_details_of_what_is_not_there_say_so(page: Page) -> None:
    page.evaluate("location.hash = '#documents?details=doc_000000000000000000000000'")
    expect(page.get_by_role("dialog")).to_contain_text("There is no such document")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"#documents$"))


def test_a_list_that_cannot_be_read_says_why_and_is_read_when_asked_again(
    service: Throwaway, browser: Browser
) -> None:
    problem = {"code": "ledger_unavailable", "detail": "away", "hint": "", "status": 503}
    with opened(browser, service) as page:
        page.route("**/api/v1/documents?*", lambda route: route.fulfill(status=503, json=problem))
        page.evaluate("location.hash = 'documents'")
        expect(page.get_by_role("heading", name="The list cannot be read")).to_be_visible()
        expect(page.locator(".empty")).to_contain_text("The ledger cannot be used at the moment")
        page.unroute("**/api/v1/documents?*")
        page.locator("#read-again").click()
        expect(page.locator("#document-rows[aria-busy=true], #read-again")).to_have_count(0)


def test_compact_rows_are_a_switch_that_is_kept(page: Page) -> None:
    drop(page, {"compact.md": b"# Compact\n"})
    tall = ready(page, "compact.md").evaluate("(one) => one.offsetHeight")
    switch = page.get_by_role("button", name="Compact rows")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    page.reload()
    ready(page, "compact.md")
    until_true(page, f"document.querySelector('.row[data-document]').offsetHeight < {tall}")


@pytest.mark.alone
def test_five_thousand_documents_scroll_smoothly_and_are_filtered_at_once(
    tmp_path: Path, model_folder: Path, browser: Browser
) -> None:
    with serving(tmp_path, model_folder) as service:
        service.stop()
        many_documents(service, _MANY)
        service.start()
        with opened(browser, service, "/#documents") as page:
            expect(page.locator(".documents .number")).to_have_text("5,000", timeout=30_000)
            page.locator("#document-rows .row").first.wait_for()
            with busy_s(page) as scrolling:
                assert scroll(page, 120, 137) < 60
            assert scrolling.s / 120 < 0.05
            with busy_s(page) as filtering:
                assert page.evaluate(_FILTER, "report 499") == 15
            assert filtering.s < 0.5
            page.locator("#document-rows").press("End")
            expect(row(page, "report 4990.pdf").locator(".badge")).to_have_text("Needs a password")


#: How many rows a filter leaves.
_FILTER = """async (words) => {
  const search = document.getElementById("document-search");
  search.value = words;
  search.dispatchEvent(new Event("input"));
  await new Promise(requestAnimationFrame);
  return document.getElementById("document-rows").getAttribute("aria-rowcount") - 1;
}"""
