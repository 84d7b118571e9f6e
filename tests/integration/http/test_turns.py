"""Turns of conversations over HTTP: kept from the first letter, heard by all who listen, in versions."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import pytest
from httpx import AsyncClient

from kotaemon_async.answers.events import Ask, Done, PassagesFound
from kotaemon_async.answers.llm.base import Delta
from kotaemon_async.answers.turns import MOST_ALONE
from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Refused, Unavailable
from tests.support.fakes import ANSWER, PASSAGE, Fakes, listening, problem_of

ANSWERS, TALKS = "/api/v1/answers", "/api/v1/conversations"


async def ask(client: AsyncClient, question: str = "How much?", **more: object) -> dict[str, Any]:
    body = {"question": question, "conversation_id": "c1"} | more
    reply = await client.post(ANSWERS, json=body)
    found: dict[str, Any] = reply.json()
    assert reply.status_code == 200, found
    return found


async def talk(client: AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"{TALKS}/c1")).json()["answers"]
    return found


def hang(services: Fakes) -> anyio.Event:
    """The model says two words and then no more; the event tells when it has said them."""
    said = anyio.Event()
    services.answering.script = [PassagesFound((PASSAGE,), ()), Delta("By 8 "), Delta("per"), said]
    return said


@pytest.fixture
async def running(client: AsyncClient, services: Fakes) -> AsyncIterator[str]:
    """The id of an answer that runs, and whose reader has left."""
    said = hang(services)
    body = {"question": "How much?", "conversation_id": "c1", "stream": True}
    async with listening(client, "POST", ANSWERS, json=body) as events:
        first = json.loads((await anext(aiter(events)))["data"])
        await said.wait()
    yield first["id"]
    await services.turns.aclose()


async def test_the_stream_of_a_conversation_begins_with_its_turn(
    client: AsyncClient, services: Fakes
) -> None:
    body = {"question": "How much?", "conversation_id": "c1", "stream": True}
    async with listening(client, "POST", ANSWERS, json=body) as events:
        heard = [(one["event"], json.loads(one["data"])) async for one in events]
    assert [name for name, _ in heard] == ["turn", "passages", "delta", "delta", "done"]
    first, last = heard[0][1], heard[-1][1]
    assert (first["status"], first["answer"], last["status"], last["id"]) == (
        "running",
        "",
        "done",
        first["id"],
    )
    assert [(one["id"], one["status"]) for one in last["versions"]] == [(first["id"], "done")]


async def test_an_answer_goes_on_when_its_reader_has_left(client: AsyncClient, running: str) -> None:
    (turn,) = await talk(client)
    assert (turn["id"], turn["status"], turn["answer"]) == (running, "running", "By 8 per")
    assert (await client.get(TALKS)).json()["items"][0]["running"] is True
    assert (await client.get(f"{ANSWERS}/{running}")).json()["answer"] == "By 8 per"


async def test_what_there_is_of_a_running_answer_is_in_the_ledger(services: Fakes, running: str) -> None:
    await services.turns.keep()
    kept = await services.ledger.turns.get(running, EVERYBODY)
    assert (kept.status, kept.answer.answer) == ("running", "By 8 per")
    assert await services.ledger.turns.interrupt_left() == 1
    assert (await services.ledger.turns.get(running, EVERYBODY)).status == "interrupted"


async def test_no_more_than_a_bound_go_on_for_nobody(client: AsyncClient, services: Fakes) -> None:
    hang(services)
    asks = [Ask("How much?", EVERYBODY, conversation_id=f"c{number}") for number in range(MOST_ALONE + 3)]
    begun = [await services.turns.begin(one) for one in asks]
    body = {"question": "How much?", "conversation_id": "c1", "stream": True}
    async with listening(client, "POST", ANSWERS, json=body) as events:
        followed = json.loads((await anext(aiter(events)))["data"])["id"]
        await services.turns.stop_most_alone()
        states = [(await client.get(f"{ANSWERS}/{one.id}")).json()["status"] for one in begun]
        assert states == ["running"] * MOST_ALONE + ["stopped"] * 3
        assert services.turns.get(followed) is not None
    await services.turns.aclose()


async def test_a_client_that_waits_for_a_whole_answer_and_leaves_is_nobody(services: Fakes) -> None:
    said = hang(services)
    running = await services.turns.begin(Ask("How much?", EVERYBODY, conversation_id="c1"))
    with anyio.move_on_after(5) as waiting:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(running.ended)
            await said.wait()
            assert running.readers == 1
            waiting.cancel()
    assert (running.readers, running.is_over) == (0, False)
    await services.turns.aclose()


async def test_a_stopped_answer_keeps_its_text(client: AsyncClient, running: str) -> None:
    stopped = (await client.post(f"{ANSWERS}/{running}/stop")).json()
    assert (stopped["status"], stopped["answer"], stopped["complete"]) == ("stopped", "By 8 per", False)
    assert [one["status"] for one in await talk(client)] == ["stopped"]
    assert (await client.post(f"{ANSWERS}/{running}/stop")).json()["status"] == "stopped"


async def test_a_service_that_stops_keeps_what_there_is(
    client: AsyncClient, services: Fakes, running: str
) -> None:
    await services.turns.aclose()
    (turn,) = await talk(client)
    assert (turn["status"], turn["answer"]) == ("interrupted", "By 8 per")


async def test_another_try_is_a_version_and_only_the_current_one_is_told(
    client: AsyncClient, services: Fakes
) -> None:
    first = await ask(client)
    second = await ask(client, "How much more?", replaces=first["id"], fresh=True)
    assert second["turn_id"] == first["turn_id"]
    assert [one["question"] for one in second["versions"]] == ["How much?", "How much more?"]
    assert (services.answering.asked[-1].fresh, [one["id"] for one in await talk(client)]) == (
        True,
        [second["id"]],
    )
    chosen = await client.post(f"{TALKS}/c1/answers/{first['id']}/current")
    assert (chosen.json()["current"], [one["id"] for one in await talk(client)]) == (True, [first["id"]])


async def test_a_version_stays_at_the_place_of_its_turn(client: AsyncClient) -> None:
    first, _ = await ask(client), await ask(client, "And then?")
    await ask(client, "How little?", replaces=first["id"])
    assert [one["question"] for one in await talk(client)] == ["How little?", "And then?"]
    assert (await client.get(TALKS)).json()["items"][0]["turns"] == 2


async def test_follow_ups_are_told_the_turns_before_the_one_that_is_replaced(
    client: AsyncClient, services: Fakes
) -> None:
    first, second = await ask(client, "One?"), await ask(client, "Two?")
    await ask(client, "One again?", replaces=first["id"])
    turns = services.ledger.conversations.turns
    told = [one.answer.question for one in await turns("c1", EVERYBODY, 9)]
    before = await turns("c1", EVERYBODY, 9, second["id"])
    assert (told, [one.answer.question for one in before]) == (["One again?", "Two?"], ["One again?"])


async def test_a_deleted_version_gives_way_to_the_one_before(client: AsyncClient) -> None:
    first = await ask(client)
    second = await ask(client, replaces=first["id"])
    assert (await client.delete(f"{ANSWERS}/{second['id']}")).status_code == 204
    assert [one["id"] for one in await talk(client)] == [first["id"]]
    await client.delete(f"{ANSWERS}/{first['id']}")
    assert (await talk(client), (await client.get(f"{ANSWERS}/{first['id']}")).status_code) == ([], 404)


async def test_a_running_answer_is_deleted_for_good(
    client: AsyncClient, services: Fakes, running: str
) -> None:
    assert (await client.delete(f"{ANSWERS}/{running}")).status_code == 204
    assert (await talk(client), services.turns.active, services.answering.closed.is_set()) == ([], 0, True)


async def test_a_running_answer_goes_with_its_conversation(
    client: AsyncClient, services: Fakes, running: str
) -> None:
    reply = await client.post(f"{TALKS}/delete", json={"ids": ["c1", "unknown"]})
    assert (reply.json(), services.turns.active) == ({"deleted": ["c1"]}, 0)
    assert (await client.get(f"{TALKS}/c1")).status_code == 404


async def test_a_question_that_is_refused_leaves_no_turn(client: AsyncClient, services: Fakes) -> None:
    services.answering.refusal = Refused("There is no such collection.", code="not_found")
    reply = await client.post(ANSWERS, json={"question": "How much?", "conversation_id": "c1"})
    assert (reply.status_code, (await client.get(TALKS)).json()["items"]) == (404, [])


@pytest.mark.parametrize(("replaced", "code"), [("ans_unknown", "not_found"), ("ans_1", "bad_request")])
async def test_nothing_that_stands_in_no_conversation_is_replaced(
    client: AsyncClient, services: Fakes, replaced: str, code: str
) -> None:
    await services.ledger.answers.save(ANSWER, None, EVERYBODY, 1.0)
    reply = await client.post(ANSWERS, json={"question": "Why?", "replaces": replaced})
    assert reply.json()["code"] == code


async def test_while_the_ledger_is_away_a_question_is_answered_all_the_same(
    client: AsyncClient, services: Fakes
) -> None:
    async def begin(new: object) -> None:
        raise Unavailable("disk", code="ledger_unavailable")

    services.ledger.turns.begin = begin  # type: ignore[assignment,method-assign]
    answer = await ask(client)
    assert (answer["status"], answer["answer"]) == ("done", ANSWER.answer)
    assert [one["id"] for one in await talk(client)] == [answer["id"]]


async def test_a_second_reader_gets_every_letter(client: AsyncClient, services: Fakes) -> None:
    await ask(client, "The first?")
    go_on = anyio.Event()
    services.answering.script = [Delta("By 😀"), Delta("8"), go_on]
    heard: list[tuple[str, dict[str, Any]]] = []
    async with listening(client, "GET", f"{TALKS}/c1/events") as events:
        body = {"question": "How much?", "conversation_id": "c1", "stream": True}
        async with listening(client, "POST", ANSWERS, json=body) as first:
            await anext(aiter(first))
            await go_on.wait()
        async for one in events:
            heard.append((one["event"], json.loads(one["data"])))
            if heard_text(heard) == "By 😀8":
                break
    await services.turns.aclose()
    assert {name for name, _ in heard} <= {"open", "turn", "delta", "html", "conversation"}


def heard_text(heard: list[tuple[str, dict[str, Any]]]) -> str:
    """The text of the running answer as a reader has it, who counts as JavaScript does."""
    text = ""
    for name, data in heard:
        if name == "turn":
            text = data["answer"]
        elif name == "delta":
            assert data["start"] == len(text.encode("utf-16-le")) // 2
            text += data["text"]
    return text


async def test_a_reader_who_comes_late_gets_the_text_so_far_first(client: AsyncClient, running: str) -> None:
    async with listening(client, "GET", f"{TALKS}/c1/events") as events:
        first = await anext(aiter(events))
        data = json.loads(first["data"])
        assert (first["event"], data["id"], data["status"]) == ("turn", running, "running")
        assert (data["answer"], "By 8 per" in data["html"]) == ("By 8 per", True)
        await client.post(f"{ANSWERS}/{running}/stop")
        async for one in events:
            if one["event"] == "turn":
                assert json.loads(one["data"])["status"] == "stopped"
                break


async def test_the_list_tells_of_what_begins_changes_and_goes(client: AsyncClient) -> None:
    heard: list[tuple[str, Any]] = []
    async with listening(client, "GET", f"{TALKS}/events") as events:
        begun = (await client.post(TALKS)).json()["id"]
        await client.patch(f"{TALKS}/{begun}", json={"pinned": True})
        await client.delete(f"{TALKS}/{begun}")
        async for one in events:
            heard.append((one["event"], json.loads(one["data"]).get("id")))
            if one["event"] == "gone":
                break
    assert (heard[0], {one[1] for one in heard[1:]}) == (("open", None), {begun})


async def test_one_stream_tells_of_all_that_is_asked_about(client: AsyncClient) -> None:
    begun = (await client.post(TALKS)).json()["id"]
    about = ["documents", "conversations", f"conversations/{begun}", "conversations/none"]
    heard: list[str] = []
    async with listening(client, "GET", "/api/v1/events", params={"about": about}) as events:
        async for one in events:
            heard.append(one["event"])
            if len(heard) == len(about):
                await client.patch(f"{TALKS}/{begun}", json={"pinned": True})
                await client.delete(f"{TALKS}/{begun}")
            if heard.count(f"conversations/{begun} gone") and heard.count("conversations gone"):
                break
    first = {"documents open", "conversations open", f"conversations/{begun} open", "conversations/none gone"}
    assert (set(heard[:4]), len(heard)) == (first, 8)


@pytest.mark.parametrize("about", [[], ["answers"], ["conversations/a b"], ["documents"] * 61])
async def test_events_about_what_there_is_not_are_refused(client: AsyncClient, about: list[str]) -> None:
    reply = await client.get("/api/v1/events", params={"about": about})
    assert problem_of(reply) == (400, "bad_request")


async def test_one_stream_about_several_is_refused_with_the_reason_of_one(
    client: AsyncClient, services: Fakes
) -> None:
    async def events(wanted: object) -> None:
        raise Unavailable("disk", code="ledger_unavailable")

    services.ledger.access.events = events  # type: ignore[assignment,method-assign]
    reply = await client.get("/api/v1/events", params={"about": ["documents"]})
    assert problem_of(reply) == (503, "ledger_unavailable")


async def test_a_conversation_is_called_after_its_first_question(client: AsyncClient) -> None:
    for number in (1, 2):
        await client.post(ANSWERS, json={"question": "How  much is it?", "conversation_id": f"c{number}"})
    titles = [one["title"] for one in (await client.get(TALKS)).json()["items"]]
    assert titles == ["How much is it? (2)", "How much is it?"]


async def test_pinned_conversations_come_first_page_by_page(client: AsyncClient) -> None:
    ids = [(await client.post(TALKS, json={"title": f"T{n}"})).json()["id"] for n in range(4)]
    pinned = await client.patch(f"{TALKS}/{ids[1]}", json={"pinned": True})
    assert pinned.json()["pinned_at"] is not None
    first = (await client.get(TALKS, params={"limit": 2})).json()
    rest = (await client.get(TALKS, params={"cursor": first["next_cursor"]})).json()
    titles = [one["title"] for one in (*first["items"], *rest["items"])]
    assert titles == ["T1", "T3", "T2", "T0"]
    assert (await client.patch(f"{TALKS}/{ids[1]}", json={"pinned": False})).json()["pinned_at"] is None


@pytest.mark.parametrize("words", ["windows SIX", "窗户 六", "Fenêtres"])
async def test_words_of_answers_are_found_in_any_spelling(
    client: AsyncClient, services: Fakes, words: str
) -> None:
    text = "It has six windows. 有六扇窗戶。 FENETRES."
    services.answering.script = [Done(replace(ANSWER, answer=text))]
    await ask(client)
    (found,) = (await client.get(TALKS, params={"q": words})).json()["items"]
    assert "six windows" in found["found"] or "窗戶" in found["found"]


async def test_feedback_stays_with_its_answer_and_goes_with_it(client: AsyncClient) -> None:
    answer = await ask(client)
    where = f"{ANSWERS}/{answer['id']}/feedback"
    for verdict in ("up", "down"):
        said = {"verdict": verdict, "reason": "wrong", "comment": " That was before. "}
        assert (await client.put(where, json=said)).json()["feedback"]["verdict"] == verdict
    (one,) = (await client.get("/api/v1/feedback", params={"verdict": "down"})).json()["items"]
    assert (one["comment"], one["question"], one["trace_id"]) == ("That was before.", "How much?", "a" * 32)
    assert (await client.get("/api/v1/feedback", params={"verdict": "up"})).json()["items"] == []
    await client.delete(f"{ANSWERS}/{answer['id']}")
    assert (await client.get("/api/v1/feedback")).json()["items"] == []


async def test_feedback_is_taken_back(client: AsyncClient) -> None:
    answer = await ask(client)
    where = f"{ANSWERS}/{answer['id']}/feedback"
    await client.put(where, json={"verdict": "up"})
    assert (await client.delete(where)).status_code == 204
    assert (await client.get(f"{ANSWERS}/{answer['id']}")).json()["feedback"] is None
