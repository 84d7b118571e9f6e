"""A provider behind its circuit breaker: what counts, when it is left alone and when it is tried twice."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, NoAnswer, Piece, Prompt, ProviderFailed
from kotaemon_async.answers.llm.guarded import (
    ASK_AGAIN_S,
    FAIR_WAIT_S,
    GuardedProvider,
    ProviderBreaker,
    RetryBudget,
    Timing,
)
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import ServedBy
from kotaemon_async.telemetry import metrics

BROKE = ProviderFailed("the connection broke", transient=True)
SLOW = Unavailable("too slow", code="timeout")
GOOD: tuple[Piece, ...] = (Delta("x"), Finish())
Steps = tuple[Piece | Exception | float, ...]


class Scripted:
    """Plays one script a call; a number lets so many seconds pass."""

    name = "scripted"
    served_by: ServedBy = "primary"

    def __init__(self, *calls: Steps) -> None:
        self.calls, self.now_s, self.pauses_s = list(calls), 0.0, list[float]()
        self.guarded = GuardedProvider(self, Timing(lambda: self.now_s, self.sleep, lambda: 0.0))

    async def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self.now_s += seconds

    async def stream(self, prompt: Prompt, deadline: Deadline) -> AsyncGenerator[Piece]:
        for step in self.calls.pop(0):
            if isinstance(step, Exception):
                raise step
            if isinstance(step, float):
                self.now_s += step
            else:
                yield step

    async def told(self, seconds: float = 30.0) -> list[Piece | str]:
        """What comes out, and the code of the failure at the end."""
        told: list[Piece | str] = []
        try:
            async for piece in self.guarded.stream(Prompt("Q?", ()), self.within(seconds)):
                told.append(piece)  # noqa: PERF401 - what came before the failure counts
        except Unavailable as error:
            told.append(error.code)
        return told

    def within(self, seconds: float) -> Deadline:
        return Deadline.within(seconds, lambda: self.now_s)


def first_word_s() -> float:
    name = "kotaemon_llm_time_to_first_token_seconds_sum"
    return metrics.REGISTRY.get_sample_value(name, {"link": "scripted"}) or 0.0


def tries(outcome: str) -> float:
    labels = {"link": "scripted", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("kotaemon_llm_retries_total", labels) or 0.0


async def test_a_break_before_the_first_word_is_healed_unseen() -> None:
    link = Scripted((BROKE,), GOOD)
    assert (await link.told(), link.pauses_s) == ([Delta("x"), Finish()], [0.1])


async def test_the_wait_for_the_first_word_is_measured_over_both_tries() -> None:
    before_s = first_word_s()
    await Scripted((1.0, BROKE), (2.0, *GOOD)).told()
    assert first_word_s() - before_s == pytest.approx(3.1)


async def test_there_is_one_second_try_and_no_third() -> None:
    before = tries("failed")
    link = Scripted((BROKE,), (BROKE,), GOOD)
    assert (await link.told(), len(link.calls), tries("failed") - before) == (["llm_unavailable"], 1, 1)


@pytest.mark.parametrize(
    "call",
    [
        (ProviderFailed("500"),),
        (Delta("x"), BROKE),
        (SLOW,),
        (Unavailable("down", code="llm_unavailable"),),
        (ProviderFailed("503", transient=True, retry_after_s=3.0),),
        (),
    ],
)
async def test_nothing_else_is_tried_twice(call: Steps) -> None:
    link = Scripted(call, GOOD)
    await link.told()
    assert (len(link.calls), link.pauses_s) == (1, [])


async def test_without_time_there_is_no_second_try() -> None:
    before = tries("no_time")
    link = Scripted((29.0, BROKE), GOOD)
    assert (await link.told(), tries("no_time") - before) == (["llm_unavailable"], 1)


async def test_second_tries_stay_within_their_budget() -> None:
    before = tries("no_budget")
    good_ones = [GOOD] * 10
    link = Scripted(*good_ones, (BROKE,), GOOD, (BROKE,), GOOD, (BROKE,), GOOD, (BROKE,), GOOD)
    for _ in range(14):
        await link.told()
    assert (len(link.pauses_s), tries("no_budget") - before) == (3, 1)


async def test_a_first_try_that_opens_the_breaker_is_the_last() -> None:
    link = Scripted(*[(ProviderFailed("500"),)] * 4, (BROKE,), GOOD)
    for _ in range(5):
        await link.told()
    assert (link.guarded.breaker.state()["state"], len(link.calls), link.pauses_s) == ("open", 1, [])


async def test_a_reader_who_leaves_blames_nobody() -> None:
    link = Scripted(*[GOOD] * 6, (ProviderFailed("500"),))
    for _ in range(6):
        async with aclosing(link.guarded.stream(Prompt("Q?", ()), link.within(30))) as pieces:
            assert await anext(pieces) == Delta("x")
    await link.told()
    assert link.guarded.breaker.is_well


async def test_a_bug_of_ours_blames_nobody() -> None:
    link = Scripted(*[(ZeroDivisionError(),)] * 6)
    for _ in range(6):
        with pytest.raises(ZeroDivisionError):
            await link.told()
    assert link.guarded.breaker.is_well


async def test_an_answer_without_a_finish_counts_as_a_failure() -> None:
    link = Scripted(*[(Delta("x"),)] * 5)
    for _ in range(5):
        assert await link.told() == [Delta("x"), "llm_unavailable"]
    assert not link.guarded.breaker.is_well


@pytest.mark.parametrize(
    ("call", "is_well"),
    [
        ((2.0, SLOW), True),  # the question had no more time than this
        ((FAIR_WAIT_S, SLOW), False),  # long enough to say something
        ((Delta("x"), FAIR_WAIT_S, SLOW), True),  # it was answering
        ((1.0, SLOW), False),  # its own limit, time was left
    ],
)
async def test_a_question_that_runs_out_of_time_is_not_the_links_fault(call: Steps, is_well: bool) -> None:
    seconds = 2.0 if call[0] in (1.0, 2.0) else FAIR_WAIT_S
    link = Scripted(*[call] * 5)
    for _ in range(5):
        assert (await link.told(seconds))[-1] == "timeout"
    assert link.guarded.breaker.is_well is is_well


DOWN = ProviderFailed("the server is down")
WRONG_KEY = ProviderFailed("wrong key", code="misconfigured", fault="setting")
TOO_LONG = ProviderFailed("too long", code="misconfigured", fault="prompt")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> ProviderBreaker:
    return ProviderBreaker("main", clock=clock)


def call(breaker: ProviderBreaker, *outcomes: Unavailable | None) -> list[bool]:
    """Which of the calls were let through."""
    asked = []
    for outcome in outcomes:
        asked.append(breaker.refusal() is None)
        if asked[-1]:
            breaker.failed(outcome) if outcome else breaker.succeeded()
    return asked


def said(breaker: ProviderBreaker) -> tuple[object, ...]:
    """The state, code, message, time to wait and age of the last success."""
    return tuple(breaker.state().values())


def test_a_link_that_was_never_asked_is_closed(breaker: ProviderBreaker) -> None:
    assert said(breaker) == ("closed", None, None, 0.0, None)
    assert breaker.is_well


def test_five_failures_keep_the_next_call_back_and_say_why(breaker: ProviderBreaker) -> None:
    assert call(breaker, *[DOWN] * 6) == [True] * 5 + [False]
    refusal = breaker.refusal()
    assert refusal and (refusal.code, refusal.retry_after_s) == ("llm_unavailable", 5.0)
    assert refusal.message == "not asked for 5 s: the server is down"
    assert said(breaker) == ("open", "llm_unavailable", "the server is down", 5.0, None)


def test_below_the_threshold_a_failure_is_named_only_while_no_call_was_good(
    breaker: ProviderBreaker, clock: Clock
) -> None:
    call(breaker, DOWN)
    assert said(breaker) == ("closed", "llm_unavailable", "the server is down", 0.0, None)
    call(breaker, None, DOWN)
    clock.now_s += 7
    assert said(breaker) == ("closed", None, None, 0.0, 7.0)


def test_one_wrong_setting_keeps_calls_back_for_five_minutes(breaker: ProviderBreaker, clock: Clock) -> None:
    assert call(breaker, WRONG_KEY, None) == [True, False]
    assert said(breaker) == ("misconfigured", "misconfigured", "wrong key", ASK_AGAIN_S, None)
    clock.now_s += ASK_AGAIN_S - 1
    assert call(breaker, None) == [False]
    clock.now_s += 1
    assert call(breaker, None, None) == [True, True]
    assert breaker.state()["state"] == "closed"


def test_only_one_call_finds_out_whether_the_setting_was_corrected(
    breaker: ProviderBreaker, clock: Clock
) -> None:
    call(breaker, WRONG_KEY)
    clock.now_s += ASK_AGAIN_S
    assert [breaker.refusal() is None for _ in range(3)] == [True, False, False]


def test_a_setting_that_is_still_wrong_waits_again(breaker: ProviderBreaker, clock: Clock) -> None:
    call(breaker, WRONG_KEY)
    clock.now_s += ASK_AGAIN_S
    assert call(breaker, TOO_LONG, None) == [True, False]
    assert breaker.state()["retry_in_s"] == ASK_AGAIN_S


def test_a_probe_that_was_given_up_leaves_its_place_to_the_next(
    breaker: ProviderBreaker, clock: Clock
) -> None:
    call(breaker, WRONG_KEY)
    clock.now_s += ASK_AGAIN_S
    assert breaker.refusal() is None
    breaker.forgot()
    assert call(breaker, None) == [True]


def test_trouble_while_asking_again_proves_nothing_about_the_setting(
    breaker: ProviderBreaker, clock: Clock
) -> None:
    call(breaker, WRONG_KEY)
    clock.now_s += ASK_AGAIN_S
    assert call(breaker, DOWN) == [True]
    assert (breaker.state()["state"], breaker.state()["message"]) == ("misconfigured", "wrong key")
    assert call(breaker, None) == [True]


def test_the_third_refused_prompt_in_a_row_is_a_wrong_setting(breaker: ProviderBreaker) -> None:
    assert call(breaker, *[TOO_LONG] * 4) == [True, True, True, False]
    assert breaker.state()["state"] == "misconfigured"


@pytest.mark.parametrize("between", [None, DOWN])
def test_refused_prompts_count_only_in_a_row(
    breaker: ProviderBreaker, between: ProviderFailed | None
) -> None:
    call(breaker, TOO_LONG, TOO_LONG, between, TOO_LONG, TOO_LONG)
    state = breaker.state()
    assert (state["state"], state["retry_in_s"], breaker.refusal()) == ("misconfigured", 0.0, None)


@pytest.mark.parametrize(
    "error",
    [
        ProviderFailed("no place", code="busy", fault="nobody"),
        Unavailable("no place", code="busy"),
        NoAnswer("nothing fits", code="not_found"),
    ],
)
def test_what_is_nobodys_fault_is_not_counted(breaker: ProviderBreaker, error: Unavailable) -> None:
    assert call(breaker, *[error] * 10) == [True] * 10
    assert breaker.is_well


@pytest.mark.parametrize(("code", "state"), [("timeout", "open"), ("misconfigured", "misconfigured")])
def test_a_link_that_does_not_blame_is_judged_by_the_code(
    breaker: ProviderBreaker, code: str, state: str
) -> None:
    call(breaker, *[Unavailable("no", code=code)] * 5)
    assert (breaker.state()["state"], breaker.state()["code"]) == (state, code)


def test_retry_after_keeps_calls_back_for_that_long(breaker: ProviderBreaker, clock: Clock) -> None:
    call(breaker, ProviderFailed("too many", retry_after_s=42.0))
    assert (breaker.state()["state"], breaker.state()["retry_in_s"]) == ("open", 42.0)
    clock.now_s += 42
    assert breaker.state()["state"] == "half_open"
    assert call(breaker, None) == [True]
    assert breaker.is_well


def taken(budget: RetryBudget, times: int = 100) -> int:
    return sum(budget.take() for _ in range(times))


def test_a_new_link_has_two_tries_in_hand() -> None:
    assert taken(RetryBudget()) == 2


def test_ten_requests_earn_one_try() -> None:
    budget = RetryBudget()
    taken(budget)
    for _ in range(9):
        budget.earn()
    assert not budget.take()
    budget.earn()
    assert (budget.take(), budget.take()) == (True, False)


def test_no_more_than_ten_tries_are_put_by() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.earn()
    assert taken(budget) == 10


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=300))
def test_tries_stay_a_tenth_of_the_requests(wanted: list[bool]) -> None:
    budget, tries = RetryBudget(), 0
    for is_wanted in wanted:
        budget.earn()
        tries += is_wanted and budget.take()
    assert tries <= 2 + len(wanted) / 10
