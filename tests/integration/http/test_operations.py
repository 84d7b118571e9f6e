"""What operators and scripts see: health, figures, errors, the schema, examinations and incidents."""

from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from pathlib import Path

import anyio
import pytest
from httpx import AsyncClient, Response
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.stores.incidents import IncidentBounds, IncidentStore
from kotaemon_async.stores.telemetry import FILE, TelemetryFile
from tests.integration.stores.test_incidents import BrokerWatch
from tests.support.damage import DamagedFolder
from tests.support.fakes import Fakes, OneKey, problem_of, serving

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def data(services: Fakes, tmp_path: Path) -> DamagedFolder:
    """The folder of the service, and a doctor for it."""
    made = DamagedFolder(tmp_path, services.ledger, is_alone=False)
    services.doctor = made.doctor()
    return made


@pytest.fixture
async def broker_watch(services: Fakes, tmp_path: Path) -> AsyncIterator[BrokerWatch]:
    """A watch whose broker is away."""
    file = await TelemetryFile.open(tmp_path / FILE)
    services.incidents = made = BrokerWatch(IncidentStore(file, IncidentBounds(9, 1e9)))
    yield made
    await file.aclose()


@pytest.fixture
def records() -> Iterator[list[dict[str, object]]]:
    """Every log record from here on, as its event and bindings."""
    found: list[dict[str, object]] = []
    sink = logger.add(
        lambda m: found.append({"event": m.record["message"], **m.record["extra"]}), level="INFO"
    )
    yield found
    logger.remove(sink)


async def _fails() -> None:
    raise Unavailable("away", code="ledger_unavailable")


async def test_a_working_service_is_alive_and_ready(client: AsyncClient) -> None:
    replies = [await client.get(path) for path in ("/livez", "/readyz", "/healthz", "/")]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 200]
    assert replies[2].json() == {"status": "ok", "components": {}, "version": version("kotaemon-async")}


@pytest.mark.parametrize("code", ["shutting_down", "starting"])
async def test_a_service_that_stops_or_starts_is_alive_but_not_ready(
    client: AsyncClient, services: Fakes, code: str
) -> None:
    if code == "starting":
        services.started = anyio.Event()
    else:
        services.stopping.set()
    assert problem_of(await client.get("/readyz")) == (503, code)
    assert (await client.get("/livez")).status_code == 200


async def test_a_check_that_hangs_holds_up_nobody_and_is_asked_once_for_all(
    client: AsyncClient, services: Fakes
) -> None:
    asked, replies, hangs = list[int](), list[Response](), anyio.Event()

    async def hang() -> None:
        asked.append(1)
        hangs.set()
        await anyio.sleep_forever()

    async def ask() -> None:
        replies.append(await client.get("/healthz"))

    services.health.register("stuck", hang, timeout_s=1.0)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(ask)
            await hangs.wait()
            assert (await client.get("/livez")).status_code == 200
    stuck = [reply.json()["components"]["stuck"] for reply in replies]
    told = {(one["status"], one["code"], one["last_success_age_s"]) for one in stuck}
    assert told == {("down", "timeout", None)}
    assert {reply.status_code for reply in replies} == {200}
    assert len(asked) < len(replies) / 5


async def test_a_caller_without_details_learns_the_status_of_each_part_alone(services: Fakes) -> None:
    services.health.register("part", _fails)
    async with serving(services, HttpLimits(), keys=OneKey()) as client:
        reply = await client.get("/healthz")
    assert reply.json() == {"status": "degraded", "components": {"part": {"status": "down"}}}


@pytest.mark.parametrize(("core", "status", "health"), [(True, 503, "down"), (False, 200, "degraded")])
async def test_only_a_lost_core_part_makes_the_service_unhealthy(
    client: AsyncClient, services: Fakes, core: bool, status: int, health: str
) -> None:
    services.health.register("part", _fails, core=core)
    reply = await client.get("/healthz")
    assert (reply.status_code, reply.json()["status"]) == (status, health)
    assert reply.json()["components"]["part"]["code"] == "ledger_unavailable"
    assert (await client.get("/readyz")).status_code == status


async def test_requests_are_measured_by_route(client: AsyncClient) -> None:
    await client.get("/api/v1/documents/doc_x1")
    text = (await client.get("/metrics")).text
    assert 'route="/api/v1/documents/{document_id}",status="404"' in text
    assert "doc_x1" not in text


async def test_an_unknown_path_is_a_traced_problem(client: AsyncClient) -> None:
    reply = await client.get("/nowhere")
    problem = reply.json()
    assert (reply.status_code, problem["code"], problem["title"]) == (404, "not_found", "Not Found")
    assert problem["trace_id"] == reply.headers["x-trace-id"]
    assert reply.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_is_a_problem(client: AsyncClient) -> None:
    assert problem_of(await client.put("/api/v1/search", json={})) == (405, "method_not_allowed")


