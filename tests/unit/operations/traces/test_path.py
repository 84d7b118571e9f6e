"""The path that rows tell: order, depth, and how each step stands."""

import pytest

from kotaemon_async.domain.times import iso_time
from kotaemon_async.operations.traces.path import State, TraceBody, path_of
from kotaemon_async.stores.traces import EventRow, LineRow, ProcessRow, SpanRow, TraceRows

NOW_S = 1000.0
TRACE = "a" * 32


def span(
    name: str, parent: str = "", began_s: float = 1.0, ended_s: float | None = 2.0, process: str = "me"
) -> SpanRow:
    return SpanRow(TRACE, name, parent, name, began_s, ended_s, process=process)


def traced(*spans: SpanRow, **seen_s: float) -> TraceBody:
    """The path, asked for by the process `me`."""
    processes = {name: ProcessRow(at_s, None) for name, at_s in seen_s.items()}
    rows = TraceRows(list(spans), [], processes, truncated=False)
    return path_of(TRACE, rows, NOW_S, "me")


def order(path: TraceBody) -> list[tuple[str, int]]:
    return [(one.name, one.depth) for one in path.spans]


def test_each_step_stands_after_its_parent_and_before_what_began_later() -> None:
    path = traced(
        span("late", "root", 1.5), span("leaf", "early", 1.3), span("early", "root", 1.2), span("root")
    )
    assert order(path) == [("root", 0), ("early", 1), ("leaf", 2), ("late", 1)]


def test_a_step_whose_parent_is_not_kept_begins_a_tree_of_its_own() -> None:
    assert order(traced(span("job", "caller"), span("ingest", "job"))) == [("job", 0), ("ingest", 1)]


def test_a_span_that_names_itself_as_its_parent_is_shown_once() -> None:
    assert order(traced(span("odd", "odd"))) == [("odd", 0)]


def test_a_path_lasts_from_the_first_begin_to_the_last_end() -> None:
    path = traced(span("a", began_s=5.0, ended_s=7.5), span("b", "a", began_s=4.0, ended_s=6.0))
    assert (path.started_at, path.duration_s) == (iso_time(4.0), 3.5)


@pytest.mark.parametrize(
    ("process", "seen", "state"),
    [
        ("me", {}, "running"),
        ("other", {"other": NOW_S - 1}, "running"),
        ("other", {"other": NOW_S - 600}, "unfinished"),
        ("other", {}, "unfinished"),
    ],
)
def test_a_span_without_end_runs_as_long_as_its_process_does(
    process: str, seen: dict[str, float], state: State
) -> None:
    path = traced(span("job", ended_s=None, process=process), **seen)
    assert (path.spans[0].status, path.status) == (state, state)
    ended_s = seen.get(process) if state == "unfinished" else None
    assert path.spans[0].process_ended_at == (None if ended_s is None else iso_time(ended_s))


def test_who_works_alone_knows_that_the_others_have_ended() -> None:
    rows = TraceRows([span("job", ended_s=None, process="p")], [], {"p": ProcessRow(NOW_S, None)}, False)
    [step] = path_of(TRACE, rows, NOW_S, "me", alone=True).spans
    assert (step.status, step.process_ended_at) == ("unfinished", iso_time(NOW_S))


def test_a_process_that_ended_orderly_is_not_waited_for() -> None:
    rows = TraceRows([span("job", ended_s=None, process="p")], [], {"p": ProcessRow(999.0, 999.5)}, False)
    [step] = path_of(TRACE, rows, NOW_S, "me").spans
    assert (step.status, step.process_ended_at) == ("unfinished", iso_time(999.5))


def test_what_was_made_good_later_does_not_make_the_whole_path_bad() -> None:
    first = SpanRow(TRACE, "1", "", "ingest", 1.0, 2.0, failed=True, lasts=True)
    second = SpanRow(TRACE, "2", "", "ingest", 3.0, 4.0, lasts=True)
    assert traced(second, first).status == "ok"
    assert traced(first).status == "error"


def test_waits_and_retries_are_picked_by_time_with_their_span() -> None:
    events = (EventRow(3.0, "waits", {"kind": "retry"}), EventRow(2.0, "retry", {}))
    path = traced(SpanRow(TRACE, "1", "", "ingest", 1.0, 4.0, events=events))
    assert [(one.span_id, one.name, one.at_s) for one in path.retries] == [("1", "retry", 1.0)]
    assert [(one.span_id, one.name, one.at_s) for one in path.waits] == [("1", "waits", 2.0)]


def test_lines_are_in_the_order_of_their_time() -> None:
    lines = [LineRow(TRACE, "", at_s, "info", f"e{at_s:g}", "", {}) for at_s in (3.0, 1.0, 2.0)]
    path = path_of(TRACE, TraceRows([], lines, {}, truncated=False), NOW_S, "me")
    assert [line.event for line in path.logs] == ["e1", "e2", "e3"]
    assert (path.status, path.duration_s) == ("ok", 2.0)
