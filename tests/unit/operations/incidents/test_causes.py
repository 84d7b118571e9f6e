import pytest

from kotaemon_async.answers.settings import COMPONENTS
from kotaemon_async.operations.incidents.causes import (
    CAUSES,
    FAULTS,
    Deviation,
    cause_of,
    explained,
    suspects,
)
from kotaemon_async.operations.incidents.report import _WORDS
from kotaemon_async.operations.incidents.signals import signals_of
from kotaemon_async.telemetry.impacted import Impacted

LINKS = ("main", "second")


def moved(name: str, since_s: float = 0.0, *, opens: bool = True) -> Deviation:
    component, _, kind = name.partition(".")
    return Deviation(component, kind, "s", since_s, 9.0, 1.0, 2.0, opens)


def touched(component: str, code: str, times: int) -> list[Impacted]:
    return [Impacted(0.0, "a" * 32, component, code)] * times


def order(*deviations: Deviation, impacted: list[Impacted] | None = None) -> list[tuple[str, str]]:
    return [(one.cause, one.component) for one in suspects(deviations, impacted or [], LINKS)]


def test_every_cause_has_words_and_all_but_the_unknown_one_its_signals() -> None:
    assert set(_WORDS) == set(CAUSES)
    assert {*FAULTS, "unknown"} == set(CAUSES)


def test_every_signal_that_a_cause_names_is_measured() -> None:
    measured = {signal.name for signal in signals_of(["link"])} | {"disk.forecast", "memory.forecast"}
    named = {name for fault in FAULTS.values() for name in (*fault.own, *fault.follows)}
    assert named <= measured


def test_every_signal_that_opens_has_a_cause_or_is_a_consequence() -> None:
    known = {name for fault in FAULTS.values() for name in (*fault.own, *fault.follows)}
    assert {signal.name for signal in signals_of(["link"])} <= known


def test_no_link_may_have_the_name_of_a_component_that_signals() -> None:
    assert {signal.component for signal in signals_of([])} <= COMPONENTS


def test_nothing_abnormal_has_no_cause() -> None:
    assert order() == []


def test_symptoms_alone_have_no_cause() -> None:
    assert order(moved("http.errors_share"), moved("answers.duration")) == []


def test_a_link_is_blamed_for_its_own_signals_only() -> None:
    assert order(moved("second.failed_share")) == [("llm_down", "second")]


def test_what_moved_first_is_likelier() -> None:
    first = order(moved("embedder.down", 0), moved("vectors.down", 120))
    assert first == [("embedder", "embedder"), ("vectors", "vectors")]
    assert order(moved("embedder.down", 120), moved("vectors.down", 0))[0] == ("vectors", "vectors")


def test_the_traces_decide_between_equals() -> None:
    both = (moved("embedder.down"), moved("vectors.down"))
    for name in ("embedder", "vectors"):
        found = suspects(both, touched(name, f"{name}_unavailable", 9), LINKS)
        assert (found[0].cause, found[0].traces_share) == (name, 1.0)


def test_one_touched_trace_proves_less_than_many() -> None:
    down = (moved("embedder.down"),)
    few, many = (suspects(down, touched("embedder", "timeout", n), LINKS)[0].score for n in (1, 9))
    assert few < many


@pytest.mark.parametrize(
    ("origin", "consequence", "cause"),
    [
        ("event_loop.stalls", "ledger.write", "event_loop"),
        ("ledger.write", "vectors.down", "ledger"),
        ("disk.down", "ledger.down", "disk"),
        ("broker.down", "queue.age", "broker"),
        ("parser.crashes", "documents.failed", "parser"),
        ("memory.pressure", "event_loop.stalls", "memory"),
    ],
)
def test_an_origin_comes_before_its_consequence(origin: str, consequence: str, cause: str) -> None:
    assert order(moved(origin, 10), moved(consequence, 0))[0][0] == cause


def test_traffic_that_rose_first_explains_a_slow_model() -> None:
    slow = (moved("main.first_token", 10), moved("main.timeout_share", 15))
    assert order(*slow)[0] == ("llm_slow", "main")
    risen = (moved("load.requests", 0, opens=False), moved("load.uploads", 0, opens=False))
    assert order(*slow, *risen)[0] == ("overload", "load")


def test_traces_that_blame_a_consequence_speak_for_its_origin() -> None:
    found = suspects(
        [moved("main.timeout_share", 5), moved("load.requests", 0, opens=False)],
        touched("main", "timeout", 9),
        LINKS,
    )
    assert [(one.cause, one.traces_share) for one in found] == [("overload", 1.0), ("llm_slow", 1.0)]


def test_a_cause_takes_what_follows_from_it_and_nothing_else() -> None:
    found = (moved("broker.down"), moved("queue.age"), moved("main.failed_share"))
    taken = explained(suspects(found[:2], [], LINKS)[0], found)
    assert [one.name for one in taken] == ["broker.down", "queue.age"]


@pytest.mark.parametrize(
    ("component", "code", "cause"),
    [
        ("main", "timeout", ("llm_slow", "main")),
        ("main", "llm_unavailable", ("llm_down", "main")),
        ("vectors", "vectors_rebuilding", ("vectors", "vectors")),
        ("ledger", "disk_full", ("disk", "disk")),
        ("documents", "no_text", ("documents", "documents")),
        ("retrieval", "timeout", None),
    ],
)
def test_a_touched_trace_speaks_for_a_cause(component: str, code: str, cause: tuple[str, str] | None) -> None:
    assert cause_of(component, code, LINKS) == cause
