"""One data folder, several processes: who may use it, and what is left when one dies."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.stores.folder_lock import FolderLock, lock_folder, share_folder

HOLD = """
import sys
from pathlib import Path
from kotaemon_async.stores.folder_lock import FolderLock
lock = FolderLock.take(Path(sys.argv[1]), shared=True)
lock.share()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def other_process(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that shares the folder until it is killed."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def taken(folder: Path, *, shared: bool) -> FolderLock:
    lock = FolderLock.take(folder, shared=shared)
    assert lock is not None
    return lock


def test_the_first_is_alone_and_a_second_one_that_does_not_share_is_refused(tmp_path: Path) -> None:
    first = taken(tmp_path, shared=False)
    assert first.alone
    assert FolderLock.take(tmp_path, shared=False) is None
    assert FolderLock.take(tmp_path, shared=True) is None
    first.release()
    assert taken(tmp_path, shared=False).alone


def test_those_that_share_come_after_the_first_has_opened_the_folder(tmp_path: Path) -> None:
    first = taken(tmp_path, shared=True)
    assert FolderLock.take(tmp_path, shared=True) is None
    assert first.share()
    second = taken(tmp_path, shared=True)
    assert (first.alone, second.alone) == (True, False)
    assert FolderLock.take(tmp_path, shared=False) is None


def test_the_name_of_a_folder_stays(tmp_path: Path) -> None:
    first = taken(tmp_path, shared=True)
    first.share()
    names = {first.name, taken(tmp_path, shared=True).name}
    first.release()
    (tmp_path / "other").mkdir()
    assert len(names) == 1
    assert taken(tmp_path / "other", shared=True).name not in names | {""}


def test_a_process_that_is_killed_holds_nothing_any_more(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        assert FolderLock.take(tmp_path, shared=False) is None
        process.kill()
        process.wait()
        assert taken(tmp_path, shared=False).alone


def test_a_child_does_not_keep_the_folder_of_its_parent(tmp_path: Path) -> None:
    lock = taken(tmp_path, shared=False)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        lock.release()
        assert taken(tmp_path, shared=False).alone
        child.kill()


async def test_a_folder_in_use_is_a_wrong_setting_that_names_it(tmp_path: Path) -> None:
    with other_process(tmp_path), pytest.raises(Misconfigured) as caught:
        await lock_folder(tmp_path, shared=False)
    assert str(tmp_path) in caught.value.message and "data_dir" in caught.value.message
    assert "broker.url" in caught.value.hint


async def test_one_that_shares_waits_while_another_starts(tmp_path: Path) -> None:
    first = taken(tmp_path, shared=True)
    rounds: list[float] = []

    async def sleep(wait_s: float) -> None:
        rounds.append(wait_s)
        if len(rounds) == 3:
            await share_folder(first)

    assert not (await lock_folder(tmp_path, shared=True, sleep=sleep)).alone
    assert len(rounds) == 3


async def test_one_that_shares_does_not_wait_for_ever(tmp_path: Path) -> None:
    taken_for_good = taken(tmp_path, shared=False)
    waited_s = [0.0]

    async def sleep(wait_s: float) -> None:
        waited_s[0] += wait_s

    with pytest.raises(Misconfigured):
        await lock_folder(tmp_path, shared=True, sleep=sleep)
    assert 29 < waited_s[0] < 31
    taken_for_good.release()


def test_a_folder_that_cannot_be_locked_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be locked"):
        FolderLock.take(tmp_path / "nowhere", shared=False)
