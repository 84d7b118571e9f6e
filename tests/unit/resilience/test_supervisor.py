import asyncio

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.supervisor import LoopLag, supervise
from kotaemon_async.telemetry import metrics
from tests.support.log_records import logged


class Stop(BaseException):
    """Ends an endless loop from inside."""


class Script:
    """A part that ends in the given ways, one after the other, and a clock and sleep for it."""

    def __init__(self, *ends: BaseException | None, runs_s: float = 0.0) -> None:
        self.ends, self.runs_s, self.now_s = list(ends), runs_s, 0.0
        self.waits: list[float] = []

    async def start(self) -> None:
        self.now_s += self.runs_s
        if not self.ends:
            raise Stop
        end = self.ends.pop(0)
        if end is not None:
            raise end

    async def sleep(self, wait_s: float) -> None:
        self.waits.append(wait_s)

    async def play(self) -> list[float]:
        with pytest.raises(Stop):
            await supervise("script", self.start, sleep=self.sleep, clock=lambda: self.now_s)
        return self.waits


def restarts() -> float:
    return metrics.REGISTRY.get_sample_value("kotaemon_child_restarts_total", {"child": "script"}) or 0.0


async def test_a_part_that_raises_or_just_ends_is_started_again_and_counted() -> None:
    before = restarts()
    waits = await Script(OSError("away"), None, ExceptionGroup("two", [OSError()])).play()
    assert (len(waits), restarts() - before) == (3, 3)


async def test_waits_grow_from_a_tenth_of_a_second_to_ten() -> None:
    waits = await Script(*[OSError()] * 12).play()
    assert 0.05 <= waits[0] <= 0.1
    assert waits[-1] >= 5.0
    assert max(waits) <= 10.0


async def test_the_longest_wait_can_be_shorter() -> None:
    script = Script(*[OSError()] * 12)
    with pytest.raises(Stop):
        await supervise("script", script.start, max_wait_s=0.5, sleep=script.sleep)
    assert 0.25 <= max(script.waits) <= 0.5


async def test_of_many_quick_failures_few_are_logged() -> None:
    with logged("component_restarting") as lines:
        await Script(*[OSError()] * 20).play()
    assert [line["extra"]["restarts_in_row"] for line in lines] == [1, 2, 4, 8, 16]
    assert all(line["exception"] for line in lines)


async def test_every_failure_of_a_part_that_ran_for_a_while_is_logged() -> None:
    with logged("component_restarting") as lines:
        await Script(*[OSError()] * 3, runs_s=6).play()
    assert len(lines) == 3


async def test_a_neighbour_that_is_away_is_logged_with_its_code_and_no_traceback() -> None:
    with logged("component_restarting") as lines:
        await Script(Unavailable("away", code="broker_unavailable")).play()
    assert [(line["extra"]["code"], line["exception"]) for line in lines] == [("broker_unavailable", None)]


async def test_a_failure_after_a_long_good_run_waits_as_the_first() -> None:
    assert max(await Script(*[OSError()] * 12, runs_s=61).play()) <= 0.1


async def test_a_library_that_cancels_itself_is_started_again() -> None:
    assert len(await Script(asyncio.CancelledError()).play()) == 1


async def test_cancelling_the_supervisor_ends_it() -> None:
    with anyio.move_on_after(0.01) as scope:
        await supervise("forever", anyio.sleep_forever)
    assert scope.cancelled_caught


async def test_the_probe_measures_how_late_it_was_woken() -> None:
    lag, now_s, late_s = LoopLag(), [0.0], iter([0.0, 0.02, 0.3])

    async def sleep(wait_s: float) -> None:
        try:
            now_s[0] += wait_s + next(late_s)
        except StopIteration:
            raise Stop from None

    with pytest.raises(Stop):
        await lag.run(sleep=sleep, clock=lambda: now_s[0])
    assert await lag.check() == {"p50_s": 0.02, "p99_s": 0.3, "max_s": 0.3}


async def counted_tasks() -> float:
    """What the metric says after the probe's first sample."""

    async def stop(_wait_s: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        await LoopLag().run(sleep=stop)
    return metrics.REGISTRY.get_sample_value("kotaemon_asyncio_tasks") or 0.0


async def test_the_tasks_of_the_loop_are_counted() -> None:
    before = await counted_tasks()
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(anyio.sleep_forever)
        assert await counted_tasks() == before + 5
        group.cancel_scope.cancel()
    assert await counted_tasks() == before


def test_only_the_last_samples_count() -> None:
    lag = LoopLag(samples=100)
    for sample in [9.0, *range(1, 101)]:
        lag.add(sample)
    assert (lag.percentile_s(50), lag.percentile_s(99), lag.percentile_s(100)) == (50, 99, 100)


async def test_without_samples_the_lag_is_zero() -> None:
    assert await LoopLag().check() == {"p50_s": 0.0, "p99_s": 0.0, "max_s": 0.0}
