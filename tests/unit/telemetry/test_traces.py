import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kotaemon_async.telemetry import traces

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_outside_of_a_span_there_is_no_trace() -> None:
    assert traces.current() == traces.TraceContext("", "")


def test_a_span_starts_a_trace_with_a_header_that_continues_it() -> None:
    with traces.span("upload"):
        here = traces.current()
    assert here.traceparent.endswith("-01")
    with traces.continue_from(here.traceparent), traces.span("job"):
        assert traces.current().trace_id == here.trace_id
        assert traces.current().traceparent != here.traceparent


def test_a_span_inside_another_belongs_to_the_same_trace() -> None:
    with traces.span("outer"):
        outer = traces.current()
        with traces.span("inner", pages=3, nothing=None):
            assert traces.current().trace_id == outer.trace_id
        assert traces.current() == outer


def test_a_header_gives_its_trace_id_to_the_block() -> None:
    with traces.continue_from(HEADER), traces.span("request"):
        assert traces.current().trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_caller_that_does_not_sample_still_gets_its_trace_id() -> None:
    with traces.continue_from(HEADER[:-2] + "00"), traces.span("request") as span:
        assert traces.current().trace_id == HEADER[3:35]
        assert span.is_recording()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "hello",
        HEADER.upper(),
        HEADER + "-more",
        "ff" + HEADER[2:],
        HEADER.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        HEADER.replace("00f067aa0ba902b7", "0" * 16),
        HEADER[:-1],
        HEADER + "\n" + HEADER,
        HEADER.replace("4", "٤"),
    ],
)
def test_an_invalid_header_is_ignored(header: str | None) -> None:
    with traces.continue_from(header):
        assert traces.current().trace_id == ""


def test_a_header_of_a_later_version_is_read_up_to_what_is_known() -> None:
    with traces.continue_from("01" + HEADER[2:] + "-more"):
        assert traces.current_ids() == (HEADER[3:35], HEADER[36:52])


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_no_header_whatever_raises(header: str) -> None:
    with traces.continue_from(header), traces.span("request"):
        assert len(traces.current().trace_id) == 32


def test_an_error_in_a_span_goes_on_and_leaves_only_its_type() -> None:
    with pytest.raises(ValueError, match="secret"), traces.span("work") as span:
        raise ValueError("secret")
    assert dict(span.attributes or {}) == {"error.type": "ValueError"}  # type: ignore[attr-defined]
    assert span.status.description is None  # type: ignore[attr-defined]


async def test_tasks_at_the_same_time_keep_their_own_traces() -> None:
    found: list[str] = []

    async def request() -> None:
        with traces.span("request"):
            before = traces.current().trace_id
            await anyio.lowlevel.checkpoint()
            assert traces.current().trace_id == before
            found.append(before)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(request)
    assert len(set(found)) == 5


async def test_spans_and_tasks_of_a_block_carry_the_caller_that_caused_them() -> None:
    found: list[object] = []

    async def work(name: str) -> None:
        with traces.span(name) as started:
            found.append((name, dict(started.attributes or {})))  # type: ignore[attr-defined]

    with traces.caused_by("key_1"):
        async with anyio.create_task_group() as group:
            group.start_soon(work, "inside")
        assert traces.current_user_id() == "key_1"
    await work("outside")
    assert found == [("inside", {"user_id": "key_1"}), ("outside", {})]
