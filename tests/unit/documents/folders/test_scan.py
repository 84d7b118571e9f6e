"""Looking through folders, a little at a time."""

import os
from pathlib import Path

import pytest

from kotaemon_async.documents.folders.scan import STEP_ENTRIES, opened_below, scanned, text_of


class Pauses:
    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, _: float) -> None:
        self.count += 1


async def test_a_large_folder_is_read_with_pauses(tmp_path: Path) -> None:
    for number in range(3 * STEP_ENTRIES):
        (tmp_path / f"{number}.txt").touch()
    pauses = Pauses()
    found = await scanned(os.fsencode(tmp_path), sleep=pauses)
    assert (len(found.files), found.is_cut, pauses.count) == (3 * STEP_ENTRIES, False, 3)


async def test_no_more_files_are_taken_up_than_may_be(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.txt").touch()
    found = await scanned(os.fsencode(tmp_path), sleep=Pauses(), max_files=5)
    assert (len(found.files), found.is_cut) == (5, True)


async def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await scanned(os.fsencode(tmp_path / "gone"), sleep=Pauses())


def test_a_file_is_not_reached_through_a_link_that_came_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.txt").write_text("a secret")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/x").symlink_to(tmp_path / "out")
    (tmp_path / "root/a.txt").symlink_to(tmp_path / "out/a.txt")
    for path in (b"x/a.txt", b"a.txt"):
        with pytest.raises(OSError):
            opened_below(os.fsencode(tmp_path / "root"), path)
    os.mkfifo(tmp_path / "root/pipe")
    with pytest.raises(OSError, match="Not a file"):
        opened_below(os.fsencode(tmp_path / "root"), b"pipe")


@pytest.mark.parametrize(
    ("path", "text"),
    [("报告.txt".encode(), "报告.txt"), ("报告.txt".encode("gbk"), "报告.txt"), (b"caf\xe9", "caf\xe9")],
)
def test_names_are_read_as_they_were_written(path: bytes, text: str) -> None:
    assert text_of(path) == text
