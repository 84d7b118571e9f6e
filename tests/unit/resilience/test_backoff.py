from hypothesis import given
from hypothesis import strategies as st

from kotaemon_async.resilience.backoff import backoff_s

ATTEMPTS = st.integers(min_value=-5, max_value=10**9)
UNIT = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_without_luck_the_wait_doubles_up_to_the_cap() -> None:
    waits = [backoff_s(n, base_s=1, cap_s=10, random=lambda: 1.0) for n in range(1, 7)]
    assert waits == [1, 2, 4, 8, 10, 10]


def test_the_five_waits_between_six_attempts_are_about_a_quarter_of_an_hour() -> None:
    waits = [backoff_s(n, base_s=10, cap_s=900, factor=3, random=lambda: 0.5) for n in range(1, 6)]
    assert (waits, sum(waits)) == ([7.5, 22.5, 67.5, 202.5, 607.5], 907.5)


@given(ATTEMPTS, UNIT)
def test_the_wait_is_between_half_the_base_and_the_cap(attempt: int, luck: float) -> None:
    assert 0.5 <= backoff_s(attempt, base_s=1, cap_s=60, random=lambda: luck) <= 60


@given(ATTEMPTS, UNIT)
def test_a_later_attempt_never_waits_less_with_the_same_luck(attempt: int, luck: float) -> None:
    first, second = (backoff_s(n, base_s=0.1, cap_s=60, random=lambda: luck) for n in (attempt, attempt + 1))
    assert second >= first


def waited_s(luck: float) -> float:
    return backoff_s(3, base_s=1, cap_s=60, random=lambda: luck)


def test_workers_with_different_luck_do_not_wait_the_same() -> None:
    assert [waited_s(0.0), waited_s(0.5)] == [2, 3]
