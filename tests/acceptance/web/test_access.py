"""Signing in, and what a caller sees then: one page, several people, a real service that asks for keys."""

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kotaemon_async.cli.throwaway import Throwaway
from tests.support.browser import WAIT_S, accessible, both_themes, opened, picture
from tests.support.documents import english_pdf
from tests.support.service import command, eventually, serving
from tests.support.web import PAGES, PATIENT, ask, drop, open_evidence, put_into, row, until_true

#: Who has which scopes here, beside an admin.
_PEOPLE = {"bob": ("ask", "write"), "carol": ("ask",), "dave": ("write",)}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Throwaway]:
    with serving(tmp_path_factory.mktemp("access"), model_folder, PATIENT) as found:
        yield found


class Keys:
    """The keys of people, kept by alice, who is an admin."""

    def __init__(self, service: Throwaway) -> None:
        made = command(service, "keys", "create", "alice", "--scope", "admin", "--json")
        secret = json.loads(made.stdout)["key"]
        self._client = httpx.Client(
            base_url=service.url,
            headers={"Authorization": f"Bearer {secret}"},
            trust_env=False,
            timeout=WAIT_S,
        )
        eventually(lambda: self._client.get("/api/v1/keys").is_success)
        people = {name: self.new(name, *scopes)["key"] for name, scopes in _PEOPLE.items()}
        self.of = {"alice": secret, **people}

    def new(self, name: str, *scopes: str) -> dict[str, Any]:
        """Make a key and return it with its secret."""
        body = {"name": name, "scopes": scopes}
        made: dict[str, Any] = self._client.post("/api/v1/keys", json=body).raise_for_status().json()
        return made

    def revoke(self, made: dict[str, Any]) -> None:
        """End a key."""
        self._client.delete(f"/api/v1/keys/{made['id']}").raise_for_status()

    def share_harbour(self) -> None:
        """Let bob upload a document into the collection "harbour", and carol read it."""
        bob = {"Authorization": f"Bearer {self.of['bob']}"}
        files = {"file": ("harbour.pdf", english_pdf(texts=PAGES))}
        found = self._client.post(
            "/api/v1/documents", headers=bob, data={"collection": "harbour"}, files=files
        )
        found.raise_for_status()
        about = f"/api/v1/documents/{found.json()['id']}"
        eventually(lambda: self._client.get(about).json()["status"] == "ready")
        shares = {"shares": [{"user": "carol", "rights": "read"}]}
        changed = self._client.patch("/api/v1/collections/harbour", headers=bob, json=shares)
        changed.raise_for_status()

    def close(self) -> None:
        """End the connection."""
        self._client.close()


@pytest.fixture(scope="module")
def keys(service: Throwaway) -> Iterator[Keys]:
    """The keys of all people, once the service asks for one, and something that two of them share."""
    with closing(Keys(service)) as keys:
        keys.share_harbour()
        yield keys


def sign_in(page: Page, key: str) -> None:
    """Give the key to the sign-in."""
    page.locator("#key").fill(key)
    page.locator("#key").press("Enter")


@contextmanager
def signed_in(browser: Browser, service: Throwaway, key: str, path: str = "/", **look: Any) -> Iterator[Page]:
    """Open the page and sign in."""
    with opened(browser, service, path, **look) as page:
        sign_in(page, key)
        expect(page.locator("#caller")).to_be_visible()
        yield page


def upload(page: Page, files: dict[str, bytes], to: str) -> None:
    """Drop files into a collection, on the view of documents, until they are ready."""
    put_into(page, to)
    drop(page, files)
    for name in files:
        expect(row(page, name)).to_have_attribute("data-status", "ready")


