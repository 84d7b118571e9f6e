"""Where a request comes from: what a proxy says of it, believed from listed addresses only."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from litestar.datastructures import Headers
from litestar.types import HTTPScope

from kotaemon_async.domain.addresses import address_of, is_loopback

#: Addresses that may say for whom they forward.
Trusted = Sequence[IPv4Network | IPv6Network]


@dataclass(frozen=True, slots=True)
class Forwarded:
    """How the caller reached the service: his address, `http` or `https`, and the host with its port.

    `client` and `host` are "" where nothing tells them.
    """

    client: str
    scheme: str
    host: str

    @property
    def is_local(self) -> bool:
        """Return whether it comes from this machine."""
        return is_loopback(self.client)


def forwarded(scope: HTTPScope, trusted: Trusted) -> Forwarded:
    """Return where the request comes from, by `X-Forwarded-*` of a trusted peer, else by the connection.

    Of several proxies the nearest's words stand last; the caller is the last address that is none of them.
    """
    headers = Headers.from_scope(scope)
    peer, scheme, host = peer_of(scope), scope["scheme"], headers.get("host", "")
    if not is_trusted(peer, trusted):
        return Forwarded(peer, scheme, host)
    protocols = [one.lower() for one in _listed(headers, "x-forwarded-proto")]
    if protocols and protocols[-1] in ("http", "https"):
        scheme = protocols[-1]
    hosts = _listed(headers, "x-forwarded-host")
    return Forwarded(_origin(peer, headers, trusted), scheme, hosts[-1] if hosts else host)


def is_forwarded(scope: HTTPScope) -> bool:
    """Return whether the request says that somebody forwards it, whether he is trusted or not."""
    return any(name == b"forwarded" or name.startswith(b"x-forwarded-") for name, _ in scope["headers"])


def peer_of(scope: HTTPScope) -> str:
    """Return the address at the other end of the connection, "" where it has none."""
    client = scope.get("client")
    address = address_of(client[0]) if client else None
    return "" if address is None else str(address)


def is_trusted(address: str, trusted: Trusted) -> bool:
    """Return whether the address is one of those that may forward."""
    found = address_of(address)
    return found is not None and any(found in network for network in trusted)


def _origin(peer: str, headers: Headers, trusted: Trusted) -> str:
    """Return the nearest address that is no proxy; a word that is no address ends the search before it."""
    nearest = peer
    for said in reversed(_listed(headers, "x-forwarded-for")):
        found = address_of(_without_port(said))
        if found is None:
            break
        nearest = str(found)
        if not is_trusted(nearest, trusted):
            break
    return nearest


def _listed(headers: Headers, name: str) -> list[str]:
    return [part.strip() for line in headers.getall(name, []) for part in line.split(",") if part.strip()]


def _without_port(said: str) -> str:
    if said.startswith("["):
        return said[1:].partition("]")[0]
    return said.partition(":")[0] if said.count(":") == 1 else said
