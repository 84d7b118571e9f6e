"""Pages of other origins in Chromium, names turned to our address, and files that would act as our page."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.http.pages import files
from tests.support.browser import chromium
from tests.support.documents import write
from tests.support.service import command, eventually, ready, serving

DOCUMENTS, ANSWERS, SEARCH = "/api/v1/documents", "/api/v1/answers", "/api/v1/search"
LISTED = "https://portal.example"

#: What a hostile page tries, and whether the browser or the service stopped it.
_TRIES = """async ([url, id, script]) => {
  const json = { "Content-Type": "application/json" };
  const key = { Authorization: "Bearer x" };
  const form = new FormData();
  form.append("file", new File(["planted words"], "planted.txt"));
  const tries = {
    read: ["/api/v1/documents", {}],
    ask: ["/api/v1/answers", { method: "POST", headers: json, body: '{"question": "a"}' }],
    "ask as text": ["/api/v1/answers", { method: "POST", mode: "no-cors", body: '{"question": "a"}' }],
    upload: ["/api/v1/documents", { method: "POST", mode: "no-cors", body: form }],
    retry: [`/api/v1/documents/${id}/retry`, { method: "POST", mode: "no-cors" }],
    remove: [`/api/v1/documents/${id}`, { method: "DELETE" }],
    "with a key": [`/api/v1/documents/${id}`, { method: "DELETE", headers: key }],
    stream: ["/api/v1/documents/events", { mode: "no-cors" }],
  };
  const found = {};
  for (const [name, [path, init]] of Object.entries(tries)) {
    found[name] = await fetch(url + path, init).then((reply) => reply.type, () => "stopped");
  }
  for (const [name, tag, path] of [
    ["picture", "img", `/api/v1/documents/${id}/pages/1.png`],
    ["icon", "img", "/web/icon.svg"],
    ["script", "script", `/web/${script}`],
  ]) {
    found[name] = await new Promise((done) => {
      const part = document.createElement(tag);
      part.onload = () => done("loaded");
      part.onerror = () => done("stopped");
      part.src = url + path;
      document.body.append(part);
    });
  }
  return found;
}"""


@contextmanager
def foreign_page() -> Iterator[int]:
    """Serve an empty page without any policy of its own; give its port."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><body>another page</body>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def handed_in(client: Client, folder: Path, name: str, text: str) -> str:
    return str(client.upload(write(folder, name, text.encode()), "default")["id"])


def names(client: Client) -> dict[str, str]:
    """What every document is called; how far each is differs from one moment to the next."""
    return {one["id"]: one["name"] for one in client.documents(limit=200)["items"]}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_can_neither_send_nor_read(
    browser: Browser, service: Throwaway, client: Client, tmp_path: Path, host: str
) -> None:
    kept = ready(client, handed_in(client, tmp_path, f"{host}.txt", f"What {host} keeps."))
    before = names(client)
    with foreign_page() as port, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"http://{host}:{port}/")
        script = next(name for name in files() if name.startswith("app-"))
        tried: dict[str, str] = page.evaluate(_TRIES, [service.url, kept["id"], script])
    unread = {"ask as text", "upload", "retry", "stream"}
    assert {name for name, came in tried.items() if came != "stopped"} <= unread, tried
    assert (names(client), client.document(kept["id"])["attempt"]) == (before, kept["attempt"])


@pytest.mark.parametrize("path", ["/", "/livez", DOCUMENTS, "/v1/models", "/metrics", "/schema", "/nowhere"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "192.0.2.1"])
def test_a_name_that_was_turned_to_our_address_is_not_answered(
    service: Throwaway, host: str, path: str
) -> None:
    reply = httpx.get(service.url + path, headers={"Host": host}, timeout=60)
    assert (reply.status_code, "wrong_host" in reply.text, "x-trace-id" in reply.headers) == (421, True, True)


@pytest.mark.parametrize("body", [{"json": {"query": "a"}}, {"content": b"x" * 10_000_000}])
def test_a_refused_page_is_told_before_its_body_is_read(service: Throwaway, body: dict[str, Any]) -> None:
    reply = httpx.post(service.url + SEARCH, headers={"Origin": "https://evil.example"}, **body, timeout=60)
    assert (reply.status_code, reply.json()["code"]) == (403, "wrong_origin")
    models = httpx.post(f"{service.url}/v1/chat/completions", headers={"Origin": "null"}, **body, timeout=60)
    assert (models.status_code, models.json()["error"]["code"]) == (403, "wrong_origin")


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Throwaway]:
    """A service that asks for keys and lets one foreign page in."""
    env = {"KOTAEMON_HTTP__ALLOWED_ORIGINS": f'["{LISTED}"]'}
    with serving(tmp_path_factory.mktemp("listing"), model_folder, env) as found:
        assert command(found, "keys", "create", "alice").returncode == 0
        eventually(lambda: httpx.get(found.url + DOCUMENTS, timeout=60).status_code == 401)
        yield found


@pytest.mark.parametrize(
    ("method", "path", "given"),
    [
        ("GET", DOCUMENTS, {}),
        ("POST", ANSWERS, {"json": {"question": "a"}}),
        ("GET", "/nowhere", {}),
        ("DELETE", "/livez", {}),
        ("GET", "/livez", {}),
        ("OPTIONS", DOCUMENTS, {"headers": {"Access-Control-Request-Method": "POST"}}),
    ],
)
def test_a_listed_page_may_read_errors_too(
    listing: Throwaway, method: str, path: str, given: Mapping[str, Any]
) -> None:
    headers = {"Origin": LISTED, **given.get("headers", {})}
    reply = httpx.request(method, listing.url + path, **{**given, "headers": headers}, timeout=60)
    assert reply.headers["access-control-allow-origin"] == LISTED
    assert "Origin" in reply.headers["vary"]
    headers["Origin"] = "https://other.example"
    other = httpx.request(method, listing.url + path, **{**given, "headers": headers}, timeout=60)
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("name", ["page.html", "page.xhtml", "mail.eml", "page.mht", "plain.txt", "notes.md"])
def test_an_uploaded_file_runs_nothing_beside_our_page(
    browser: Browser, service: Throwaway, client: Client, tmp_path: Path, name: str
) -> None:
    text = f"<!doctype html><title>{name}</title><script>document.title = 'ran'</script><p>words</p>"
    address = f"{service.url}{DOCUMENTS}/{handed_in(client, tmp_path, name, text)}/content"
    reply = httpx.get(address, timeout=60)
    assert "sandbox" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    shown = reply.headers["content-disposition"].startswith("inline")
    assert not shown or reply.headers["content-type"].startswith("text/plain")
    if shown:
        with browser.new_context() as context:
            page = context.new_page()
            page.goto(address)
            assert page.evaluate("[document.title === 'ran', origin]") == [False, "null"]
