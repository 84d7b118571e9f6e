"""The tree that `kotaemon-async trace` prints."""

import io

import msgspec
from rich.console import Console

from kotaemon_async.cli.client import Json
from kotaemon_async.cli.trace import tree
from kotaemon_async.http.traces import EXAMPLE


def shown(trace: Json) -> list[str]:
    console = Console(file=io.StringIO(), width=400, highlight=False)
    console.print(tree(trace))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def example(**changed: object) -> Json:
    body: Json = msgspec.to_builtins(EXAMPLE)
    body["spans"][0] |= changed
    return body


def test_the_head_names_the_trace_its_status_and_its_document() -> None:
    head, *_ = shown(example())
    assert head.split()[:4] == ["4bf92f3577b34da6a3ce929d0e0e4736", "ok", "14.20", "s"]
    assert head.endswith("doc_019aa5c1f2b07d1e3c5a9b42")


def test_waiting_reasons_and_lines_stand_under_their_span() -> None:
    _, step, event, line = shown(example())
    assert step == "└── +0.000 ingest  2.10 s  error  attempt=1"
    assert event == "    ├── +2.100 • waits  kind=retry code=parser_unavailable wait_s=10.0"
    assert line == "    └── +2.100 warning document_waits  code=parser_unavailable wait_s=10.0"


def test_an_unfinished_step_says_when_its_process_ended() -> None:
    _, step, *_ = shown(
        example(status="unfinished", duration_s=None, process_ended_at="2026-03-01T09:30:02.000Z")
    )
    assert step.startswith("└── +0.000 ingest  …  unfinished: process ended at 2026-03-01T09:30:02.000Z")


def test_a_step_is_shown_between_what_was_before_and_after_it() -> None:
    trace = example()
    child = dict(trace["spans"][0], span_id="c" * 16, parent_id="00f067aa0ba902b7", name="[parse]", depth=1)
    trace["spans"].append(child | {"starts_s": 1.0, "events": [], "attributes": {}})
    _, _, first, second, _ = shown(trace)
    assert "[parse]" in first
    assert "• waits" in second


def test_a_line_of_no_kept_span_stands_at_the_top() -> None:
    trace = example()
    trace["logs"][0]["span_id"] = None
    assert shown(trace)[-1].startswith("└── +2.100 warning document_waits")
