"""Spans sent to a collector that decodes them, and to one that is dead, slow or refuses."""

import threading
from collections.abc import Callable, Iterator

import anyio
import anyio.lowlevel
import pytest

from kotaemon_async.cli.throwaway import free_port
from kotaemon_async.telemetry import traces
from kotaemon_async.telemetry.trace_export import TraceExport, otlp_exporter
from tests.support.collector import Collector, listening_collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    with listening_collector() as server:
        yield server


class Sending:
    """An export that runs, and what it dropped."""

    def __init__(self, url: str, capacity: int = 100, timeout_s: float = 30.0) -> None:
        self.dropped = 0
        self.export = TraceExport(otlp_exporter(url, timeout_s), capacity, on_drop=self._drop)

    def _drop(self, spans: int) -> None:
        self.dropped += spans

    async def __aenter__(self) -> "Sending":
        traces.LISTENERS.add(self.export)
        return self

    async def __aexit__(self, *_: object) -> None:
        traces.LISTENERS.remove(self.export)
        await self.export.aclose()


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(60):
        while not condition():  # noqa: ASYNC110 - a server in another thread has no event of ours
            await anyio.sleep(0.01)


async def test_a_collector_gets_the_spans_with_their_place_in_the_trace(collector: Collector) -> None:
    async with Sending(collector.url):
        with traces.span("ingest", doc_id="doc_1", pages=3):
            trace_id = traces.current().trace_id
            with traces.span("commit"):
                traces.event("waits", kind="retry")
        await until(lambda: len(collector.spans) == 2)
    commit, ingest = collector.spans
    assert (ingest.name, commit.name, commit.parent_span_id) == ("ingest", "commit", ingest.span_id)
    assert {ingest.trace_id.hex(), commit.trace_id.hex()} == {trace_id}
    assert {one.key: one.value.string_value or one.value.int_value for one in ingest.attributes} == {
        "doc_id": "doc_1",
        "pages": 3,
    }
    assert [event.name for event in commit.events] == ["waits"]
    assert collector.paths == {"/v1/traces"}


@pytest.mark.parametrize("end", ["", "/", "/v1/traces", "/v1/traces/"])
async def test_an_endpoint_is_taken_with_and_without_its_path(collector: Collector, end: str) -> None:
    async with Sending(collector.url + end):
        with traces.span("work"):
            pass
        await until(lambda: collector.spans)
    assert collector.paths == {"/v1/traces"}


async def test_what_a_dead_collector_does_not_take_is_dropped_and_counted() -> None:
    async with Sending(f"http://127.0.0.1:{free_port()}", timeout_s=0.5) as sending:
        with traces.span("work"):
            pass
        await until(lambda: sending.dropped == 1)


async def test_a_collector_that_refuses_costs_only_the_spans(collector: Collector) -> None:
    collector.status = 400
    async with Sending(collector.url) as sending:
        with traces.span("work"):
            pass
        await until(lambda: sending.dropped == 1)


async def test_while_a_collector_hangs_nothing_waits_and_nothing_piles_up(collector: Collector) -> None:
    collector.hold = threading.Event()
    async with Sending(collector.url, capacity=10) as sending:
        with traces.span("first"):
            pass
        await until(lambda: collector.paths)
        with anyio.fail_after(60):
            for _ in range(500):
                with traces.span("work"):
                    await anyio.lowlevel.checkpoint()
        assert sending.dropped == 490
        collector.hold.set()
