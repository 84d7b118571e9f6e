"""The files of the vector index as its child sees them: whose they are, and whether somebody was at them."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from kotaemon_async.search.vectors.child_files import (
    SEAL,
    Files,
    FolderChangedError,
    FolderError,
    FolderLostError,
    FolderTakenError,
    check,
    seal,
    take,
)

NAMES = ("chroma.sqlite3", "generation", "segment/data_level0.bin", "segment/index_metadata.pickle")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a real database and files that stand for the others."""
    folder = tmp_path / "vectors"
    (folder / "segment").mkdir(parents=True)
    for name in NAMES[1:]:
        (folder / name).write_bytes(name.encode() * 50)
    with sqlite3.connect(folder / NAMES[0]) as connection:
        connection.execute("CREATE TABLE ids (id TEXT PRIMARY KEY)")
        connection.executemany("INSERT INTO ids VALUES (?)", [(f"chunk {n}",) for n in range(2000)])
    connection.close()
    return folder


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    with path.open("r+b") as file:
        file.write(data)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def exchange(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def checked(folder: Path) -> None:
    check(folder, folder / "chroma.sqlite3")


def test_files_that_nobody_touched_are_as_remembered(folder: Path) -> None:
    files = Files(folder)
    files.remember()
    (folder / "segment/data_level0.bin").read_bytes()
    (folder / "chroma.sqlite3-journal").touch()
    files.check()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (flip, FolderChangedError),
        (truncate, FolderChangedError),
        (exchange, FolderLostError),
        (Path.unlink, FolderLostError),
    ],
)
def test_every_change_by_somebody_else_is_seen(
    folder: Path, name: str, damage: Callable[[Path], None], error: type[FolderError]
) -> None:
    files = Files(folder)
    files.remember()
    damage(folder / name)
    with pytest.raises(error):
        files.check()


def test_a_time_that_the_file_system_has_rounded_is_no_change(folder: Path) -> None:
    files = Files(folder)
    files.remember()
    path = folder / "generation"
    whole_s = int(path.stat().st_mtime)
    os.utime(path, (whole_s, whole_s))
    files.check()


def test_files_that_vanish_while_chroma_writes_are_not_forgotten(folder: Path) -> None:
    files = Files(folder)
    files.remember()
    (folder / "segment/data_level0.bin").unlink()
    with pytest.raises(FolderLostError):
        files.remember()


def test_a_sealed_folder_is_opened_once_under_that_seal(folder: Path) -> None:
    seal(folder)
    checked(folder)
    assert not (folder / SEAL).exists()


def test_a_copy_of_a_sealed_folder_is_as_good(folder: Path, tmp_path: Path) -> None:
    seal(folder)
    checked(shutil.copytree(folder, tmp_path / "restored", copy_function=shutil.copyfile))


@pytest.mark.parametrize("name", [*NAMES, SEAL])
@pytest.mark.parametrize("damage", [flip, truncate])
def test_a_change_under_the_seal_is_seen(folder: Path, name: str, damage: Callable[[Path], None]) -> None:
    seal(folder)
    damage(folder / name)
    with pytest.raises((FolderChangedError, FolderLostError)):
        checked(folder)


def test_a_database_lost_under_the_seal_is_not_made_anew(folder: Path) -> None:
    seal(folder)
    (folder / "chroma.sqlite3").unlink()
    with pytest.raises(FolderLostError):
        checked(folder)
    assert not (folder / "chroma.sqlite3").exists()


def test_after_a_crash_the_database_speaks_for_itself(folder: Path) -> None:
    checked(folder)
    path = folder / "chroma.sqlite3"
    path.write_bytes(path.read_bytes()[:8192] + os.urandom(path.stat().st_size - 8192))
    with pytest.raises(FolderChangedError, match="damaged"):
        checked(folder)


def test_a_folder_is_taken_once(folder: Path) -> None:
    with take(folder), pytest.raises(FolderTakenError):
        take(folder)
    take(folder).close()
