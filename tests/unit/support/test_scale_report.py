"""What `make bench-scale` makes of its figures."""

import xml.etree.ElementTree as ElementTree

import pytest

from kotaemon_async.cli.client import Json
from tests.bench.bounds import Bound, print_bounds
from tests.bench.scale_report import LINES, bounded, plot


def stage(passages: int, ms: float) -> Json:
    return {"passages": passages, **{name: {"p50": ms, "cpu_ms": 2 * ms, "count": 60} for name in LINES}}


STAGES = {"1000": stage(1018, 5.0), "10000": stage(10_007, 12.5)}


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"),
    [
        (10, False, "holds"),
        (11, False, "within its noise"),
        (11.1, False, "missed"),
        (10, True, "holds"),
        (9, True, "within its noise"),
        (8.9, True, "missed"),
    ],
)
def test_a_bound_is_missed_by_more_than_its_noise(value: float, at_least: bool, verdict: str) -> None:
    assert Bound("x", 10, 0.1, at_least=at_least).verdict(value) == verdict


def test_bounds_look_at_the_largest_size_and_at_how_costs_grow() -> None:
    values = bounded(STAGES)
    assert (values["passages"], values["answer.p50"], values["growth.answer.cpu_ms"]) == (10_007, 12.5, 2.5)
    assert "answer.count" not in values


@pytest.mark.parametrize(("limit", "holds"), [(2.5, True), (2.4, True), (2.2, False)])
def test_all_bounds_hold_or_it_is_said(limit: float, holds: bool, capsys: pytest.CaptureFixture[str]) -> None:
    bounds = [Bound("answer.p50", 20), Bound("growth.answer.cpu_ms", limit)]
    assert print_bounds(bounded(STAGES), bounds) is holds
    assert ("missed" in capsys.readouterr().out) is not holds


def test_the_plot_has_a_line_for_each_search_with_its_last_time() -> None:
    drawn = ElementTree.fromstring(plot(STAGES, "2 cores & more"))
    lines = [one for one in drawn.iter() if one.tag.endswith("polyline")]
    said = {one.text for one in drawn.iter() if one.tag.endswith("text")}
    assert len(lines) == len(LINES)
    assert {f"{label} (12.5)" for label, _ in LINES.values()} <= said
