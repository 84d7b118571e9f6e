"""/metrics of the real process: bounded whatever callers send, as the page says, and quick."""

import inspect
import re
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kotaemon_async.answers.settings import COMPONENTS
from kotaemon_async.app import backups
from kotaemon_async.app import process as app
from kotaemon_async.cli.client import Client
from kotaemon_async.cli.throwaway import Throwaway
from kotaemon_async.domain.errors import CODES
from tests.support.documents import write
from tests.support.service import ready
from tests.support.vocabulary import table, words

LIMIT_S: Final = 0.02
#: What the page names by its kind.
OPEN: Final[dict[str, Collection[str]]] = {
    "<code>": CODES.keys(),
    "<component>": COMPONENTS,
    "<link>": (),
    "<task>": re.findall(r'^ +"(\w+)":', inspect.getsource(app._tasks), re.MULTILINE),
    "<chore>": re.findall(r'^ +"(\w+)":', inspect.getsource(backups.maintenance_of), re.MULTILINE),
    "<http>": [str(status) for status in (200, 202, 204, 499, *(status for status, _ in CODES.values()))],
}
#: The description of the others does not describe itself.
SCHEMA: Final = {f"/schema{end}" for end in ("", "/openapi.json", "/openapi.yaml", "/openapi.yml")}
Series = frozenset[tuple[str, frozenset[tuple[str, str]]]]


@pytest.fixture
def http(service: Throwaway, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of a service that has read a document and answered a question."""
    with closing(Client(service.url)) as client:
        path = write(tmp_path, "notes.md", b"# Notes\n\nThe capital of France is Paris.\n")
        ready(client, client.upload(path, "default")["id"])
        client.answer("What is the capital of France?", None)
    with httpx.Client(base_url=service.url, trust_env=False, timeout=30) as made:
        yield made


def bend(http: httpx.Client, word: str) -> None:
    """Everything of a request that could become a label is the caller's word."""
    for method in ("GET", "BREW", word.upper(), "PROPFIND"):
        for path in (f"/{word}", f"/api/v1/documents/{word}", f"/api/v1/{word}/{word}", "/livez", "/metrics"):
            http.request(method, path)
    for wrong in ({"mode": word}, {"collection": word}, {word: word}, {"query": word, "top_k": word}):
        http.post("/api/v1/search", json=wrong)
    http.post("/api/v1/answers", json={"question": word, "collection": word}, headers={"X-Deadline-S": word})
    http.post("/v1/chat/completions", json={"model": word, "messages": word})
    http.post("/api/v1/documents", data={"collection": word})
    http.get("/api/v1/documents", params={"status": word, "q": word})


def series_of(http: httpx.Client) -> Series:
    """Names and labels of every series, without the bounds of histograms."""
    found = text_string_to_metric_families(http.get("/metrics").text)
    return frozenset(
        (
            one.name + "_total" * (one.type == "counter"),
            frozenset((key, value) for key, value in sample.labels.items() if key != "le"),
        )
        for one in found
        for sample in one.samples
    )


def closed(name: str, label: str) -> set[str]:
    """The values that the page allows."""
    rows = {(row[0].strip("`"), of): row[2] for row in table("metrics.md", "Labels") for of in words(row[1])}
    return {value for word in words(rows[label, name]) for value in OPEN.get(word, {word})}


def test_no_caller_makes_a_series_of_his_own(http: httpx.Client) -> None:
    bend(http, "first")
    before = series_of(http)
    for number in range(5):
        bend(http, f"word{number}")
    assert {one for one in series_of(http) - before if "http" in one[0]} == set()
    assert not any("word" in value or value == "BREW" for _, labels in series_of(http) for _, value in labels)


def test_every_value_of_a_label_is_on_the_page(http: httpx.Client) -> None:
    bend(http, "word")
    routes = {*http.get("/schema/openapi.json").json()["paths"], "/", "unmatched"} | SCHEMA
    for name, labels in series_of(http):
        for label, value in labels:
            assert value in (routes if label == "route" else closed(name, label)), (name, label, value)


def cpu_s(service: Throwaway) -> float:
    """CPU time of the process so far: unlike the clock it does not run while neighbours take the machine."""
    times = psutil.Process(service.process.pid).cpu_times()
    return float(times.user + times.system)


def test_a_scrape_takes_20_ms_at_most(http: httpx.Client, service: Throwaway) -> None:
    bend(http, "word")
    spent_s, scrapes = [], 20
    for _ in range(20):
        began_s = cpu_s(service)
        for _ in range(scrapes):
            http.get("/metrics")
        spent_s.append((cpu_s(service) - began_s) / scrapes)
    assert sorted(spent_s)[18] <= LIMIT_S