async def test_a_parameter_out_of_range_is_a_problem(client: AsyncClient) -> None:
    reply = await client.get("/api/v1/documents", params={"limit": 0})
    assert problem_of(reply) == (400, "bad_request")
    assert "limit" in reply.json()["detail"]


async def test_a_bug_is_logged_and_not_shown(
    client: AsyncClient, services: Fakes, records: list[dict[str, object]]
) -> None:
    services.answering.script = [ValueError("secret text")]
    reply = await client.post("/api/v1/answers", json={"question": "x"})
    assert (reply.status_code, reply.json()["code"], "secret" in reply.text) == (500, "internal", False)
    assert "request_failed" in [record["event"] for record in records]


async def test_a_request_is_one_log_line_in_the_callers_trace(
    client: AsyncClient, records: list[dict[str, object]]
) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01", "X-Request-ID": "r-1"}
    reply = await client.get("/healthz", headers=headers)
    lines = [record for record in records if record["event"] == "http_request"]
    assert reply.headers["x-trace-id"] == TRACE_ID
    assert [(one["route"], one["status"], one["request_id"]) for one in lines] == [("/healthz", 200, "r-1")]


async def test_probes_are_not_logged(client: AsyncClient, records: list[dict[str, object]]) -> None:
    await client.get("/livez")
    await client.get("/metrics")
    assert records == []


async def test_the_schema_is_plain_json(client: AsyncClient) -> None:
    reply = await client.get("/schema")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert "/api/v1/documents/{document_id}/events" in reply.json()["paths"]


async def test_a_report_names_what_differs_and_what_is_left_of_it(
    data: DamagedFolder, client: AsyncClient
) -> None:
    document = await data.ready()
    data.sql("UPDATE documents SET chunks_done = 1")
    found = (await client.post("/api/v1/doctor", json={})).json()
    assert (found["verdict"], found["findings"][0]["examples"]) == ("differs", [document.id])
    mended = (await client.post("/api/v1/doctor", json={"repair": True})).json()
    assert mended["verdict"] == "mended"
    (finding,) = mended["findings"]
    assert [finding[name] for name in ("kind", "count", "mended", "left")] == ["counters_differ", 1, 1, 0]
    assert (await client.post("/api/v1/doctor", json={"deep": True})).json()["findings"] == []


async def test_a_second_examination_at_once_is_a_conflict(data: DamagedFolder, client: AsyncClient) -> None:
    statuses = []

    async def ask() -> None:
        statuses.append((await client.post("/api/v1/doctor", json={"deep": True})).status_code)

    await data.ready(pages=30)
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    assert sorted(statuses) == [200, 409]


async def test_a_service_of_another_folder_says_so_and_touches_nothing(
    data: DamagedFolder, client: AsyncClient
) -> None:
    await data.ready()
    data.sql("UPDATE documents SET chunks_done = 1")
    reply = await client.post("/api/v1/doctor", json={"repair": True, "folder": "another"})
    assert problem_of(reply) == (404, "not_found")
    assert list(await data.found()) == ["counters_differ"]


async def test_an_unknown_wish_is_a_bad_request(client: AsyncClient) -> None:
    assert problem_of(await client.post("/api/v1/doctor", json={"repiar": True})) == (400, "bad_request")


async def test_an_incident_says_since_when_how_far_and_why(
    broker_watch: BrokerWatch, client: AsyncClient
) -> None:
    await broker_watch.look(6)
    (found,) = (await client.get("/api/v1/incidents")).json()["items"]
    assert (found["status"], found["cause"], found["closed_at"]) == ("open", "broker", None)
    assert found["since"] == "2023-11-14T22:13:25Z" and found["message"] == "The broker does not answer."
    signal = found["signals"][0]
    assert (signal["signal"], signal["value"], signal["normal"], signal["times"]) == ("broker.down", 1, 0, 2)
    assert (await client.get(f"/api/v1/incidents/{found['id']}")).json() == found


async def test_the_list_is_of_one_status_when_asked(broker_watch: BrokerWatch, client: AsyncClient) -> None:
    await broker_watch.look(6)
    counts = [
        len((await client.get("/api/v1/incidents", params={"status": status})).json()["items"])
        for status in ("open", "closed")
    ]
    assert counts == [1, 0]
    assert (await client.get("/api/v1/incidents", params={"status": "x"})).status_code == 400


async def test_forecasts_stand_beside_the_list(broker_watch: BrokerWatch, client: AsyncClient) -> None:
    await broker_watch.look(1)
    found = (await client.get("/api/v1/incidents")).json()["forecasts"]
    assert [(one["resource"], one["left_s"]) for one in found] == [("disk", None), ("memory", None)]


@pytest.mark.usefixtures("broker_watch")
async def test_an_unknown_incident_is_not_found(client: AsyncClient) -> None:
    assert problem_of(await client.get("/api/v1/incidents/inc_x")) == (404, "not_found")
