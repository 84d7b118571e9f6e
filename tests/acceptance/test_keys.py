"""Who is asked for a key, and what ends with one, over a real process."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.stores.api_keys import digest_of
from tests.support.command import run
from tests.support.keys import bearer, keys_of, make_key
from tests.support.service import Start, eventually, made, serving

SCHEMA_5 = Path(__file__).parents[1] / "data" / "schema_5.sql"
#: Keys are looked up again some times a second.
SOON_S = 10.0
#: Other programs can only add time, so the quickest of some rounds shows what the service takes.
ROUNDS = 3
OLD_SECRET = "kot_of_an_earlier_release"
_DOCUMENT = """
    INSERT INTO documents (id, name, media_type, size_bytes, sha256, collection, status, max_attempts,
        trace_id, traceparent, created_at, updated_at)
    VALUES ('doc_1', 'a.txt', 'text/plain', 1, 'ab', 'old', 'cancelled', 1, 'aa', 'aa', 5.0, 5.0)
"""


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[tuple[Throwaway, str]]:
    """A service that asks for keys, and one with all scopes."""
    with serving(tmp_path_factory.mktemp("keyed"), model_folder) as service:
        secret = make_key(service.data_dir, "boss")
        eventually(lambda: status_of(service) == 401)
        yield service, secret


def call(
    service: Throwaway, path: str = "/api/v1/documents", method: str = "GET", **given: Any
) -> httpx.Response:
    return httpx.request(method, service.url + path, trust_env=False, timeout=60, **given)


def status_of(service: Throwaway, secret: str = "") -> int:
    return call(service, headers=bearer(secret) if secret else {}).status_code


@pytest.mark.parametrize("text", ['{"keys": []}', "[]", "", "{"])
def test_nothing_that_a_file_says_opens_the_service(keyed: tuple[Throwaway, str], text: str) -> None:
    service, secret = keyed
    (service.data_dir / "keys.json").write_text(text)
    time.sleep(1.1)
    assert (status_of(service), status_of(service, secret)) == (401, 200)


def test_nothing_that_a_file_says_opens_the_next_start(start: Start) -> None:
    service = start({})
    secret = make_key(service.data_dir, "boss")
    run("keys", "revoke", keys_of(service.data_dir)[0].id, data_dir=service.data_dir)
    for text in (None, '{"keys": []}', "{"):
        service.stop()
        if text is not None:
            (service.data_dir / "keys.json").write_text(text)
        service.start()
        assert (status_of(service), status_of(service, secret)) == (401, 401), text
        assert not (service.data_dir / "keys.json").exists()


def outlived_s(service: Throwaway, name: str) -> float:
    """How long a stream goes on after its key was revoked, which nothing is asked with from then on."""
    secret = make_key(service.data_dir, name, "ask")
    eventually(lambda: status_of(service, secret) == 200)
    key_id = next(key.id for key in keys_of(service.data_dir) if key.name == name)
    ended_s: list[float] = []
    url = f"{service.url}/api/v1/documents/events"
    with httpx.stream("GET", url, headers=bearer(secret), trust_env=False, timeout=60) as reply:
        lines = reply.iter_lines()
        assert next(lines) == "event: open"
        reader = threading.Thread(target=lambda: ended_s.extend(time.monotonic() for _ in [list(lines)]))
        reader.start()
        run("keys", "revoke", key_id, data_dir=service.data_dir)
        revoked_s = time.monotonic()
        reader.join(60)
    assert status_of(service, secret) == 401
    return ended_s[0] - revoked_s


def test_a_stream_ends_soon_after_its_keys_revocation(keyed: tuple[Throwaway, str]) -> None:
    assert outlived_s(keyed[0], "reader") < SOON_S


@pytest.mark.alone
def test_a_stream_ends_within_a_second_of_it_where_nothing_else_runs(keyed: tuple[Throwaway, str]) -> None:
    assert min(outlived_s(keyed[0], f"reader {n}") for n in range(ROUNDS)) < 1


_MANY = """
import sys
from pathlib import Path
from tests.support.keys import make_key, keys_of
from kotaemon_async.cli.keys import on_keys
folder, name = Path(sys.argv[1]), sys.argv[2]
for number in range(20):
    make_key(folder, f"{name}{number}", "ask")
    mine = [key.id for key in keys_of(folder) if key.name == f"{name}{number}"]
    on_keys(folder, lambda keys: keys.revoke(mine[0], 5.0))
