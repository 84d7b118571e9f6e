import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.operations.incidents.forecasts import Forecast, Forecasts, Resource, theil_sen
from kotaemon_async.operations.incidents.signals import Past, Reading

MINUTE_S = 60.0
GB = 1e9


def after(*used: float, limit: float = 100 * GB, warm_up: int = 0) -> Forecast:
    """The forecast after so much was used in each minute, with a tenth of noise in a hundred bytes."""
    rng = random.Random(1)
    resource = Resource("disk", warm_up)
    for minute, value in enumerate(used):
        for sample in range(12):
            resource.take(minute * MINUTE_S + sample * 5, value + rng.gauss(0, GB / 20), limit)
    return resource.forecast


@pytest.mark.parametrize("minutes", [30, 60, 119, 500])
def test_a_steady_rise_is_used_up_when_its_line_meets_the_limit(minutes: int) -> None:
    start = 95 * GB - minutes * 0.2 * GB
    found = after(*(start + minute * 0.2 * GB for minute in range(minutes)))
    assert found.left_s == pytest.approx((5 * GB + 0.2 * GB) / 0.2 / GB * MINUTE_S, rel=0.1)
    assert found.per_hour_bytes == pytest.approx(12 * GB, rel=0.05)
    assert found.is_near


def test_nothing_is_foretold_from_less_than_half_an_hour() -> None:
    assert after(*(50 * GB + minute * GB for minute in range(29))).left_s == math.inf


def test_a_flat_line_is_never_used_up() -> None:
    found = after(*[50 * GB] * 120)
    assert (found.left_s, found.is_near) == (math.inf, False)
    assert found.left_bytes == pytest.approx(50 * GB, rel=0.01)


STEPS = [[*[50 * GB] * at, *[70 * GB] * (120 - at)] for at in range(10, 110, 5)]
LEVELS_OFF = [90 * GB * (1 - math.exp(-minute / 12)) for minute in range(60)]
WAVES = [50 * GB + 30 * GB * math.sin(minute / 9) for minute in range(240)]


@pytest.mark.parametrize(
    "runs",
    [STEPS, [LEVELS_OFF], [WAVES[:end] for end in range(30, 240, 7)]],
    ids=["a step", "what levels off", "waves"],
)
def test_what_does_not_rise_steadily_is_no_slope(runs: list[list[float]]) -> None:
    assert not [used for used in runs if after(*used).is_near]


def test_a_slow_rise_is_foretold_but_is_no_news() -> None:
    found = after(*(10 * GB + minute * 0.05 * GB for minute in range(120)))
    assert found.left_s == pytest.approx(84 / 0.05 * MINUTE_S, rel=0.1)
    assert not found.is_near


def test_what_a_process_loads_at_its_start_is_left_out() -> None:
    rises = [minute * GB for minute in range(35)]
    assert after(*rises).left_s < math.inf
    assert after(*rises, warm_up=15).left_s == math.inf


def test_the_disk_is_used_up_at_the_floor_and_the_memory_at_the_ratio_that_counts_as_down() -> None:
    past, forecasts = Past(), Forecasts()
    for sample in range(12 * 60):
        used = sample / (12 * 60)
        figures: dict[str, dict[tuple[str, ...], float]] = {
            "kotaemon_disk_free_bytes": {(): (60 - 10 * used) * GB},
            "kotaemon_disk_floor_bytes": {(): 40 * GB},
            "kotaemon_memory_bytes": {("main",): (5 + used) * GB, ("vectors",): GB},
            "kotaemon_memory_limit_bytes": {(): 10 * GB},
        }
        past.readings.append(Reading(sample * 5.0, figures, {}))
        disk, memory = forecasts.take(past)
    assert disk.left_s == pytest.approx(3600, rel=0.05)
    assert memory.left_s == pytest.approx(2 * 3600, rel=0.05)


def test_without_figures_nothing_is_foretold() -> None:
    past = Past()
    past.readings.append(Reading(0.0, {}, {}))
    assert [one.left_s for one in Forecasts().take(past)] == [math.inf, math.inf]


@given(st.floats(-100, 100), st.floats(-1000, 1000), st.integers(8, 40))
def test_the_slope_of_a_line_is_found_beside_a_quarter_of_wild_points(
    slope: float, start: float, number: int
) -> None:
    points = [(float(x), start + slope * x) for x in range(number)]
    points[1 : number // 5 + 1] = [(x, 1e7) for x, _ in points[1 : number // 5 + 1]]
    assert theil_sen(points).per_s == pytest.approx(slope, abs=1e-6)


def test_the_agreement_tells_a_trend_from_noise() -> None:
    rng = random.Random(3)
    rising = theil_sen([(x, x + rng.gauss(0, 2)) for x in range(60)])
    flat = theil_sen([(x, rng.gauss(0, 2)) for x in range(60)])
    assert rising.agreement > 0.85 and abs(flat.agreement) < 0.3
    assert rising.level == pytest.approx(59, abs=2)


def test_points_at_one_time_have_no_slope() -> None:
    assert theil_sen([(1.0, 7.0), (1.0, 9.0)]).per_s == 0.0
