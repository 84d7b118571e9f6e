import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.breaker import MAX_OPEN_S, MAX_RETRY_AFTER_S, Breaker
from kotaemon_async.telemetry import metrics
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("test", clock=clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failure()


def probe(breaker: Breaker, clock: Clock) -> None:
    """It has opened, its pause is over, and the one call that may is on its way."""
    fail(breaker, 5)
    clock.now_s += 5
    assert breaker.allow()


def test_four_failures_are_too_few_to_open(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert (breaker.state, breaker.allow()) == ("closed", True)


def test_the_fifth_failure_opens_for_five_seconds(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    assert (breaker.state, breaker.allow(), breaker.retry_after_s) == ("open", False, 5.0)
    clock.now_s += 5
    assert (breaker.state, breaker.retry_after_s) == ("half_open", 0.0)


def test_less_than_half_failures_keep_it_closed(breaker: Breaker) -> None:
    for failed in [False, False, True] * 20:
        breaker.failure() if failed else breaker.success()
    assert breaker.state == "closed"


def test_a_neighbour_that_is_another_one_starts_without_a_past(breaker: Breaker) -> None:
    fail(breaker, 5)
    breaker.reset()
    assert (breaker.state, breaker.allow(), breaker.retry_after_s) == ("closed", True, 0.0)
    fail(breaker, 4)
    breaker.reset()
    fail(breaker, 4)
    assert breaker.state == "closed"


def test_only_the_last_twenty_calls_count(breaker: Breaker) -> None:
    for _ in range(1000):
        breaker.success()
    fail(breaker, 9)
    assert breaker.allow()
    fail(breaker)
    assert not breaker.allow()


def test_half_open_lets_one_call_through_at_a_time(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now_s += 5
    assert [breaker.allow() for _ in range(3)] == [True, False, False]


def test_a_good_probe_closes_and_the_next_opening_is_short_again(breaker: Breaker, clock: Clock) -> None:
    probe(breaker, clock)
    breaker.success()
    assert breaker.state == "closed"
    fail(breaker, 5)
    assert breaker.retry_after_s == 5.0


def test_failed_probes_double_the_pause_up_to_two_minutes(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    pauses = []
    for _ in range(7):
        pauses.append(breaker.retry_after_s)
        clock.now_s += breaker.retry_after_s
        assert breaker.allow()
        fail(breaker)
    assert pauses == [5, 10, 20, 40, 80, 120, 120]


@pytest.mark.parametrize(("asked_s", "given_s"), [(42, 42.0), (86_400, MAX_RETRY_AFTER_S)])
def test_retry_after_opens_at_once_for_that_long_but_not_for_a_day(
    breaker: Breaker, asked_s: float, given_s: float
) -> None:
    breaker.failure(retry_after_s=asked_s)
    assert (breaker.state, breaker.retry_after_s) == ("open", given_s)


def test_a_success_from_before_the_opening_does_not_close_it(breaker: Breaker) -> None:
    fail(breaker, 5)
    breaker.success()
    assert breaker.state == "open"


def test_a_probe_that_was_cancelled_gives_its_place_back(breaker: Breaker, clock: Clock) -> None:
    probe(breaker, clock)
    breaker.forget()
    assert breaker.allow()


def test_a_probe_that_never_reports_does_not_lock_the_breaker(breaker: Breaker, clock: Clock) -> None:
    probe(breaker, clock)
    clock.now_s += 5
    assert breaker.allow()


@pytest.mark.parametrize(("failures", "value"), [(0, 0), (5, 2)])
def test_the_state_is_a_metric(clock: Clock, failures: int, value: int) -> None:
    fail(Breaker("shown", clock=clock), failures)
    assert metrics.REGISTRY.get_sample_value("kotaemon_breaker_state", {"component": "shown"}) == value


@pytest.mark.parametrize("error", [Unavailable("down", code="timeout"), TimeoutError()])
def test_a_watched_call_that_fails_is_a_failure(breaker: Breaker, error: Exception) -> None:
    for _ in range(5):
        with pytest.raises(type(error)), breaker.watching():
            raise error
    assert breaker.state == "open"


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
def test_a_watched_call_that_is_given_up_frees_the_probe_and_changes_nothing(
    breaker: Breaker, clock: Clock, error: type[BaseException]
) -> None:
    probe(breaker, clock)
    with pytest.raises(error), breaker.watching():
        raise error
    assert (breaker.state, breaker.allow()) == ("half_open", True)


def test_a_watched_call_that_is_good_closes(breaker: Breaker, clock: Clock) -> None:
    probe(breaker, clock)
    with breaker.watching():
        pass
    assert breaker.state == "closed"


def test_an_excused_failure_does_not_count(breaker: Breaker) -> None:
    for _ in range(9):
        with pytest.raises(TimeoutError), breaker.watching(lambda: True):
            raise TimeoutError
    assert breaker.state == "closed"


def test_an_open_breaker_stands_in_the_health_report_with_the_code_of_its_component(clock: Clock) -> None:
    breaker = Breaker("embedder", clock=clock)
    assert breaker.status() == {"state": "closed", "retry_in_s": 0.0}
    fail(breaker, 5)
    assert breaker.status() == {"state": "open", "retry_in_s": 5.0, "code": "embedder_unavailable"}
    clock.now_s += 5
    assert breaker.status() == {"state": "half_open", "retry_in_s": 0.0}


@given(st.lists(st.booleans(), max_size=60))
def test_without_failures_in_half_of_any_five_it_stays_closed(calls: list[bool]) -> None:
    breaker = Breaker("test", clock=Clock())
    for failed in calls:
        breaker.failure() if failed else breaker.success()
        breaker.success()
        breaker.success()
    assert breaker.state == "closed"


class Neighbour(RuleBasedStateMachine):
    """Any order of calls, outcomes and waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker("machine", clock=self.clock)
        self.longest_asked_s = 0.0

    @rule(passed_s=st.floats(min_value=0, max_value=200))
    def time_passes(self, passed_s: float) -> None:
        self.clock.now_s += passed_s

    @rule(outcome=st.sampled_from(["success", "failure", "forget", "lost"]))
    def a_call(self, outcome: str) -> None:
        allowed = self.breaker.allow()
        assert not (allowed and self.breaker.state == "open")
        if allowed and outcome != "lost":
            getattr(self.breaker, outcome)()

    @rule(outcome=st.sampled_from(["success", "failure"]))
    def a_late_result(self, outcome: str) -> None:
        getattr(self.breaker, outcome)()

    @rule(retry_after_s=st.floats(min_value=0, max_value=1e6))
    def a_refusal(self, retry_after_s: float) -> None:
        self.breaker.failure(retry_after_s)

    @invariant()
    def the_wait_is_bounded_and_open_means_no(self) -> None:
        assert 0 <= self.breaker.retry_after_s <= MAX_RETRY_AFTER_S + 1e-6
        if self.breaker.state == "open":
            assert not self.breaker.allow()

    def teardown(self) -> None:
        """A neighbour that is well again is always found out about."""
        self.clock.now_s += MAX_RETRY_AFTER_S + MAX_OPEN_S
        assert self.breaker.allow()
        self.breaker.success()
        assert self.breaker.state == "closed" or self.breaker.retry_after_s == 0


TestAnyOrder = Neighbour.TestCase
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=25)