"""


def test_two_commands_at_once_lose_nothing(keyed: tuple[Throwaway, str]) -> None:
    service, secret = keyed
    command = [sys.executable, "-c", _MANY, str(service.data_dir)]
    both = [subprocess.Popen([*command, name], cwd=Path(__file__).parents[2]) for name in ("left", "right")]
    assert [one.wait(120) for one in both] == [0, 0]
    ours = [key for key in keys_of(service.data_dir) if key.name.startswith(("left", "right"))]
    assert (len(ours), {key.state(time.time()) for key in ours}) == (40, {"revoked"})
    assert status_of(service, secret) == 200


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"KOTAEMON_HTTP__HOST": "0.0.0.0"}, "http.host"),
        ({"KOTAEMON_HTTP__HOST": "::"}, "http.host"),
        ({"KOTAEMON_HTTP__HOST": "0.0.0.0", "KOTAEMON_HTTP__AUTH": "open"}, "http.auth"),
        ({"KOTAEMON_HTTP__AUTH": "proxy"}, "http.trusted_proxies"),
    ],
    ids=str,
)
def test_a_service_that_would_let_everybody_in_does_not_start(
    tmp_path: Path, env: dict[str, str], named: str
) -> None:
    given = {**os.environ, "KOTAEMON_DATA_DIR": str(tmp_path / "data"), "KOTAEMON_HTTP__PORT": "0", **env}
    command = [sys.executable, "-m", "kotaemon_async", "serve"]
    ended = subprocess.run(command, env=given, capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode == 78
    assert ended.stderr.splitlines()[0].startswith(f"{named}: ")
    assert not (tmp_path / "data").exists()


def test_with_a_key_it_listens_on_every_address(tmp_path: Path, model_folder: Path) -> None:
    service = made(tmp_path, model_folder, {"KOTAEMON_HTTP__HOST": "0.0.0.0"})
    secret = make_key(service.data_dir, "boss")
    try:
        service.start()
        assert (status_of(service), status_of(service, secret)) == (401, 200)
    finally:
        service.stop()


def test_a_session_lives_over_a_restart_until_the_sign_out(start: Start) -> None:
    service = start({})
    secret = make_key(service.data_dir, "alice", "ask", "write")
    eventually(lambda: status_of(service) == 401)
    signed_in = call(service, "/api/v1/session", "POST", json={"key": secret})
    cookies = {"kotaemon_session": signed_in.cookies["kotaemon_session"]}
    assert secret not in str(signed_in.headers)
    service.stop()
    service.start()
    me = call(service, "/api/v1/me", cookies=cookies).json()
    assert (me["user"], me["signed_in_by"]) == ("alice", "session")
    headers = {"Origin": service.url, "X-CSRF-Token": me["csrf_token"]}
    assert call(service, "/api/v1/session", "DELETE", cookies=cookies).status_code == 403
    gone = call(service, "/api/v1/session", "DELETE", cookies=cookies, headers=headers)
    assert (gone.status_code, call(service, cookies=cookies).status_code) == (204, 401)
    assert cookies["kotaemon_session"].encode() not in (service.data_dir / "ledger.db").read_bytes()


def test_a_proxys_user_is_taken_from_a_listed_address_only(start: Start) -> None:
    service = start({"KOTAEMON_HTTP__AUTH": "proxy", "KOTAEMON_HTTP__TRUSTED_PROXIES": '["127.0.0.2"]'})
    said, seen = {"Remote-User": "alice", "X-Forwarded-For": "8.8.8.8"}, {}
    for address in ("127.0.0.1", "127.0.0.2"):
        with httpx.Client(
            transport=httpx.HTTPTransport(local_address=address), trust_env=False, timeout=60
        ) as client:
            seen[address] = client.get(f"{service.url}/api/v1/me", headers=said)
    assert (seen["127.0.0.1"].status_code, seen["127.0.0.1"].json()["code"]) == (403, "forbidden")
    assert (seen["127.0.0.2"].json()["id"], seen["127.0.0.2"].json()["auth"]) == ("user:alice", "proxy")


def test_the_local_key_lies_in_the_data_folder_while_the_service_runs(start: Start) -> None:
    service = start({"KOTAEMON_HTTP__AUTH": "keys"})
    file = service.data_dir / "local-key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert status_of(service, file.read_text().strip()) == 200
    service.stop()
    assert not file.exists()


def test_a_folder_of_an_earlier_release_keeps_its_keys_and_opens_its_collections(
    tmp_path: Path, model_folder: Path
) -> None:
    service = made(tmp_path, model_folder)
    _make_old(service.data_dir)
    try:
        service.start()
        assert (status_of(service), status_of(service, OLD_SECRET)) == (401, 200)
        found = call(service, "/api/v1/collections", headers=bearer(OLD_SECRET)).json()["items"]
        assert [(one["name"], one["access"]) for one in found] == [("old", "public")]
        service.stop()
        service.start()
    finally:
        service.stop()
    log = service.log_path.read_text("utf8")
    assert (log.count('"keys_imported"'), log.count('"collections_public"')) == (1, 1)


def _make_old(folder: Path) -> None:
    folder.mkdir(parents=True)
    connection = apsw.Connection(str(folder / "ledger.db"))
    connection.execute(SCHEMA_5.read_text("utf8"))
    connection.execute(_DOCUMENT)
    connection.close()
    key = {"id": "key_0011aabb", "name": "desk", "digest": digest_of(OLD_SECRET), "created_at": 5.0}
    (folder / "keys.json").write_text(json.dumps({"keys": [key]}))
