"""Uploads are refused before their body is read: no slot, no room on the disk, too long a queue."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from anyio.abc import TaskStatus

from kotaemon_async.domain.errors import Refused
from kotaemon_async.resilience.admission import CHECK_EVERY_BYTES, Admission, Queue, Slot
from kotaemon_async.telemetry import metrics
from tests.support.clock import Clock
from tests.support.disks import SmallDisk


def rejections(reason: str) -> float:
    name = "kotaemon_admission_rejections_total"
    return metrics.REGISTRY.get_sample_value(name, {"reason": reason}) or 0.0


async def refusal(admission: Admission, announced_bytes: int = 0) -> Refused:
    """What is said to one more upload."""
    with pytest.raises(Refused) as refused:
        async with admission.upload(announced_bytes):
            pass
    return refused.value


def waiting(number: int) -> Callable[[int], Awaitable[int]]:
    """A queue with so many documents."""

    async def count(limit: int) -> int:
        return min(number, limit)

    return count


async def test_uploads_up_to_the_limit_get_in_and_the_next_is_busy() -> None:
    admission, before = Admission(2), rejections("busy")
    async with admission.upload(), admission.upload():
        refused = await refusal(admission)
    assert (refused.code, refused.status, refused.retryable) == ("busy", 429, True)
    assert (admission.uploads, rejections("busy")) == (0, before + 1)


async def test_a_failed_upload_gives_its_place_back() -> None:
    admission = Admission(1)
    with pytest.raises(ValueError, match="cut"):
        async with admission.upload():
            raise ValueError("cut")
    async with admission.upload():
        assert admission.uploads == 1


async def test_an_upload_waits_a_moment_for_a_place() -> None:
    admission, came_in = Admission(1, wait_s=60.0), []

    async def upload() -> None:
        async with admission.upload():
            came_in.append(admission.uploads)

    async with anyio.create_task_group() as group, admission.upload():
        group.start_soon(upload)
        await anyio.wait_all_tasks_blocked()
        assert came_in == []
    assert (came_in, admission.uploads) == ([1], 0)


async def test_an_upload_that_waited_in_vain_is_busy_and_leaves_the_line() -> None:
    admission = Admission(1, wait_s=0.001)
    async with admission.upload():
        assert (await refusal(admission)).code == "busy"
    async with admission.upload():
        assert admission.uploads == 1


async def test_no_more_than_four_wait_for_each_place() -> None:
    admission = Admission(1, wait_s=60.0)

    async def upload(*, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        async with admission.upload():
            pass

    async with anyio.create_task_group() as group, admission.upload():
        for _ in range(4):
            await group.start(upload)
        await anyio.wait_all_tasks_blocked()
        assert (await refusal(admission)).code == "busy"


async def test_the_more_are_refused_the_later_they_are_asked_to_come_again() -> None:
    admission = Admission(2, clock=lambda: 5.0)
    async with admission.upload(), admission.upload():
        asked_s = [(await refusal(admission)).retry_after_s or 0 for _ in range(1000)]
    assert asked_s == sorted(asked_s)
    assert asked_s[1] == pytest.approx(2 * asked_s[0]) and asked_s[-1] == 60


async def test_a_full_disk_refuses_and_takes_no_place() -> None:
    admission, before = Admission(1, capacity=SmallDisk(999).capacity), rejections("disk_full")
    refused = await refusal(admission)
    assert (refused.code, refused.status, refused.retryable) == ("disk_full", 507, True)
    assert (admission.uploads, rejections("disk_full")) == (0, before + 1)


async def test_what_all_running_uploads_announced_has_to_fit_on_the_disk() -> None:
    admission = Admission(8, capacity=SmallDisk(2000).capacity)
    async with admission.upload(600):
        assert (await refusal(admission, 401)).code == "disk_full"
        async with admission.upload(400):
            assert admission.uploads == 2


async def test_what_has_come_is_not_counted_twice() -> None:
    disk = SmallDisk(2000)
    admission = Admission(8, capacity=disk.capacity)
    async with admission.upload(1000) as first:
        disk.free_bytes -= 900
        await first.took(900)
        async with admission.upload(0):
            assert admission.uploads == 2
        assert (await refusal(admission, 1)).code == "disk_full"


async def test_a_body_without_a_length_is_stopped_when_the_disk_fills_up() -> None:
    disk = SmallDisk(2000)
    async with Admission(1, capacity=disk.capacity).upload() as slot:
        await slot.took(CHECK_EVERY_BYTES)
        disk.free_bytes = 999
        await slot.took(CHECK_EVERY_BYTES - 1)
        with pytest.raises(Refused) as refused:
            await slot.took(1)
    assert refused.value.code == "disk_full"


@pytest.mark.parametrize(("queued", "retry_after_s"), [(10, 2.1), (2000, 22), (10_000, 60)])
async def test_a_long_queue_refuses_and_asks_for_the_more_patience_the_longer_it_is(
    queued: int, retry_after_s: float
) -> None:
    refused = await refusal(Admission(1, queue=Queue(waiting(queued), queued)))
    assert (refused.code, refused.retry_after_s) == ("busy", retry_after_s)


async def test_running_uploads_count_as_queued() -> None:
    admission = Admission(8, queue=Queue(waiting(3), 5))
    async with admission.upload(), admission.upload():
        assert (await refusal(admission)).code == "busy"


async def test_under_memory_pressure_an_upload_is_refused_and_takes_no_place() -> None:
    may_start, before = [False], rejections("memory_high")
    admission = Admission(1, may_start=lambda: may_start[0])
    refused = await refusal(admission)
    assert (refused.code, refused.status, refused.retry_after_s) == ("memory_high", 503, 10.0)
    assert (admission.uploads, rejections("memory_high")) == (0, before + 1)
    may_start[0] = True
    async with admission.upload():
        assert admission.uploads == 1


async def silent(slot: Slot) -> None:
    """A sender of whom nothing more comes."""
    with slot.waiting(1000):
        await anyio.sleep_forever()


async def held(admission: Admission, *, task_status: TaskStatus[Slot]) -> None:
    """One upload whose sender is silent."""
    async with admission.upload() as slot:
        task_status.started(slot)
        await silent(slot)


async def test_the_slow_give_way_to_one_who_waits_and_the_fast_do_not() -> None:
    clock = Clock()
    admission = Admission(2, wait_s=10, clock=clock)
    async with anyio.create_task_group() as tasks:
        slow, fast = [await tasks.start(held, admission) for _ in range(2)]
        for size_bytes in (2000, 100, 100):
            await slow.took(size_bytes)
            await fast.took(100_000)
            clock.now_s += 4
        async with admission.upload():
            assert (slow.gave_way, fast.gave_way) == (True, False)
        tasks.cancel_scope.cancel()


async def test_an_upload_that_never_really_begins_gives_way_after_a_second() -> None:
    clock = Clock()
    admission = Admission(1, wait_s=10, clock=clock)
    async with anyio.create_task_group() as tasks:
        slot = await tasks.start(held, admission)
        await slot.took(1000)
        clock.now_s += 1
        async with admission.upload():
            assert slot.gave_way
        tasks.cancel_scope.cancel()


async def test_an_upload_that_has_only_begun_keeps_its_slot() -> None:
    clock = Clock()
    admission = Admission(1, wait_s=0.01, clock=clock)
    async with anyio.create_task_group() as tasks:
        slot = await tasks.start(held, admission)
        clock.now_s += 0.9
        assert (await refusal(admission)).code == "busy"
        assert not slot.gave_way
        tasks.cancel_scope.cancel()


async def test_what_the_service_took_before_it_waited_is_not_the_sender_s_fault() -> None:
    clock = Clock()
    admission = Admission(1, wait_s=0.01, clock=clock)
    async with admission.upload() as slot, anyio.create_task_group() as tasks:
        await slot.took(1000)
        clock.now_s += 100
        tasks.start_soon(silent, slot)
        await anyio.wait_all_tasks_blocked()
        assert (await refusal(admission)).code == "busy"
        assert not slot.gave_way
        tasks.cancel_scope.cancel()


async def test_an_upload_that_the_service_works_on_keeps_its_slot() -> None:
    clock = Clock()
    admission = Admission(1, wait_s=0.01, clock=clock)
    async with admission.upload() as slot:
        clock.now_s += 100
        assert (await refusal(admission)).code == "busy"
        assert not slot.gave_way
