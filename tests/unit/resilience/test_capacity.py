"""Uploads stop at the floor, work at half of it, and both go on when there is capacity again."""

from dataclasses import replace
from pathlib import Path

import pytest

from kotaemon_async.domain.model import Document
from kotaemon_async.resilience.capacity import (
    Disk,
    DiskCapacity,
    InsufficientStorage,
    disk_of,
    floor_bytes_of,
    shortage_of,
    shown,
)
from kotaemon_async.telemetry import metrics
from tests.support.disks import GB, SmallDisk


def document(status: str) -> Document:
    made = Document("doc_1", "a.pdf", "application/pdf", 9, "f" * 64, "default", "queued", 1, 0.0, 0.0, 6)
    return replace(made, status=status, waiting_for={"kind": "worker"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("total_bytes", "floor"),
    [(10_000 * GB, GB // 2), (GB, 50_000_000), (0, 0)],
    ids=["large", "small", "none"],
)
def test_the_floor_is_the_smaller_one_of_bytes_and_ratio(total_bytes: int, floor: int) -> None:
    assert floor_bytes_of(Disk(0, total_bytes), GB // 2, 0.05) == floor


@pytest.mark.parametrize(
    ("free_bytes", "extra_bytes", "may"),
    [(1000, 0, True), (999, 0, False), (1500, 500, True), (1500, 501, False)],
)
def test_uploads_leave_the_floor_free(free_bytes: int, extra_bytes: int, may: bool) -> None:
    assert SmallDisk(free_bytes).capacity.may_accept(extra_bytes) is may


def test_work_goes_on_below_the_floor_and_stops_at_half_of_it() -> None:
    disk = SmallDisk(500)
    looked = disk.capacity
    assert not looked.may_accept() and looked.may_work()
    disk.free_bytes = 499
    assert not looked.may_work()


def test_work_begins_again_a_little_above_where_it_stopped() -> None:
    disk = SmallDisk(499)
    looked = disk.capacity
    seen = []
    for disk.free_bytes in (499, 500, 599, 600, 500):
        seen.append(looked.may_work())
    assert seen == [False, False, False, True, True]


def test_a_disk_that_cannot_be_asked_has_no_room_for_work(tmp_path: Path) -> None:
    gone = DiskCapacity(lambda: disk_of(tmp_path / "gone"), floor_bytes=1, floor_ratio=0.05)
    assert not gone.may_work()
    with pytest.raises(InsufficientStorage) as problem:
        gone.may_accept()
    assert (problem.value.code, problem.value.status) == ("disk_full", 507)


def test_the_disk_of_a_folder_has_room_and_a_size(tmp_path: Path) -> None:
    disk = disk_of(tmp_path)
    assert 0 < disk.free_bytes < disk.total_bytes


async def test_the_health_report_says_how_much_is_free_and_when_that_is_too_little() -> None:
    disk = SmallDisk(1000)
    looked = disk.capacity
    assert await looked.check() == {"free_bytes": 1000, "floor_bytes": 1000}
    disk.free_bytes = 999
    with pytest.raises(InsufficientStorage, match="999 bytes are free"):
        await looked.check()
    assert metrics.REGISTRY.get_sample_value("kotaemon_disk_free_bytes") == 999


def test_without_room_an_unfinished_document_waits_for_the_disk() -> None:
    assert shown(document("processing"), "disk").waiting_for == {"kind": "disk"}
    assert shown(document("queued"), None).waiting_for == {"kind": "worker"}


@pytest.mark.parametrize("status", ["ready", "failed", "cancelled"])
def test_a_finished_document_waits_for_no_disk(status: str) -> None:
    assert shown(document(status), "disk") == document(status)


@pytest.mark.parametrize("status", ["processing", "ready", "failed", "cancelled"])
def test_only_a_document_that_has_not_begun_waits_for_memory(status: str) -> None:
    assert shown(document("queued"), "memory").waiting_for == {"kind": "memory"}
    assert shown(document(status), "memory") == document(status)


def test_a_full_disk_is_named_before_memory() -> None:
    rooms = [(True, True), (True, False), (False, True), (False, False)]
    lacks = [shortage_of(disk=disk, memory=memory) for disk, memory in rooms]
    assert lacks == [None, "memory", "disk", "disk"]
