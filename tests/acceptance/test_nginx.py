"""The shipped nginx.conf in Debian's nginx: upload, stream and page through TLS, at the root and below."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from kotaemon_async.cli.throwaway import Throwaway
from tests.support.browser import chromium, opened
from tests.support.nginx import Nginx
from tests.support.service import SLOW, book, eventually, serving
from tests.support.web import ask, open_evidence, row

BEHIND = {"KOTAEMON_HTTP__TRUSTED_PROXIES": '["127.0.0.1"]', **SLOW}
DOCUMENTS = "/api/v1/documents"
TEXT = b"The repair of the crane on pier four cost 83,000 euros in October.\n"


@pytest.fixture(scope="module", params=["/", "/docs/"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model_folder: Path
) -> Iterator[Nginx]:
    folder = tmp_path_factory.mktemp("nginx")
    env = BEHIND | {"KOTAEMON_HTTP__BASE_PATH": request.param}
    with serving(folder, model_folder, env) as service, in_front_of(service, request.param) as found:
        yield found


@contextmanager
def in_front_of(service: Throwaway, path: str) -> Iterator[Nginx]:
    with Nginx(service.folder / "nginx", service.port, path) as found:
        yield found


@contextmanager
def client_of(site: Nginx) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, verify=site.trust(), timeout=60) as client:
        yield client


def hand_in(client: httpx.Client, name: str, data: bytes) -> httpx.Response:
    return client.post(DOCUMENTS, files={"file": (name, data)})


def is_ready(client: httpx.Client, document_id: str) -> bool:
    return bool(client.get(f"{DOCUMENTS}/{document_id}").json()["status"] == "ready")


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    yield from (json.loads(line[6:]) for line in lines if line.startswith("data: "))


def test_a_file_of_20_mb_goes_through_and_is_found_at_its_location(site: Nginx) -> None:
    with client_of(site) as client:
        reply = hand_in(client, "large.txt", TEXT * (20 * 1024**2 // len(TEXT)))
        place = reply.headers["location"]
        assert (reply.status_code, place) == (202, f"{site.path}api/v1/documents/{reply.json()['id']}")
        assert httpx.delete(httpx.URL(site.url).join(place), verify=site.trust()).status_code == 204


def test_a_file_over_the_limit_gets_the_words_of_the_service(site: Nginx) -> None:
    with client_of(site) as client:
        assert hand_in(client, "larger.txt", bytes(105 * 1024**2)).json()["code"] == "too_large"


def test_a_stream_comes_piece_by_piece_and_outlives_a_renewal(site: Nginx, tmp_path: Path) -> None:
    before, file = site.shown_serial(), book(tmp_path, f"book{site.tls_port}", 60)
    with client_of(site) as client:
        long = hand_in(client, file.name, file.read_bytes()).json()
        with client.stream("GET", f"{DOCUMENTS}/{long['id']}/events") as reply:
            coming = events(reply.iter_lines())
            first = next(coming)
            renewed = site.renew()
            site.reload()
            eventually(lambda: site.shown_serial() == renewed, within_s=10)
            last = [first, *coming][-1]
    assert (first["status"] in {"queued", "processing"}, last["status"]) == (True, "ready")
    assert before != renewed


def test_the_page_works_in_a_browser(site: Nginx) -> None:
    with client_of(site) as client:
        found = hand_in(client, "crane.txt", TEXT).json()
        eventually(lambda: is_ready(client, found["id"]))
    with chromium() as browser, opened(browser, site, "/", ignore_https_errors=True) as page:
        turn = ask(page, "What did the repair of the crane cost?")
        expect(turn).to_contain_text("83,000 euros")
        open_evidence(page, turn.locator(".chip").first)
        expect(page.locator("#evidence img")).to_be_visible()
        page.goto(f"{site.url}/#documents")
        expect(row(page, "crane.txt")).to_be_visible()


def test_what_a_caller_says_of_himself_is_overwritten(site: Nginx) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Remote-User": "admin"}
    with client_of(site) as client:
        ours = httpx.URL(site.url)
        origin = {"Origin": f"https://localhost:{ours.port}"}
        assert (
            client.post("/api/v1/search", json={"query": "crane"}, headers=forged | origin).status_code == 200
        )
        foreign = forged | {"Origin": "https://evil.example"}
        assert client.post("/api/v1/search", json={"query": "crane"}, headers=foreign).status_code == 403


def test_the_description_names_where_the_service_is(site: Nginx) -> None:
    with client_of(site) as client:
        assert client.get("/schema").json()["servers"] == [{"url": site.path.rstrip("/") or "/"}]


def test_plain_http_leads_to_tls(site: Nginx) -> None:
    reply = httpx.get(f"http://127.0.0.1:{site.plain_port}/a?b", headers={"Host": "localhost"})
    assert (reply.status_code, reply.headers["location"]) == (308, "https://localhost/a?b")
