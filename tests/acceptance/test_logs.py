"""What the real process writes: by the schema, without anybody's text, and never at the cost of its work."""

import fcntl
import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway, free_port
from tests.support.documents import write
from tests.support.llm_server import llm_server
from tests.support.service import Start, eventually, logged, package, ready, serving
from tests.support.vocabulary import table, words

TYPES: Final[dict[str, Any]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "list": list, "object": dict,
}  # fmt: skip
ALWAYS: Final = {"timestamp", "level", "event"}
COMMON: Final = {"trace_id", "span_id", "request_id", "user_id", "doc_id", "job_id", "exception"}
INPUTS: Final = (
    "document", "name", "collection", "question", "query", "title", "authorization", "key", "path",
    "parameter", "body", "field", "cookie", "knowledge", "error", "method", "deadline", "corrupt", "chat",
    "header",
)  # fmt: skip
CANARIES: Final = {name: f"canary{name}q7" for name in INPUTS}
#: They went in far enough to be written down.
KEPT: Final = ("document", "name", "collection", "question", "title")
#: A log that is waited for would hold up a request for ever.
LIMIT_S: Final = 20.0


class Received(NamedTuple):
    """What a stopped service has shown, by where it stands, and what it has kept."""

    seen: dict[str, bytes]
    kept: bytes


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Received:
    """Of a service into which every canary was put, and which writes every line that there is."""
    folder = tmp_path_factory.mktemp("logs")
    knowledge = folder / "knowledge.yaml"
    knowledge.write_text(f"- question: {CANARIES['knowledge']}?\n  answer: {CANARIES['knowledge']}.\n")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(llm_server("400")) as model:
        model.error_text = CANARIES["error"]  # it refuses with somebody's text
        link = {"name": "main", "base_url": model.base_url, "model": "m", "api_key_env": "SOME_KEY"}
        env = {
            "SOME_KEY": CANARIES["key"],
            "KOTAEMON_LLM__LINKS": json.dumps([link]),
            "KOTAEMON_ANSWERS__STATIC_KNOWLEDGE": str(knowledge),
            "KOTAEMON_LOGS__LEVEL": "debug",
        }
        with serving(folder, model_folder, env) as service:
            plant(service, folder)
            seen = seen_of(service)
    return Received(seen, b"".join(path.read_bytes() for path in service.data_dir.glob("ledger.db*")))


def plant(service: Throwaway, tmp_path: Path) -> None:
    """Every canary goes in where a caller could put it."""
    headers = {
        "Authorization": f"Bearer {CANARIES['authorization']}",
        "Cookie": f"session={CANARIES['cookie']}",
        "X-Other": CANARIES["header"],
    }
    with (
        httpx.Client(base_url=service.url, trust_env=False, timeout=30, headers=headers) as http,
        closing(Client(service.url)) as client,
    ):
        upload(client, tmp_path)
        ask(http)
        bend(http)


def upload(client: Client, folder: Path) -> None:
    """A good document and a bad one."""
    c = CANARIES
    text = f"# {c['document']}\n\nThe {c['document']} is opened with a {c['document']} in spring.\n"
    good = client.upload(write(folder, f"{c['name']}.md", text.encode()), c["collection"])
    bad = client.upload(write(folder, "bad.pdf", f"%PDF-1.7\n{c['corrupt']}".encode()), c["collection"])
    ready(client, good["id"])
    eventually(lambda: client.document(bad["id"])["status"] == "failed")


def ask(http: httpx.Client) -> None:
    """Questions of every kind, to a model that refuses."""
    c = CANARIES
    for text in (f"Where is {c['question']}?", f'"{c["question"]}" AND (', c["document"], c["knowledge"]):
        streamed = {"question": text, "collection": c["collection"], "stream": True}
        http.post("/api/v1/answers", json={"question": text})
        http.post("/api/v1/answers", json=streamed)
        http.post("/api/v1/search", json={"query": f"{c['query']} {text}"})
    talk = http.post("/api/v1/conversations", json={"title": c["title"]}).json()
    for text in (f"Who made {c['question']}?", "And when?"):
        http.post("/api/v1/answers", json={"question": text, "conversation_id": talk["id"]})
    chat = [{"role": "user", "content": c["chat"]}]
    http.post("/v1/chat/completions", json={"model": f"kotaemon/{c['collection']}", "messages": chat})


