"""An examination asked for over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest

from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.operations.doctor.doctor import Doctor
from tests.support.damage import DamagedFolder
from tests.support.fakes import FakeServices, fake_services, serving


@dataclass
class Clinic(FakeServices):
    """Dependencies with a doctor."""

    doctor: Doctor | None = None


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[DamagedFolder]:
    async with fake_services(tmp_path) as services:
        yield DamagedFolder(tmp_path, services.ledger, is_alone=False)


@pytest.fixture
async def client(data: DamagedFolder) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(Clinic(data.ledger, data.library, doctor=data.doctor()), HttpLimits()) as found:
        yield found


async def test_a_report_names_what_differs_and_what_is_left_of_it(
    data: DamagedFolder, client: httpx.AsyncClient
) -> None:
    document = await data.ready()
    data.sql("UPDATE documents SET chunks_done = 1")
    found = (await client.post("/api/v1/doctor", json={})).json()
    assert (found["verdict"], found["findings"][0]["examples"]) == ("differs", [document.id])
    mended = (await client.post("/api/v1/doctor", json={"repair": True})).json()
    assert mended["verdict"] == "mended"
    assert [mended["findings"][0][name] for name in ("kind", "count", "mended", "left")] == [
        *("counters_differ", 1, 1, 0)
    ]
    assert (await client.post("/api/v1/doctor", json={"deep": True})).json()["findings"] == []


async def test_a_second_examination_at_once_is_a_conflict(
    data: DamagedFolder, client: httpx.AsyncClient
) -> None:
    statuses = []

    async def ask() -> None:
        statuses.append((await client.post("/api/v1/doctor", json={"deep": True})).status_code)

    await data.ready(pages=30)
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    assert sorted(statuses) == [200, 409]


async def test_a_service_of_another_folder_says_so_and_touches_nothing(
    data: DamagedFolder, client: httpx.AsyncClient
) -> None:
    await data.ready()
    data.sql("UPDATE documents SET chunks_done = 1")
    reply = await client.post("/api/v1/doctor", json={"repair": True, "folder": "another"})
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert list(await data.found()) == ["counters_differ"]


async def test_an_unknown_wish_is_a_bad_request(client: httpx.AsyncClient) -> None:
    reply = await client.post("/api/v1/doctor", json={"repiar": True})
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")
