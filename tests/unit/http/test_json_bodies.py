"""What no decoder can make JSON of is the caller's fault, on every route that takes JSON."""

from collections.abc import Iterator
from typing import cast

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient
from litestar.types import HTTPReceiveMessage, HTTPScope, Message

from kotaemon_async.http.server import make_app

SEARCH = {
    "type": "http", "http_version": "1.1", "scheme": "http", "method": "POST", "path": "/api/v1/search",
    "raw_path": b"/api/v1/search", "query_string": b"", "root_path": "", "extensions": {},
    "headers": [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"9")],
    "server": ("localhost", 80), "client": ("127.0.0.1", 1), "state": {},
}  # fmt: skip
APP = make_app(None)  # type: ignore[arg-type]
BROKEN = {
    "a lone byte": b'{"question": "a\xffb"}',
    "surrogates": b'{"question": "a\xed\xa0\xbdb"}',
    "GBK": '{"question": "阀门"}'.encode("gbk"),
    "UTF-16": '{"question": "a"}'.encode("utf-16"),
    "nested without end": b"[" * 100_000,
    "cut": b'{"question": "',
    "no JSON": b"question=a",
}


def routes_with_bodies() -> list[tuple[str, str]]:
    """Return method and path of every route that takes a JSON body."""
    return sorted(
        (method, route.path)
        for route in APP.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if handler.parsed_data_field is not None
    )


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(APP, raise_server_exceptions=False) as client:
        yield client


def test_the_routes_that_take_json_are_found() -> None:
    assert {("POST", "/api/v1/search"), ("POST", "/v1/chat/completions")} <= set(routes_with_bodies())


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.x+json; charset=utf-8"])
@pytest.mark.parametrize(("method", "path"), routes_with_bodies())
def test_a_body_that_is_no_json_is_refused(
    client: TestClient[Litestar], method: str, path: str, kind: str
) -> None:
    headers = {"content-type": kind}
    replies = {
        name: client.request(method, path, content=body, headers=headers) for name, body in BROKEN.items()
    }
    assert {name: reply.status_code for name, reply in replies.items()} == dict.fromkeys(BROKEN, 400)
    assert "bad_request" in replies["GBK"].text


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/api/v1/answers", {"question": "a", "html": 0}, "html"),
        ("/api/v1/search", {"query": "a", "top_k": "5"}, "top_k"),
        ("/v1/chat/completions", {"model": "kotaemon", "messages": [{"role": 1}]}, "messages[0].role"),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_place(
    client: TestClient[Litestar], path: str, body: dict[str, object], key: str
) -> None:
    reply = client.post(path, json=body)
    assert (reply.status_code, key in reply.text) == (400, True)


async def test_a_client_that_leaves_in_a_body_is_no_failure_of_ours() -> None:
    sent: list[Message] = []

    async def receive() -> HTTPReceiveMessage:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await APP(cast("HTTPScope", SEARCH), receive, send)
    assert [one["status"] for one in sent if one["type"] == "http.response.start"] == [499]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/documents", "GET, OPTIONS, POST"),
        ("/api/v1/documents/doc_1", "DELETE, GET, OPTIONS, PATCH"),
        ("/v1/models", "GET, OPTIONS"),
    ],
)
def test_options_name_every_method_of_a_path(client: TestClient[Litestar], path: str, methods: str) -> None:
    assert client.options(path).headers["allow"] == methods


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonx", "*/*"]
)
@pytest.mark.parametrize(("method", "path"), routes_with_bodies())
def test_a_body_has_to_say_that_it_is_json(
    client: TestClient[Litestar], method: str, path: str, kind: str
) -> None:
    headers = {"content-type": kind} if kind else {}
    reply = client.request(method, path, content=b'{"question": "a"}', headers=headers)
    assert (reply.status_code, "unsupported_media_type" in reply.text) == (415, True)
