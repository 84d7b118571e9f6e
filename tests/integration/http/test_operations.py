"""What operators and scripts see: health, figures, traces, errors and the schema."""

from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from pathlib import Path

import anyio
import httpx
import pytest
from loguru import logger

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.http.dependencies import HttpLimits
from tests.support.fakes import FakeServices, OneKey, fake_services, serving

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[FakeServices]:
    async with fake_services(tmp_path) as opened:
        yield opened


@pytest.fixture
async def client(services: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(services, HttpLimits()) as found:
        yield found


async def _fails() -> None:
    raise Unavailable("away", code="ledger_unavailable")


async def test_a_working_service_is_alive_and_ready(client: httpx.AsyncClient) -> None:
    replies = [await client.get(path) for path in ("/livez", "/readyz", "/healthz", "/")]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 200]
    assert replies[2].json() == {"status": "ok", "components": {}, "version": version("kotaemon-async")}


async def test_a_stopping_service_is_alive_but_not_ready(
    client: httpx.AsyncClient, services: FakeServices
) -> None:
    services.stopping.set()
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "shutting_down")
    assert (await client.get("/livez")).status_code == 200


async def test_a_starting_service_is_alive_but_not_ready(
    client: httpx.AsyncClient, services: FakeServices
) -> None:
    services.started = anyio.Event()
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "starting")
    assert (await client.get("/livez")).status_code == 200


async def test_a_check_that_hangs_holds_up_nobody_and_is_asked_once_for_all(
    client: httpx.AsyncClient, services: FakeServices
) -> None:
    asked, replies, hangs = list[int](), list[httpx.Response](), anyio.Event()

    async def hang() -> None:
        asked.append(1)
        hangs.set()
        await anyio.sleep_forever()

    async def ask() -> None:
        replies.append(await client.get("/healthz"))

    services.health.register("stuck", hang, timeout_s=1.0)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(ask)
            await hangs.wait()
            assert (await client.get("/livez")).status_code == 200
    stuck = [reply.json()["components"]["stuck"] for reply in replies]
    assert {(one["status"], one["code"], one["last_success_age_s"]) for one in stuck} == {
        ("down", "timeout", None)
    }
    assert {reply.status_code for reply in replies} == {200}
    assert len(asked) < len(replies) / 5


async def test_a_caller_without_details_learns_the_status_of_each_part_alone(services: FakeServices) -> None:
    services.health.register("part", _fails)
    async with serving(services, HttpLimits(), keys=OneKey()) as client:
        reply = await client.get("/healthz")
    assert reply.json() == {"status": "degraded", "components": {"part": {"status": "down"}}}


@pytest.mark.parametrize(("core", "status", "health"), [(True, 503, "down"), (False, 200, "degraded")])
async def test_only_a_lost_core_part_makes_the_service_unhealthy(
    client: httpx.AsyncClient, services: FakeServices, core: bool, status: int, health: str
) -> None:
    services.health.register("part", _fails, core=core)
    reply = await client.get("/healthz")
    assert (reply.status_code, reply.json()["status"]) == (status, health)
    assert reply.json()["components"]["part"]["code"] == "ledger_unavailable"
    assert (await client.get("/readyz")).status_code == status


async def test_requests_are_measured_by_route(client: httpx.AsyncClient) -> None:
    await client.get("/api/v1/documents/doc_x1")
    text = (await client.get("/metrics")).text
    assert 'route="/api/v1/documents/{document_id}",status="404"' in text
    assert "doc_x1" not in text


async def test_an_unknown_path_is_a_traced_problem(client: httpx.AsyncClient) -> None:
    reply = await client.get("/nowhere")
    problem = reply.json()
    assert (reply.status_code, problem["code"], problem["title"]) == (404, "not_found", "Not Found")
    assert problem["trace_id"] == reply.headers["x-trace-id"]
    assert reply.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_is_a_problem(client: httpx.AsyncClient) -> None:
    reply = await client.put("/api/v1/search", json={})
    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")


async def test_a_parameter_out_of_range_is_a_problem(client: httpx.AsyncClient) -> None:
    reply = await client.get("/api/v1/documents", params={"limit": 0})
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")
    assert "limit" in reply.json()["detail"]


async def test_a_bug_is_logged_and_not_shown(
    client: httpx.AsyncClient, services: FakeServices, records: list[dict[str, object]]
) -> None:
    services.answering.script = [ValueError("secret text")]
    reply = await client.post("/api/v1/answers", json={"question": "x"})
    assert (reply.status_code, reply.json()["code"], "secret" in reply.text) == (500, "internal", False)
    assert "request_failed" in [record["event"] for record in records]


async def test_a_request_is_one_log_line_in_the_callers_trace(
    client: httpx.AsyncClient, records: list[dict[str, object]]
) -> None:
    headers = {"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01", "X-Request-ID": "r-1"}
    reply = await client.get("/healthz", headers=headers)
    lines = [record for record in records if record["event"] == "http_request"]
    assert reply.headers["x-trace-id"] == TRACE_ID
    assert [(one["route"], one["status"], one["request_id"]) for one in lines] == [("/healthz", 200, "r-1")]


async def test_probes_are_not_logged(client: httpx.AsyncClient, records: list[dict[str, object]]) -> None:
    await client.get("/livez")
    await client.get("/metrics")
    assert records == []


async def test_the_schema_is_plain_json(client: httpx.AsyncClient) -> None:
    reply = await client.get("/schema")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert "/api/v1/documents/{document_id}/events" in reply.json()["paths"]


@pytest.fixture
def records() -> Iterator[list[dict[str, object]]]:
    """Every log record from here on, as its event and bindings."""
    found: list[dict[str, object]] = []
    sink = logger.add(
        lambda m: found.append({"event": m.record["message"], **m.record["extra"]}), level="INFO"
    )
    yield found
    logger.remove(sink)
