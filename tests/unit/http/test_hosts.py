"""Which hosts a request may name."""

from ipaddress import ip_network
from typing import Any

import pytest
from litestar.types import Message

from kotaemon_async.http.hosts import KnownHosts, is_safe_origin
from kotaemon_async.http.settings import HttpSettings


async def status(
    settings: HttpSettings, *hosts: str, local: str = "127.0.0.1", peer: str = "192.0.2.9", **more: str
) -> int:
    """Return the status of the reply to a request with these Host fields."""
    sent: list[Message] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Message) -> None:
        sent.append(message)

    named = [(b"host", host.encode("latin-1")) for host in hosts]
    named += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
    scope: Any = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": named}
    scope |= {"client": (peer, 1), "server": (local, 8000), "query_string": b""}
    await KnownHosts(app, settings)(scope, _nothing, send)
    found: Any = sent[0]
    return int(found["status"])


async def _nothing() -> Any:
    raise AssertionError("a body was read")


LOCAL = HttpSettings()
ON_LAN = HttpSettings(host="192.168.1.5")
ANYWHERE = HttpSettings(host="0.0.0.0")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "127.0.0.1", "localhost:1234", "LOCALHOST", "localhost.", "x.localhost", "[::1]:8000"],
)
async def test_the_loopback_service_is_known_by_all_names_of_the_loopback(host: str) -> None:
    assert await status(LOCAL, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example"),
        *("192.168.1.5", "evillocalhost", "0.0.0.0", "128.0.0.1", "[2001:db8::1]"),
    ],
)
async def test_any_other_is_refused(host: str) -> None:
    assert await status(LOCAL, host) == 421


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "user@127.0.0.1", "127.0.0.1:80:80", "[::1", "b\xfccher.example", ","]
)
async def test_what_is_neither_name_nor_address_is_a_bad_request(host: str) -> None:
    assert await status(LOCAL, host) == 400


async def test_no_host_and_two_are_bad_requests() -> None:
    assert await status(LOCAL) == await status(LOCAL, "127.0.0.1", "127.0.0.1") == 400


async def test_the_address_that_a_connection_came_to_is_known() -> None:
    assert await status(ANYWHERE, "192.168.1.5:8000", local="192.168.1.5") == 200
    assert await status(ANYWHERE, "192.168.1.6:8000", local="192.168.1.5") == 421
    assert await status(HttpSettings(host="::"), "192.168.1.5", local="::ffff:192.168.1.5") == 200


async def test_the_loopback_names_belong_to_who_listens_there() -> None:
    assert await status(ANYWHERE, "localhost", local="172.17.0.2") == 200
    assert await status(ON_LAN, "localhost", local="192.168.1.5") == 421


async def test_the_machine_is_known_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Archive")
    found = [await status(ANYWHERE, name, local="10.0.0.1") for name in ("archive", "archive.local", "arch")]
    assert found == [200, 200, 421]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("docs.example.com", 200),
        ("DOCS.example.com:443", 200),
        ("a.example.org", 200),
        ("a.b.example.org", 200),
        ("example.org", 421),
        ("aexample.org", 421),
        ("example.com", 421),
        ("docs.example.com.evil.test", 421),
    ],
)
async def test_names_of_the_settings_are_known(host: str, expected: int) -> None:
    settings = HttpSettings(allowed_hosts=("Docs.example.com", "*.example.org"))
    assert await status(settings, host) == expected


async def test_a_star_takes_any_name() -> None:
    assert await status(HttpSettings(allowed_hosts=("*",)), "whatever.example") == 200


async def test_a_trusted_proxy_says_what_it_was_called_by() -> None:
    settings = HttpSettings(allowed_hosts=("docs.example",), trusted_proxies=(ip_network("127.0.0.1"),))
    behind = {"peer": "127.0.0.1", "x_forwarded_host": "docs.example"}
    assert await status(settings, "127.0.0.1:8000", **behind) == 200
    assert await status(settings, "127.0.0.1:8000", **(behind | {"x_forwarded_host": "evil.example"})) == 421
    assert await status(settings, "evil.example", **(behind | {"peer": "192.0.2.9"})) == 421


@pytest.mark.parametrize(("scheme", "host", "proto", "is_safe"), [
    ("http", "127.0.0.1:8000", "", True), ("http", "[::1]:8000", "", True), ("http", "LocalHost", "", True),
    ("http", "docs.localhost:8000", "", True), ("https", "docs.example", "", True),
    ("http", "docs.example", "https", True), ("http", "docs.example", "http", False),
    ("http", "192.168.1.5:8000", "", False), ("http", "", "", False), ("http", "<127.0.0.1>", "", False),
])  # fmt: skip
def test_a_page_over_tls_or_of_ones_own_machine_is_of_a_safe_origin(
    scheme: str, host: str, proto: str, is_safe: bool
) -> None:
    named = [(b"host", host.encode()), *([(b"x-forwarded-proto", proto.encode())] if proto else [])]
    scope: Any = {"type": "http", "scheme": scheme, "headers": named}
    assert is_safe_origin(scope) is is_safe
