import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.operations.incidents.series import Rule, Series

LEAST = Rule(least=1.0)


def judged(
    *values: float | None, rule: Rule = LEAST, series: Series | None = None, from_s: float = 0
) -> Series:
    """A series that took the values, one a second."""
    series = series or Series(rule)
    for second, value in enumerate(values):
        series.take(from_s + second, value)
    return series


def calm(level: float = 10.0, noise: float = 0.1) -> Series:
    """A series that knows what is normal."""
    rng = random.Random(1)
    return judged(*(level + rng.uniform(-noise, noise) for _ in range(100)))


@given(st.lists(st.floats(0, 0.99), min_size=30, max_size=300))
def test_a_wobble_below_the_least_effect_is_never_abnormal(wobble: list[float]) -> None:
    assert not judged(*(5.0 for _ in range(50)), *(5.0 + one for one in wobble)).is_abnormal


@given(st.integers(0, 10_000))
def test_noise_is_not_abnormal_and_a_jump_of_ten_spreads_is(seed: int) -> None:
    rng = random.Random(seed)
    series = judged(*(100 + rng.gauss(0, 1) for _ in range(200)))
    assert not series.is_abnormal
    assert judged(*(112.0 for _ in range(5)), series=series, from_s=200).is_abnormal


def test_an_anomaly_began_with_the_first_of_the_samples_that_confirm_it() -> None:
    series = judged(20, 20, 20, series=calm(), from_s=1000)
    assert not series.is_abnormal and series.is_suspect
    series.take(1003, 25)
    assert (series.is_abnormal, series.since_s, round(series.worst)) == (True, 1000, 15)


def test_a_single_spike_is_forgotten() -> None:
    series = judged(99, 10, 10, 99, 10, 10, series=calm())
    assert (series.is_abnormal, series.since_s) == (False, None)


def test_one_calm_value_between_does_not_hide_an_anomaly() -> None:
    assert judged(20, 20, 10, 20, 20, 20, series=calm()).is_abnormal


def test_nobody_knows_what_is_normal_after_a_few_samples() -> None:
    series = judged(*[1.0] * 20, *[1e6] * 3)
    assert (series.is_abnormal, series.normal) == (False, None)


def test_what_is_always_normal_is_judged_at_once() -> None:
    assert judged(1, 1, 1, 1, rule=Rule(least=0.5, normal=0.0)).is_abnormal


def test_it_ends_only_after_calm_in_a_row_well_below_what_began_it() -> None:
    series = judged(*[20] * 4, *[10.9] * 30, series=calm())
    assert series.is_abnormal  # less than the threshold, more than half of it
    judged(*[10.1] * 11, 20, *[10.1] * 11, series=series)
    assert series.is_abnormal
    assert not judged(10.1, series=series).is_abnormal


def test_what_is_abnormal_does_not_become_normal_within_hours() -> None:
    series = judged(*[20] * 2000, series=calm())
    assert series.is_abnormal and series.normal is not None
    assert series.normal == pytest.approx(10, abs=0.1)


def test_a_level_that_stays_is_the_new_normal_in_the_end() -> None:
    series = judged(*[20] * 4500, series=calm())
    assert not series.is_abnormal and series.normal is not None
    assert series.normal == 20


def test_silence_keeps_an_anomaly_for_a_while_and_ends_it_then() -> None:
    series = judged(*[20] * 4, *[None] * 119, series=calm())
    assert series.is_abnormal
    assert not judged(None, series=series).is_abnormal
