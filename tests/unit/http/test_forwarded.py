from ipaddress import ip_network
from typing import Any

import pytest
from litestar.types import HTTPScope

from kotaemon_async.domain.addresses import is_loopback
from kotaemon_async.http.forwarded import Forwarded, forwarded, is_forwarded

TRUSTED = [ip_network("127.0.0.1"), ip_network("10.1.0.0/16"), ip_network("::1")]


def scope(peer: str | None, **headers: str) -> HTTPScope:
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    made: dict[str, Any] = {"type": "http", "scheme": "http", "headers": lines, "state": {}}
    return made | {"client": (peer, 1) if peer is not None else None}  # type: ignore[return-value]


def seen(peer: str | None, **headers: str) -> Forwarded:
    return forwarded(scope(peer, host="h:80", **headers), TRUSTED)


SAID = {"x_forwarded_for": "8.8.8.8", "x_forwarded_proto": "https", "x_forwarded_host": "docs.example"}


def test_a_listed_proxy_is_believed() -> None:
    assert seen("127.0.0.1", **SAID) == Forwarded("8.8.8.8", "https", "docs.example")


@pytest.mark.parametrize("peer", ["127.0.0.2", "8.8.4.4", "::2", "", None])
def test_from_any_other_address_nothing_is_believed(peer: str | None) -> None:
    assert seen(peer, **SAID) == Forwarded(peer or "", "http", "h:80")


def test_without_a_list_nobody_is_believed() -> None:
    assert forwarded(scope("127.0.0.1", host="h", **SAID), []) == Forwarded("127.0.0.1", "http", "h")


def test_addresses_before_the_nearest_stranger_are_his_own_invention() -> None:
    assert seen("127.0.0.1", x_forwarded_for="127.0.0.1, 9.9.9.9, 10.1.2.3").client == "9.9.9.9"


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("9.9.9.9:4711", "9.9.9.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.1.2.3", "10.1.2.3"),
        ("unknown", "127.0.0.1"),
        ("6.6.6.6, unknown, 10.1.2.3", "10.1.2.3"),
        ("", "127.0.0.1"),
    ],
)
def test_addresses_come_with_ports_or_are_none(said: str, client: str) -> None:
    assert seen("127.0.0.1", x_forwarded_for=said).client == client


@pytest.mark.parametrize("said", ["ftp", "https, javascript", ""])
def test_another_protocol_than_http_is_not_believed(said: str) -> None:
    assert seen("127.0.0.1", x_forwarded_proto=said).scheme == "http"


def test_the_nearest_proxys_words_count() -> None:
    found = seen("127.0.0.1", x_forwarded_proto="https, http", x_forwarded_host="evil.example, ours.example")
    assert (found.scheme, found.host) == ("http", "ours.example")


def test_a_listed_address_is_known_inside_the_newer_family() -> None:
    assert seen("::ffff:10.1.0.9", x_forwarded_for="8.8.8.8").client == "8.8.8.8"
    assert seen("::ffff:8.8.8.8").client == "8.8.8.8"


def test_whoever_is_forwarded_is_told_from_a_caller_on_this_machine() -> None:
    assert is_forwarded(scope("127.0.0.1", x_forwarded_for="")) and is_forwarded(scope("", forwarded="for=x"))
    assert not is_forwarded(scope("127.0.0.1", host="h"))
    assert seen("127.0.0.3").is_local and not seen("127.0.0.1", x_forwarded_for="8.8.8.8").is_local


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_addresses_are_known(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "192.168.0.1", "example.org", "localhost.example"])
def test_all_others_can_be_reached_from_outside(address: str) -> None:
    assert not is_loopback(address)
