"""Each signal is read from figures that the service really has."""

from collections.abc import Iterator, Mapping

import pytest

from kotaemon_async.operations.incidents.readings import read_figures
from kotaemon_async.operations.incidents.signals import Past, Reading, Signal, anything, signals_of, where
from kotaemon_async.telemetry import metrics

Step = dict[str, dict[tuple[str, ...], float]]
SIGNALS = {signal.name: signal for signal in signals_of(["main"])}


class Asked(Mapping[str, dict[tuple[str, ...], float]]):
    """Has every figure, and remembers which were wanted."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> dict[tuple[str, ...], float]:
        self.names.add(name)
        return {}

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def touch_all() -> None:
    """Every metric has one label set, so that it has figures."""
    for metric in metrics.REGISTRY._collector_to_names:
        if names := metric._labelnames:  # type: ignore[attr-defined]
            metric.labels(*["200"] * len(names))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_reads_what_the_registry_has(name: str) -> None:
    asked, past = Asked(), Past()
    past.readings.extend([Reading(0.0, asked, {}), Reading(5.0, asked, {})])
    SIGNALS[name].read(past)
    touch_all()
    assert asked.names <= set(read_figures())


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_without_figures_is_silent_or_calm(name: str) -> None:
    past = Past()
    past.readings.append(Reading(0.0, {}, {}))
    assert SIGNALS[name].read(past) in (None, 0.0)


def read(signal: Signal, *steps: Step) -> float | None:
    past = Past()
    past.readings.extend(Reading(5.0 * number, figures, {}) for number, figures in enumerate(steps))
    return signal.read(past)


def test_a_share_is_of_what_was_answered_lately() -> None:
    fallbacks, answers = "kotaemon_fallbacks_total", "kotaemon_answers_total"
    before: Step = {fallbacks: {("main", "extractive", "timeout"): 100.0}, answers: {("primary",): 1000.0}}
    after: Step = {
        fallbacks: {("main", "extractive", "timeout"): 103.0, ("main", "busy", "llm_unavailable"): 2.0},
        answers: {("primary",): 1005.0, ("extractive",): 5.0},
    }
    assert read(SIGNALS["main.timeout_share"], before, after) == 0.3
    assert read(SIGNALS["main.failed_share"], before, after) == 0.2


def test_too_few_answers_have_no_share() -> None:
    before: Step = {"kotaemon_answers_total": {("primary",): 0.0}}
    after: Step = {"kotaemon_answers_total": {("primary",): 3.0}}
    assert read(SIGNALS["main.failed_share"], before, after) is None


def test_a_counter_that_began_anew_has_not_fallen() -> None:
    past = Past()
    past.readings.extend(Reading(at_s, {"x": {(): value}}, {}) for at_s, value in ((0, 90.0), (5, 4.0)))
    assert past.grown("x", 5, anything) == 0.0


def test_only_the_wanted_labels_are_counted() -> None:
    past = Past()
    past.readings.append(Reading(0, {}, {}))
    past.readings.append(Reading(5, {"x": {("a", "1"): 2.0, ("b", "1"): 3.0}}, {}))
    assert past.grown("x", 5, where(0, "a")) == 2.0
    assert past.now("x", where(1, "1")) == 5.0


def test_bad_documents_count_only_when_they_are_a_good_part_of_all() -> None:
    def ended(ready: float) -> dict[str, dict[tuple[str, ...], float]]:
        failed: dict[tuple[str, ...], float] = {("empty",): 20.0}
        return {"kotaemon_ingest_failures_total": failed, "kotaemon_documents": {("ready",): ready}}

    assert read(SIGNALS["documents.failed"], {}, ended(30.0)) == 20.0
    assert read(SIGNALS["documents.failed"], {}, ended(300.0)) == 0.0


def test_requests_are_read_by_route_and_kind_of_status() -> None:
    for status in ("200", "202", "503"):
        metrics.HTTP_REQUEST_DURATION.labels("GET", "/signals", status).observe(0.5)
    found = read_figures()["kotaemon_http_request_duration_seconds_count"]
    assert (found["/signals", "2"], found["/signals", "5"]) == (2.0, 1.0)
