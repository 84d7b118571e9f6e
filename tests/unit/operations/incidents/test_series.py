import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.operations.incidents.series import Normal, Rule, Watch, median, normal_of, theil_sen

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)
LEAST = Rule(least=1.0)


def watched(
    *values: float | None, rule: Rule = LEAST, watch: Watch | None = None, from_s: float = 0
) -> Watch:
    """A watch that took the values, one a second."""
    watch = watch or Watch(rule)
    for second, value in enumerate(values):
        watch.take(from_s + second, value)
    return watch


def calm(level: float = 10.0, noise: float = 0.1) -> Watch:
    """A watch that knows what is normal."""
    rng = random.Random(1)
    return watched(*(level + rng.uniform(-noise, noise) for _ in range(100)))


@given(VALUES)
def test_half_of_the_values_lie_on_each_side_of_the_median(values: list[float]) -> None:
    middle = median(values)
    assert sum(value < middle for value in values) <= len(values) / 2
    assert sum(value > middle for value in values) <= len(values) / 2


@given(VALUES, st.integers(-1000, 1000))
def test_a_shift_moves_the_median_and_not_the_spread(values: list[float], shift: int) -> None:
    before, after = normal_of(values), normal_of([value + shift for value in values])
    assert after.median == pytest.approx(before.median + shift, abs=1e-3)
    assert after.spread == pytest.approx(before.spread, abs=1e-3)


def test_less_than_half_of_wild_values_change_little() -> None:
    found = normal_of([10, 11, 9, 10, 12, 10, 1e9, 1e9, -1e9])
    assert found == Normal(10, found.spread) and found.spread < 3


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


def test_a_slope_needs_two_points() -> None:
    assert theil_sen([(1.0, 7.0)]) == (0.0, 7.0, 0.0)
    assert theil_sen([]).per_s == 0.0


@given(st.lists(st.floats(0, 0.99), min_size=30, max_size=300))
def test_a_wobble_below_the_least_effect_is_never_abnormal(wobble: list[float]) -> None:
    assert not watched(*(5.0 for _ in range(50)), *(5.0 + one for one in wobble)).is_abnormal


@given(st.integers(0, 10_000))
def test_noise_is_not_abnormal_and_a_jump_of_ten_spreads_is(seed: int) -> None:
    rng = random.Random(seed)
    watch = watched(*(100 + rng.gauss(0, 1) for _ in range(200)))
    assert not watch.is_abnormal
    assert watched(*(112.0 for _ in range(5)), watch=watch, from_s=200).is_abnormal


def test_an_anomaly_began_with_the_first_of_the_samples_that_confirm_it() -> None:
    watch = watched(20, 20, 20, watch=calm(), from_s=1000)
    assert not watch.is_abnormal and watch.is_suspect
    watch.take(1003, 25)
    assert (watch.is_abnormal, watch.since_s, round(watch.worst)) == (True, 1000, 15)


def test_a_single_spike_is_forgotten() -> None:
    watch = watched(99, 10, 10, 99, 10, 10, watch=calm())
    assert (watch.is_abnormal, watch.since_s) == (False, None)


def test_one_calm_value_between_does_not_hide_an_anomaly() -> None:
    assert watched(20, 20, 10, 20, 20, 20, watch=calm()).is_abnormal


def test_nobody_knows_what_is_normal_after_a_few_samples() -> None:
    watch = watched(*[1.0] * 20, *[1e6] * 3)
    assert (watch.is_abnormal, watch.normal) == (False, None)


def test_what_is_always_normal_is_judged_at_once() -> None:
    assert watched(1, 1, 1, 1, rule=Rule(least=0.5, normal=0.0)).is_abnormal


def test_it_ends_only_after_calm_in_a_row_well_below_what_began_it() -> None:
    watch = watched(*[20] * 4, *[10.9] * 30, watch=calm())
    assert watch.is_abnormal  # less than the threshold, more than half of it
    watched(*[10.1] * 11, 20, *[10.1] * 11, watch=watch)
    assert watch.is_abnormal
    assert not watched(10.1, watch=watch).is_abnormal


def test_what_is_abnormal_does_not_become_normal_within_hours() -> None:
    watch = watched(*[20] * 2000, watch=calm())
    assert watch.is_abnormal and watch.normal is not None
    assert watch.normal.median == pytest.approx(10, abs=0.1)


def test_a_level_that_stays_is_the_new_normal_in_the_end() -> None:
    watch = watched(*[20] * 4500, watch=calm())
    assert not watch.is_abnormal and watch.normal is not None
    assert watch.normal.median == 20


def test_silence_keeps_an_anomaly_for_a_while_and_ends_it_then() -> None:
    watch = watched(*[20] * 4, *[None] * 119, watch=calm())
    assert watch.is_abnormal
    assert not watched(None, watch=watch).is_abnormal
