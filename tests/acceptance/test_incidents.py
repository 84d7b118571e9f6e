"""Real faults in a running service: each opens an incident that names its cause first, and ends it."""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import httpx
import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import english_pdf, write
from tests.support.redis_server import RedisServer
from tests.support.service import SLOW, Start, book, children, command, eventually, logged

#: Twenty-five times as fast as by default; what counts samples is as much faster.
QUICK = {"KOTAEMON_INCIDENTS__EVERY_S": "0.2"}


def incidents(service: Throwaway, status: str) -> list[Json]:
    """Those that are open or closed, the latest first."""
    with closing(Client(service.url)) as client:
        found: list[Json] = client.incidents(status, 50)["items"]
    return found


def named(service: Throwaway, cause: str, status: str = "open") -> list[Json]:
    """Those whose first cause is this one."""
    return [one for one in incidents(service, status) if one["cause"] == cause]


def opened(service: Throwaway, cause: str) -> Json:
    """The incident, once there is one."""
    seen: list[list[str]] = []

    def look() -> list[Json]:
        seen[:] = [[one["cause"] for one in incidents(service, "open")]]
        return named(service, cause)

    return eventually(look, every_s=0.2, seen=seen)[0]


def metrics(service: Throwaway) -> str:
    """The page that Prometheus reads."""
    return httpx.get(f"{service.url}/metrics", trust_env=False, timeout=60).text


def closed(service: Throwaway, incident: Json) -> bool:
    """Whether this one is over."""
    return incident["id"] in [one["id"] for one in incidents(service, "closed")]


class Asker:
    """Asks a new question at every call, so that no cache answers."""

    def __init__(self, service: Throwaway) -> None:
        self._url, self._numbers = service.url, count()

    def ask(self) -> str:
        question = f"How often is seal {next(self._numbers)} replaced?"
        with closing(Client(self._url)) as client:
            return str(client.answer(question, None)["served_by"])


def with_document(service: Throwaway, folder: Path) -> Asker:
    with closing(Client(service.url)) as client:
        client.upload(
            write(folder, "seals.pdf", english_pdf(texts=["Seals are replaced every May."])), "default"
        )
    return Asker(service)


@pytest.fixture
def deaf_port() -> Iterator[socket.socket]:
    """A port that nobody listens on, until the test does."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held


def link_to(held: socket.socket) -> dict[str, str]:
    url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
    link = f'[{{"name": "main", "base_url": "{url}", "model": "m", "first_token_timeout_s": 0.3}}]'
    return {"KOTAEMON_LLM__LINKS": link, **QUICK}


@pytest.mark.parametrize(("hangs", "cause"), [(False, "llm_down"), (True, "llm_slow")])
def test_a_model_server_that_is_away_or_hangs_is_the_first_cause(
    start: Start, deaf_port: socket.socket, tmp_path: Path, hangs: bool, cause: str
) -> None:
    if hangs:
        deaf_port.listen(64)  # connections are taken and nothing is ever said
    service = start(link_to(deaf_port))
    asker = with_document(service, tmp_path)
    for _ in range(12):
        asker.ask()
    incident = opened(service, cause)
    assert incident["causes"][0]["component"] == "main"
    assert incident["causes"][0]["traces_share"] > 0.5
    trace = f"{service.url}/api/v1/traces/{incident['trace_ids'][0]}"
    eventually(lambda: httpx.get(trace, trust_env=False, timeout=60).status_code == 200)
    eventually(lambda: logged(service, "incident_opened", cause=cause))
    check_that_the_command_shows(service, incident)


def check_that_the_command_shows(service: Throwaway, incident: Json) -> None:
    """In its list, and alone."""
    cause = incident["causes"][0]
    listed = command(service, "incidents")
    assert (listed.returncode, incident["id"] in listed.stdout, cause["cause"] in listed.stdout) == (
        1,
        True,
        True,
    )
    one = command(service, "incidents", incident["id"])
    assert (one.returncode, cause["component"] in one.stdout) == (0, True)
    assert f"kotaemon-async trace {incident['trace_ids'][0]}" in one.stdout


def test_a_broker_that_goes_away_and_comes_back_is_an_incident_with_an_end(
    start: Start, tmp_path: Path
) -> None:
    with RedisServer(tmp_path / "redis") as redis:
        service = start({"KOTAEMON_BROKER__URL": redis.url, **QUICK})
        redis.stop()
        incident = opened(service, "broker")
        assert incident["signals"][0]["signal"].startswith("broker.")
        eventually(lambda: 'kotaemon_incidents_open{cause="broker"} 1.0' in metrics(service))
        redis.start()
        eventually(lambda: closed(service, incident), every_s=0.2)
        eventually(lambda: logged(service, "incident_closed", incident_id=incident["id"]))


def test_a_disk_without_room_is_the_first_cause_and_a_restart_goes_on_with_the_incident(
    start: Start, tmp_path: Path
) -> None:
    disk = shutil.disk_usage(tmp_path)
    if disk.free > 0.85 * disk.total:
        pytest.skip("the disk is so empty that no floor lies above what is free")
    floor = {"KOTAEMON_DISK__FLOOR_BYTES": str(disk.total), "KOTAEMON_DISK__FLOOR_RATIO": "0.9"}
    service = start({**QUICK, **floor})
    incident = opened(service, "disk")
    service.kill()
    service.start()
    eventually(lambda: logged(service, "incidents_resumed"))
    assert [one["id"] for one in named(service, "disk")] == [incident["id"]]


def test_a_vector_index_that_dies_again_and_again_is_the_first_cause(start: Start, tmp_path: Path) -> None:
    service = start(QUICK)
    asker = with_document(service, tmp_path)

    def kill_and_look() -> list[Json]:
        for pid in children(service, "vectors"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        asker.ask()
        return named(service, "vectors")

    incident = eventually(kill_and_look, every_s=0.3)[0]
    assert all(one["signal"].startswith(("vectors.", "http.", "answers.")) for one in incident["signals"][:1])


def test_parsers_that_die_over_their_documents_are_the_first_cause(start: Start, tmp_path: Path) -> None:
    service = start({**QUICK, **SLOW})
    with closing(Client(service.url)) as client:
        for number in range(4):
            client.upload(book(tmp_path, f"poison {number}", 120), "default")

    def kill_and_look() -> list[Json]:
        for pid in children(service, "parser"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSEGV)
        return named(service, "parser")

    incident = eventually(kill_and_look, every_s=0.2)[0]
    assert incident["causes"][0]["signals"][0] == "parser.crashes"
