"""Backups of a library that goes on, and what is left of one that could not be finished."""

import errno
import os
import resource
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from kotaemon_async.domain.callers import EVERYBODY
from kotaemon_async.domain.errors import Misconfigured, Unavailable
from kotaemon_async.operations.backup.folder import (
    PARTIAL,
    WORK,
    clear_left_over,
    partial_backup,
    scratch_folder,
)
from kotaemon_async.operations.backup.reading import open_backup
from kotaemon_async.resilience import faults
from kotaemon_async.resilience.faults import InjectedError
from kotaemon_async.stores.ledger import Ledger
from tests.support.backups import backups_of, documents_in, restore
from tests.support.library import LibraryFixture


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_what_was_in_the_library_is_in_the_restored_one(lib: LibraryFixture, tmp_path: Path) -> None:
    ready = await lib.ready(b"The lamp burns oil all night.")
    waiting, _ = await lib.hand_in(b"The ferry leaves at noon.")
    file = backups_of(lib).create(tmp_path / "out" / "a.tar").path
    restored = restore(file, tmp_path / "new")
    assert documents_in(tmp_path / "new") == {ready.sha256: "ready", waiting.sha256: "queued"}
    assert (restored.documents, restored.blobs, restored.aside) == ({"ready": 1, "queued": 1}, 2, None)
    assert left(tmp_path / "out") == ["a.tar"]


async def test_the_restored_ledger_is_searched_like_the_one_it_was_made_of(
    lib: LibraryFixture, tmp_path: Path
) -> None:
    await lib.ready(b"The lamp burns oil all night.")
    restore(backups_of(lib).create(tmp_path / "a.tar").path, tmp_path / "new")
    ledger = await Ledger.open(tmp_path / "new" / "ledger.db")
    entries = await ledger.vector_log.after(0, 10, "m")
    found = await ledger.documents.passages([entry.chunk_id for entry in entries])
    await ledger.aclose()
    assert [passage.text for passage in found.values()] == ["The lamp burns oil all night."]


async def test_a_backup_beside_uploads_and_deletions_has_the_file_of_every_document(
    lib: LibraryFixture, tmp_path: Path
) -> None:
    kept = [(await lib.hand_in(f"{number} old words".encode()))[0].id for number in range(40)]
    over = anyio.Event()

    async def disturb() -> None:
        number = 0
        while not over.is_set():
            kept.append((await lib.hand_in(f"{number} new words".encode()))[0].id)
            await lib.library.delete(EVERYBODY, kept.pop(number % len(kept)))
            number += 1

    async with anyio.create_task_group() as group:
        group.start_soon(disturb)
        for number in range(8):
            file = tmp_path / f"{number}.tar"
            made = await anyio.to_thread.run_sync(backups_of(lib).create, file)
            restored = restore(file, tmp_path / f"new-{number}")
            assert (made.manifest.lacking, restored.lacking) == ([], [])
            assert len(documents_in(tmp_path / f"new-{number}")) in {40, 41}
        over.set()


async def test_a_file_that_is_deleted_while_others_are_copied_is_no_loss(
    lib: LibraryFixture, tmp_path: Path
) -> None:
    first, _ = sorted([(await lib.hand_in(data))[0].sha256 for data in (b"one words", b"two words")])
    steps: list[int] = []

    def go_on() -> None:
        steps.append(1)
        if len(steps) == 1:  # its row is gone right after, as the library does it
            lib.blobs.path(first).unlink()

    made = backups_of(lib, go_on=go_on).create(tmp_path / "a.tar")
    assert (made.manifest.blobs, made.manifest.lacking) == (1, [first])
    assert restore(made.path, tmp_path / "new").lacking == [first]


async def test_a_file_that_was_damaged_before_is_kept_and_said(lib: LibraryFixture, tmp_path: Path) -> None:
    document, _ = await lib.hand_in(b"words that rot")
    lib.blobs.path(document.sha256).write_bytes(b"words that ROT")
    made = backups_of(lib).create(tmp_path / "a.tar")
    assert made.manifest.lacking == [document.sha256]
    assert restore(made.path, tmp_path / "new").lacking == [document.sha256]


