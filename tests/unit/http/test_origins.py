"""What a page of another origin may send and read."""

from ipaddress import ip_network
from typing import Any

import pytest
from litestar.types import Message

from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.http.identity import Identity
from kotaemon_async.http.origins import Origins
from kotaemon_async.http.settings import HttpSettings

OURS, LISTED, FOREIGN = "http://127.0.0.1:8000", "https://portal.example", "https://evil.example"
CLOSED = HttpSettings()
LISTING = HttpSettings(allowed_origins=(LISTED,))
ANY = HttpSettings(allowed_origins=("*",))
OPEN, NOBODY = Identity(EVERYBODY, "open"), Identity()
ALICE = Caller("key_1", "alice", scopes=frozenset({"ask"}))
BY_KEY, BY_SESSION, BY_PROXY = (Identity(ALICE, "key"), Identity(ALICE, "session"), Identity(ALICE, "proxy"))
KEY = {"authorization": "Bearer kot_1"}
Reply = tuple[int, dict[str, str]]


async def replied(settings: HttpSettings, method: str, identity: Identity = OPEN, **headers: Any) -> Reply:
    """Return status and headers of the reply; the application says 200 to whatever reaches it."""
    sent: list[Message] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"vary", b"accept")]})

    async def send(message: Message) -> None:
        sent.append(message)

    given = {"host": "127.0.0.1:8000"} | {name.replace("_", "-"): text for name, text in headers.items()}
    scope: Any = {"type": "http", "method": method, "path": "/api/v1/answers", "query_string": b""}
    scope |= {"scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000)}
    scope["headers"] = [(name.encode(), text.encode()) for name, text in given.items()]
    scope["state"] = {"identity": identity}
    await Origins(app, settings)(scope, _unread, send)
    found: Any = sent[0]
    return found["status"], {k.decode().lower(): v.decode() for k, v in found["headers"]}


async def _unread() -> Any:
    raise AssertionError("a body was read")


async def status(*given: Any, **headers: Any) -> int:
    return (await replied(*given, **headers))[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "ANY"])
@pytest.mark.parametrize(
    "origin",
    [
        FOREIGN,
        "null",
        "",
        "http://127.0.0.1:8001",
        "https://127.0.0.1:8000",
        "http://127.0.0.1",
        "http://localhost:8000",
    ],
)
async def test_a_page_of_another_origin_changes_nothing(method: str, origin: str) -> None:
    assert await status(CLOSED, method, origin=origin) == 403


@pytest.mark.parametrize("identity", [OPEN, BY_KEY, BY_SESSION, BY_PROXY, NOBODY])
async def test_our_own_page_does(identity: Identity) -> None:
    assert await status(CLOSED, "POST", identity, origin=OURS) == 200


async def test_a_program_sends_no_origin() -> None:
    assert await status(CLOSED, "POST") == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_browser_that_tells_no_origin_tells_where_the_page_is(site: str) -> None:
    assert await status(CLOSED, "POST", sec_fetch_site=site) == 403
    assert await status(CLOSED, "GET", sec_fetch_site=site, sec_fetch_mode="no-cors") == 403
    assert (
        await status(CLOSED, "GET", sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="iframe")
        == 403
    )


async def test_a_link_from_another_page_may_be_followed() -> None:
    followed = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert await status(CLOSED, "GET", **followed) == 200
    assert await status(CLOSED, "POST", **followed) == 403


async def test_with_a_cookie_the_origin_has_to_be_told() -> None:
    assert await status(CLOSED, "POST", BY_SESSION) == 403
    assert await status(CLOSED, "GET", BY_SESSION) == 200


async def test_a_key_in_a_header_is_its_own_right() -> None:
    assert await status(CLOSED, "POST", BY_KEY, origin=FOREIGN, **KEY) == 200
    assert await status(CLOSED, "POST", NOBODY, origin=FOREIGN, **KEY) == 200  # 401 follows
    assert await status(CLOSED, "POST", NOBODY, origin=FOREIGN, authorization="Basic YTpi") == 403
    assert await status(CLOSED, "POST", BY_PROXY, origin=FOREIGN, **KEY) == 403


async def test_a_made_up_key_opens_nothing_where_none_is_asked_for() -> None:
    assert await status(CLOSED, "POST", OPEN, origin=FOREIGN, **KEY) == 403


async def test_nothing_lets_a_foreign_page_read() -> None:
    for settings in (CLOSED, LISTING):
        _, headers = await replied(settings, "GET", BY_KEY, origin=FOREIGN, **KEY)
        assert not [name for name in headers if name.startswith("access-control")]


async def test_a_listed_page_sends_and_reads() -> None:
    found, headers = await replied(LISTING, "POST", BY_KEY, origin=LISTED.upper(), **KEY)
    assert (found, headers["access-control-allow-origin"]) == (200, LISTED)
    assert headers["access-control-allow-credentials"] == "true"
    assert {"X-Trace-Id", "Retry-After"} <= set(headers["access-control-expose-headers"].split(", "))


@pytest.mark.parametrize("origin", [OURS, LISTED, FOREIGN])
async def test_caches_are_told_that_replies_differ_by_origin(origin: str) -> None:
    _, headers = await replied(LISTING, "GET", origin=origin)
    assert headers["vary"] == "accept,Origin"


async def test_a_preflight_needs_no_key() -> None:
    asked = {
        "access_control_request_method": "DELETE",
        "access_control_request_headers": "X-Stainless-OS, evil",
    }
    found, headers = await replied(LISTING, "OPTIONS", NOBODY, origin=LISTED, **asked)
    allowed = headers["access-control-allow-headers"].split(", ")
    assert (found, headers["access-control-allow-origin"]) == (204, LISTED)
    assert "DELETE" in headers["access-control-allow-methods"]
    assert {"authorization", "x-stainless-os"} <= set(allowed)
    assert "evil" not in allowed


@pytest.mark.parametrize("origin", [FOREIGN, "null"])
async def test_a_preflight_of_another_page_is_refused(origin: str) -> None:
    found, headers = await replied(
        LISTING, "OPTIONS", NOBODY, origin=origin, access_control_request_method="PUT"
    )
    assert (found, "access-control-allow-origin" in headers) == (403, False)


async def test_a_star_is_for_pages_that_bring_a_key() -> None:
    _, headers = await replied(ANY, "POST", BY_KEY, origin=FOREIGN, **KEY)
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    assert await status(ANY, "OPTIONS", NOBODY, origin=FOREIGN, access_control_request_method="PUT") == 204


async def test_a_star_opens_neither_cookies_nor_a_service_without_keys() -> None:
    for identity in (OPEN, BY_SESSION, BY_PROXY):
        assert await status(ANY, "POST", identity, origin=FOREIGN, **KEY) == 403
        _, headers = await replied(ANY, "GET", identity, origin=FOREIGN)
        assert "access-control-allow-origin" not in headers


async def test_a_refused_page_that_is_listed_may_read_why() -> None:
    _, headers = await replied(LISTING, "GET", NOBODY, origin=LISTED)
    assert headers["access-control-allow-origin"] == LISTED


async def test_behind_a_proxy_the_origin_is_the_one_outside() -> None:
    settings = HttpSettings(trusted_proxies=(ip_network("127.0.0.1"),))
    said = {"x_forwarded_proto": "https", "x_forwarded_host": "docs.example"}
    assert await status(settings, "POST", origin="https://docs.example", **said) == 200
    assert await status(settings, "POST", origin="http://docs.example", **said) == 403
    assert await status(CLOSED, "POST", origin="https://docs.example", **said) == 403
