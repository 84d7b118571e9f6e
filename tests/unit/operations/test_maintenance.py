"""Rounds of maintenance with chores that a test makes up."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

from kotaemon_async.app.copy_checks import CheckRun
from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.operations.maintenance import FIRST_WAIT_S, Maintenance, when


def counting(count: int) -> Callable[[float], Awaitable[int]]:
    async def chore(_now_s: float) -> int:
        return count

    return chore


async def failing(_now_s: float) -> int:
    raise Unavailable("away", code="ledger_unavailable")


async def test_a_chore_that_fails_does_not_keep_the_next_ones_from_their_work() -> None:
    chores = {"one": counting(2), "two": failing, "three": counting(0)}
    assert await Maintenance(chores, every_s=1).round() == {"one": 2, "two": None, "three": 0}


async def test_a_chore_that_takes_memory_waits_for_a_round_with_room_for_it() -> None:
    room = iter((False, True))
    maintenance = Maintenance({"large": when(lambda: next(room), counting(1))}, every_s=1)
    assert [await maintenance.round(), await maintenance.round()] == [{"large": 0}, {"large": 1}]


async def test_a_chore_is_told_the_time() -> None:
    times: list[float] = []

    async def chore(now_s: float) -> int:
        times.append(now_s)
        return 0

    await Maintenance({"look": chore}, every_s=1, clock=lambda: 77.0).round()
    assert times == [77.0]


@pytest.mark.parametrize(("every_s", "first_s"), [(3600.0, FIRST_WAIT_S), (5.0, 5.0)])
async def test_a_service_that_has_just_started_is_left_alone_for_a_while(
    every_s: float, first_s: float
) -> None:
    slept: list[float] = []
    rounds: list[float] = []
    async with anyio.create_task_group() as group:

        async def sleep(wait_s: float) -> None:
            slept.append(wait_s)
            if len(slept) == 3:
                group.cancel_scope.cancel()
            await anyio.lowlevel.checkpoint()

        async def chore(now_s: float) -> int:
            rounds.append(now_s)
            return 1

        group.start_soon(Maintenance({"work": chore}, every_s=every_s, sleep=sleep).run)
    assert (slept, len(rounds)) == ([first_s, every_s, every_s], 2)


def test_a_trial_ends_with_the_step_that_fails_and_says_why() -> None:
    times = iter([1.0, 1.5, 2.0, 4.0])
    checks = CheckRun(clock=lambda: next(times))
    with checks.step("restore") as step:
        step.detail = "3 files"
    with pytest.raises(Unavailable), checks.step("index"):
        raise Unavailable("It hangs.", code="timeout")
    assert [(s.name, s.is_good, s.duration_s, s.detail) for s in checks.steps] == [
        ("restore", True, 0.5, "3 files"),
        ("index", False, 2.0, "timeout: It hangs."),
    ]
    assert not checks.is_good
