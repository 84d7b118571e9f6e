"""The whole service with a real language model, which lives in a child and goes with it.

The model is small and says odd things: what it says does not matter here. Where its source does not support
that, another provider answers, and the model's words are kept beside that answer.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kotaemon_async.cli.client import Client, ServerEvent
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf, write
from tests.support.service import children, eventually, is_alive, one_child, ready, serving

PAGES = ("The crane on pier four was repaired in October at a cost of 83,000 euros.",)
QUESTION = "When was the crane repaired?"
#: Far more than is generated before a test is over.
ENDLESS = 3000


class Served(NamedTuple):
    """A service and a client of it."""

    service: Throwaway
    client: Client


@contextmanager
def answering(place: Path, model_folder: Path, **link: object) -> Iterator[Served]:
    """A service with a document, whose first link is a model in a folder."""
    settings = {"name": "here", "first_token_timeout_s": 60, "max_tokens": 24}
    env = {
        "KOTAEMON_LLM__LINKS": json.dumps([settings | link]),
        "KOTAEMON_ANSWERS__DEADLINE_S": "90",
    }
    with serving(place, model_folder, env) as service, closing(Client(service.url)) as client:
        document = client.upload(write(place, "harbour.pdf", english_pdf(texts=PAGES)), "en")
        ready(client, document["id"])
        yield Served(service, client)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory, model_folder: Path, llm_folder: Path) -> Iterator[Served]:
    """One for all: its model says little; each test leaves the service running."""
    with answering(tmp_path_factory.mktemp("short"), model_folder, folder=str(llm_folder)) as made:
        yield made


@pytest.fixture(scope="module")
def endless(
    tmp_path_factory: pytest.TempPathFactory, model_folder: Path, llm_folder: Path
) -> Iterator[Served]:
    """One for all, whose model says more than anybody waits for."""
    folder = tmp_path_factory.mktemp("endless")
    with answering(folder, model_folder, folder=str(llm_folder), max_tokens=ENDLESS) as made:
        yield made


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_idle(pid: int) -> bool:
    before_s = cpu_s(pid)
    time.sleep(0.3)
    return cpu_s(pid) - before_s < 0.03


def first_delta(events: Iterator[ServerEvent]) -> ServerEvent:
    return next(event for event in events if event.name == "delta")


def model_said(answer: dict[str, Any]) -> str:
    """The words of the model, sent as the answer or refused as unsupported."""
    refused: str | None = answer["rejected"]
    assert answer["served_by"] == ("primary" if refused is None else "extractive")
    return refused or str(answer["answer"])


def test_the_model_answers_and_its_child_ends_with_the_service(short: Served) -> None:
    service, client = short
    assert children(service, "llm") == []  # nothing is loaded before somebody asks
    answer = client.answer(QUESTION, "en")
    assert model_said(answer)
    assert {reason["code"] for reason in answer["reasons"]} <= {"answer_cut", "unsupported"}  # at max_tokens
    child = one_child(service, "llm")
    assert service.stop() == 0
    eventually(lambda: not is_alive(child))
    service.start()


def test_an_answer_streams_word_by_word(short: Served) -> None:
    client = short.client
    events = list(client.stream_answer("What did the repair of the crane cost?", "en"))
    names = [event.name for event in events]
    first = events[: names.index("restart") if "restart" in names else None]
    deltas = [event.data["text"] for event in first if event.name == "delta"]
    assert names[-1] == "done" and len(deltas) > 3
    assert "".join(deltas).strip() == model_said(events[-1].data).strip()


def test_a_reader_who_leaves_stops_the_model_and_the_next_one_is_answered(endless: Served) -> None:
    service, client = endless
    events = client.stream_answer(QUESTION, "en")
    first_delta(events)
    child = one_child(service, "llm")
    events.close()  # type: ignore[attr-defined]  # a generator, whose end closes the connection
    eventually(lambda: is_idle(child))
    first_delta(client.stream_answer("What did the repair of the crane cost?", "en"))
    assert one_child(service, "llm") == child


def test_a_child_that_dies_in_the_middle_of_an_answer_leaves_a_whole_one(endless: Served) -> None:
    service, client = endless
    events = client.stream_answer(QUESTION, "en")
    first_delta(events)
    os.kill(one_child(service, "llm"), signal.SIGKILL)
    rest = [event for event in events if event.name in {"restart", "done", "interrupted"}]
    assert [event.name for event in rest] == ["restart", "done"]
    assert rest[-1].data["served_by"] == "extractive"


def test_an_idle_child_gives_its_memory_back_and_comes_again(
    tmp_path: Path, model_folder: Path, llm_folder: Path
) -> None:
    with answering(tmp_path, model_folder, folder=str(llm_folder), idle_release_s=0.5) as (service, client):
        assert model_said(client.answer(QUESTION, "en"))
        eventually(lambda: not children(service, "llm"))
        assert model_said(client.answer("Was the crane repaired in October?", "en"))


def test_the_child_does_not_outlive_a_killed_service(short: Served) -> None:
    service, client = short
    client.answer("Which pier is the crane on?", "en")
    child = one_child(service, "llm")
    service.kill()
    eventually(lambda: not is_alive(child))


def test_a_folder_without_a_model_is_named_in_the_health_report(tmp_path: Path, model_folder: Path) -> None:
    with answering(tmp_path, model_folder, folder=str(tmp_path / "nothing")) as (_, client):
        answer = client.answer(QUESTION, "en")
        report = client.health()[1]["components"]["link.here"]
    assert (answer["served_by"], answer["degraded"]) == ("extractive", True)
    assert answer["reasons"] == [{"component": "here", "code": "misconfigured"}]
    assert (report["state"], report["code"]) == ("misconfigured", "misconfigured")
    assert str(tmp_path / "nothing") in report["message"]
