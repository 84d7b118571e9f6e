"""Under pressure nothing new is taken and everybody gives back; below it, things go on by themselves."""

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience.memory import ProcessUsage
from kotaemon_async.resilience.memory_guard import CALM_EVERY_S, EVERY_S, RELIEF_EVERY_S, MemoryGuard
from kotaemon_async.resilience.settings import MemorySettings
from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.health import Health
from tests.support.log_records import logged


class Machine:
    """A limit of 100 bytes and a use that a test sets; what is dropped frees bytes."""

    def __init__(self, used_bytes: int = 0) -> None:
        self.used_bytes, self.limit_bytes = used_bytes, 100
        self.now_s = 0.0
        self.dropped: list[str] = []
        self.guard = MemoryGuard(
            settings=MemorySettings(),
            read=lambda: {"main": ProcessUsage(self.used_bytes, 0.0)},
            limit=lambda: self.limit_bytes,
            clock=lambda: self.now_s,
            trim=anyio.lowlevel.checkpoint,
        )

    def holds(self, name: str, size_bytes: int) -> None:
        async def release() -> None:
            self.dropped.append(name)
            self.used_bytes -= size_bytes

        self.guard.on_pressure(name, release)

    async def look(self, used_bytes: int) -> int:
        self.used_bytes = used_bytes
        return await self.guard.update()


async def test_pressure_begins_above_three_quarters_and_ends_below_seven_tenths() -> None:
    machine = Machine()
    seen = [await machine.look(used) for used in (75, 76, 75, 71, 70, 75)]
    assert seen == [0, 1, 1, 1, 0, 0]


async def test_above_nine_tenths_the_service_is_down_and_just_below_it_is_not() -> None:
    machine = Machine()
    assert [await machine.look(used) for used in (90, 91, 90)] == [1, 2, 1]


async def test_nothing_new_begins_under_pressure() -> None:
    machine = Machine()
    await machine.look(76)
    assert not machine.guard.may_start()
    await machine.look(69)
    assert machine.guard.may_start()


async def test_everybody_gives_back_when_pressure_begins_and_that_may_end_it() -> None:
    machine = Machine()
    machine.holds("caches", 5)
    machine.holds("models", 10)
    assert await machine.look(80) == 0
    assert (machine.dropped, machine.used_bytes) == (["caches", "models"], 65)


async def test_under_lasting_pressure_it_is_given_back_again_after_a_while() -> None:
    machine = Machine()
    machine.holds("caches", 0)
    for machine.now_s in (0.0, 1.0, RELIEF_EVERY_S - 0.1, RELIEF_EVERY_S):
        await machine.look(80)
    assert machine.dropped == ["caches", "caches"]


async def test_pressure_that_comes_again_is_relieved_at_once() -> None:
    machine = Machine()
    machine.holds("caches", 0)
    for used in (80, 60, 80):
        await machine.look(used)
    assert machine.dropped == ["caches", "caches"]


async def test_a_part_that_fails_keeps_nobody_else_from_giving_back() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    machine = Machine()
    machine.guard.on_pressure("broken", fail)
    machine.holds("caches", 20)
    with logged("memory_not_given_back") as records:
        assert await machine.look(80) == 0
    assert [one["extra"]["component"] for one in records] == ["broken"]


async def test_each_change_is_logged_once() -> None:
    machine = Machine()
    with logged("memory_pressure", "memory_pressure_over") as records:
        for used in (50, 80, 80, 95, 50, 50):
            await machine.look(used)
    changes = [(one["message"], one["extra"]["pressure"]) for one in records]
    assert changes == [("memory_pressure", 1), ("memory_pressure", 2), ("memory_pressure_over", 0)]


async def test_metrics_tell_use_limit_and_pressure() -> None:
    await Machine().look(95)
    value = metrics.REGISTRY.get_sample_value
    assert value("kotaemon_memory_bytes", {"process": "main"}) == 95
    assert (value("kotaemon_memory_limit_bytes"), value("kotaemon_memory_pressure")) == (100, 2)


async def test_a_limit_that_changes_counts_from_the_next_look() -> None:
    machine = Machine()
    before = await machine.look(50)
    machine.limit_bytes = 60
    assert (before, await machine.look(50)) == (0, 1)


async def test_the_health_report_tells_use_and_limit() -> None:
    found = await Machine(60).guard.check()
    assert found == {"used_bytes": 60, "limit_bytes": 100, "processes": {"main": 60}}


async def test_the_health_report_is_degraded_under_pressure_and_down_above_nine_tenths() -> None:
    machine, health = Machine(80), Health()
    machine.guard.register_in(health)
    assert (await health.report())["status"] == "degraded"
    machine.used_bytes = 91
    assert (await health.report())["status"] == "down"
    with pytest.raises(Unavailable, match="91 of 100") as error:
        await machine.guard.check()
    assert error.value.code == "memory_high"


async def rests(machine: Machine, least: int) -> list[tuple[float, int]]:
    """Return seconds and pressure of each rest of the guard while the use falls by ten down to the least."""
    rested, found = anyio.Event(), list[tuple[float, int]]()

    async def sleep(seconds: float) -> None:
        found.append((seconds, machine.guard.pressure))
        machine.used_bytes -= 10
        if machine.used_bytes < least:
            rested.set()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: machine.guard.run(sleep=sleep))
        await rested.wait()
        group.cancel_scope.cancel()
    return found


async def test_the_guard_looks_until_it_is_cancelled() -> None:
    assert [pressure for _, pressure in await rests(Machine(90), 60)] == [1, 1, 0, 0]


async def test_it_looks_less_often_while_less_than_half_is_used() -> None:
    seconds = [rest_s for rest_s, _ in await rests(Machine(70), 30)]
    assert seconds == [EVERY_S, EVERY_S, EVERY_S, CALM_EVERY_S, CALM_EVERY_S]


async def test_the_health_report_looks_again_when_the_last_look_is_old_or_half_is_used() -> None:
    machine = Machine(40)
    reported = []
    for machine.now_s, machine.used_bytes in ((0.0, 40), (5.0, 60), (11.0, 60), (12.0, 61)):
        reported.append((await machine.guard.check())["used_bytes"])
    assert reported == [40, 40, 60, 61]