async def test_the_ledger_can_be_written_all_the_while(lib: LibraryFixture, tmp_path: Path) -> None:
    for number in range(5):
        await lib.hand_in(f"{number} words".encode())
    written: list[str] = []

    async def write() -> None:
        written.append((await lib.hand_in(f"{len(written)} other words".encode()))[0].id)

    def go_on() -> None:
        anyio.from_thread.run(write)

    await anyio.to_thread.run_sync(backups_of(lib, go_on=go_on).create, tmp_path / "a.tar")
    assert len(written) > 8


async def test_without_room_none_is_begun_and_both_figures_are_told(
    lib: LibraryFixture, tmp_path: Path
) -> None:
    await lib.hand_in(b"words that need room")
    with pytest.raises(Unavailable, match=r"needs up to \d+ bytes .* 1000 may be used") as raised:
        backups_of(lib, free_bytes=1000).create(tmp_path / "out" / "a.tar")
    assert (raised.value.code, left(tmp_path / "out")) == ("disk_full", [])


@pytest.mark.parametrize("point", ["backup.after_files", "backup.before_rename"])
@pytest.mark.parametrize(("action", "error"), [("enospc", Unavailable), ("raise", InjectedError)])
async def test_what_fails_on_the_way_leaves_nothing(
    lib: LibraryFixture, tmp_path: Path, point: str, action: str, error: type[Exception]
) -> None:
    await lib.hand_in(b"words that are saved")
    faults.arm(f"{point}:1:{action}")
    with pytest.raises(error) as raised:
        backups_of(lib).create(tmp_path / "out" / "a.tar")
    assert getattr(raised.value, "code", "disk_full") == "disk_full"
    assert left(tmp_path / "out") == []


async def test_a_file_system_that_takes_no_more_leaves_nothing(lib: LibraryFixture, tmp_path: Path) -> None:
    for number in range(20):
        await lib.hand_in(f"{number} words".encode())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def create() -> None:
        backups_of(lib).create(tmp_path / "out" / "a.tar")

    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.raises(Unavailable, match=os.strerror(errno.EFBIG)):
            create()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(tmp_path / "out") == []


async def test_a_folder_that_cannot_be_made_is_a_wrong_setting(lib: LibraryFixture, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Misconfigured, match=r"backups\.folder"):
        backups_of(lib).create(tmp_path / "file" / "a.tar")


async def test_a_second_writer_in_the_folder_is_told_that_there_is_one(
    lib: LibraryFixture, tmp_path: Path
) -> None:
    with partial_backup(tmp_path / "out" / "a.tar"):
        with pytest.raises(Unavailable) as raised:
            backups_of(lib).create(tmp_path / "out" / "b.tar")
        assert (raised.value.code, clear_left_over(tmp_path / "out")) == ("busy", False)
    assert left(tmp_path / "out") == ["a.tar"]


async def test_what_a_dead_writer_left_is_cleared_and_taken_over(lib: LibraryFixture, tmp_path: Path) -> None:
    def leave() -> None:
        (tmp_path / WORK).mkdir(exist_ok=True)
        (tmp_path / WORK / "ledger.db").write_bytes(b"half")
        (tmp_path / PARTIAL).write_bytes(b"half of a backup" * 5000)

    leave()
    assert (clear_left_over(tmp_path), clear_left_over(tmp_path), left(tmp_path)) == (True, False, ["data"])
    leave()
    made = backups_of(lib).create(tmp_path / "a.tar")
    with open_backup(made.path) as backup:
        backup.check()
    assert left(tmp_path) == ["a.tar", "data"]


async def test_a_scratch_folder_is_gone_afterwards_and_that_of_a_dead_process_by_the_next(
    tmp_path: Path,
) -> None:
    (tmp_path / ".kotaemon-scratch-dead" / "data").mkdir(parents=True)
    with scratch_folder(tmp_path) as one, scratch_folder(tmp_path) as two:
        assert left(tmp_path) == sorted([one.name, two.name])
        assert not clear_left_over(tmp_path)
    (tmp_path / ".kotaemon-scratch-dead").mkdir()
    assert (clear_left_over(tmp_path), left(tmp_path)) == (True, [])


async def test_an_older_file_of_the_same_name_stays_until_the_new_one_is_whole(
    lib: LibraryFixture, tmp_path: Path
) -> None:
    first = backups_of(lib).create(tmp_path / "a.tar")
    await lib.hand_in(b"words that came later")
    faults.arm("backup.before_rename:1:raise")
    with pytest.raises(InjectedError):
        backups_of(lib).create(first.path)
    with open_backup(first.path) as backup:
        assert backup.sha256 == first.sha256
