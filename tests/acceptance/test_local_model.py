"""The real process with a model of its own, which lives in a child and goes with it."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf, write
from tests.support.service import Start, children, eventually, is_alive, one_child, ready
from tests.support.tiny_llm import tiny_llm

PAGES = ("The crane on pier four was repaired in October at a cost of 83,000 euros.",)
QUESTION = "When was the crane repaired?"
SAID = "The crane was repaired in October [1]."


def linked(folder: Path, **more: object) -> dict[str, str]:
    return {"KOTAEMON_LLM__LINKS": json.dumps([{"name": "here", "folder": str(folder), **more}])}


@pytest.fixture
def service(start: Start, tmp_path: Path) -> Throwaway:
    """A service whose first link is a model in a folder."""
    return start(linked(tiny_llm(tmp_path / "tiny")))


@pytest.fixture
def filled(client: Client, tmp_path: Path) -> Iterator[Client]:
    """A client of a service with a document."""
    ready(client, client.upload(write(tmp_path, "harbour.pdf", english_pdf(texts=PAGES)), "en")["id"])
    yield client


def link_of(client: Client) -> Json:
    health: Json = client.health()[1]["components"]["link.here"]
    return health


def test_the_model_answers_with_a_citation_and_its_child_ends_with_the_service(
    filled: Client, service: Throwaway
) -> None:
    assert children(service, "llm") == []  # nothing is loaded before somebody asks
    answer = filled.answer(QUESTION, "en")
    assert (answer["served_by"], answer["degraded"], answer["answer"]) == ("primary", False, SAID)
    assert [(one["marker"], one["document_name"]) for one in answer["citations"]] == [(1, "harbour.pdf")]
    child = one_child(service, "llm")
    assert service.stop() == 0
    assert not is_alive(child)


def test_the_child_does_not_outlive_a_killed_service(filled: Client, service: Throwaway) -> None:
    filled.answer(QUESTION, "en")
    child = one_child(service, "llm")
    service.kill()
    eventually(lambda: not is_alive(child), within_s=5)


def test_an_idle_child_gives_its_memory_back(start: Start, tmp_path: Path) -> None:
    service = start(linked(tiny_llm(tmp_path / "tiny"), idle_release_s=0.5))
    client = Client(service.url)
    ready(client, client.upload(write(tmp_path, "harbour.pdf", english_pdf(texts=PAGES)), "en")["id"])
    assert client.answer(QUESTION, "en")["served_by"] == "primary"
    eventually(lambda: not children(service, "llm"), within_s=10)
    assert client.answer("Was the crane repaired in October?", "en")["served_by"] == "primary"
    client.close()


def test_a_child_that_dies_in_the_middle_of_an_answer_leaves_a_whole_one(
    start: Start, tmp_path: Path
) -> None:
    service = start(linked(tiny_llm(tmp_path / "tiny", thinking=200, never_ends=True)))
    client = Client(service.url)
    ready(client, client.upload(write(tmp_path, "harbour.pdf", english_pdf(texts=PAGES)), "en")["id"])
    events = client.stream_answer(QUESTION, "en")
    said = [next(event for event in events if event.name == "delta")]
    os.kill(one_child(service, "llm"), signal.SIGKILL)
    said += list(events)
    assert [event.name for event in said if event.name in {"restart", "done", "interrupted"}] == [
        "restart",
        "done",
    ]
    assert said[-1].data["served_by"] == "extractive"
    client.close()


def test_a_folder_without_a_model_is_named_in_the_health_report(start: Start, tmp_path: Path) -> None:
    service = start(linked(tmp_path / "nothing"))
    client = Client(service.url)
    ready(client, client.upload(write(tmp_path, "harbour.pdf", english_pdf(texts=PAGES)), "en")["id"])
    answer = client.answer(QUESTION, "en")
    assert (answer["served_by"], answer["degraded"]) == ("extractive", True)
    assert answer["reasons"] == [{"component": "here", "code": "misconfigured"}]
    report = link_of(client)
    assert (report["state"], report["code"]) == ("misconfigured", "misconfigured")
    assert str(tmp_path / "nothing") in report["message"]
    client.close()
