"""The service below a path of its host."""

from typing import Any

import pytest
from litestar.types import Message

from kotaemon_async.http.base_path import BelowPath


async def replied(path: str, location: str = "", query: bytes = b"") -> tuple[int, str, str]:
    """Return status, `Location` and the path that the application saw of a service at /docs."""
    sent: list[Message] = []
    seen = ""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        nonlocal seen
        seen = f"{scope['path']} {scope['raw_path'].decode()}"
        headers = [(b"location", location.encode())]
        await send({"type": "http.response.start", "status": 202, "headers": headers})

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    scope["query_string"] = query
    await BelowPath(app, "/docs")(scope, _unread, send)
    found: Any = sent[0]
    return found["status"], dict(found["headers"]).get(b"location", b"").decode(), seen


async def _unread() -> Any:
    raise AssertionError("a body was read")


@pytest.mark.parametrize("path", ["/docs/api/v1/documents", "/api/v1/documents"])
async def test_a_path_is_found_with_and_without_the_base(path: str) -> None:
    assert await replied(path) == (202, "", "/api/v1/documents /api/v1/documents")


@pytest.mark.parametrize("path", ["/docsx/livez", "/other/docs/livez", "//docs/livez"])
async def test_only_the_base_itself_is_taken_off(path: str) -> None:
    assert (await replied(path))[2] == f"{path} {path}"


async def test_it_is_taken_off_once() -> None:
    assert (await replied("/docs/docs/livez"))[2] == "/docs/livez /docs/livez"


async def test_the_base_without_its_slash_leads_to_the_page() -> None:
    assert await replied("/docs", query=b"a=b") == (308, "/docs/?a=b", "")


@pytest.mark.parametrize("path", ["/docs/x", "/x"])
async def test_a_location_is_below_the_base(path: str) -> None:
    assert (await replied(path, "/api/v1/documents/1"))[1] == "/docs/api/v1/documents/1"


async def test_a_location_elsewhere_stays_what_it_is() -> None:
    assert (await replied("/x", "https://a.example/b"))[1] == "https://a.example/b"