def bend(http: httpx.Client) -> None:
    """Requests that are wrong in every way."""
    c = CANARIES
    http.get(f"/{c['path']}")
    http.get(f"/api/v1/documents/{c['path']}")
    http.get("/api/v1/documents", params={"q": c["parameter"], "limit": c["parameter"]})
    http.post("/api/v1/answers", content=f'{{"question": {c["body"]}')
    http.post("/api/v1/answers", json={c["field"]: c["field"]})
    http.post("/api/v1/answers", json={"question": "x"}, headers={"X-Deadline-S": c["deadline"]})
    http.request(c["method"].upper(), "/livez")
    http.post("/api/v1/documents", content=c["body"], headers={"Content-Type": "multipart/form-data"})


def seen_of(service: Throwaway) -> dict[str, bytes]:
    """All that a watcher may see, by where it stands; the service is stopped."""
    whole, _, _ = service.log_path.read_text("utf8").rpartition("\n")  # the last line may still be written
    lines = [json.loads(line) for line in whole.splitlines()]  # nothing but JSON
    traces = {line["trace_id"] for line in lines if "trace_id" in line}
    paths = ["/metrics", "/healthz", "/readyz", "/livez", "/api/v1/incidents"]
    paths += [f"/api/v1/traces/{one}" for one in traces]
    with httpx.Client(base_url=service.url, trust_env=False, timeout=30) as http:
        seen = {path: http.get(path).content for path in paths}
    assert service.stop() == 0
    seen |= {path.name: path.read_bytes() for path in service.data_dir.glob("telemetry*")}
    return seen | {"output": service.log_path.read_bytes()}


def around(text: bytes, canary: str) -> bytes:
    """What stands beside the canary, to be shown."""
    at = text.lower().find(canary.encode())
    return text[max(0, at - 200) : at + 60]


def test_nobodys_text_and_no_secret_is_in_any_output(received: Received) -> None:
    assert {b"http_request" in received.seen["output"], b"link_failed" in received.seen["output"]} == {True}
    assert {CANARIES[name].encode() in received.kept for name in KEPT} == {True}
    found = {
        (name, where, around(text, canary))
        for name, canary in CANARIES.items()
        for where, text in received.seen.items()
        if canary.encode() in text.lower()
    }
    assert not found


def test_a_password_in_an_address_is_in_no_output(start: Start, tmp_path: Path) -> None:
    secret = CANARIES["key"]
    link = {"name": "main", "base_url": f"http://user:{secret}@127.0.0.1:9/v1", "model": "m"}
    broker = f"redis://user:{secret}@127.0.0.1:9/0"
    service = start({"KOTAEMON_BROKER__URL": broker, "KOTAEMON_LLM__LINKS": json.dumps([link])})
    with closing(Client(service.url)) as client:
        client.upload(write(tmp_path, "notes.md", b"# Notes\n\nThe capital of France is Paris.\n"), "default")
        client.answer("What is the capital of France?", None)
    eventually(lambda: logged(service, "dispatch_waits"))
    assert not [where for where, text in seen_of(service).items() if secret.encode() in text]


def test_every_line_is_as_the_page_says(received: Received) -> None:
    fields = {row[0].strip("`"): TYPES[row[1]] for row in table("logs.md", "Fields")}
    events = {row[0].strip("`"): row for row in table("logs.md", "Events")}
    lines = [json.loads(line) for line in received.seen["output"].splitlines()]
    assert len({line["event"] for line in lines}) > 8
    for line in lines:
        _, levels, named, _ = events[line["event"]]
        assert levels == "any" or line["level"] in levels.split(", "), line
        assert set(line) >= ALWAYS and set(line) - ALWAYS <= words(named) | COMMON, line
        assert all(isinstance(value, fields[name]) for name, value in line.items()), line


