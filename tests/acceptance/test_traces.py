"""One id leads to the whole path: of a document from upload to ready, of a question from asking to answer."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from kotaemon_async.cli.client import Client, Json
from kotaemon_async.cli.throwaway import Throwaway, free_port
from kotaemon_async.stores.telemetry import FILE
from tests.support.collector import listening_collector
from tests.support.documents import ENGLISH, english_pdf, write
from tests.support.llm_server import llm_server
from tests.support.service import Start, command, eventually, ready, serving

PAGES = [" ".join(ENGLISH.format(number=n * 10 + m) for m in range(3)) for n in range(1, 13)]
QUESTION = {"question": "What is written on page 31?"}
#: What a document goes through.
STAGES = {"queue wait", "job", "ingest", "open", "parse", "embed", "commit", "index", "ready"}
CHILD_CALLS = {"parser open", "parser read", "parser close"}


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return write(tmp_path, "book.pdf", english_pdf(texts=PAGES))


@pytest.fixture(scope="module")
def batches_of_four(
    tmp_path_factory: pytest.TempPathFactory, model_folder: Path
) -> Iterator[tuple[Throwaway, Client]]:
    env = {"KOTAEMON_INGEST__BATCH_PAGES": "4"}
    with (
        serving(tmp_path_factory.mktemp("traces"), model_folder, env) as service,
        closing(Client(service.url)) as client,
    ):
        yield service, client


def names(trace: Json) -> list[str]:
    return [span["name"] for span in trace["spans"]]


def above(trace: Json, span: Json) -> list[str]:
    """The names of the spans that it stands under, the nearest first."""
    by_id = {one["span_id"]: one for one in trace["spans"]}
    found = []
    while (parent := by_id.get(span["parent_id"])) is not None:
        found.append(parent["name"])
        span = parent
    return found


def whole(client: Client, document_id: str) -> Json:
    """The trace of a document, once its last span is in it: that one ends after the status is ready."""

    def ended() -> Json:
        trace = client.trace(document_id)
        return trace if trace["status"] != "running" and "ready" in names(trace) else {}

    ready(client, document_id)
    return eventually(ended)


def over(client: Client, name: str) -> Json:
    """The trace of a request: its own span ends after the reply was sent."""

    def ended() -> Json:
        trace = client.trace(name)
        return trace if trace["status"] != "running" else {}

    return eventually(ended)


def printed(service: Throwaway, *words: str) -> str:
    done = command(service, "trace", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_documents_trace_holds_every_stage_from_upload_to_ready(
    batches_of_four: tuple[Throwaway, Client], book: Path
) -> None:
    _, client = batches_of_four
    document = client.upload(book, "en")
    trace = whole(client, document["id"])
    assert trace["trace_id"] == document["trace_id"]
    assert {"POST /api/v1/documents"} | STAGES | CHILD_CALLS <= set(names(trace))
    assert (trace["status"], names(trace).count("commit")) == ("ok", 3)
    [parsed, *_] = [span for span in trace["spans"] if span["name"] == "parser read"]
    assert above(trace, parsed) == ["parse", "ingest", "job", "POST /api/v1/documents"]
    assert 0 < parsed["attributes"]["child_s"] <= parsed["duration_s"]
    assert {"document_accepted", "batch_committed", "document_ready"} <= {
        line["event"] for line in trace["logs"]
    }


def test_the_command_prints_the_path_as_a_tree(batches_of_four: tuple[Throwaway, Client], book: Path) -> None:
    service, client = batches_of_four
    document = client.upload(book, "printed")
    whole(client, document["id"])
    said = printed(service, document["id"])
    for words in (document["trace_id"], "job", "parser read", "batch_committed", "ms"):
        assert words in said
    assert json.loads(printed(service, document["trace_id"], "--json"))["status"] == "ok"


def test_an_answer_is_found_by_its_id_and_by_the_callers_request_id(
    service: Throwaway, client: Client
) -> None:
    headers = {"X-Request-ID": "call-4711"}
    asked = httpx.post(
        f"{service.url}/api/v1/answers", json=QUESTION, headers=headers, trust_env=False, timeout=60
    )
    for name in (asked.json()["id"], "call-4711", asked.headers["X-Trace-Id"]):
        trace = over(client, name)
        assert trace["trace_id"] == asked.json()["trace_id"]
        assert {"answer", "retrieve", "search", "embed query", "keywords"} <= set(names(trace))


def test_what_nobody_did_has_no_trace(service: Throwaway) -> None:
    reply = httpx.get(f"{service.url}/api/v1/traces/{'0' * 31}1", trust_env=False, timeout=60)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


async def test_a_failing_link_shows_its_try_the_fallback_and_the_next_one(start: Start, book: Path) -> None:
    async with llm_server("ok") as server:
        links = [
            {"name": "first", "base_url": f"http://127.0.0.1:{free_port()}/v1", "model": "m"},
            {"name": "second", "base_url": server.base_url, "model": "m"},
        ]
        service = start({"KOTAEMON_LLM__LINKS": json.dumps(links)})
        client = Client(service.url)
        ready(client, client.upload(book, "en")["id"])
        async with httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as http:
            answer = (await http.post("/api/v1/answers", json=QUESTION)).json()
        trace = over(client, answer["id"])
        client.close()
    tried = [(span["name"], span["status"]) for span in trace["spans"] if span["name"].startswith("link ")]
    assert tried == [("link first", "error"), ("link second", "ok")]
    [fallback] = [one["attributes"] for one in trace["fallbacks"] if one["name"] == "fallback"]
    assert fallback == {"source": "first", "target": "second", "reason": "llm_unavailable"}
    chat = [span for span in trace["spans"] if span["name"] == "chat m"][-1]
    assert chat["attributes"]["gen_ai.provider.name"] == "openai"
    assert server.headers[-1]["traceparent"] == f"00-{trace['trace_id']}-{chat['span_id']}-01"


def test_a_killed_process_leaves_its_span_and_the_rest_follows_in_the_same_trace(
    start: Start, book: Path
) -> None:
    service = start({"KOTAEMON_INGEST__BATCH_PAGES": "4", "KOTAEMON_FAULTS": "ingest.after_commit:2:kill"})
    client = Client(service.url)
    document = client.upload(book, "en")
    eventually(lambda: service.process.poll() is not None)
    service.env = {}
    service.start()
    trace = whole(client, document["id"])
    client.close()
    ingests = [span for span in trace["spans"] if span["name"] == "ingest"]
    assert [span["status"] for span in ingests] == ["unfinished", "ok"]
    assert ingests[0]["process_ended_at"] >= trace["started_at"]
    assert [one["name"] for one in trace["retries"]] == ["recovered"]
    assert names(trace)[-1] == "ready"
    assert "process ended at" in printed(service, document["id"])


def test_a_collector_gets_the_same_spans_that_are_kept(start: Start, book: Path) -> None:
    with listening_collector() as collector:
        service = start({"KOTAEMON_TRACES__OTLP_ENDPOINT": collector.url})
        client = Client(service.url)
        document = client.upload(book, "en")

        def sent() -> set[str]:
            return {
                span.name for span in list(collector.spans) if span.trace_id.hex() == document["trace_id"]
            }

        whole(client, document["id"])
        eventually(lambda: sent() == set(names(client.trace(document["id"]))) >= STAGES)
        client.close()


def test_a_damaged_file_of_traces_is_put_aside_and_the_service_goes_on(start: Start, book: Path) -> None:
    service = start({})
    service.stop()
    (service.data_dir / FILE).write_bytes(b"no database" * 1000)
    service.start()
    client = Client(service.url)
    document = client.upload(book, "en")
    trace = whole(client, document["id"])
    report = eventually(lambda: (found := client.health()[1])["status"] == "ok" and found)
    assert report["components"]["traces"]["renewals"] == 1
    assert set(names(trace)) >= STAGES
    client.close()
