"""How the process ends: drained after SIGTERM, refused at start with a wrong setting."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from tests.support.documents import ENGLISH, english_pdf, write
from tests.support.llm_server import llm_server
from tests.support.service import (
    Start,
    eventually,
    family_of,
    logged,
    package,
    ready,
    upload_all,
    wait_for_end,
)

#: Longer than any end that is not a drain.
DRAIN_S = 90.0
Stalled = Callable[..., Throwaway]


@pytest.fixture
def stalled(start: Start, tmp_path: Path) -> Iterator[Stalled]:
    """Starts a service with a document, whose model says two words and then nothing more."""
    with (
        start_blocking_portal(backend_options={"use_uvloop": True}) as portal,
        portal.wrap_async_context_manager(llm_server("stall")) as model,
    ):

        def begin(*, idle_timeout_s: float, drain_s: float) -> Throwaway:
            link = {
                "name": "slow",
                "base_url": model.base_url,
                "model": "m",
                "thoughts_wait_s": 0,
                "idle_timeout_s": idle_timeout_s,
            }
            env = {"KOTAEMON_LLM__LINKS": json.dumps([link]), "KOTAEMON_HTTP__DRAIN_S": str(drain_s)}
            service = start(env)
            upload_all(service, tmp_path, {"notes.md": b"# Notes\n\nThe capital of France is Paris.\n"})
            return service

        yield begin


def events_after_sigterm(service: Throwaway) -> list[str]:
    """What a stream still says when the service is told to stop after its first words."""
    client, names = Client(service.url), []
    for event in client.stream_answer("What is the capital of France?", None):
        if event.name == "delta" and "delta" not in names:
            service.process.send_signal(signal.SIGTERM)
            eventually(lambda: not service.is_ready())
        names.append(event.name)
    client.close()
    return names


def test_a_stream_is_finished_after_sigterm_and_no_child_is_left(stalled: Stalled) -> None:
    service = stalled(idle_timeout_s=2, drain_s=20)
    family = family_of(service)
    names = events_after_sigterm(service)
    assert names.count("done") == 1 and names[-1] == "done"
    assert service.process.wait(60) == 0
    wait_for_end(family)


def test_a_stream_that_outlasts_the_drain_says_that_it_was_cut(stalled: Stalled) -> None:
    service = stalled(idle_timeout_s=60, drain_s=0.5)
    family = family_of(service)
    assert events_after_sigterm(service)[-1] == "interrupted"
    assert service.process.wait(60) == 0
    wait_for_end(family)


def test_an_idle_service_stops_at_once_with_exit_code_0(start: Start) -> None:
    service = start({})
    family = family_of(service)
    assert len(family) > 1
    assert service.stop() == 0
    wait_for_end(family)


def test_a_second_signal_ends_the_drain_at_once(stalled: Stalled) -> None:
    service = stalled(idle_timeout_s=2 * DRAIN_S, drain_s=DRAIN_S)
    family = family_of(service)
    client = Client(service.url)
    stream = client.stream_answer("What is the capital of France?", None)
    assert next(stream).name == "passages"
    service.process.send_signal(signal.SIGTERM)
    eventually(lambda: not service.is_ready())
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(DRAIN_S / 2) == 0
    wait_for_end(family)
    client.close()


@pytest.mark.parametrize("signals", [1, 2])
def test_a_document_that_is_read_at_the_end_is_given_back_and_no_attempt_is_counted(
    signals: int, start: Start, tmp_path: Path
) -> None:
    service = start({"KOTAEMON_INGEST__BATCH_PAGES": "1", "KOTAEMON_EMBEDDING__THREADS": "1"})
    client = Client(service.url)
    path = write(tmp_path, "book.pdf", english_pdf(texts=[ENGLISH.format(number=n) * 12 for n in range(40)]))
    document_id = client.upload(path, "default")["id"]
    eventually(lambda: logged(service, "batch_committed"))
    for _ in range(signals):
        service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0
    assert logged(service, "document_given_back", doc_id=document_id)

    service.start()
    document = ready(client, document_id)
    assert (document["attempt"], document["attempts"]["shutdown"]) == (1, 1)
    client.close()


def test_a_service_that_is_told_to_stop_while_it_starts_ends_cleanly(tmp_path: Path, start: Start) -> None:
    service = start({})
    service.stop()
    (service.data_dir / "lock").unlink()
    service.spawn()
    eventually((service.data_dir / "lock").exists, every_s=0.001)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(60) == 0
    assert len(logged(service, "service_started")) == 1


@pytest.mark.parametrize(
    ("variable", "value", "setting"),
    [
        ("KOTAEMON_HTTP__PORT", "eighty", "http.port"),
        ("KOTAEMON_HTPP__PORT", "80", "htpp.port"),
        ("KOTAEMON_BROKER__URL", "amqp://queue", "broker.url"),
        ("KOTAEMON_EMBEDDING__FOLDER", "/nowhere", "embedding.folder"),
        ("KOTAEMON_DATA_DIR", "/dev/null/data", "data_dir"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_78_and_its_name(
    variable: str, value: str, setting: str, tmp_path: Path
) -> None:
    done = package("serve", **{"KOTAEMON_DATA_DIR": str(tmp_path / "data"), variable: value})
    assert done.returncode == 78
    assert setting in done.stderr
