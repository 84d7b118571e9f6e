"""Whether a link is asked: its breaker and the mark of a wrong setting."""

import pytest

from kotaemon_async.answers.llm.base import LinkFailed, NothingToSay
from kotaemon_async.answers.llm.guard import ASK_AGAIN_S, Guard
from kotaemon_async.domain.errors import Unavailable

DOWN = LinkFailed("the server is down")
WRONG_KEY = LinkFailed("wrong key", code="misconfigured", blame="setting")
TOO_LONG = LinkFailed("too long", code="misconfigured", blame="prompt")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Guard:
    return Guard("main", clock=clock)


def call(guard: Guard, *outcomes: Unavailable | None) -> list[bool]:
    """Which of the calls were let through."""
    asked = []
    for outcome in outcomes:
        asked.append(guard.refusal() is None)
        if asked[-1]:
            guard.failed(outcome) if outcome else guard.succeeded()
    return asked


def test_a_link_that_was_never_asked_is_closed(guard: Guard) -> None:
    assert guard.state() == {"state": "closed", "code": None, "message": None, "retry_in_s": 0.0}
    assert guard.is_well


def test_five_failures_keep_the_next_call_back_and_say_why(guard: Guard) -> None:
    assert call(guard, *[DOWN] * 6) == [True] * 5 + [False]
    refusal = guard.refusal()
    assert refusal and (refusal.code, refusal.retry_after_s) == ("llm_unavailable", 5.0)
    assert refusal.message == "not asked for 5 s: the server is down"
    assert guard.state() == {
        "state": "open",
        "code": "llm_unavailable",
        "message": "the server is down",
        "retry_in_s": 5.0,
    }


def test_one_wrong_setting_keeps_calls_back_for_five_minutes(guard: Guard, clock: Clock) -> None:
    assert call(guard, WRONG_KEY, None) == [True, False]
    assert guard.state() == {
        "state": "misconfigured",
        "code": "misconfigured",
        "message": "wrong key",
        "retry_in_s": ASK_AGAIN_S,
    }
    clock.now_s += ASK_AGAIN_S - 1
    assert call(guard, None) == [False]
    clock.now_s += 1
    assert call(guard, None, None) == [True, True]
    assert guard.state()["state"] == "closed"


def test_only_one_call_finds_out_whether_the_setting_was_corrected(guard: Guard, clock: Clock) -> None:
    call(guard, WRONG_KEY)
    clock.now_s += ASK_AGAIN_S
    assert [guard.refusal() is None for _ in range(3)] == [True, False, False]


def test_a_setting_that_is_still_wrong_waits_again(guard: Guard, clock: Clock) -> None:
    call(guard, WRONG_KEY)
    clock.now_s += ASK_AGAIN_S
    assert call(guard, TOO_LONG, None) == [True, False]
    assert guard.state()["retry_in_s"] == ASK_AGAIN_S


def test_a_probe_that_was_given_up_leaves_its_place_to_the_next(guard: Guard, clock: Clock) -> None:
    call(guard, WRONG_KEY)
    clock.now_s += ASK_AGAIN_S
    assert guard.refusal() is None
    guard.forgot()
    assert call(guard, None) == [True]


def test_trouble_while_asking_again_proves_nothing_about_the_setting(guard: Guard, clock: Clock) -> None:
    call(guard, WRONG_KEY)
    clock.now_s += ASK_AGAIN_S
    assert call(guard, DOWN) == [True]
    assert (guard.state()["state"], guard.state()["message"]) == ("misconfigured", "wrong key")
    assert call(guard, None) == [True]


def test_the_third_refused_prompt_in_a_row_is_a_wrong_setting(guard: Guard) -> None:
    assert call(guard, *[TOO_LONG] * 4) == [True, True, True, False]
    assert guard.state()["state"] == "misconfigured"


@pytest.mark.parametrize("between", [None, DOWN])
def test_refused_prompts_count_only_in_a_row(guard: Guard, between: LinkFailed | None) -> None:
    call(guard, TOO_LONG, TOO_LONG, between, TOO_LONG, TOO_LONG)
    state = guard.state()
    assert (state["state"], state["retry_in_s"], guard.refusal()) == ("misconfigured", 0.0, None)


@pytest.mark.parametrize(
    "error",
    [
        LinkFailed("no place", code="busy", blame="nobody"),
        Unavailable("no place", code="busy"),
        NothingToSay("nothing fits", code="not_found"),
    ],
)
def test_what_is_nobodys_fault_is_not_counted(guard: Guard, error: Unavailable) -> None:
    assert call(guard, *[error] * 10) == [True] * 10
    assert guard.is_well


@pytest.mark.parametrize(("code", "state"), [("timeout", "open"), ("misconfigured", "misconfigured")])
def test_a_link_that_does_not_blame_is_judged_by_the_code(guard: Guard, code: str, state: str) -> None:
    call(guard, *[Unavailable("no", code=code)] * 5)
    assert (guard.state()["state"], guard.state()["code"]) == (state, code)


def test_retry_after_keeps_calls_back_for_that_long(guard: Guard, clock: Clock) -> None:
    call(guard, LinkFailed("too many", retry_after_s=42.0))
    assert (guard.state()["state"], guard.state()["retry_in_s"]) == ("open", 42.0)
    clock.now_s += 42
    assert guard.state()["state"] == "half_open"
    assert call(guard, None) == [True]
    assert guard.is_well
