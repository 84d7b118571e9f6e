"""What no decoder can make JSON of is the caller's fault, on every route that takes JSON."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from kotaemon_async.http.server import make_app

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
    return [
        (method, route.path)
        for route in APP.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if handler.parsed_data_field is not None
    ]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(APP, raise_server_exceptions=False) as client:
        yield client


def test_the_routes_that_take_json_are_found() -> None:
    assert {("POST", "/api/v1/search"), ("POST", "/v1/chat/completions")} <= set(routes_with_bodies())


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
@pytest.mark.parametrize(("method", "path"), routes_with_bodies())
def test_a_body_that_is_no_json_is_refused(
    client: TestClient[Litestar], method: str, path: str, kind: str
) -> None:
    headers = {"content-type": kind} if kind else {}
    replies = {
        name: client.request(method, path, content=body, headers=headers) for name, body in BROKEN.items()
    }
    assert {name: reply.status_code for name, reply in replies.items()} == dict.fromkeys(BROKEN, 400)
    assert "bad_request" in replies["GBK"].text
