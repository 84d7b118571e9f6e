"""A provider behind its circuit breaker: what counts, when it is left alone and when it is tried twice."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from hypothesis import given
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

    async def received(self, seconds: float = 30.0) -> list[Piece | str]:
        """What comes out, and the code of the failure at the end."""
        received: list[Piece | str] = []
        try:
            async for piece in self.guarded.stream(Prompt("Q?", ()), self.within(seconds)):
                received.append(piece)  # noqa: PERF401 - what came before the failure counts
        except Unavailable as error:
            received.append(error.code)
        return received

    def within(self, seconds: float) -> Deadline:
        return Deadline.within(seconds, lambda: self.now_s)


async def outcome(provider: Scripted) -> str:
    """What trying the provider comes to, and its state after it."""
    try:
        pieces = [piece async for piece in provider.guarded.tried(Prompt("Q?"), provider.within(30.0))]
    except Unavailable as error:
        return f"{error.code} {provider.guarded.breaker.state()['state']}"
    return f"{len(pieces)} {provider.guarded.breaker.state()['state']}"


@pytest.mark.parametrize(
    "trouble", [(Unavailable("down", code="llm_unavailable"),), (Unavailable("no", code="misconfigured"),)]
)
async def test_a_good_try_lets_questions_in_again(trouble: Steps) -> None:
    left_alone = Scripted(*[trouble] * 5, GOOD, GOOD)
    while left_alone.guarded.breaker.refusal() is None:
        await left_alone.received()
    left_alone.calls = [GOOD, GOOD]
    assert await outcome(left_alone) == "2 closed"
    assert await left_alone.received() == list(GOOD)


async def test_a_bad_try_changes_nothing_for_questions() -> None:
    well = Scripted(GOOD, (SLOW,), GOOD)
    assert await well.received() == list(GOOD)
    assert await outcome(well) == "timeout closed"
    assert await well.received() == list(GOOD)


def first_word_s() -> float:
    name = "kotaemon_llm_time_to_first_token_seconds_sum"
    return metrics.REGISTRY.get_sample_value(name, {"link": "scripted"}) or 0.0


def tries(outcome: str) -> float:
    labels = {"link": "scripted", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("kotaemon_llm_retries_total", labels) or 0.0


async def test_a_break_before_the_first_word_is_healed_unseen() -> None:
    link = Scripted((BROKE,), GOOD)
    assert (await link.received(), link.pauses_s) == ([Delta("x"), Finish()], [0.1])


async def test_the_wait_for_the_first_word_is_measured_over_both_tries() -> None:
    before_s = first_word_s()
    await Scripted((1.0, BROKE), (2.0, *GOOD)).received()
    assert first_word_s() - before_s == pytest.approx(3.1)


async def test_there_is_one_second_try_and_no_third() -> None:
    before = tries("failed")
    link = Scripted((BROKE,), (BROKE,), GOOD)
    assert (await link.received(), len(link.calls), tries("failed") - before) == (["llm_unavailable"], 1, 1)


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
    await link.received()
    assert (len(link.calls), link.pauses_s) == (1, [])


async def test_without_time_there_is_no_second_try() -> None:
    before = tries("no_time")
    link = Scripted((29.0, BROKE), GOOD)
    assert (await link.received(), tries("no_time") - before) == (["llm_unavailable"], 1)


async def test_second_tries_stay_within_their_budget() -> None:
    before = tries("no_budget")
    good_ones = [GOOD] * 10
    link = Scripted(*good_ones, (BROKE,), GOOD, (BROKE,), GOOD, (BROKE,), GOOD, (BROKE,), GOOD)
    for _ in range(14):
        await link.received()
    assert (len(link.pauses_s), tries("no_budget") - before) == (3, 1)


async def test_a_first_try_that_opens_the_breaker_is_the_last() -> None:
    link = Scripted(*[(ProviderFailed("500"),)] * 4, (BROKE,), GOOD)
    for _ in range(5):
        await link.received()
    assert (link.guarded.breaker.state()["state"], len(link.calls), link.pauses_s) == ("open", 1, [])


async def test_a_reader_who_leaves_blames_nobody() -> None:
    link = Scripted(*[GOOD] * 6, (ProviderFailed("500"),))
    for _ in range(6):
        async with aclosing(link.guarded.stream(Prompt("Q?", ()), link.within(30))) as pieces:
            assert await anext(pieces) == Delta("x")
    await link.received()
    assert link.guarded.breaker.is_well


async def test_a_bug_of_ours_blames_nobody() -> None:
    link = Scripted(*[(ZeroDivisionError(),)] * 6)
    for _ in range(6):
        with pytest.raises(ZeroDivisionError):
            await link.received()
    assert link.guarded.breaker.is_well


async def test_an_answer_without_a_finish_counts_as_a_failure() -> None:
    link = Scripted(*[(Delta("x"),)] * 5)
    for _ in range(5):
        assert await link.received() == [Delta("x"), "llm_unavailable"]
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
        assert (await link.received(seconds))[-1] == "timeout"
    assert link.guarded.breaker.is_well is is_well


DOWN = ProviderFailed("the server is down")
WRONG_KEY = ProviderFailed("wrong key", code="misconfigured", fault="setting")
TOO_LONG = ProviderFailed("too long", code="misconfigured", fault="prompt")
BUSY = ProviderFailed("no place", code="busy", fault="nobody")
TOO_MANY = ProviderFailed("too many", retry_after_s=42.0)


class Watched:
    """A breaker whose calls end as scripted; a number lets so many seconds pass."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.breaker = ProviderBreaker("main", clock=lambda: self.now_s)

    def calls(self, *outcomes: Unavailable | float | None) -> str:
        """Return for each call whether it was let through: y or n."""
        received = ""
        for outcome in outcomes:
            if isinstance(outcome, float):
                self.now_s += outcome
            elif self.breaker.refusal() is not None:
                received += "n"
            else:
                received += "y"
                self.breaker.failed(outcome) if outcome else self.breaker.succeeded()
        return received

    @property
    def said(self) -> tuple[object, ...]:
        """The state, code, message, time to wait and age of the last success."""
        return tuple(self.breaker.state().values())


