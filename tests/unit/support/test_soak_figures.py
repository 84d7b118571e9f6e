"""What a soak calls growth: a leak is seen through noise, and noise is no leak."""

import random

import pytest

from tests.soak.figures import FIGURES, HOUR_S, Sample, Trend, trends

PSS, FDS = (next(one for one in FIGURES if one.name == name) for name in ("PSS, MB", "file descriptors"))


def trend_of(name: str, per_hour: float, noise: float, seed: int = 1) -> Trend:
    """The trend of 20 minutes, sampled each 5 s, of a level that rises and is noisy."""
    draw = random.Random(seed)
    samples = []
    for at_s in range(0, 1200, 5):
        value = 100 + per_hour * at_s / HOUR_S + draw.uniform(-noise, noise)
        samples.append(Sample(at_s, {one.name: value for one in FIGURES}))
    return trends(samples, 60.0)[name]


@pytest.mark.parametrize("seed", range(20))
def test_a_level_with_noise_is_flat(seed: int) -> None:
    assert not trend_of(FDS.name, 0.0, noise=8.0, seed=seed).is_over(FDS)


@pytest.mark.parametrize("seed", range(20))
def test_a_descriptor_lost_each_minute_is_seen_through_the_same_noise(seed: int) -> None:
    assert trend_of(FDS.name, 60.0, noise=8.0, seed=seed).is_over(FDS)


def test_the_interval_nearly_always_holds_the_true_slope() -> None:
    found = [trend_of(FDS.name, 60.0, noise=8.0, seed=seed) for seed in range(50)]
    assert sum(one.low < 60.0 < one.high for one in found) >= 47


@pytest.mark.parametrize(("per_hour", "is_over"), [(-30.0, False), (4.0, False), (12.0, True)])
def test_memory_has_a_bound_for_its_slope(per_hour: float, is_over: bool) -> None:
    trend = trend_of(PSS.name, per_hour, noise=0.5)
    assert trend.per_hour == pytest.approx(per_hour, abs=1.0)
    assert trend.is_over(PSS) == is_over


def test_what_falls_is_no_growth() -> None:
    assert not trend_of(FDS.name, -60.0, noise=1.0).is_over(FDS)


def test_the_line_tells_where_it_starts_and_ends() -> None:
    trend = trend_of(FDS.name, 30.0, noise=0.0)
    assert (trend.per_hour, trend.low, trend.high) == pytest.approx((30.0, 30.0, 30.0))
    assert (trend.start, trend.end) == pytest.approx((100.2, 109.7), abs=0.1)
