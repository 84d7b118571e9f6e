"""The shipped Caddyfile in Debian's Caddy: upload, stream and page below a path."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from kotaemon_async.cli.throwaway import free_port
from tests.support.keys import bearer, make_key
from tests.support.service import SLOW, book, eventually, serving

SHIPPED: Final = Path(__file__).parents[2] / "config" / "Caddyfile"
BEHIND: Final = {
    "KOTAEMON_HTTP__TRUSTED_PROXIES": '["127.0.0.1"]',
    "KOTAEMON_HTTP__ALLOWED_HOSTS": '["docs.example"]',
    "KOTAEMON_HTTP__BASE_PATH": "/docs",
    **SLOW,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[httpx.Client]:
    """A client of the service behind Caddy, with a key."""
    folder, port = tmp_path_factory.mktemp("caddy"), free_port()
    with serving(folder, model_folder, BEHIND) as service:
        key = make_key(service.data_dir, "alice")
        text = SHIPPED.read_text("utf8").replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
        text = text.replace("\thandle {", "\thandle /docs* {").replace("docs.example.com {", f":{port} {{")
        (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
        command = [shutil.which("caddy") or "caddy", "run", "--config", str(folder / "Caddyfile")]
        env = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        with (folder / "caddy.log").open("wb") as log:
            process = subprocess.Popen([*command, "--adapter", "caddyfile"], env=env, stderr=log)
        try:
            headers = bearer(key) | {"Host": "docs.example"}
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}/docs", headers=headers, timeout=60
            ) as client:
                eventually(lambda: process.poll() is not None or _knows_alice(client))
                yield client
        finally:
            process.terminate()
            process.wait(10)


def _knows_alice(client: httpx.Client) -> bool:
    """Return whether the service answers through Caddy, and has noticed that there is a key."""
    try:
        return bool(client.get("/api/v1/me").json().get("user") == "alice")
    except (httpx.TransportError, ValueError):
        return False


def test_an_upload_and_its_stream_go_through(site: httpx.Client, tmp_path: Path) -> None:
    files = {"file": ("long.pdf", book(tmp_path, "long", 20).read_bytes())}
    reply = site.post("/api/v1/documents", files=files)
    assert reply.headers["location"] == f"/docs/api/v1/documents/{reply.json()['id']}"
    with site.stream("GET", f"/api/v1/documents/{reply.json()['id']}/events") as stream:
        seen = [json.loads(line[6:])["status"] for line in stream.iter_lines() if line.startswith("data: ")]
    assert seen[-1] == "ready"
    assert "processing" in seen


def test_the_page_is_below_the_path(site: httpx.Client) -> None:
    page = site.get("/")
    (script,) = re.findall(r'src="(web/app-\w+\.js)"', page.text)
    assert page.status_code == 200
    assert site.get(f"/{script}").headers["content-type"].startswith("text/javascript")


def test_what_a_caller_says_of_himself_is_overwritten(site: httpx.Client) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "203.0.113.5", "Remote-User": "admin"}
    assert site.get("/api/v1/me", headers=forged).json()["user"] == "alice"
    assert site.get("/api/v1/me", headers={"Host": "evil.example"}).status_code == 421
