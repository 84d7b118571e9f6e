"""Search and answers over a real socket."""

import json

import anyio
import pytest
from httpx import AsyncClient

from kotaemon_async.answers.events import PassagesFound
from kotaemon_async.answers.llm.base import Delta
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import Scope
from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.http.settings import HttpSettings
from tests.support.fakes import ANSWER, Fakes, hand_in, listening, problem_of

LIMITS = HttpLimits(HttpSettings(drain_s=0.0), max_question_length=50, heartbeat_s=0.02, max_deadline_s=60)
ANSWERS = "/api/v1/answers"
ASK = {"question": "How much?", "stream": True}


async def stream(client: AsyncClient) -> list[dict[str, str]]:
    async with listening(client, "POST", ANSWERS, json=ASK) as events:
        return [event async for event in events if "event" in event]


async def test_a_search_returns_passages(client: AsyncClient, services: Fakes) -> None:
    await hand_in(client, collection="en")
    reply = await client.post("/api/v1/search", json={"query": " rise ", "collection": "en", "top_k": 3})
    assert reply.json()["passages"][0]["page"] == 2
    assert (reply.json()["degraded"], reply.json()["trace_id"]) == ([], reply.headers["x-trace-id"])
    assert services.retrieval.asked == [("rise", Scope(("en",)), 3, "hybrid")]


async def test_a_passage_says_where_it_is_from_and_which_words_it_shares(client: AsyncClient) -> None:
    (found,) = (await client.post("/api/v1/search", json={"query": "Does revenue rise?"})).json()["passages"]
    assert [found["text"][start:stop] for start, stop in found["marks"]] == ["Revenue"]
    assert (found["place"]["number"], found["created_at"]) == (2, "1970-01-01T00:00:00.000Z")


@pytest.mark.parametrize(("as_typed", "marked"), [(True, ["Revenue"]), (False, [])])
async def test_what_is_still_typed_marks_what_it_begins(
    client: AsyncClient, services: Fakes, as_typed: bool, marked: list[str]
) -> None:
    reply = await client.post("/api/v1/search", json={"query": "the reve", "as_typed": as_typed})
    (found,) = reply.json()["passages"]
    assert [found["text"][start:stop] for start, stop in found["marks"]] == marked
    assert services.retrieval.as_typed is as_typed


@pytest.mark.parametrize(("count", "status"), [(1000, 200), (1001, 400)])
async def test_a_search_looks_in_up_to_a_thousand_documents(
    client: AsyncClient, services: Fakes, count: int, status: int
) -> None:
    ids = [f"doc_{number:020}" for number in range(count)]
    reply = await client.post("/api/v1/search", json={"query": "x", "document_ids": ids})
    assert reply.status_code == status
    assert [len(scope.document_ids) for _, scope, _, _ in services.retrieval.asked] == [1000][: status == 200]


async def test_filters_narrow_the_scope(client: AsyncClient, services: Fakes) -> None:
    ids = [(await hand_in(client, f"Text {name}.", name=name)).json()["id"] for name in ("a.txt", "b.md")]
    for filters in ({"names": ["A.t"]}, {"media_types": ["text/markdown"]}, {"created_after": "2100-01-01"}):
        await client.post("/api/v1/search", json={"query": "x", "filters": filters})
    scopes = [(one[1].document_ids, one[1].collections) for one in services.retrieval.asked]
    assert scopes == [((ids[0],), None), ((ids[1],), None), ((), ())]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"query": "  "}, "The query is empty."),
        ({"query": "x" * 51}, "51 characters"),
        ({"query": "x", "top_k": 0}, "top_k"),
        ({"query": "x", "mode": "magic"}, "mode"),
        ({"query": "x", "colection": "en"}, "colection"),
        ({"query": "x", "filters": {"created_after": "last week"}}, "created_after is no time"),
        ({"query": "x", "filters": {"kinds": ["pdf"]}}, "kinds"),
        ({}, "query"),
    ],
)
async def test_a_search_that_does_not_fit_says_why(
    client: AsyncClient, body: dict[str, object], said: str
) -> None:
    reply = await client.post("/api/v1/search", json=body)
    assert problem_of(reply) == (400, "bad_request") and said in reply.json()["detail"]


async def test_a_body_that_is_no_json_is_a_problem(client: AsyncClient) -> None:
    reply = await client.post(ANSWERS, content=b"{", headers={"content-type": "application/json"})
    assert problem_of(reply) == (400, "bad_request")


