"""Incidents in the telemetry file, and the watch that keeps them there."""

import pytest

from kotaemon_async.domain.errors import Refused, Unavailable
from kotaemon_async.operations.incidents.incidents import Change, Incident, Incidents
from kotaemon_async.operations.incidents.signals import Reading, signals_of
from kotaemon_async.operations.incidents.watch import IncidentWatch
from kotaemon_async.stores.incidents import IncidentBounds, IncidentStore, KeptIncident
from kotaemon_async.stores.telemetry import TelemetryFile

DAY_S = 86_400.0


@pytest.fixture
def store(file: TelemetryFile) -> IncidentStore:
    return IncidentStore(file, IncidentBounds(rows=3, age_s=10 * DAY_S))


def kept(number: int, *, closed: bool = True) -> KeptIncident:
    at_s = number * DAY_S
    return KeptIncident(f"inc_{number}", at_s, at_s + 60 if closed else None, "broker", "{}")


async def ids(store: IncidentStore, **query: object) -> list[str]:
    asked = {"status": None, "limit": 50, "cursor": None} | query
    return [one.id for one in (await store.page(**asked))[0]]  # type: ignore[arg-type]


async def test_pages_come_the_latest_first_and_continue_at_their_cursor(store: IncidentStore) -> None:
    await store.save([kept(1), kept(2), kept(3)], 4 * DAY_S)
    first, cursor = await store.page(status=None, limit=2, cursor=None)
    assert [one.id for one in first] == ["inc_3", "inc_2"]
    assert await ids(store, cursor=cursor) == ["inc_1"]


async def test_open_and_closed_ones_are_told_apart(store: IncidentStore) -> None:
    await store.save([kept(1), kept(2, closed=False)], 3 * DAY_S)
    assert (await ids(store, status="open"), await ids(store, status="closed")) == (["inc_2"], ["inc_1"])
    assert [one.id for one in await store.open()] == ["inc_2"]


async def test_old_closed_ones_make_room_and_open_ones_never_do(store: IncidentStore) -> None:
    await store.save([kept(0, closed=False), *(kept(n) for n in range(1, 7))], 7 * DAY_S)
    assert await ids(store) == ["inc_6", "inc_5", "inc_4", "inc_0"]
    await store.save([kept(15)], 15.5 * DAY_S)
    assert await ids(store) == ["inc_15", "inc_6", "inc_0"]


async def test_an_unknown_id_is_not_found(store: IncidentStore) -> None:
    with pytest.raises(Refused) as refused:
        await store.one("inc_9")
    assert refused.value.code == "not_found"


class BrokerWatch:
    """A watch whose broker is away as long as `code` says so."""

    def __init__(self, store: IncidentStore) -> None:
        self.code, self.now_s = "broker_unavailable", 1_700_000_000.0
        self.notified: list[tuple[Change, str]] = []
        incidents = Incidents(signals_of([]), [], clock=lambda: self.now_s)
        self.watch = IncidentWatch(
            self.read, incidents, store, every_s=5.0, notify=[self.notify], clock=lambda: self.now_s
        )

    async def read(self) -> Reading:
        self.now_s += 5
        return Reading(self.now_s, {}, {"broker": self.code})

    def notify(self, change: Change, incident: Incident) -> None:
        self.notified.append((change, incident.cause))

    async def look(self, times: int) -> None:
        for _ in range(times):
            await self.watch.look()


async def test_an_incident_is_kept_told_and_closed(store: IncidentStore) -> None:
    broker_watch = BrokerWatch(store)
    await broker_watch.look(6)
    (found,) = (await broker_watch.watch.page(status="open", limit=9, cursor=None)).items
    assert (found.cause, found.causes[0].signals) == ("broker", ["broker.down"])
    broker_watch.code = ""
    await broker_watch.look(12)
    assert broker_watch.notified == [("opened", "broker"), ("closed", "broker")]
    assert (await broker_watch.watch.one(found.id)).status == "closed"


async def test_the_next_process_goes_on_with_what_was_open(store: IncidentStore) -> None:
    before, after = BrokerWatch(store), BrokerWatch(store)
    await before.look(6)
    after.now_s = before.now_s
    await after.look(6)
    assert after.notified == []
    assert [one.id for one in after.watch.incidents.open] == [one.id for one in before.watch.incidents.open]
    assert await after.watch.check() == {"open": ["broker"]}


async def test_without_the_file_incidents_are_noticed_and_kept_when_it_is_back(file: TelemetryFile) -> None:
    class Away(IncidentStore):
        is_away = True

        async def save(self, incidents: object, now_s: float) -> None:
            if self.is_away:
                raise Unavailable("away", code="telemetry_unavailable")
            await super().save(incidents, now_s)  # type: ignore[arg-type]

    away = Away(file, IncidentBounds(9, DAY_S))
    broker_watch = BrokerWatch(away)
    await broker_watch.look(6)
    assert broker_watch.notified == [("opened", "broker")] and await away.open() == []
    away.is_away = False
    await broker_watch.look(1)
    assert [one.cause for one in await away.open()] == ["broker"]
