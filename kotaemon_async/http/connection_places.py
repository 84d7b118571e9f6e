"""How many connections there may be: room for all who come, and somebody to give way when it is taken."""

import ipaddress
from collections import Counter
from enum import Enum, auto
from typing import Final, Protocol

from kotaemon_async.telemetry import metrics

#: Descriptors that are left to files, children and everything else the service has open.
_OTHERS_SHARE: Final = 4
_OTHERS_LEAST: Final = 128
#: Connections beyond the limit, on which only a question for the health is answered.
_SPARE: Final = 32
#: What one address may take of all places, if it is not this machine's.
_ADDRESS_SHARE: Final = 0.75
#: What streams may take of them.
_STREAM_SHARE: Final = 0.75
_MASK_V6: Final = 64


class Phase(Enum):
    """What a connection waits for."""

    NEW = auto()
    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    REPLY = auto()


#: Who gives way, in this order, and how long it may stand there undisturbed, in seconds.
_GIVE_WAY: Final = ((Phase.IDLE, 0.0), (Phase.NEW, 0.0), (Phase.HEAD, 1.0), (Phase.BODY, 3.0))


class Guest(Protocol):
    """A connection as its place knows it."""

    def give_way(self) -> None: ...


class Place:
    """The place of one connection: a full one, or a spare one for health alone."""

    __slots__ = ("address", "guest", "is_spare", "phase", "since_s")

    def __init__(self, guest: Guest, address: str, since_s: float, *, is_spare: bool) -> None:
        self.guest = guest
        self.address = address
        self.since_s = since_s
        self.is_spare = is_spare
        self.phase = Phase.NEW


class ConnectionPlaces:
    """At most `most` connections; the one that has waited longest for its client gives way to a new one."""

    def __init__(self, most: int, *, spare: int = _SPARE) -> None:
        self._most = most
        self._most_of_address = max(1, int(most * _ADDRESS_SHARE))
        self._most_spare = spare
        # In each phase, those that have been there longest come first.
        self._by_phase: dict[Phase, dict[Place, None]] = {phase: {} for phase in Phase}
        self._spare: dict[Place, None] = {}
        self._by_address: Counter[str] = Counter()

    @property
    def streams(self) -> int:
        """Return how many may be streams, so that others find a place among them."""
        return max(1, int(self._most * _STREAM_SHARE))

    @property
    def taken(self) -> int:
        """Return how many full places are taken."""
        return sum(map(len, self._by_phase.values()))

    def enter(self, guest: Guest, host: str, now_s: float) -> Place | None:
        """Return a place for a connection from that host, None when there is none, not even a spare one."""
        address = _address(host)
        is_crowd = address != "" and self._by_address[address] >= self._most_of_address
        has_room = self.taken < self._most and not is_crowd
        has_room = has_room or self._make_room(now_s, address if is_crowd else None)
        place = Place(guest, address, now_s, is_spare=not has_room)
        if has_room:
            self._by_phase[Phase.NEW][place] = None
            self._by_address[address] += 1
        elif not self._enter_spare(place):
            return None
        metrics.HTTP_CONNECTIONS.set(self.taken + len(self._spare))
        return place

    def move(self, place: Place, phase: Phase, now_s: float) -> None:
        """Note what the connection waits for now."""
        known = self._by_phase[place.phase]
        place.phase, place.since_s = phase, now_s
        if place in known:
            del known[place]
            self._by_phase[phase][place] = None

    def leave(self, place: Place) -> None:
        """Give the place back; a second time changes nothing."""
        self._spare.pop(place, None)
        known = self._by_phase[place.phase]
        if place in known:
            del known[place]
            self._by_address[place.address] -= 1
            if not self._by_address[place.address]:
                del self._by_address[place.address]
        metrics.HTTP_CONNECTIONS.set(self.taken + len(self._spare))

    def _make_room(self, now_s: float, address: str | None) -> bool:
        """Return whether somebody gave way, of this address if one is given."""
        for phase, least_s in _GIVE_WAY:
            for place in self._by_phase[phase]:
                if place.since_s + least_s > now_s:
                    break
                if address is None or place.address == address:
                    self._end(place)
                    return True
        return False

    def _enter_spare(self, place: Place) -> bool:
        if len(self._spare) >= self._most_spare:
            oldest = next((one for one in self._spare if one.phase is not Phase.REPLY), None)
            if oldest is None:
                metrics.LIMITED.labels(reason="connections").inc()
                return False
            self._end(oldest)
        self._spare[place] = None
        return True

    def _end(self, place: Place) -> None:
        metrics.LIMITED.labels(reason="connections").inc()
        self.leave(place)
        place.guest.give_way()


def connections_within(descriptors: int) -> int:
    """Return how many connections there may be beside everything else that is open.

    >>> connections_within(256), connections_within(1024), connections_within(65536)
    (128, 768, 49152)
    """
    return max(1, descriptors - max(descriptors // _OTHERS_SHARE, _OTHERS_LEAST))


def _address(host: str) -> str:
    """Return what many connections from one sender have in common, "" for this machine.

    >>> _address("2001:db8::1"), _address("192.0.2.7"), _address("127.0.0.1")
    ('2001:db8::/64', '192.0.2.7', '')
    """
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return _address(str(found.ipv4_mapped))
        return "" if found.is_loopback else str(ipaddress.ip_network((found, _MASK_V6), strict=False))
    return "" if found.is_loopback else host