def test_nothing_is_shown_before_a_sign_in_and_a_wrong_key_is_refused(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    with opened(browser, service, "/#documents") as page:
        sign_in(page, "kot_wrong")
        expect(page.locator(".sign-in .refused")).to_have_text("This key is not valid, or not any more.")
        expect(page.locator("#key")).to_be_focused()
        for _ in range(3):
            page.keyboard.press("Escape")
        expect(page.locator("#key")).to_be_visible()
        expect(page.locator("#nav > *, #main > *")).to_have_count(0)
        sign_in(page, keys.of["bob"])
        expect(page.locator("#caller")).to_have_text("bob")
        expect(page.locator("#upload-files")).to_be_visible()


def test_a_reload_keeps_the_session_and_no_script_can_read_it(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    with signed_in(browser, service, keys.of["bob"]) as page:
        page.reload()
        expect(page.locator("#caller")).to_have_text("bob")
        held = page.evaluate("JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])")
        assert keys.of["bob"] not in held and "session" not in held
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def test_the_key_that_an_earlier_page_kept_is_exchanged_for_a_session(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    with opened(browser, service) as page:
        expect(page.locator("#key")).to_be_visible()
        page.evaluate("(key) => localStorage.setItem('kotaemon.key', key)", keys.of["bob"])
        page.reload()
        expect(page.locator("#caller")).to_have_text("bob")
        until_true(page, "localStorage.getItem('kotaemon.key') === null")
        page.reload()
        expect(page.locator("#caller")).to_have_text("bob")


def test_a_revoked_key_brings_the_sign_in_back_over_what_is_typed(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    lost = keys.new("bob", "ask", "write")
    with signed_in(browser, service, lost["key"]) as page:
        page.locator("#question").fill("Half a question")
        keys.revoke(lost)
        expect(page.locator(".sign-in h2")).to_have_text("Sign in again")
        sign_in(page, keys.of["bob"])
        expect(page.locator(".sign-in")).to_have_count(0)
        expect(page.locator("#question")).to_have_value("Half a question")
        page.locator("#question").press("Enter")
        expect(page.locator(".turn")).to_have_attribute("data-state", "done")
        expect(page.locator(".turn .asked")).to_have_text("Half a question")


def test_a_question_that_a_revoked_key_asked_is_sent_after_the_sign_in(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    lost = keys.new("bob", "ask", "write")
    with signed_in(browser, service, lost["key"]) as page:
        page.route(re.compile(r"/events\?|/collections$|/healthz$"), lambda route: route.abort())
        page.reload()  # nothing but the question finds out that the key is not valid any more
        page.locator("#question").fill("A whole question")
        keys.revoke(lost)
        page.locator("#question").press("Enter")
        expect(page.locator(".sign-in h2")).to_have_text("Sign in again")
        sign_in(page, keys.of["bob"])
        expect(page.locator(".turn")).to_have_attribute("data-state", "done")
        expect(page.locator(".turn .asked")).to_have_text("A whole question")


def test_somebody_else_who_signs_in_over_an_open_page_finds_nothing_of_it(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    lost = keys.new("erin", "ask")
    with signed_in(browser, service, lost["key"]) as page:
        page.locator("#question").fill("What only Erin asks")
        keys.revoke(lost)
        expect(page.locator(".sign-in h2")).to_have_text("Sign in again")
        sign_in(page, keys.of["bob"])
        expect(page.locator("#caller")).to_have_text("bob")
        expect(page.locator("#question")).to_have_value("")


def test_signing_out_ends_the_session_for_good(service: Throwaway, keys: Keys, browser: Browser) -> None:
    with signed_in(browser, service, keys.of["bob"]) as page:
        stolen = page.context.cookies()
        page.locator("#caller").click()
        page.locator("#sign-out").click()
        expect(page.locator("#key")).to_be_visible()
        page.context.add_cookies(stolen)  # type: ignore[arg-type]  # what cookies() gives
        page.reload()
        expect(page.locator("#key")).to_be_visible()


def test_a_collection_that_is_shared_answers_a_second_user(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    ivan = keys.new("ivan", "ask")["key"]
    with signed_in(browser, service, keys.of["bob"], "/#documents") as page:
        upload(page, {"pier.pdf": english_pdf(texts=PAGES)}, "pier")
        page.get_by_label("Collection", exact=True).select_option("pier")
        expect(page.locator(".sharing span")).to_have_text("Yours · private")
        with signed_in(browser, service, ivan, "/#documents") as other:
            expect(other.get_by_role("heading", name="No documents yet")).to_be_visible()
            page.locator("#share").click()
            page.locator("#share-name").fill("ivan")
            page.get_by_role("button", name="Save").click()
            expect(page.locator(".sharing span")).to_have_text("Yours · shared with ivan (may read)")
            expect(row(other, "pier.pdf").locator(".place")).to_have_text("pierOf bob")
            other.locator('.nav [data-view="ask"]').click()
            turn = ask(other, "What did the repair of the crane cost?")
            open_evidence(other, turn.locator(".answer .chip").first)
            expect(other.locator("#reader-said")).to_have_text("Quote found on this page")


def test_who_may_only_ask_sees_no_upload_and_nothing_that_changes(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    with signed_in(browser, service, keys.of["carol"], "/#documents") as page:
        expect(row(page, "harbour.pdf")).to_be_visible()
        expect(page.locator(".nav .views a")).to_have_text(["Ask", "Documents", "Search", "Settings"])
        expect(page.locator("#upload-files, #into, #share:visible")).to_have_count(0)
        row(page, "harbour.pdf").get_by_role("button", name="Actions").click()
        expect(page.get_by_role("menuitem")).to_have_text(
            ["Read", "Ask about it", "Details", "Open the original", "Copy the link", "Trace"]
        )
        expect(page.get_by_role("menuitem").first).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("menuitem")).to_have_count(0)
        drop(page, {"mine.md": b"# Mine\n"})
        expect(page.locator(".notice")).to_contain_text("You may read here, but not upload.")
        for view, why in (("system", "looks after it"), ("keys", "looks after the service")):
            page.evaluate("(view) => { location.hash = view }", view)
            expect(page.locator("#not-yours")).to_contain_text(why)


def test_who_may_only_hand_in_has_no_questions(service: Throwaway, keys: Keys, browser: Browser) -> None:
    with signed_in(browser, service, keys.of["dave"]) as page:
        expect(page.locator("#upload-files")).to_be_visible()
        expect(page.locator(".nav .views a")).to_have_text(["Documents", "Settings"])
        upload(page, {"mine.md": b"# Mine\n"}, "default")
        page.evaluate("location.hash = 'ask'")
        expect(page.locator("#not-yours")).to_contain_text("may hand in documents, but not ask")


def test_a_collection_of_somebody_else_takes_no_uploads_and_says_so(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    with signed_in(browser, service, keys.of["dave"]) as page:
        put_into(page, "harbour")
        drop(page, {"mine too.md": b"# Mine, too\n"})
        refused = page.locator(".upload[data-state=refused]")
        expect(refused).to_contain_text("That collection is not open to you.")
        expect(refused).to_contain_text("ask its owner to share it")


def test_originals_and_pictures_come_by_the_cookie(service: Throwaway, keys: Keys, browser: Browser) -> None:
    with signed_in(browser, service, keys.of["bob"]) as page:
        turn = ask(page, "What did the repair of the crane cost?")
        open_evidence(page, turn.locator(".answer .chip").first)
        expect(page.locator(".reader .page img").first).to_have_attribute(
            "src", re.compile(r"^/api/.*\.png\?")
        )
        with page.context.expect_event("request", lambda one: one.url.endswith("/content")) as request:
            page.locator("#original").click()
        assert page.request.get(request.value.url).body().startswith(b"%PDF")


def told(page: Page) -> str:
    """Return the secret of a new key, which is shown once, and close what shows it."""
    expect(page.locator("#secret")).to_have_value(re.compile("^kot_"))
    secret = page.locator("#secret").input_value()
    page.locator("dialog .go").click()
    expect(page.locator("dialog")).to_have_count(0)
    return secret


def test_an_admin_makes_a_key_and_revokes_it(service: Throwaway, keys: Keys, browser: Browser) -> None:
    with signed_in(browser, service, keys.of["alice"]) as page:
        page.locator("#caller").click()
        page.locator("#to-keys").click()
        page.locator("#new-key").click()
        page.locator("#key-name").fill("frank")
        page.get_by_label("change documents").uncheck()
        page.locator("#key-expires").select_option("30")
        page.get_by_role("button", name="Make it").click()
        secret = told(page)
        frank = page.locator('#keys tr[data-name="frank"]')
        expect(frank).to_contain_text(re.compile(r"ask\s*valid\s*until"))
        assert secret not in page.content()
        with signed_in(browser, service, secret) as other:
            frank.get_by_role("button", name="Revoke").click()
            page.locator("dialog .go").click()
            expect(frank).to_have_attribute("data-state", "revoked")
            expect(other.locator(".sign-in h2")).to_have_text("Sign in again")
            sign_in(other, keys.of["bob"])
            expect(other.locator("#caller")).to_have_text("bob")
        page.locator("[data-tab=audit]").click()
        acts = page.locator("#audit tbody")
        expect(acts.locator('tr[data-action="keys.revoke"]').first).to_contain_text("Key revoked")
        expect(acts).to_contain_text("alice")


def test_a_key_is_replaced_by_another_of_the_same_user(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    keys.new("grace", "ask")
    with signed_in(browser, service, keys.of["alice"], "/#keys") as page:
        old = page.locator('#keys tr[data-name="grace"]').first
        old.get_by_role("button", name="Replace").click()
        page.locator("#key-grace").select_option("0")
        page.locator("dialog .go").click()
        secret = told(page)
        states = page.locator('#keys tr[data-name="grace"] .badge')
        expect(states).to_have_text(["valid", "expired"])
    with signed_in(browser, service, secret) as page:
        expect(page.locator("#caller")).to_have_text("grace")


def test_another_tab_that_signs_in_anew_leaves_this_one_at_work(
    service: Throwaway, keys: Keys, browser: Browser
) -> None:
    with signed_in(browser, service, keys.of["bob"], "/#documents") as page:
        context: BrowserContext = page.context
        context.clear_cookies()
        tab = context.new_page()
        tab.goto(service.url)
        sign_in(tab, keys.of["bob"])
        expect(tab.locator("#caller")).to_have_text("bob")
        expect(page.locator(".sign-in")).to_have_count(0)
        upload(page, {"two tabs.md": b"# Two tabs\n"}, "default")


_LOOKS: dict[str, dict[str, Any]] = {
    "wide": {},
    "phone": {"size": (360, 740)},
    "chinese": {"language": "zh"},
}


@pytest.mark.parametrize("name", _LOOKS)
def test_axe_finds_nothing_where_people_and_keys_are_shown(
    name: str, service: Throwaway, keys: Keys, browser: Browser
) -> None:
    with opened(browser, service, **_LOOKS[name]) as page:
        for state in states(page, keys.of["alice"]):
            for theme in both_themes(page) if name == "wide" else [name]:
                picture(page, f"{state}-{theme}")
                assert accessible(page) == [], (state, theme)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state


def states(page: Page, key: str) -> Iterator[str]:
    """What is shown of people and keys, one after the other."""
    expect(page.locator("#key")).to_be_visible()
    yield "sign-in"
    sign_in(page, key)
    expect(page.locator("#caller")).to_be_attached()
    if page.locator("#show-sheet").is_visible():
        page.locator("#show-sheet").click()
    page.locator("#caller").click()
    expect(page.locator("#to-keys")).to_be_visible()
    yield "caller"
    page.locator("#to-keys").click()
    expect(page.locator("#keys tbody tr").first).to_be_visible()
    yield "keys"
    page.locator("#new-key").click()
    expect(page.locator("#key-name")).to_be_focused()
    yield "new-key"
    page.keyboard.press("Escape")
    expect(page.locator("#key-name")).to_have_count(0)
    page.locator("[data-tab=audit]").click()
    expect(page.locator("#audit tbody tr[data-action]").first).to_be_visible()
    yield "audit"
    page.evaluate("location.hash = 'documents'")
    expect(row(page, "harbour.pdf")).to_be_visible()
    page.locator(".tools select").first.select_option("harbour")
    expect(page.locator("#share")).to_be_visible()
    yield "documents-shared"
    page.locator("#share").click()
    expect(page.locator(".shares li")).to_have_count(1)
    yield "share"


def test_a_user_of_the_proxy_is_named_and_not_signed_out(
    tmp_path: Path, model_folder: Path, browser: Browser
) -> None:
    env = {"KOTAEMON_HTTP__AUTH": "proxy", "KOTAEMON_HTTP__TRUSTED_PROXIES": '["127.0.0.1"]'}
    with serving(tmp_path, model_folder, env) as service:
        given = {"Remote-User": "heidi", "Remote-Groups": "sales"}
        with opened(browser, service, "/#documents", extra_http_headers=given) as page:
            upload(page, {"mine.md": b"# Mine\n"}, "default")
            page.locator("#caller").click()
            expect(page.locator("#caller-panel")).to_contain_text("Signed in by the proxy")
            expect(page.locator("#sign-out")).to_have_count(0)


def test_where_everybody_may_do_everything_nothing_of_it_is_seen(
    tmp_path: Path, model_folder: Path, browser: Browser
) -> None:
    with serving(tmp_path, model_folder) as service, opened(browser, service, "/#documents") as page:
        upload(page, {"ours.md": b"# Ours\n"}, "team")
        page.get_by_label("Collection", exact=True).select_option("team")
        expect(page).to_have_url(re.compile("collection=team"))
        expect(row(page, "ours.md")).to_be_visible()
        expect(page.locator("#caller, #key, .sharing:visible")).to_have_count(0)
        expect(page.locator(".nav .views a")).to_have_text(
            ["Ask", "Documents", "Search", "System", "Settings"]
        )
        page.evaluate("location.hash = 'keys'")
        expect(page.locator(".settings .empty")).to_contain_text("No key is asked for here")
