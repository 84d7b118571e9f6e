"""Incidents asked for over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.operations.incidents.watch import IncidentWatch
from kotaemon_async.stores.incidents import IncidentBounds, IncidentStore
from kotaemon_async.stores.telemetry import FILE, TelemetryFile
from tests.integration.stores.test_incidents import BrokerWatch
from tests.support.fakes import FakeServices, fake_services, serving


@dataclass
class Watched:
    """What the service keeps the watch in."""

    watch: IncidentWatch


@dataclass
class WatchingServices(FakeServices):
    """Dependencies with a watch."""

    incidents: Watched | None = None


@pytest.fixture
async def broker_watch(tmp_path: Path) -> AsyncIterator[BrokerWatch]:
    file = await TelemetryFile.open(tmp_path / FILE)
    yield BrokerWatch(IncidentStore(file, IncidentBounds(9, 1e9)))
    await file.aclose()


@pytest.fixture
async def client(tmp_path: Path, broker_watch: BrokerWatch) -> AsyncIterator[httpx.AsyncClient]:
    async with fake_services(tmp_path) as services:
        watching = WatchingServices(services.ledger, services.library, incidents=Watched(broker_watch.watch))
        async with serving(watching, HttpLimits()) as found:
            yield found


async def test_an_incident_says_since_when_how_far_and_why(
    broker_watch: BrokerWatch, client: httpx.AsyncClient
) -> None:
    await broker_watch.look(6)
    (found,) = (await client.get("/api/v1/incidents")).json()["items"]
    assert (found["status"], found["cause"], found["closed_at"]) == ("open", "broker", None)
    assert found["since"] == "2023-11-14T22:13:25Z" and found["message"] == "The broker does not answer."
    signal = found["signals"][0]
    assert (signal["signal"], signal["value"], signal["normal"], signal["times"]) == ("broker.down", 1, 0, 2)
    assert (await client.get(f"/api/v1/incidents/{found['id']}")).json() == found


async def test_the_list_is_of_one_status_when_asked(
    broker_watch: BrokerWatch, client: httpx.AsyncClient
) -> None:
    await broker_watch.look(6)
    counts = [
        len((await client.get("/api/v1/incidents", params={"status": status})).json()["items"])
        for status in ("open", "closed")
    ]
    assert counts == [1, 0]
    assert (await client.get("/api/v1/incidents", params={"status": "x"})).status_code == 400


async def test_forecasts_stand_beside_the_list(broker_watch: BrokerWatch, client: httpx.AsyncClient) -> None:
    await broker_watch.look(1)
    found = (await client.get("/api/v1/incidents")).json()["forecasts"]
    assert [(one["resource"], one["left_s"]) for one in found] == [("disk", None), ("memory", None)]


async def test_an_unknown_incident_is_not_found(client: httpx.AsyncClient) -> None:
    reply = await client.get("/api/v1/incidents/inc_x")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