@pytest.mark.parametrize(
    ("outcomes", "let_through", "state", "retry_in_s"),
    [
        ((), "", "closed", 0.0),
        ((DOWN,) * 6, "yyyyyn", "open", 5.0),
        ((Unavailable("no", code="timeout"),) * 5, "yyyyy", "open", 5.0),
        # After its pause one call finds out whether the server is back.
        ((*[DOWN] * 5, 5.0), "yyyyy", "half_open", 0.0),
        ((*[DOWN] * 5, 5.0, None), "yyyyyy", "closed", 0.0),
        # One wrong setting is asked about again after five minutes, by one call.
        ((WRONG_KEY, None), "yn", "misconfigured", ASK_AGAIN_S),
        ((Unavailable("no", code="misconfigured"), None), "yn", "misconfigured", ASK_AGAIN_S),
        ((WRONG_KEY, ASK_AGAIN_S - 1, None), "yn", "misconfigured", 1.0),
        ((WRONG_KEY, ASK_AGAIN_S, None, None), "yyy", "closed", 0.0),
        ((WRONG_KEY, ASK_AGAIN_S, TOO_LONG, None), "yyn", "misconfigured", ASK_AGAIN_S),
        # Trouble of the server proves nothing about the setting.
        ((WRONG_KEY, ASK_AGAIN_S, DOWN), "yy", "misconfigured", 0.0),
        ((WRONG_KEY, ASK_AGAIN_S, DOWN, None), "yyy", "closed", 0.0),
        # The third refused prompt in a row is a wrong setting.
        ((TOO_LONG,), "y", "misconfigured", 0.0),
        ((TOO_LONG,) * 4, "yyyn", "misconfigured", ASK_AGAIN_S),
        ((TOO_LONG, TOO_LONG, None, TOO_LONG, TOO_LONG), "yyyyy", "misconfigured", 0.0),
        ((TOO_LONG, TOO_LONG, DOWN, TOO_LONG, TOO_LONG), "yyyyy", "misconfigured", 0.0),
        # What is nobody's fault is not counted.
        ((BUSY,) * 10, "y" * 10, "closed", 0.0),
        ((Unavailable("no place", code="busy"),) * 10, "y" * 10, "closed", 0.0),
        ((NoAnswer("nothing fits", code="not_found"),) * 10, "y" * 10, "closed", 0.0),
        # Retry-After is kept.
        ((TOO_MANY, 41.0, None), "yn", "open", 1.0),
        ((TOO_MANY, 42.0), "y", "half_open", 0.0),
        ((TOO_MANY, 42.0, None), "yy", "closed", 0.0),
    ],
)
def test_what_failed_and_by_whose_fault_decides_when_it_is_asked_again(
    outcomes: tuple[Unavailable | float | None, ...], let_through: str, state: str, retry_in_s: float
) -> None:
    watched = Watched()
    assert watched.calls(*outcomes) == let_through
    assert (watched.breaker.state()["state"], watched.breaker.state()["retry_in_s"]) == (state, retry_in_s)


def test_a_refusal_and_the_state_say_why() -> None:
    watched = Watched()
    watched.calls(*[DOWN] * 5)
    refusal = watched.breaker.refusal()
    assert refusal and (refusal.code, refusal.retry_after_s) == ("llm_unavailable", 5.0)
    assert refusal.message == "not asked for 5 s: the server is down"
    assert watched.said == ("open", "llm_unavailable", "the server is down", 5.0, None)
    (broken := Watched()).calls(WRONG_KEY, ASK_AGAIN_S, DOWN)
    assert broken.said == ("misconfigured", "misconfigured", "wrong key", 0.0, None)


def test_below_the_threshold_a_failure_is_named_only_while_no_call_was_good() -> None:
    (never_good := Watched()).calls(DOWN)
    assert never_good.said == ("closed", "llm_unavailable", "the server is down", 0.0, None)
    (once_good := Watched()).calls(None, DOWN, 7.0)
    assert once_good.said == ("closed", None, None, 0.0, 7.0)


def test_a_link_whose_last_calls_all_failed_is_not_well() -> None:
    (dead := Watched()).calls(None, DOWN, DOWN, 7.0)
    assert dead.said == ("closed", "llm_unavailable", "the server is down", 0.0, 7.0)


def test_a_link_that_answered_again_is_well() -> None:
    (back := Watched()).calls(None, DOWN, DOWN, None, 7.0)
    assert back.said == ("closed", None, None, 0.0, 7.0)


def test_a_probe_is_one_call_and_given_up_leaves_its_place_to_the_next() -> None:
    watched = Watched()
    watched.calls(WRONG_KEY, ASK_AGAIN_S)
    assert [watched.breaker.refusal() is None for _ in range(3)] == [True, False, False]
    watched.breaker.forgot()
    assert watched.calls(None) == "y"


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


@given(st.lists(st.booleans(), max_size=300))
def test_tries_stay_a_tenth_of_the_requests(wanted: list[bool]) -> None:
    budget, tries = RetryBudget(), 0
    for is_wanted in wanted:
        budget.earn()
        tries += is_wanted and budget.take()
    assert tries <= 2 + len(wanted) / 10
