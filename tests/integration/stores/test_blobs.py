"""Files that keep what was accepted, and what a disk says when it does not want to."""

import errno
import os
from pathlib import Path

import anyio
import pytest

from kotaemon_async.domain.errors import Unavailable
from kotaemon_async.resilience import faults
from kotaemon_async.stores.blobs import Blobs


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


async def keep(blobs: Blobs, data: bytes = b"words") -> str:
    async with blobs.incoming() as incoming:
        await incoming.write(data)
        await blobs.keep(incoming)
        return incoming.sha256


@pytest.mark.parametrize("point", ["blobs.after_sync", "blobs.after_rename"])
async def test_a_full_disk_is_told_as_such(tmp_path: Path, point: str) -> None:
    blobs = Blobs(tmp_path / "blobs", 1000)
    faults.arm(f"{point}:1:enospc")
    with pytest.raises(Unavailable) as raised:
        await keep(blobs)
    assert (raised.value.code, raised.value.status, raised.value.retry_after_s) == ("disk_full", 507, 30)
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.EDQUOT, "disk_full"), (errno.EIO, "storage_unavailable"), (errno.EROFS, "storage_unavailable")],
)
async def test_what_the_disk_says_becomes_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def fsync(_: int) -> None:
        raise OSError(number, "it cannot")

    blobs = Blobs(tmp_path / "blobs", 1000)
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Unavailable, match="it cannot") as raised:
        await keep(blobs)
    assert (raised.value.code, raised.value.retryable) == (code, True)


async def test_a_folder_that_somebody_deleted_is_made_again(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs", 1000)
    (tmp_path / "blobs" / "incoming").rmdir()
    sha256 = await keep(blobs)
    assert files(tmp_path) == [sha256]


async def test_a_folder_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs", 1000)
    (tmp_path / "blobs" / "incoming").rmdir()
    (tmp_path / "blobs" / "incoming").write_bytes(b"")
    with pytest.raises(Unavailable) as raised:
        await keep(blobs)
    assert raised.value.code == "storage_unavailable"


async def test_a_file_that_cannot_be_removed_stays_for_the_next_sweep(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs", 1000)
    sha256 = await keep(blobs)
    blobs.path(sha256).unlink()
    blobs.path(sha256).mkdir()  # not even root can unlink a folder
    await blobs.remove(sha256)
    assert (blobs.path(sha256).exists(), await blobs.sweep(set())) == (True, 0)


async def test_only_one_at_a_time_changes_the_folder(tmp_path: Path) -> None:
    order: list[str] = []

    async def change(blobs: Blobs, name: str) -> None:
        async with blobs.turn():
            order.append(f"{name} begins")
            await anyio.lowlevel.checkpoint()
            order.append(f"{name} ends")

    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(change, Blobs(tmp_path / "blobs", 1000), name)
    assert [name[0] for name in order[::2]] == [name[0] for name in order[1::2]]


async def test_a_process_that_never_ends_its_turn_is_not_waited_for_without_end(tmp_path: Path) -> None:
    slept_s = 0.0

    async def sleep(wait_s: float) -> None:
        nonlocal slept_s
        slept_s += wait_s

    patient = Blobs(tmp_path / "blobs", 1000, sleep=sleep)
    async with Blobs(tmp_path / "blobs", 1000).turn():
        with pytest.raises(Unavailable, match="Another process"):
            async with patient.turn():
                pass
    assert slept_s == pytest.approx(10)
    async with patient.turn():
        assert True