def test_lines_go_to_a_file_that_is_rotated_and_compressed(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "logs" / "service.log"
    service = start({"KOTAEMON_LOGS__FILE": str(file), "KOTAEMON_LOGS__MAX_BYTES": "4096"})
    knock(service, 60)
    service.stop()
    packed = sorted(file.parent.glob("service.log.*.gz"))
    lines = [line for one in packed for line in gzip.decompress(one.read_bytes()).splitlines()]
    events = [json.loads(line)["event"] for line in [*lines, *file.read_bytes().splitlines()]]
    assert (events.count("http_request") >= 60, events[-1]) == (True, "service_stopped")
    assert len(packed) >= 2 and service.log_path.read_bytes() == b""


def test_a_log_file_that_cannot_be_written_stops_the_start_with_78(tmp_path: Path) -> None:
    done = package("serve", KOTAEMON_DATA_DIR=str(tmp_path), KOTAEMON_LOGS__FILE="/dev/null/x.log")
    assert (done.returncode, "logs.file" in done.stderr, done.stdout) == (78, True, "")


class Piped(Throwaway):
    """A service whose standard output is a small pipe that is read when the test wants it."""

    reader: IO[bytes]

    def spawn(self) -> None:
        """Starts the process and does not wait for it."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.reader = os.fdopen(reader, "rb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kotaemon_async", "serve"],
            env=self._environment(), stdin=subprocess.DEVNULL, stdout=writer, start_new_session=True,
        )  # fmt: skip
        os.close(writer)


@pytest.fixture
def piped(tmp_path: Path, model_folder: Path) -> Iterator[Piped]:
    """A ready one, after so many requests that not all their lines found room."""
    env = {"KOTAEMON_EMBEDDING__FOLDER": str(model_folder), "KOTAEMON_LOGS__QUEUE_LINES": "100"}
    service = Piped(tmp_path, free_port(), env)
    service.start()
    knock(service)
    yield service
    service.kill()
    service.reader.close()


def knock(service: Throwaway, times: int = 300) -> float:
    """The slowest of so many requests, in seconds."""
    slowest_s = 0.0
    with httpx.Client(base_url=service.url, trust_env=False, timeout=60) as http:
        for _ in range(times):
            began_s = time.perf_counter()
            assert http.get("/nowhere").status_code == 404
            slowest_s = max(slowest_s, time.perf_counter() - began_s)
    return slowest_s


def dropped(service: Throwaway) -> float:
    """What /metrics counts as lost."""
    page = httpx.get(f"{service.url}/metrics", trust_env=False, timeout=60).text.splitlines()
    return float(next(one for one in page if one.startswith("kotaemon_log_lines_dropped_total")).split()[1])


def test_a_reader_that_stops_holds_up_nothing_and_lost_lines_are_counted_and_told(piped: Piped) -> None:
    assert knock(piped) < LIMIT_S
    lost = dropped(piped)
    assert lost > 100
    received = next(line for line in map(json.loads, piped.reader) if line["event"] == "log_lines_dropped")
    assert received["level"] == "warning" and received["lines"] >= lost


def test_a_reader_that_stops_does_not_keep_the_service_from_ending(piped: Piped) -> None:
    assert piped.stop() == 0


def test_a_reader_that_goes_away_ends_nothing(piped: Piped) -> None:
    piped.reader.close()
    lost = dropped(piped)
    assert knock(piped, 50) < LIMIT_S
    eventually(lambda: dropped(piped) >= lost + 50)


def test_a_full_disk_ends_nothing_and_its_lines_are_counted(start: Start) -> None:
    service = start({"KOTAEMON_LOGS__FILE": "/dev/full"})
    assert knock(service, 50) < LIMIT_S
    eventually(lambda: dropped(service) >= 50)
