"""Whatever callers send, the reply is one that /schema knows, and no failure of ours."""

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from kotaemon_async.cli.throwaway import Throwaway
from tests.fuzz.api import fuzzed, key_of
from tests.support.service import Start, eventually, logged

SEARCH = "/api/v1/search"
#: The same requests in each run; `make fuzz` makes others.
BOUNDS = ("--seed=1", "--continue-on-failure", "--request-timeout=60")
#: Without keys every parameter at its bounds, with one what follows from the replies.
PHASES = {
    "open": ("--phases=coverage",),
    "keys": ("--phases=examples,fuzzing,stateful", "--max-examples=2"),
    "everything": ("--max-examples=4",),
}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("kind", "least"),
    [("open", 1000), ("keys", 250), pytest.param("everything", 1000, marks=pytest.mark.long)],
)
def test_every_reply_is_described_and_none_is_a_failure_of_ours(
    start: Start, tmp_path: Path, kind: str, least: int
) -> None:
    service = start({})
    key = None if kind == "open" else key_of(service.data_dir)
    cases, wrong = fuzzed(service.url, key, *BOUNDS, *PHASES[kind], folder=tmp_path)
    if wrong:
        pytest.fail(wrong, pytrace=False)
    assert cases > least


@pytest.mark.parametrize(
    ("method", "path", "given"),
    [
        ("POST", SEARCH, {"content": b'{"query": "\xff"}', "headers": JSON}),
        ("POST", SEARCH, {"content": b"[" * 200_000, "headers": JSON}),
        ("POST", SEARCH, {"content": b'{"query": ' + b'{"a":' * 50_000, "headers": JSON}),
        ("POST", SEARCH, {"content": b'{"query": "a", "top_k": 1e999}', "headers": JSON}),
        ("GET", f"/api/v1/documents?q={'a' * 20_000}", {}),
        ("GET", f"/api/v1/conversations?q={'%25' * 9_000}", {}),
        ("GET", "/api/v1/documents?cursor=nan:x", {}),
        ("GET", "/api/v1/documents?limit=99999999999999999999999", {}),
        ("GET", "/api/v1/documents?q=%ff%fe&collection=%00", {}),
    ],
    ids=str,
)
def test_these_are_mistakes_of_the_caller(
    service: Throwaway, method: str, path: str, given: dict[str, Any]
) -> None:
    reply = httpx.request(method, service.url + path, trust_env=False, timeout=30, **given)
    assert (reply.status_code in (200, 400), "internal" in reply.text) == (True, False)


@pytest.mark.parametrize(
    "wanted", ["bytes=0-" + "9" * 5_000, "bytes=" + "9" * 300 + "-", "bytes=-0", "bytes=a"]
)
def test_a_range_without_measure_gets_the_whole_file(service: Throwaway, wanted: str) -> None:
    files = {"file": ("range.txt", b"Ten bytes.")}
    uploaded = httpx.post(f"{service.url}/api/v1/documents", files=files, trust_env=False, timeout=60).json()
    url = f"{service.url}/api/v1/documents/{uploaded['id']}/content"
    reply = httpx.get(url, headers={"Range": wanted}, trust_env=False, timeout=60)
    assert (reply.status_code, reply.content) == (200, b"Ten bytes.")


def test_a_client_that_leaves_inside_a_body_is_no_failure_of_ours(service: Throwaway) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.port)) as leaving:
            head = f"POST {SEARCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            leaving.sendall(f'{head}Content-Length: 99\r\n\r\n{{"query": '.encode())
    eventually(lambda: len(logged(service, "http_request", status=499, route=SEARCH)) == 20)
    assert logged(service, "request_failed") == []
