"""From spans and log lines to a path, over a real file and a real ledger."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from loguru import logger

from kotaemon_async.domain.callers import EVERYBODY, Caller
from kotaemon_async.domain.errors import Refused
from kotaemon_async.operations.traces.keeper import Tracing
from kotaemon_async.operations.traces.path import TraceBody
from kotaemon_async.stores.api_keys import KeyGrant
from kotaemon_async.stores.ledger import Ledger
from kotaemon_async.stores.telemetry import FILE, TelemetryFile
from kotaemon_async.telemetry import logs, traces
from kotaemon_async.telemetry.metrics import SPANS_DROPPED
from kotaemon_async.telemetry.settings import LogSettings, TraceSettings
from tests.support.library import LibraryFixture

BOUNDS = TraceSettings(max_rows=10_000, max_bytes=1024**3, keep_s=1e6)
SECRET = "the recipe of aunt Agatha"


class Traced:
    """A ledger, a file, and what listens."""

    def __init__(self, ledger: Ledger, file: TelemetryFile, capacity: int) -> None:
        self.ledger = ledger
        self.file = file
        self.tracing = Tracing(file, BOUNDS.model_copy(update={"queue_rows": capacity}), ledger)


@pytest.fixture(params=[1000])
async def traced(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Traced]:
    logs.configure(LogSettings(format="json"))  # lines get their trace ids there
    ledger, file = await Ledger.open(tmp_path / "ledger.db"), await TelemetryFile.open(tmp_path / FILE)
    opened = Traced(ledger, file, request.param)
    async with opened.tracing.listening():
        yield opened
    await file.aclose()
    await ledger.aclose()
    logs.close()


def named(path: TraceBody) -> list[str]:
    return [span.name for span in path.spans]


def dropped() -> float:
    return float(SPANS_DROPPED._value.get())


async def rows(file: TelemetryFile) -> int:
    return await file.read(lambda conn: int(conn.execute("SELECT count(*) FROM trace_rows").get))


async def test_spans_and_lines_of_a_trace_are_found_at_once(traced: Traced) -> None:
    with traces.span("http GET"), traces.span("search", mode="hybrid"):
        logger.bind(code="timeout", question=SECRET).warning("search_lane_lost")
        trace_id = traces.current().trace_id
    path = await traced.tracing.path(trace_id, EVERYBODY)
    assert named(path) == ["http GET", "search"]
    [line] = path.logs
    assert (line.event, line.fields, line.span_id) == (
        "search_lane_lost",
        {"code": "timeout"},
        path.spans[1].span_id,
    )


async def test_the_text_of_an_exception_is_kept_nowhere(traced: Traced, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="aunt"), traces.span("job", text=SECRET):
        trace_id = traces.current().trace_id
        logger.opt(exception=ValueError(SECRET)).error("ingest_bug")
        raise ValueError(SECRET)
    path = await traced.tracing.path(trace_id, EVERYBODY)
    assert (path.status, path.logs[0].exception) == ("error", "ValueError")
    await traced.file.aclose()
    assert SECRET.encode() not in (tmp_path / FILE).read_bytes()


async def test_what_is_not_over_yet_is_shown_as_running(traced: Traced) -> None:
    with traces.span("job", doc_id="doc_9"):
        path = await traced.tracing.path(traces.current().trace_id, EVERYBODY)
    assert (path.status, path.duration_s, named(path)) == ("running", None, ["job"])
    assert (await traced.tracing.path(path.trace_id, EVERYBODY)).status == "ok"


async def test_a_span_that_lasts_is_on_the_disk_soon_after_it_began(traced: Traced) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(traced.tracing.run)
        with traces.span("ingest"), anyio.fail_after(60):
            while await rows(traced.file) < 1:  # noqa: ASYNC110 - a file has no event
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()


async def test_a_document_leads_to_the_trace_of_its_upload_even_when_it_is_deleted(
    traced: Traced, tmp_path: Path
) -> None:
    lib = LibraryFixture(tmp_path, traced.ledger)
    document, _ = await lib.hand_in(b"Hello there.")
    with traces.continue_from(document.traceparent), traces.span("job", doc_id=document.id):
        pass
    with traces.span("http DELETE", doc_id=document.id):
        assert named(await traced.tracing.path(document.id, EVERYBODY)) == ["job"]
        await lib.library.delete(EVERYBODY, document.id)
    assert named(await traced.tracing.path(document.id, EVERYBODY)) == ["job"]


@pytest.mark.parametrize("name", ["0" * 31 + "1", "doc_1", "ans_1", "a request", "'; DROP TABLE x"])
async def test_what_is_not_kept_is_refused(traced: Traced, name: str) -> None:
    with pytest.raises(Refused, match="No trace") as refused:
        await traced.tracing.path(name, EVERYBODY)
    assert refused.value.code == "not_found"


@pytest.mark.parametrize("traced", [3], indirect=True)
async def test_what_finds_no_room_in_the_queue_is_counted_and_the_rest_is_kept(traced: Traced) -> None:
    before = dropped()
    with traces.span("root"):
        for _ in range(9):
            with traces.span("work"):
                pass
        trace_id = traces.current().trace_id
    assert dropped() - before == 7
    assert named(await traced.tracing.path(trace_id, EVERYBODY)) == ["work"] * 3
    assert (await traced.tracing.check())["dropped"] == 7


async def test_without_a_file_everything_is_dropped_and_the_report_says_so(traced: Traced) -> None:
    await traced.file.aclose()
    before = dropped()
    async with anyio.create_task_group() as group:
        group.start_soon(traced.tracing.run)
        with traces.span("work"):
            pass
        with anyio.fail_after(60):
            while dropped() == before:  # noqa: ASYNC110 - a counter has no event
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert (await traced.tracing.check())["code"] == "telemetry_unavailable"


async def test_probes_leave_no_spans(traced: Traced) -> None:
    with traces.unrecorded(), traces.span("health"), traces.child_span("vectors count"):
        assert len(traces.current().trace_id) == 32
        with pytest.raises(Refused):
            await traced.tracing.path(traces.current().trace_id, EVERYBODY)
    assert (await traced.tracing.check())["rows"] == 0


ALICE = Caller("key_1", "alice", scopes=frozenset({"ask"}))
BOB = Caller("key_2", "bob", scopes=frozenset({"ask"}))


async def sees(traced: Traced, name: str, caller: Caller) -> bool:
    try:
        await traced.tracing.path(name, caller)
    except Refused as refused:
        assert refused.code == "not_found"
        return False
    return True


async def test_callers_see_the_traces_that_hold_their_own_requests_alone(traced: Traced) -> None:
    with traces.caused_by("key_1"), traces.span("http GET"), traces.span("search"):
        logger.info("search_lane_lost")
        hers = traces.current().trace_id
    with traces.span("http GET"):
        nobodys = traces.current().trace_id
    assert [await sees(traced, hers, one) for one in (ALICE, BOB, EVERYBODY)] == [True, False, True]
    assert [await sees(traced, nobodys, one) for one in (ALICE, EVERYBODY)] == [False, True]


async def test_other_keys_of_a_user_see_what_one_of_them_has_asked(traced: Traced) -> None:
    made = [
        await traced.ledger.api_keys.create(KeyGrant("k", user), 1.0) for user in ("alice", "alice", "bob")
    ]
    with traces.caused_by(made[0].key.id), traces.span("http GET"):
        trace_id = traces.current().trace_id
    assert [await sees(traced, trace_id, one.key.caller) for one in made] == [True, True, False]


async def test_lines_of_nobody_are_for_admins(traced: Traced) -> None:
    with traces.unrecorded():
        logger.info("http_request")
        trace_id = traces.current().trace_id
    assert [await sees(traced, trace_id, one) for one in (ALICE, EVERYBODY)] == [False, True]


@pytest.mark.parametrize("other", ["key_2", ""])
async def test_a_trace_that_another_has_joined_is_neithers(traced: Traced, other: str) -> None:
    with traces.caused_by("key_1"), traces.span("http GET"):
        joined = traces.current()
    with traces.continue_from(joined.traceparent), traces.caused_by(other), traces.span("http GET"):
        pass
    assert [await sees(traced, joined.trace_id, one) for one in (ALICE, BOB)] == [False, False]


async def test_a_request_id_that_two_have_given_leads_each_to_his_own(traced: Traced) -> None:
    found = {}
    for caller in (ALICE, BOB):
        with traces.caused_by(caller.id), traces.span("http GET", request_id="mine"):
            found[caller.id] = traces.current().trace_id
    for caller in (ALICE, BOB):
        assert (await traced.tracing.path("mine", caller)).trace_id == found[caller.id]


async def test_a_shared_answer_names_the_other_trace_to_admins_alone(traced: Traced) -> None:
    with traces.caused_by("key_1"), traces.span("answer"):
        traces.event("answer_shared", from_trace="f" * 32)
        trace_id = traces.current().trace_id
    told = [(await traced.tracing.path(trace_id, one)).fallbacks[0] for one in (ALICE, EVERYBODY)]
    assert [event.attributes for event in told] == [{}, {"from_trace": "f" * 32}]
