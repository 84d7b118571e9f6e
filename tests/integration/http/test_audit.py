"""Requests that are written down: what was done and what was refused, before the caller hears of it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from httpx import AsyncClient

from kotaemon_async.domain.callers import Caller
from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.http.identity import Identities, Identity
from kotaemon_async.stores.audit import AuditEntry, AuditQuery
from tests.support.fakes import Fakes, OneKey, problem_of, serving

RIGHT = {"Authorization": "Bearer open-sesame"}
WRONG = {"Authorization": "Bearer wrong"}


@pytest.fixture
async def client(services: Fakes) -> AsyncIterator[AsyncClient]:
    async with serving(services, HttpLimits(linger_s=1.0), keys=OneKey()) as found:
        yield found


async def rows(services: Fakes) -> list[AuditEntry]:
    """All acts, the latest first."""
    return (await services.audit.page(AuditQuery()))[0]


async def test_an_act_is_written_down_with_who_what_from_where_and_its_result(
    client: AsyncClient, services: Fakes
) -> None:
    reply = await client.delete("/api/v1/documents/doc_9", headers=RIGHT)
    [act] = await rows(services)
    assert (act.caller, act.user) == ("key_1", "alice")
    assert (act.action, act.object, act.result) == ("documents.delete", "doc_9", "not_found")
    assert (act.address, act.trace_id) == ("127.0.0.1", reply.headers["x-trace-id"])


async def test_a_wrong_key_is_written_down_and_none_at_all_is_not(
    client: AsyncClient, services: Fakes
) -> None:
    await client.get("/api/v1/documents/doc_1")
    await client.get("/api/v1/documents/doc_1", headers=WRONG)
    [act] = await rows(services)
    assert (act.caller, act.action, act.result) == ("unknown", "request", "unauthorized")
    assert act.object == "GET /api/v1/documents/{document_id}"
    assert "wrong" not in str(act)


async def test_reading_leaves_no_row(client: AsyncClient, services: Fakes) -> None:
    for path in ("/api/v1/documents", "/api/v1/documents/doc_1", "/healthz", "/api/v1/audit", "/nowhere"):
        await client.get(path, headers=RIGHT)
    assert await rows(services) == []


async def test_a_page_of_elsewhere_is_written_down_with_the_path_that_it_tried(services: Fakes) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    async with serving(services, HttpLimits(linger_s=1.0)) as client:
        reply = await client.delete("/api/v1/documents/doc_1", headers=headers)
    [act] = await rows(services)
    assert problem_of(reply) == (403, "wrong_origin")
    assert (act.caller, act.action, act.result) == ("open", "request", "wrong_origin")
    assert act.object == "DELETE /api/v1/documents/doc_1"


async def test_a_request_that_does_not_fit_was_no_act(client: AsyncClient, services: Fakes) -> None:
    await client.post("/api/v1/doctor", content=b"{", headers=RIGHT | {"content-type": "application/json"})
    assert await rows(services) == []


async def test_acts_are_read_in_pages_and_by_user(client: AsyncClient) -> None:
    for number in range(3):
        await client.delete(f"/api/v1/documents/doc_{number}", headers=RIGHT)
    page = (await client.get("/api/v1/audit?limit=2&user=alice", headers=RIGHT)).json()
    assert [one["object"] for one in page["items"]] == ["doc_2", "doc_1"]
    query = f"limit=2&cursor={page['next_cursor']}"
    rest = (await client.get(f"/api/v1/audit?{query}", headers=RIGHT)).json()
    assert ([one["seq"] for one in rest["items"]], rest["next_cursor"]) == ([1], None)
    assert (await client.get("/api/v1/audit?user=bob", headers=RIGHT)).json()["items"] == []


@pytest.mark.parametrize(
    ("since", "count"), [("2020-01-01T00:00:00Z", 1), ("2020-01-01T00:00:00", 1), ("2999-01-01T00:00:00Z", 0)]
)
async def test_acts_are_read_since_a_time(client: AsyncClient, since: str, count: int) -> None:
    await client.delete("/api/v1/documents/doc_1", headers=RIGHT)
    found = (await client.get("/api/v1/audit", params={"since": since}, headers=RIGHT)).json()["items"]
    assert len(found) == count


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "limit=0",
        "limit=999",
        "cursor=x",
        "after=-1",
        f"after={2**63}",
        "action=" + "a" * 101,
    ],
)
async def test_a_query_that_is_none_is_refused(client: AsyncClient, query: str) -> None:
    assert (await client.get(f"/api/v1/audit?{query}", headers=RIGHT)).status_code == 400


async def test_a_path_as_long_as_one_likes_leaves_a_short_row(client: AsyncClient, services: Fakes) -> None:
    await client.delete(f"/api/v1/documents/{'d' * 5000}", headers=RIGHT)
    assert len((await rows(services))[0].object) == 500


async def test_an_act_stands_in_the_ledger_before_its_reply_goes_out(
    client: AsyncClient, services: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    write: Callable[[AuditEntry], Any] = services.audit.write

    async def slow(entry: AuditEntry) -> None:
        await write(entry)
        seen.append(len(await rows(services)))

    monkeypatch.setattr(services.audit, "write", slow)
    await client.delete("/api/v1/documents/doc_1", headers=RIGHT)
    assert seen == [1]


async def test_a_caller_without_the_scope_is_refused_and_written_down(
    services: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = Caller("key_2", "bob", scopes=frozenset({"ask"}))
    monkeypatch.setattr(Identities, "of", lambda *_: Identity(asks, "key"))
    async with serving(services, HttpLimits(linger_s=1.0), keys=OneKey()) as client:
        replies = [await client.get("/api/v1/audit"), await client.post("/api/v1/doctor", json={})]
    assert [problem_of(reply) for reply in replies] == [(403, "forbidden")] * 2
    doctor, audit = await rows(services)
    assert (doctor.caller, doctor.action, doctor.result) == ("key_2", "doctor", "forbidden")
    assert (audit.action, audit.object) == ("request", "GET /api/v1/audit")
