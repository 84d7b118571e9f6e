"""The shipped nginx.conf in Debian's nginx: upload, stream and page through TLS, at the root and below."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.browser import chromium, opened
from tests.support.keys import bearer, make_key
from tests.support.nginx import Nginx
from tests.support.service import SLOW, book, eventually, serving
from tests.support.web import ask, open_source, row

BEHIND = {"KOTAEMON_HTTP__TRUSTED_PROXIES": '["127.0.0.1"]', **SLOW}
DOCUMENTS, SESSION = "/api/v1/documents", "/api/v1/session"
FOREIGN = "https://evil.example"
TEXT = b"The repair of the crane on pier four cost 83,000 euros in October.\n"


@dataclass(frozen=True, slots=True)
class Site:
    """What stands behind the proxy's address, and a key to it."""

    nginx: Nginx
    key: str

    @property
    def url(self) -> str:
        return self.nginx.url

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.nginx.tls_port}"

    @contextmanager
    def client(self, **headers: str) -> Iterator[httpx.Client]:
        """A client that brings the key, unless other headers are given."""
        given = headers or bearer(self.key)
        with httpx.Client(base_url=self.url, verify=self.nginx.trust(), headers=given, timeout=60) as found:
            yield found


@pytest.fixture(scope="module", params=["/", "/docs/"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model_folder: Path
) -> Iterator[Site]:
    folder, env = tmp_path_factory.mktemp("nginx"), BEHIND | {"KOTAEMON_HTTP__BASE_PATH": request.param}
    with serving(folder, model_folder, env) as service:
        key = make_key(service.data_dir, "alice")
        eventually(lambda: httpx.get(service.url + DOCUMENTS, timeout=60).status_code == 401)
        with Nginx(folder / "nginx", service.port, request.param) as nginx:
            yield Site(nginx, key)


def hand_in(client: httpx.Client, name: str, data: bytes) -> httpx.Response:
    return client.post(DOCUMENTS, files={"file": (name, data)})


def is_ready(client: httpx.Client, document_id: str) -> bool:
    return bool(client.get(f"{DOCUMENTS}/{document_id}").json()["status"] == "ready")


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    yield from (json.loads(line[6:]) for line in lines if line.startswith("data: "))


def test_a_file_of_20_mb_goes_through_and_is_found_at_its_location(site: Site) -> None:
    with site.client() as client:
        reply = hand_in(client, "large.txt", TEXT * (20 * 1024**2 // len(TEXT)))
        place = reply.headers["location"]
        assert (reply.status_code, place) == (202, f"{site.nginx.path}api/v1/documents/{reply.json()['id']}")
        assert client.delete(httpx.URL(site.url).join(place)).status_code == 204


def test_a_file_over_the_limit_gets_the_words_of_the_service(site: Site) -> None:
    with site.client() as client:
        assert hand_in(client, "larger.txt", bytes(105 * 1024**2)).json()["code"] == "too_large"


def test_a_stream_comes_piece_by_piece_and_outlives_a_renewal(site: Site, tmp_path: Path) -> None:
    before, file = site.nginx.shown_serial(), book(tmp_path, f"book{site.nginx.tls_port}", 60)
    with site.client() as client:
        long = hand_in(client, file.name, file.read_bytes()).json()
        with client.stream("GET", f"{DOCUMENTS}/{long['id']}/events") as reply:
            coming = events(reply.iter_lines())
            first = next(coming)
            renewed = site.nginx.renew()
            site.nginx.reload()
            eventually(lambda: site.nginx.shown_serial() == renewed)
            last = [first, *coming][-1]
    assert (first["status"] in {"queued", "processing"}, last["status"]) == (True, "ready")
    assert before != renewed


def test_the_page_works_in_a_browser(site: Site) -> None:
    with site.client() as client:
        found = hand_in(client, "crane.txt", TEXT).json()
        eventually(lambda: is_ready(client, found["id"]))
    with chromium() as browser, opened(browser, site, "/#documents", ignore_https_errors=True) as page:
        page.get_by_label("Key").fill(site.key)
        page.get_by_role("button", name="Sign in").click()
        expect(row(page, "crane.txt")).to_be_visible()
        page.goto(f"{site.url}/#ask")
        turn = ask(page, "What did the repair of the crane cost?")
        expect(turn).to_contain_text("83,000 euros")
        open_source(page, turn.locator(".chip").first)
        page.locator("#reader-look").click()
        expect(page.locator(".reader .page img").first).to_be_visible()


def test_what_a_caller_says_of_himself_is_overwritten(site: Site) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Remote-User": "admin"}
    with site.client(**forged) as client:
        replies = [
            client.post(SESSION, json={"key": site.key}, headers={"Origin": origin})
            for origin in (site.origin, FOREIGN)
        ]
        assert [reply.status_code for reply in replies] == [200, 403]
        client.cookies.clear()
        assert client.get(DOCUMENTS).status_code == 401


def test_a_session_stays_below_its_path_and_within_tls(site: Site) -> None:
    with site.client(Origin=site.origin) as client:
        reply = client.post(SESSION, json={"key": site.key})
        kept = {part.strip().lower() for part in reply.headers["set-cookie"].split(";")}
        assert {f"path={site.nginx.path.rstrip('/') or '/'}", "secure", "httponly", "samesite=strict"} <= kept
        client.headers["X-CSRF-Token"] = reply.json()["csrf_token"]
        asked = {"query": "crane"}
        assert client.post("/api/v1/search", json=asked).status_code == 200
        client.headers["Origin"] = f"https://localhost:{site.nginx.tls_port + 1}"
        assert client.post("/api/v1/search", json=asked).status_code == 403


def test_the_description_names_where_the_service_is(site: Site) -> None:
    with site.client() as client:
        assert client.get("/schema").json()["servers"] == [{"url": site.nginx.path.rstrip("/") or "/"}]


def test_plain_http_leads_to_tls(site: Site) -> None:
    reply = httpx.get(
        f"http://127.0.0.1:{site.nginx.plain_port}/a?b", headers={"Host": "localhost"}, timeout=60
    )
    assert (reply.status_code, reply.headers["location"]) == (308, "https://localhost/a?b")
