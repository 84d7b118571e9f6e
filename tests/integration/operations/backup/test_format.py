"""The file itself: every byte counts, and what is wrong is named."""

import tarfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kotaemon_async.domain.errors import BadDocument, Misconfigured
from kotaemon_async.operations.backup.format import FORMAT, MANIFEST, TRAILER, BackupWriter, Manifest
from kotaemon_async.operations.backup.reading import open_backup
from tests.support.backups import backups_of
from tests.support.library import LibraryFixture

WORDS = [f"words of file {number}, of which there are a few".encode() for number in range(3)]


@pytest.fixture
async def backup(lib: LibraryFixture, tmp_path: Path) -> Path:
    for data in WORDS:
        await lib.hand_in(data)
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')
    return backups_of(lib, beside={"keys.json": keys}).create(tmp_path / "out" / "a.tar").path


@pytest.fixture
def data(backup: Path) -> bytes:
    return backup.read_bytes()


def trouble(path: Path, data: bytes) -> str:
    """What reading it says."""
    path.write_bytes(data)
    with pytest.raises(BadDocument) as raised, open_backup(path) as backup:
        backup.check()
    assert raised.value.code == "corrupt"
    return raised.value.message


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


async def test_a_changed_byte_of_a_member_names_the_member(backup: Path, data: bytes, tmp_path: Path) -> None:
    for name, at in places(backup).items():
        changed = bytearray(data)
        changed[at + 2] ^= 4
        assert name in trouble(tmp_path / "changed.tar", bytes(changed))


async def test_no_byte_can_be_changed_or_left_out_unnoticed(data: bytes, tmp_path: Path) -> None:
    @settings(max_examples=300)
    @given(st.integers(0, len(data) - 1), st.integers(1, 255))
    def change(at: int, by: int) -> None:
        changed = bytearray(data)
        changed[at] ^= by
        assert trouble(tmp_path / "changed.tar", bytes(changed))
        assert trouble(tmp_path / "cut.tar", data[:at])

    change()


async def test_bytes_behind_its_end_are_not_accepted(data: bytes, tmp_path: Path) -> None:
    assert "no backup" in trouble(tmp_path / "long.tar", data + b"more")


def rewritten(path: Path, manifest: Manifest, **members: Path) -> Path:
    """A backup that holds these members alone."""
    with path.open("wb") as file:
        writer = BackupWriter(file, manifest.created_at, pace=lambda _: None)
        added = {}
        for name, source in members.items():
            with source.open("rb") as data:
                added[name] = writer.add(name, data, source.stat().st_size)
        writer.finish(msgspec.structs.replace(manifest, members=added, blobs=0) if added else manifest)
    return path


@pytest.fixture
def manifest(backup: Path) -> Manifest:
    with open_backup(backup) as made:
        return made.manifest


async def test_a_missing_member_is_named(manifest: Manifest, tmp_path: Path) -> None:
    path = rewritten(tmp_path / "short.tar", manifest)
    assert "keys.json, ledger.db.gz" in trouble(path, path.read_bytes())


@pytest.mark.parametrize("name", ["../keys.json", "/etc/passwd", "blobs/ab/evil", "sub/keys.json"])
async def test_a_member_that_would_leave_the_folder_is_refused(
    manifest: Manifest, tmp_path: Path, name: str
) -> None:
    path = rewritten(tmp_path / "evil.tar", manifest, **{name: tmp_path / "keys.json"})
    assert name in trouble(path, path.read_bytes())


async def test_a_file_of_a_later_form_is_refused_with_advice(manifest: Manifest, tmp_path: Path) -> None:
    path = rewritten(tmp_path / "later.tar", msgspec.structs.replace(manifest, format=FORMAT + 1))
    with pytest.raises(Misconfigured, match="form 2") as raised, open_backup(path):
        pass
    assert "newer" in raised.value.hint


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "no backup"), (b"no tar", "no backup"), (b"x" * 4096, "no backup"), (bytes(10_240), TRAILER)],
)
async def test_what_is_no_backup_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in trouble(tmp_path / "x.tar", data)


async def test_the_manifest_says_what_is_in_it(manifest: Manifest) -> None:
    assert (manifest.documents, manifest.blobs, manifest.lacking) == ({"queued": 3}, 3, [])
    assert manifest.blobs_bytes == sum(map(len, WORDS))
    assert sorted(manifest.members) == ["keys.json", "ledger.db.gz"]
