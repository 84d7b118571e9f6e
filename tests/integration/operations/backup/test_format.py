"""The file itself: every byte counts, and what is wrong is named."""

import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kotaemon_async.domain.errors import BadDocument, Misconfigured
from kotaemon_async.operations.backup.format import FORMAT, MANIFEST, TRAILER, BackupWriter, Manifest
from kotaemon_async.operations.backup.reading import open_backup
from kotaemon_async.stores.ledger import Ledger
from tests.support.backups import backups_of
from tests.support.library import LibraryFixture

WORDS = [f"words of file {number}, of which there are a few".encode() for number in range(3)]


@pytest.fixture
async def backup(tmp_path: Path) -> AsyncIterator[Path]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    lib = LibraryFixture(tmp_path, ledger)
    for data in WORDS:
        await lib.hand_in(data)
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')
    yield backups_of(lib, beside={"keys.json": keys}).create(tmp_path / "out" / "a.tar").path
    await ledger.aclose()


def trouble(path: Path, data: bytes) -> str:
    """What reading it says."""
    path.write_bytes(data)
    with pytest.raises(BadDocument) as raised, open_backup(path) as backup:
        backup.check()
    assert raised.value.code == "corrupt"
    return raised.value.message


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


def places(path: Path) -> dict[str, int]:
    """Where the bytes of each member begin."""
    with tarfile.open(path) as tar:
        return {member.name: member.offset_data for member in tar}


async def test_any_tar_program_unpacks_it(backup: Path, tmp_path: Path) -> None:
    with tarfile.open(backup) as tar:
        tar.extractall(tmp_path / "by hand", filter="data")
    files = [path for path in (tmp_path / "by hand").rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in files if path.parent.parent.name == "blobs") == WORDS
    small = {path.name for path in files if path.parent.name == "by hand"}
    assert small == {"ledger.db.gz", "keys.json", MANIFEST, TRAILER}


async def test_a_changed_byte_of_a_member_names_the_member(backup: Path, tmp_path: Path) -> None:
    data = bytes_of(backup)
    for name, at in places(backup).items():
        changed = bytearray(data)
        changed[at + 2] ^= 4
        assert name in trouble(tmp_path / "changed.tar", bytes(changed))


async def test_no_byte_can_be_changed_or_left_out_unnoticed(backup: Path, tmp_path: Path) -> None:
    data = bytes_of(backup)

    @settings(max_examples=300, deadline=None, database=None)
    @given(st.integers(0, len(data) - 1), st.integers(1, 255))
    def change(at: int, by: int) -> None:
        changed = bytearray(data)
        changed[at] ^= by
        assert trouble(tmp_path / "changed.tar", bytes(changed))
        assert trouble(tmp_path / "cut.tar", data[:at])

    change()


async def test_bytes_behind_its_end_are_not_accepted(backup: Path, tmp_path: Path) -> None:
    assert "no backup" in trouble(tmp_path / "long.tar", bytes_of(backup) + b"more")


async def test_a_missing_member_is_named(backup: Path, tmp_path: Path) -> None:
    with open_backup(backup) as made:
        manifest = made.manifest
    path = tmp_path / "short.tar"
    with path.open("wb") as file:
        BackupWriter(file, manifest.created_at, pace=lambda _: None).finish(manifest)
    assert "keys.json, ledger.db.gz" in trouble(path, path.read_bytes())


@pytest.mark.parametrize("name", ["../keys.json", "/etc/passwd", "blobs/ab/evil", "sub/keys.json"])
async def test_a_member_that_would_leave_the_folder_is_refused(
    backup: Path, tmp_path: Path, name: str
) -> None:
    with open_backup(backup) as made:
        manifest = made.manifest
    path, source = tmp_path / "evil.tar", tmp_path / "keys.json"
    with path.open("wb") as file, source.open("rb") as keys:
        writer = BackupWriter(file, manifest.created_at, pace=lambda _: None)
        member = writer.add(name, keys, source.stat().st_size)
        writer.finish(msgspec.structs.replace(manifest, members={name: member}, blobs=0))
    assert name in trouble(path, path.read_bytes())


async def test_a_file_of_a_later_form_is_refused_with_advice(backup: Path, tmp_path: Path) -> None:
    with open_backup(backup) as made:
        later = msgspec.structs.replace(made.manifest, format=FORMAT + 1)
    path = tmp_path / "later.tar"
    with path.open("wb") as file:
        BackupWriter(file, later.created_at, pace=lambda _: None).finish(later)
    with pytest.raises(Misconfigured, match="form 2") as raised, open_backup(path):
        pass
    assert "newer" in raised.value.hint


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "no backup"), (b"no tar", "no backup"), (b"x" * 4096, "no backup"), (bytes(10_240), TRAILER)],
)
async def test_what_is_no_backup_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in trouble(tmp_path / "x.tar", data)


async def test_the_manifest_says_what_is_in_it(backup: Path) -> None:
    with open_backup(backup) as made:
        found: Manifest = made.manifest
    assert (found.documents, found.blobs, found.lacking) == ({"queued": 3}, 3, [])
    assert found.blobs_bytes == sum(map(len, WORDS))
    assert sorted(found.members) == ["keys.json", "ledger.db.gz"]