@pytest.mark.parametrize(("path", "body"), [
    (ANSWERS, b'{"question": "a\xffb"}'), ("/api/v1/search", '{"query": "阀门"}'.encode("gbk")),
    ("/api/v1/conversations", b'{"title": "a\xed\xa0\xbdb"}'),
])  # fmt: skip
async def test_json_that_is_not_in_utf_8_is_a_problem(client: AsyncClient, path: str, body: bytes) -> None:
    reply = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert problem_of(reply) == (400, "bad_request") and "UTF-8" in reply.json()["detail"]


async def test_an_answer_comes_as_json(client: AsyncClient) -> None:
    reply = await client.post(ANSWERS, json={"question": "How much?"})
    names = "id question answer served_by degraded reasons age_s citations trace_id timings_s usage uncited"
    later = "complete outcome missing claims rejected status conversation_id turn_id versions current"
    kept = "created_at scope link feedback follow_ups"
    assert (reply.status_code, reply.json()["answer"]) == (200, "By 8 percent. [1]")
    assert set(reply.json()) == {*names.split(), *later.split(), *kept.split()}


async def test_an_answer_is_read_again(client: AsyncClient, services: Fakes) -> None:
    await services.ledger.answers.save(ANSWER, None, EVERYBODY, 1.0)
    assert (await client.get(f"{ANSWERS}/ans_1")).json()["answer"] == "By 8 percent. [1]"
    assert (await client.get(f"{ANSWERS}/ans_2")).json()["code"] == "not_found"


async def test_a_stream_ends_with_exactly_one_done(client: AsyncClient) -> None:
    events = await stream(client)
    assert [event["event"] for event in events] == ["passages", "delta", "delta", "done"]
    assert json.loads(events[1]["data"]) == {"text": "By 8 "}
    assert json.loads(events[3]["data"])["id"] == "ans_1"


async def test_a_stream_that_fails_after_its_start_ends_as_interrupted(
    client: AsyncClient, services: Fakes
) -> None:
    services.answering.script = [
        PassagesFound((), ()),
        Delta("By "),
        Unavailable("away", code="ledger_unavailable"),
    ]
    events = await stream(client)
    assert [event["event"] for event in events] == ["passages", "delta", "interrupted"]
    body = json.loads(events[2]["data"])
    assert (body["answer"], body["complete"]) == ("By ", False)
    assert body["reasons"][0]["code"] == "ledger_unavailable"


async def test_a_stream_that_fails_before_its_start_is_a_problem(
    client: AsyncClient, services: Fakes
) -> None:
    services.answering.script = [Unavailable("away", code="ledger_unavailable", retry_after_s=3)]
    reply = await client.post(ANSWERS, json=ASK)
    assert problem_of(reply) == (503, "ledger_unavailable")
    assert reply.headers["retry-after"] == "3"


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_is_given_up_when_the_reader_leaves(
    client: AsyncClient, services: Fakes, streamed: bool
) -> None:
    waits = anyio.Event()
    services.answering.script = [Delta("By "), waits]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.post(ANSWERS, json={**ASK, "stream": streamed}))
        await waits.wait()
        tasks.cancel_scope.cancel()
    with anyio.fail_after(60):
        await services.answering.closed.wait()


async def test_a_silent_stream_is_kept_open_with_comments(client: AsyncClient, services: Fakes) -> None:
    services.answering.script = [anyio.Event()]
    async with listening(client, "POST", ANSWERS, json=ASK) as events:
        assert await anext(events) == {"": "still here"}


async def test_a_stream_is_interrupted_when_the_service_stops(client: AsyncClient, services: Fakes) -> None:
    services.answering.script = [Delta("By "), services.stopping]
    events = await stream(client)
    assert [event["event"] for event in events] == ["delta", "interrupted"]
    assert json.loads(events[1]["data"])["reasons"] == [{"component": "service", "code": "shutting_down"}]


@pytest.mark.parametrize(
    ("asked", "given_s"), [(None, None), ("2.5", 2.5), ("0", 0.2), ("-3", 0.2), ("9999", 60.0), ("inf", 60.0)]
)
async def test_a_deadline_is_kept_within_its_bounds(
    client: AsyncClient, services: Fakes, asked: str | None, given_s: float | None
) -> None:
    headers = {} if asked is None else {"X-Deadline-S": asked}
    reply = await client.post(ANSWERS, json={"question": "Why?"}, headers=headers)
    assert (reply.status_code, [ask.deadline_s for ask in services.answering.asked]) == (200, [given_s])


@pytest.mark.parametrize("asked", ["soon", "nan", ""])
async def test_a_deadline_that_is_no_number_is_refused(client: AsyncClient, asked: str) -> None:
    reply = await client.post(ANSWERS, json={"question": "Why?"}, headers={"X-Deadline-S": asked})
    assert problem_of(reply) == (400, "bad_request")
