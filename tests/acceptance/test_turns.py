"""A conversation belongs to the service: it goes on without its reader, and outlasts a kill and a stop."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from kotaemon_async.cli.throwaway import Throwaway
from tests.support.llm_server import LlmServer, llm_server
from tests.support.service import Start, crash, eventually, upload_all

TALK = "/api/v1/conversations/c1"
QUESTION = {"question": "What is the capital of France?", "conversation_id": "c1", "stream": True}
Body = dict[str, Any]


@pytest.fixture
def talking(start: Start, tmp_path: Path) -> Iterator[tuple[Throwaway, LlmServer]]:
    """A service with a document, whose model cites it and then says one word after the other, for ever."""
    with (
        start_blocking_portal(backend_options={"use_uvloop": True}) as portal,
        portal.wrap_async_context_manager(llm_server("slow_tokens")) as model,
    ):
        model.words = ("Paris is it [1]. ", "And ", "more")
        link = {"name": "slow", "base_url": model.base_url, "model": "m", "thoughts_wait_s": 0}
        service = start({"KOTAEMON_LLM__LINKS": json.dumps([link]), "KOTAEMON_HTTP__DRAIN_S": "1"})
        upload_all(service, tmp_path, {"notes.md": b"# Notes\n\nThe capital of France is Paris.\n"})
        yield service, model


def http(service: Throwaway) -> httpx.Client:
    return httpx.Client(base_url=service.url, trust_env=False, timeout=60)


def events(reply: httpx.Response) -> Iterator[tuple[str, Body]]:
    """The events of a stream, one by one."""
    name = ""
    for line in reply.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def asked_and_left(client: httpx.Client) -> str:
    """The id of an answer whose reader left after the first words."""
    with client.stream("POST", "/api/v1/answers", json=QUESTION) as reply:
        heard = events(reply)
        name, turn = next(heard)
        assert (name, turn["status"]) == ("turn", "running")
        next(one for one in heard if one[0] == "delta")
        return str(turn["id"])


def turns(client: httpx.Client) -> list[Body]:
    found: list[Body] = client.get(TALK).json()["answers"]
    return found


def is_said(client: httpx.Client, least: int) -> Callable[[], bool]:
    """Whether the only answer has so many letters by now."""
    return lambda: len(turns(client)[0]["answer"]) >= least


def test_an_answer_outlasts_a_kill_with_its_text_and_sources(talking: tuple[Throwaway, LlmServer]) -> None:
    service, model = talking
    with http(service) as client:
        answer_id = asked_and_left(client)
        eventually(is_said(client, 250))  # some of it has been written down
        crash(service)
        service.start()
    with http(service) as client:
        (turn,) = turns(client)
        assert (turn["id"], turn["status"], turn["complete"]) == (answer_id, "interrupted", False)
        assert turn["answer"].startswith("Paris is it [1]. And a a ")
        assert [one["document_name"] for one in turn["citations"]] == ["notes.md"]
        model.script = "ok"
        again = client.post(
            "/api/v1/answers", json=QUESTION | {"replaces": answer_id, "stream": False}
        ).json()
        assert (again["status"], len(again["versions"]), len(turns(client))) == ("done", 2, 1)


def test_a_service_that_stops_keeps_what_was_said(talking: tuple[Throwaway, LlmServer]) -> None:
    service, _ = talking
    with http(service) as client:
        asked_and_left(client)
        eventually(is_said(client, 60))
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0
    service.start()
    with http(service) as client:
        (turn,) = turns(client)
        assert (turn["status"], len(turn["answer"]) > 60, len(turn["citations"])) == ("interrupted", True, 1)


def test_a_second_device_sees_each_letter_and_stops_it(talking: tuple[Throwaway, LlmServer]) -> None:
    service, model = talking
    with http(service) as client, http(service) as other:
        answer_id = asked_and_left(client)
        with other.stream("GET", f"{TALK}/events") as reply:
            heard = events(reply)
            name, turn = next(heard)
            text = turn["answer"]
            assert (name, turn["id"]) == ("turn", answer_id)
            while len(text) < 300:
                name, data = next(heard)
                if name == "delta":
                    assert data["start"] == len(text)
                    text += data["text"]
            stopping = threading.Thread(target=partial(client.post, f"/api/v1/answers/{answer_id}/stop"))
            stopping.start()
            ended = next(data for name, data in heard if name == "turn" and data["status"] != "running")
            stopping.join()
    assert (ended["status"], ended["answer"].startswith(text)) == ("stopped", True)
    assert (ended["link"], [one["marker"] for one in ended["citations"]]) == ("slow", [1])
    eventually(model.left.is_set)


def test_what_was_replaced_is_not_told_to_the_model(talking: tuple[Throwaway, LlmServer]) -> None:
    service, model = talking
    model.script, model.words = "ok", ("Paris is the ", "capital of ", "France [1].")
    with http(service) as client:
        ask = {"conversation_id": "c1", "question": "What is the capital of France?"}
        first = client.post("/api/v1/answers", json=ask).json()
        model.words = ("The capital of ", "France: Paris, ", "of course [1].")
        second = client.post("/api/v1/answers", json=ask | {"replaces": first["id"], "fresh": True}).json()
        assert second["answer"] == "The capital of France: Paris, of course [1]."
        before = len(model.requests)
        client.post("/api/v1/answers", json=ask | {"question": "And what about it?"})
    told = json.dumps(model.requests[before:])
    assert ("France: Paris, of course" in told, "Paris is the capital" in told) == (True, False)
