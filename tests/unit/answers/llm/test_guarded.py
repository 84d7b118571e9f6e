"""A link behind its guard: what counts, and when a second try is made."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from kotaemon_async.answers.llm.base import Deadline, Delta, Finish, LinkFailed, Piece, Prompt
from kotaemon_async.answers.llm.guarded import FAIR_WAIT_S, GuardedLink, Timing
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.domain.model import ServedBy
from kotaemon_async.telemetry import metrics

BROKE = LinkFailed("the connection broke", heals=True)
SLOW = Unavailable("too slow", code="timeout")
GOOD: tuple[Piece, ...] = (Delta("x"), Finish())
Steps = tuple[Piece | Exception | float, ...]


class Scripted:
    """Plays one script a call; a number lets so many seconds pass."""

    name = "scripted"
    served_by: ServedBy = "primary"

    def __init__(self, *calls: Steps) -> None:
        self.calls, self.now_s, self.pauses_s = list(calls), 0.0, list[float]()
        self.guarded = GuardedLink(self, Timing(lambda: self.now_s, self.sleep, lambda: 0.0))

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


def tries(outcome: str) -> float:
    labels = {"link": "scripted", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("kotaemon_llm_retries_total", labels) or 0.0


async def test_a_break_before_the_first_word_is_healed_unseen() -> None:
    link = Scripted((BROKE,), GOOD)
    assert (await link.told(), link.pauses_s) == ([Delta("x"), Finish()], [0.1])


async def test_there_is_one_second_try_and_no_third() -> None:
    before = tries("failed")
    link = Scripted((BROKE,), (BROKE,), GOOD)
    assert (await link.told(), len(link.calls), tries("failed") - before) == (["llm_unavailable"], 1, 1)


@pytest.mark.parametrize(
    "call",
    [
        (LinkFailed("500"),),
        (Delta("x"), BROKE),
        (SLOW,),
        (Unavailable("down", code="llm_unavailable"),),
        (LinkFailed("503", heals=True, retry_after_s=3.0),),
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
    link = Scripted(*[(LinkFailed("500"),)] * 4, (BROKE,), GOOD)
    for _ in range(5):
        await link.told()
    assert (link.guarded.guard.state()["state"], len(link.calls), link.pauses_s) == ("open", 1, [])


async def test_a_reader_who_leaves_blames_nobody() -> None:
    link = Scripted(*[GOOD] * 6, (LinkFailed("500"),))
    for _ in range(6):
        async with aclosing(link.guarded.stream(Prompt("Q?", ()), link.within(30))) as pieces:
            assert await anext(pieces) == Delta("x")
    await link.told()
    assert link.guarded.guard.is_well


async def test_a_bug_of_ours_blames_nobody() -> None:
    link = Scripted(*[(ZeroDivisionError(),)] * 6)
    for _ in range(6):
        with pytest.raises(ZeroDivisionError):
            await link.told()
    assert link.guarded.guard.is_well


async def test_an_answer_without_a_finish_counts_as_a_failure() -> None:
    link = Scripted(*[(Delta("x"),)] * 5)
    for _ in range(5):
        assert await link.told() == [Delta("x"), "llm_unavailable"]
    assert not link.guarded.guard.is_well


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
    assert link.guarded.guard.is_well is is_well
