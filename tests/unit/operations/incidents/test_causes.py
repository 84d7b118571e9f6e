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
from kotaemon_async.operations.incidents.report import _HINTS, _MESSAGES
from kotaemon_async.operations.incidents.signals import signals_of
from kotaemon_async.telemetry.impacted import Impacted

LINKS = ("main", "second")


def moved(name: str, since_s: float = 0.0, *, opens: bool = True) -> Deviation:
    component, _, kind = name.partition(".")
    return Deviation(component, kind, "s", since_s, 9.0, 1.0, 2.0, opens)


def impacted(component: str, code: str, times: int) -> list[Impacted]:
    return [Impacted(0.0, "a" * 32, component, code)] * times


def order(*deviations: Deviation, impacted: list[Impacted] | None = None) -> list[tuple[str, str]]:
    return [(one.cause, one.component) for one in suspects(deviations, impacted or [], LINKS)]


def test_every_cause_has_words_and_all_but_the_unknown_one_its_signals() -> None:
    assert set(_MESSAGES) == set(_HINTS) == set(CAUSES)
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


@pytest.mark.parametrize(
    ("deviations", "causes"),
    [
        ((), []),
        ((moved("http.errors_share"), moved("answers.duration")), []),
        ((moved("second.failed_share"),), [("llm_down", "second")]),
    ],
    ids=["nothing is abnormal", "symptoms alone", "a link has its own signals only"],
)
def test_causes_are_found(deviations: tuple[Deviation, ...], causes: list[tuple[str, str]]) -> None:
    assert order(*deviations) == causes


def test_what_moved_first_is_likelier() -> None:
    first = order(moved("embedder.down", 0), moved("vectors.down", 120))
    assert first == [("embedder", "embedder"), ("vectors", "vectors")]
    assert order(moved("embedder.down", 120), moved("vectors.down", 0))[0] == ("vectors", "vectors")


def test_a_component_that_is_down_comes_before_one_that_is_slow() -> None:
    assert order(moved("ledger.write", 0), moved("broker.down", 60))[0] == ("broker", "broker")


@pytest.mark.parametrize("restarts_s", [0, 15, 30])
def test_a_child_that_restarts_is_the_cause_whatever_became_slow(restarts_s: float) -> None:
    slow = [moved(name, 5) for name in ("http.search", "answers.duration", "event_loop.late")]
    traffic = [moved(name, opens=False) for name in ("load.requests", "load.uploads")]
    found = order(moved("vectors.restarts", restarts_s), moved("queue.age", 30), *slow, *traffic)
    assert found[0] == ("vectors", "vectors")


def test_scores_never_rise_along_the_list() -> None:
    found = suspects([moved("vectors.restarts", 30), moved("queue.age"), moved("load.refused")], [], LINKS)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_one_impacted_trace_is_a_small_share() -> None:
    down = (moved("embedder.down"),)
    shares = [suspects(down, impacted("embedder", "timeout", n), LINKS)[0].traces_share for n in (1, 9)]
    assert shares == [0.333, 1.0]


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
def test_a_trace_names_a_cause(component: str, code: str, cause: tuple[str, str] | None) -> None:
    assert cause_of(component, code, LINKS) == cause
